from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

import stst
from small_runs import FPS, clip, frames
from stst.config import InputConfig, StpsConfig
from stst.engine.color_transfer import color_transfer
from stst.engine.events import FrameDone, RunStarted, StepDone
from stst.engine.phases import PhaseFields, scramble_pictures
from stst.engine.pixels import as_tensor, to_frames
from stst.errors import InputError
from stst.methods.stps.prepare import prepare
from stst.methods.stps.scrambling import Scrambling
from stst.methods.stps.spectrum import BothSteps
from stst.video import LazyVideo, Video

MODES = ("both", "spatial", "spatiotemporal", "temporal")
CPU = torch.device("cpu")


def natural(count=5, height=18, width=21) -> Video:
    return Video(frames(count, height, width), FPS)


def run(clip: Video, after=None, **changes) -> list:
    return list(Scrambling(StpsConfig(**changes), clip, CPU).run(after))


def pictures(events) -> np.ndarray:
    return np.stack([event.images for event in events if isinstance(event, FrameDone)], axis=1)


def test_both_steps_then_colours():
    """The parts, put together by hand."""
    video = natural()
    held, fields = (
        BothSteps((5, 18, 21), torch.float64, CPU),
        PhaseFields(4, (5, 18, 21), 1, video.sha256()),
    )
    for frame in range(5):
        held.put(frame, as_tensor(video.frames[frame], CPU, torch.float64)[0])
    list(held.scramble(fields, 0.3))
    for frame, made in enumerate(stst.scramble(video, StpsConfig(seed=4, coherence=0.3))[0].frames):
        target = as_tensor(video.frames[frame], CPU, torch.float64)
        expected = to_frames(color_transfer(held.picture(frame)[None], target))[0]
        assert np.array_equal(made, expected)


def test_the_spatial_step_without_colours():
    video = natural()
    field = PhaseFields(1, (5, 18, 21), 3, video.sha256()).spatial()[None]
    config = StpsConfig(mode="spatial", seed=1, phase_per_channel=True, color_transfer=False)
    for frame, made in enumerate(stst.scramble(video, config)[0].frames):
        target = as_tensor(video.frames[frame], CPU, torch.float64)
        assert np.array_equal(made, to_frames(scramble_pictures(target, field))[0])


@pytest.mark.parametrize("mode", MODES)
def test_full_coherence_is_the_natural_clip(mode):
    video = natural()
    config = StpsConfig(mode=mode, coherence=1, color_transfer=False)
    assert np.array_equal(stst.scramble(video, config)[0].frames, video.frames)


@pytest.mark.parametrize("mode", MODES)
def test_coherence_is_graded(mode):
    """The closer to 1, the more of the natural clip is there."""
    # smooth, as natural clips are
    small = frames(8, 4, 4).astype(float)
    smooth = np.repeat(np.repeat(np.cumsum(small, 0) / 9, 5, 1), 5, 2)
    video = Video(np.clip(smooth, 0, 255).astype(np.uint8), FPS)

    def likeness(coherence):
        config = StpsConfig(mode=mode, coherence=coherence, color_transfer=False)
        made = stst.scramble(video, config)[0].frames
        return np.corrcoef(made.ravel(), video.frames.ravel())[0, 1]

    found = [likeness(coherence) for coherence in (0, 0.4, 0.7, 1)]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1)


def test_events():
    events = run(natural(), seed=3, samples=2)
    assert events[0] == RunStarted(5, 0, (), 0, 0)
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [step.what for step in steps] == ["reading"] * 5 + ["scrambling"] * 2
    done = events[-5:]
    assert [event.frame for event in done] == [0, 1, 2, 3, 4]
    progress = [event.progress for event in (*steps, *done)]
    assert progress == sorted(progress)
    assert (progress[0] > 0, progress[-1]) == (True, 1)
    assert done[0].images.shape == (2, 18, 21, 3)
    assert done[0].state.shape == (2, 0)
    assert set(done[0].statistics[1]) == {"luminance", "contrast", "clipped", "difference"}


@pytest.mark.parametrize("mode", MODES)
def test_samples_are_the_seeds_alone(mode):
    video = natural()
    batch = stst.scramble(video, StpsConfig(mode=mode, seed=7, samples=3))
    for number, made in enumerate(batch):
        (alone,) = stst.scramble(video, StpsConfig(mode=mode, seed=7 + number))
        assert np.array_equal(made.frames, alone.frames)
    assert not np.array_equal(batch[0].frames, batch[1].frames)
    assert batch[0].fps == FPS


@pytest.mark.parametrize("mode", MODES)
def test_continuing_gives_the_same(mode):
    video = natural()
    whole = pictures(run(video, mode=mode))
    rest = run(video, after=2, mode=mode)
    assert rest[0].first == 3
    assert np.array_equal(pictures(rest), whole[:, 3:])
    assert [type(event) for event in run(video, after=4, mode=mode)] == [RunStarted]


def test_what_is_clipped_is_counted():
    # a bright dot: nearly all of its energy goes elsewhere
    dot = np.zeros((2, 16, 16, 3), np.uint8)
    dot[:, 8, 8] = 255
    (done, _) = [e for e in run(Video(dot, FPS), color_transfer=False) if isinstance(e, FrameDone)]
    config = StpsConfig(color_transfer=False)
    held = []
    list(Scrambling(config, Video(dot, FPS), CPU)._hold(held))
    values = held[0].picture(0)
    share = float(((values < 0) | (values > 1)).double().mean())
    assert 0.2 < share < 0.8
    assert done.statistics[0]["clipped"] == pytest.approx(share)


@pytest.mark.parametrize("mode", MODES)
def test_single_precision_is_close(mode):
    video = natural()
    exact = pictures(run(video, mode=mode, color_transfer=False)).astype(int)
    quick = pictures(run(video, mode=mode, color_transfer=False, precision="fp32"))
    # a value on the edge between two bytes may fall to either side
    assert np.abs(quick - exact).max() <= 1
    assert (quick != exact).mean() < 0.01


def test_the_spatial_mode_holds_one_frame(tmp_path):
    video = LazyVideo(clip(tmp_path / "long.mkv", count=40))
    config = StpsConfig(mode="spatial")
    short = LazyVideo(tmp_path / "long.mkv", "0:3")
    assert Scrambling(config, video, CPU).memory() == Scrambling(config, short, CPU).memory()
    both = StpsConfig()
    assert Scrambling(both, video, CPU).memory() > Scrambling(both, short, CPU).memory()


class TestRefusals:
    def test_a_single_frame_has_no_time(self):
        with pytest.raises(InputError, match=r"mode: the clip has 1 frame.*mode spatial"):
            stst.scramble(natural(1), StpsConfig(mode="temporal"))
        assert len(stst.scramble(natural(1))[0]) == 1

    def test_input_is_for_files(self):
        with pytest.raises(InputError, match=r"config\.input applies to files.*read_video"):
            stst.scramble(natural(), StpsConfig(input=InputConfig(max_side=9)))

    @pytest.mark.parametrize(
        ("changes", "parts"),
        [
            (
                {},
                [
                    "scrambling 7200 frames of 720x1280 px over time, which holds the whole clip",
                    "takes about 150.2 GiB, and 8.0 GiB of memory are free on cpu",
                    "fewer frames or a smaller max_side", "or the precision fp32 (half of it)",
                    "the mode spatial, which takes 1.0 GiB at any length",
                ],
            ),
            ({"samples": 2}, ["takes about 299.1 GiB", "fewer samples"]),
            ({"precision": "fp32"}, ["takes about 75.9 GiB"]),
            ({"mode": "temporal"}, ["over time"]),
            ({"mode": "spatial", "samples": 50}, ["49.4 GiB", "fewer samples"]),
        ],
    )  # fmt: skip
    def test_too_long_a_clip(self, monkeypatch, changes, parts):
        class Long:
            frames = type(
                "",
                (),
                {"shape": (7200, 720, 1280, 3), "__iter__": lambda _: iter(natural().frames)},
            )()
            fps = Fraction(60)

            def sha256(self):
                raise AssertionError("all of it would be decoded")

        monkeypatch.setattr("stst.methods.stps.prepare.free_memory", lambda device: 8 * 2**30)
        with pytest.raises(InputError) as caught:
            prepare({"natural": Long()}, StpsConfig(device="cpu", **changes))
        for part in parts:
            assert part in str(caught.value)
        assert ("precision fp32" in str(caught.value)) == ("precision" not in changes)
        # nothing is refused where the system does not say what is free
        monkeypatch.setattr("stst.methods.stps.prepare.free_memory", lambda device: None)
        assert prepare({"natural": Long()}, StpsConfig(device="cpu")).fps == 60
