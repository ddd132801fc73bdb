"""The sample clips: what they hold, and that their motion is the one stated."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType

import av
import cv2
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "sample_data"
NAMES = ("cat", "astronaut", "coffee")


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_clips", FOLDER / "make_clips.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def _farneback(frames: np.ndarray) -> np.ndarray:
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    pairs = itertools.pairwise(grey)
    return np.stack(
        [cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 5, 13, 10, 5, 1.1, 0) for a, b in pairs]
    )


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return _script()


@pytest.fixture(scope="module")
def rendered(script: ModuleType) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: script.CLIPS[name].render() for name in NAMES}


@pytest.fixture(scope="module")
def clips() -> dict[str, np.ndarray]:
    return {name: _decoded(FOLDER / f"{name}.mkv") for name in NAMES}


@pytest.fixture(scope="module")
def motion() -> dict:
    return json.loads((FOLDER / "motion.json").read_text(encoding="utf-8"))


def test_folder_holds_exactly_the_clips_of_the_script(script, motion):
    assert set(script.CLIPS) == set(NAMES)
    assert {path.stem for path in FOLDER.glob("*.mkv")} == set(NAMES)
    assert set(motion["clips"]) == {f"{name}.mkv" for name in NAMES}


def test_folder_is_small():
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_500_000


@pytest.mark.parametrize("name", NAMES)
def test_format(name, clips, motion):
    with av.open(str(FOLDER / f"{name}.mkv")) as container:
        assert len(container.streams) == 1
        stream = container.streams.video[0]
        assert stream.codec_context.name == "ffv1"
        assert stream.codec_context.pix_fmt == "bgr0"
        assert stream.average_rate == motion["fps"] == 24
        assert "creation_time" not in {**container.metadata, **stream.metadata}
        times = [float(frame.time) for frame in container.decode(video=0)]
    # Matroska counts in milliseconds.
    np.testing.assert_allclose(times, np.arange(24) / 24, rtol=0, atol=0.00051)
    assert clips[name].shape == (motion["frames"], motion["height"], motion["width"], 3)
    assert clips[name].shape == (24, 144, 192, 3)


@pytest.mark.parametrize("name", NAMES)
def test_committed_clip_is_what_the_script_makes(name, clips, rendered):
    frames, _ = rendered[name]
    assert np.abs(clips[name].astype(int) - frames).max() <= 2


@pytest.mark.parametrize("name", NAMES)
def test_writing_is_lossless_and_gives_the_same_bytes(name, script, clips, tmp_path):
    for file in ("a.mkv", "b.mkv"):
        script.write_clip(tmp_path / file, clips[name])
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()
    np.testing.assert_array_equal(_decoded(tmp_path / "a.mkv"), clips[name])


@pytest.mark.parametrize("name", NAMES)
def test_motion_file_is_what_the_script_makes(name, script, rendered, motion):
    _, front = rendered[name]
    stated = motion["clips"][f"{name}.mkv"]
    made = script.describe(script.CLIPS[name], front)
    assert stated["photograph"] == made["photograph"]
    # The silhouette may differ in a few pixels where it is rendered by other versions.
    assert stated["mean_speed_px_per_frame"] == pytest.approx(
        made["mean_speed_px_per_frame"], abs=1e-3
    )
    assert len(stated["layers"]) == len(made["layers"])
    for there, here in zip(stated["layers"], made["layers"], strict=True):
        windows = there.pop("photograph_from_frame"), here.pop("photograph_from_frame")
        np.testing.assert_allclose(*windows, rtol=0, atol=2e-4)
        speeds = there.pop("mean_speed_px_per_frame"), here.pop("mean_speed_px_per_frame")
        assert speeds[0] == pytest.approx(speeds[1], abs=2e-4)
        assert there == here


@pytest.mark.parametrize("name", NAMES)
def test_measured_flow_is_the_known_motion(name, script, clips, rendered, motion):
    _, front = rendered[name]
    known = script.CLIPS[name].flow(front)
    measured = _farneback(clips[name])
    stated = motion["clips"][f"{name}.mkv"]["mean_speed_px_per_frame"]
    assert 1.0 <= stated <= 2.5
    speed = np.hypot(measured[..., 0], measured[..., 1])
    assert speed.mean() == pytest.approx(stated, rel=0.25)
    # No jitter: every pair of frames moves about as much as the pairs beside it.
    assert np.abs(np.diff(speed.mean(axis=(1, 2)))).max() < 0.1
    error = measured - known
    assert np.median(np.hypot(error[..., 0], error[..., 1])) < 0.2


def test_parallax(script, clips, rendered):
    _, front = rendered["astronaut"]
    inside = front[:-1]
    assert 0.25 < inside.mean() < 0.6
    measured = _farneback(clips["astronaut"])[..., 0]
    layers = script.CLIPS["astronaut"].layers
    assert np.median(measured[inside]) == pytest.approx(layers[1].pan[0], abs=0.2)
    # The wall is nearly blank, the right of the background is not.
    shuttle = measured[:, :100, 165:]
    assert np.median(shuttle) == pytest.approx(layers[0].pan[0], abs=0.2)


@pytest.mark.parametrize("name", NAMES)
def test_no_borders(name, clips):
    grey = clips[name].astype(float).mean(axis=-1)
    for turns in range(4):
        lines = np.moveaxis(np.rot90(grey, turns, axes=(1, 2))[:, :3], 1, 0)
        assert lines[0].mean(axis=1).min() > 30
        assert lines[0].std(axis=1).min() > 5
        # A border would set the outermost line apart; a repeated edge would make it a copy.
        outer, inner = np.abs(np.diff(lines, axis=0)).mean(axis=(1, 2))
        assert 0.6 < outer / inner < 1.6


def test_a_window_must_stay_inside(script):
    outside = script.Layer("far", start=(5, 5), pan=(0, 0), scale=1.0)
    with pytest.raises(ValueError, match="frame 0 leaves the photograph"):
        script.Clip("cat", (outside,)).render()
