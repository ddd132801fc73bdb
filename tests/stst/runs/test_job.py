from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stst
from small_runs import FPS, clip, config, finish, frames, read_json, small_job, stop_at
from stst.engine.events import (
    Checkpointed,
    IterationDone,
    Preview,
    RunFinished,
    RunStarted,
)
from stst.errors import InputError
from stst.runs.job import Job
from stst.utils.files import sha256_of
from stst.video import LazyVideo, frames_sha256, open_video, read_video, write_video

ONE_FRAME = ["IterationDone"] * 3 + ["FrameDone", "Checkpointed"]


def test_events_and_the_run_folder(natural, tmp_path):
    made = small_job(natural)
    kinds, there = [], []
    for event in made.run():
        kinds.append(type(event).__name__)
        there.append((tmp_path / "out.run").is_dir())
        if not isinstance(event, RunFinished):
            assert not (tmp_path / "out.npy").exists(), "a master is whole or not there"
    assert kinds == ["RunStarted", *ONE_FRAME * 3, "RunFinished"]
    assert there == [True] * (len(kinds) - 1) + [False]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "natural.npz", "out.json", "out.npy", "out.preview.mp4",
    ]  # fmt: skip
    assert event.outputs == (
        {
            "master": tmp_path / "out.npy", "preview": tmp_path / "out.preview.mp4",
            "sidecar": tmp_path / "out.json",
        },
    )  # fmt: skip
    assert event.seconds > 0


def test_what_events_carry(natural, tmp_path):
    events = list(small_job(natural).run(preview_seconds=0))
    (started,) = [e for e in events if isinstance(e, RunStarted)]
    assert (started.frames, started.padding, started.iterations) == (3, 1, 9)
    assert started.octaves == ((12, 13), (18, 20))
    assert started.notes == ()
    assert len([e for e in events if isinstance(e, Preview)]) == 9
    assert [e.frame for e in events if isinstance(e, Checkpointed)] == [0, 1, 2]
    assert {e.path for e in events if isinstance(e, Checkpointed)} == {tmp_path / "out.run"}
    assert [e.sample for e in events if isinstance(e, IterationDone)] == [(0,)] * 9


def test_nothing_is_made_before_the_inputs_are_right(natural, tmp_path):
    with pytest.raises(InputError, match="targets disagree"):
        next(
            small_job(
                natural,
                targets={"color": str(clip(tmp_path / "other.npz", width=22))},
            ).run()
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["natural.npz", "other.npz"]


class TestOutputs:
    @pytest.mark.parametrize("name", ["out.mkv", "out.npy", "out.npz", "out/", "out.v2/"])
    def test_every_kind_of_master(self, natural, tmp_path, name):
        (files,) = finish(small_job(natural, name)).outputs
        made = read_video(files["master"])
        expected = stst.synthesize(read_video(natural), config())[0]
        assert np.array_equal(made.frames, expected.frames)
        assert made.fps == expected.fps == FPS
        stem = name.rstrip("/") if name.endswith("/") else Path(name).stem
        assert files["master"] == tmp_path / name
        assert files["preview"] == tmp_path / f"{stem}.preview.mp4"
        assert files["sidecar"] == tmp_path / f"{stem}.json"
        with open_video(files["preview"]) as preview:
            assert (preview.fps, len(preview), preview.height) == (FPS, 3, 18)
        record = read_json(files["sidecar"])["output"]
        assert record == {
            "path": name.rstrip("/"),
            "sha256": sha256_of(files["master"]),
            "frames_sha256": frames_sha256(expected.frames),
            "frames": 3,
            "size": [18, 20],
            "fps": "30000/1001",
        }

    def test_two_samples(self, natural, tmp_path):
        end = finish(small_job(natural, "out.npy", seed=7, samples=2))
        assert [files["master"].name for files in end.outputs] == ["out_seed7.npy", "out_seed8.npy"]
        assert not (tmp_path / "out.npy").exists()
        masters = [np.load(files["master"]) for files in end.outputs]
        assert not np.array_equal(*masters)
        for seed, files in zip((7, 8), end.outputs, strict=True):
            record = read_json(files["sidecar"])
            assert record["seed"] == seed
            assert record["environment"]["batch"] == [7, 8]
            assert record["output"]["path"] == files["master"].name

    def test_a_sample_looks_the_same_whatever_it_was_made_beside(self, natural):
        # not with the colours' histograms: in 360 pixels one more in a bin is seen
        clip, without = read_video(natural), {"color_transfer": False}
        both = stst.synthesize(clip, config(seed=7, samples=2, **without))
        alone = stst.synthesize(clip, config(seed=8, **without))[0].frames
        assert np.abs(alone.astype(int) - both[1].frames).max() <= 1

    def test_the_same_seed_gives_the_same_files(self, natural, tmp_path):
        first = finish(small_job(natural, "one.mkv", seed=3)).outputs[0]
        again = finish(small_job(natural, "two.mkv", seed=3)).outputs[0]
        other = finish(small_job(natural, "three.mkv", seed=4)).outputs[0]
        for name in ("master", "preview"):
            assert first[name].read_bytes() == again[name].read_bytes()
            assert first[name].read_bytes() != other[name].read_bytes()

    def test_existing_ones_are_kept_unless_told(self, natural, tmp_path):
        for name in ("out.npy", "out.json", "out.preview.mp4"):
            (tmp_path / name).write_text("mine")
            with pytest.raises(InputError, match=f"{name} exists. Give `overwrite=True`"):
                next(small_job(natural).run())
            assert (tmp_path / name).read_text() == "mine"
            assert not (tmp_path / "out.run").exists()
            (tmp_path / name).unlink()
        (tmp_path / "out.json").write_text("mine")
        finish(small_job(natural, overwrite=True))
        assert read_json(tmp_path / "out.json")["method"] == "stst"

    def test_an_input_is_never_overwritten(self, natural, tmp_path):
        before = natural.read_bytes()
        (tmp_path / "link.npz").symlink_to(natural)
        for name in ("natural.npz", "link.npz"):
            for resume in (False, True):
                made = small_job(natural, name, overwrite=True, resume=resume)
                with pytest.raises(InputError, match=r"natural.npz|link.npz|no unfinished run"):
                    next(made.run())
        target = clip(tmp_path / "x.preview.mp4", seed=1)
        with pytest.raises(InputError, match=r"x\.preview\.mp4 is an input as well"):
            next(small_job(natural, "x.npy", overwrite=True, targets={"color": str(target)}).run())
        assert natural.read_bytes() == before

    def test_resuming_to_another_name_does_not_overwrite_the_input(self, natural, tmp_path):
        """X.npz and X.npy share the run folder X.run."""
        before = natural.read_bytes()
        stop_at(small_job(natural, "natural.npy"), 5)
        with pytest.raises(InputError, match=r"natural\.npz is an input as well"):
            next(small_job(natural, "natural.npz", resume=True).run())
        with pytest.raises(InputError, match="output was 'natural.npy' .* is 'natural.mkv' now"):
            next(small_job(natural, "natural.mkv", resume=True).run())
        assert natural.read_bytes() == before


def test_the_sidecar(tmp_path):
    """Every key that the format promises."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    natural = clip(tmp_path / "in/natural.mkv", count=5, height=36, width=40)
    color = clip(tmp_path / "in/color.mkv", count=5, height=36, width=40, seed=1)
    made = Job(
        natural,
        str(tmp_path / "out/made.npy"),
        config(
            seed=5,
            input={"frames": "1:4", "max_side": 20},
            targets={"color": str(color)},
        ),
    )
    (files,) = finish(made).outputs
    content = read_json(files["sidecar"])
    assert set(content) == {
        "schema_version", "method", "config", "seed", "inputs", "weights", "environment", "output",
        "per_frame", "warnings", "seconds",
    }  # fmt: skip
    assert (content["schema_version"], content["method"], content["seed"]) == (2, "stst", 5)
    # resolved, defaults included
    assert content["config"]["spatial"]["texture_layers"] == ["rectified"]
    assert content["config"]["temporal"]["content_layers"] == ["plain"]
    assert content["config"]["equalize"] == 1e4
    assert content["config"]["optimizer"]["betas"] == [0.9, 0.999]
    assert content["config"]["targets"] == {"color": "../in/color.mkv"}
    assert content["config"]["input"] == {"frames": "1:4", "max_side": 20, "grey": False}
    first, second = content["inputs"]
    assert (first["role"], second["role"]) == ("natural", "color")
    assert (first["path"], second["path"]) == ("../in/natural.mkv", "../in/color.mkv")
    read = read_video(natural, "1:4", 20)
    assert first["sha256"] == sha256_of(natural)
    assert first["frames_sha256"] == read.sha256()
    assert first["frames"] == [1, 4]
    assert first["size"] == [18, 20] == list(read.frames.shape[1:3])
    assert first["fps"] == "30000/1001"
    assert first["decoder"] == read.source.decoder
    assert first["color_matrix"] == "rgb"
    assert first["color_range"] == "full"
    assert first["max_side"] == 20
    assert content["weights"] == []
    environment = content["environment"]
    assert set(environment) == {"versions", "platform", "device", "threads", "precision", "batch"}
    assert environment["versions"]["torch"]
    assert (environment["device"], environment["threads"]) == ("cpu", 1)
    assert (environment["precision"], environment["batch"]) == ("fp32", [5])
    assert content["output"]["frames"] == len(content["per_frame"]) == 3
    assert content["seconds"] > 0
    assert content["warnings"] == [
        f"{one['role']}: {note}" for one in content["inputs"] for note in read.source.notes
    ]
    grey = np.load(files["master"]) @ np.array([0.299, 0.587, 0.114]) / 255
    for frame, entry in enumerate(content["per_frame"]):
        assert set(entry) == {
            "frame", "losses", "unweighted", "weights", "luminance", "contrast", "clipped",
            "iterations",
        }  # fmt: skip
        assert (entry["frame"], entry["iterations"]) == (frame, 3)
        terms = {"spatial_texture", "temporal_texture", "total_variation"}
        assert set(entry["losses"]) == set(entry["weights"]) == set(entry["unweighted"]) == terms
        assert entry["luminance"] == pytest.approx(grey[frame].mean())
        assert entry["contrast"] == pytest.approx(grey[frame].std())
        assert 0 <= entry["clipped"] <= 1


def test_clipping_is_warned_of(natural, tmp_path):
    strong = [{"exponent": 0, "iterations": 3, "learning_rate": 5.0}]
    finish(small_job(natural, "strong.npy", octaves=strong, color_transfer=False))
    content = read_json(tmp_path / "strong.json")
    share = np.mean([frame["clipped"] for frame in content["per_frame"]])
    assert share > 0.01
    assert content["warnings"] == [f"{share:.1%} of all values were clipped to 0 or 255."]
    gentle = [{"exponent": 0, "iterations": 1, "learning_rate": 1e-6}]
    finish(small_job(natural, "gentle.npy", octaves=gentle, color_transfer=False))
    assert read_json(tmp_path / "gentle.json")["warnings"] == []


def test_octaves_left_out_are_noted(natural, tmp_path):
    octaves = [
        {"exponent": exponent, "iterations": 1, "learning_rate": 0.02} for exponent in (-3, 0)
    ]
    made = small_job(natural, octaves=octaves, small_octaves="skip")
    started, *_ = made.run()
    assert started.octaves == ((18, 20),)
    (note,) = started.notes
    assert "octave -3 is 5x5 px" in note
    assert note in read_json(tmp_path / "out.json")["warnings"]
    with pytest.raises(InputError, match="at least 27 px on the short side work, these have 18"):
        next(small_job(natural, "refused.npy", octaves=octaves).run())


def test_a_job_with_other_inputs_reads_them(natural, tmp_path):
    first = small_job(natural)
    first.clips()
    other = replace(first, natural=clip(tmp_path / "other.npz", seed=5))
    assert other.clips()["natural"].sha256() != first.clips()["natural"].sha256()


def test_each_file_is_read_once(natural, monkeypatch):
    read = []
    monkeypatch.setattr(
        "stst.runs.job.LazyVideo", lambda *w, **k: read.append(w) or LazyVideo(*w, **k)
    )
    made = small_job(natural, targets={"color": str(natural), "temporal_texture": str(natural)})
    finish(made)
    assert len(read) == 1


def test_a_folder_of_pictures_as_input(tmp_path):
    write_video(f"{tmp_path}/natural.v1/", frames(), FPS)
    finish(Job(tmp_path / "natural.v1", str(tmp_path / "out.npy"), config()))
    (record,) = read_json(tmp_path / "out.json")["inputs"]
    assert record["path"] == "natural.v1"
    assert record["sha256"] == sha256_of(tmp_path / "natural.v1")


def test_the_room_on_disk_is_foretold(tmp_path):
    natural = clip(tmp_path / "natural.mkv", count=6, height=96, width=112)
    (tmp_path / "out").mkdir()
    job = Job(natural, str(tmp_path / "out" / "made.mkv"), config(padding_frames=0))
    most = 0
    for _ in job.run():
        files = [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
        most = max(most, sum(one.stat().st_size for one in files))
    # in the last moment the outputs lie beside the run folder, which is gone when the event comes
    made = sum(one.stat().st_size for one in (tmp_path / "out").iterdir())
    foretold = job.disk(job.prepared)
    assert 0.5 * foretold < most + made < 1.1 * foretold
