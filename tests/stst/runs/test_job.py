from __future__ import annotations

import errno
import json
import math
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stst
from old_versions import REMEDY, copied
from small_runs import FPS, clip, config, frames
from stst.engine.events import (
    Checkpointed,
    FrameDone,
    IterationDone,
    Preview,
    RunFinished,
    RunStarted,
    RunStopped,
)
from stst.errors import DivergedError, InputError, StstError
from stst.runs.job import Job
from stst.utils.files import sha256_of
from stst.video import LazyVideo, Video, frames_sha256, open_video, read_video, write_video

ONE_FRAME = ["IterationDone"] * 3 + ["FrameDone", "Checkpointed"]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def natural(tmp_path) -> Path:
    return clip(tmp_path / "natural.npz")


def job(natural, name="out.npy", *, resume=False, overwrite=False, threads=None, **changes) -> Job:
    output = str(natural.parent / name) + ("/" if name.endswith("/") else "")
    return Job(natural, output, config(**changes), overwrite, resume, threads)


def done(made: Job) -> RunFinished:
    *_, last = made.run()
    assert isinstance(last, RunFinished)
    return last


def stopped(made: Job, after: int) -> RunStopped:
    """Stop at the event of that number, 0-based."""
    seen = []
    for event in made.run(stop=lambda: len(seen) > after):
        seen.append(event)
    last = seen[-1]
    assert isinstance(last, RunStopped)
    return last


def sidecar(path: Path) -> dict:
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_events_and_the_run_folder(natural, tmp_path):
    made = job(natural)
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
    events = list(job(natural).run(preview_seconds=0))
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
            job(
                natural,
                targets={"color": str(clip(tmp_path / "other.npz", width=22))},
            ).run()
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["natural.npz", "other.npz"]


class TestOutputs:
    @pytest.mark.parametrize("name", ["out.mkv", "out.npy", "out.npz", "out/", "out.v2/"])
    def test_every_kind_of_master(self, natural, tmp_path, name):
        (files,) = done(job(natural, name)).outputs
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
        record = sidecar(files["sidecar"])["output"]
        assert record == {
            "path": name.rstrip("/"),
            "sha256": sha256_of(files["master"]),
            "frames_sha256": frames_sha256(expected.frames),
            "frames": 3,
            "size": [18, 20],
            "fps": "30000/1001",
        }

    def test_two_samples(self, natural, tmp_path):
        end = done(job(natural, "out.npy", seed=7, samples=2))
        assert [files["master"].name for files in end.outputs] == ["out_seed7.npy", "out_seed8.npy"]
        assert not (tmp_path / "out.npy").exists()
        masters = [np.load(files["master"]) for files in end.outputs]
        assert not np.array_equal(*masters)
        for seed, files in zip((7, 8), end.outputs, strict=True):
            record = sidecar(files["sidecar"])
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
        first = done(job(natural, "one.mkv", seed=3)).outputs[0]
        again = done(job(natural, "two.mkv", seed=3)).outputs[0]
        other = done(job(natural, "three.mkv", seed=4)).outputs[0]
        for name in ("master", "preview"):
            assert first[name].read_bytes() == again[name].read_bytes()
            assert first[name].read_bytes() != other[name].read_bytes()

    def test_existing_ones_are_kept_unless_told(self, natural, tmp_path):
        for name in ("out.npy", "out.json", "out.preview.mp4"):
            (tmp_path / name).write_text("mine")
            with pytest.raises(InputError, match=f"{name} exists. Give --overwrite"):
                next(job(natural).run())
            assert (tmp_path / name).read_text() == "mine"
            assert not (tmp_path / "out.run").exists()
            (tmp_path / name).unlink()
        (tmp_path / "out.json").write_text("mine")
        done(job(natural, overwrite=True))
        assert sidecar(tmp_path / "out.json")["method"] == "stst"

    def test_an_input_is_never_overwritten(self, natural, tmp_path):
        before = natural.read_bytes()
        (tmp_path / "link.npz").symlink_to(natural)
        for name in ("natural.npz", "link.npz"):
            for resume in (False, True):
                made = job(natural, name, overwrite=True, resume=resume)
                with pytest.raises(InputError, match=r"natural.npz|link.npz|no unfinished run"):
                    next(made.run())
        target = clip(tmp_path / "x.preview.mp4", seed=1)
        with pytest.raises(InputError, match=r"x\.preview\.mp4 is an input as well"):
            next(job(natural, "x.npy", overwrite=True, targets={"color": str(target)}).run())
        assert natural.read_bytes() == before

    def test_resuming_to_another_name_does_not_overwrite_the_input(self, natural, tmp_path):
        """X.npz and X.npy share the run folder X.run."""
        before = natural.read_bytes()
        stopped(job(natural, "natural.npy"), 5)
        with pytest.raises(InputError, match=r"natural\.npz is an input as well"):
            next(job(natural, "natural.npz", resume=True).run())
        with pytest.raises(InputError, match="output was 'natural.npy' .* is 'natural.mkv' now"):
            next(job(natural, "natural.mkv", resume=True).run())
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
    (files,) = done(made).outputs
    content = sidecar(files["sidecar"])
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
    done(job(natural, "strong.npy", octaves=strong, color_transfer=False))
    content = sidecar(tmp_path / "strong.json")
    share = np.mean([frame["clipped"] for frame in content["per_frame"]])
    assert share > 0.01
    assert content["warnings"] == [f"{share:.1%} of all values were clipped to 0 or 255."]
    gentle = [{"exponent": 0, "iterations": 1, "learning_rate": 1e-6}]
    done(job(natural, "gentle.npy", octaves=gentle, color_transfer=False))
    assert sidecar(tmp_path / "gentle.json")["warnings"] == []


def test_octaves_left_out_are_noted(natural, tmp_path):
    octaves = [
        {"exponent": exponent, "iterations": 1, "learning_rate": 0.02} for exponent in (-3, 0)
    ]
    made = job(natural, octaves=octaves, small_octaves="skip")
    started, *_ = made.run()
    assert started.octaves == ((18, 20),)
    (note,) = started.notes
    assert "octave -3 is 5x5 px" in note
    assert note in sidecar(tmp_path / "out.json")["warnings"]
    with pytest.raises(InputError, match="at least 27 px on the short side work, these have 18"):
        next(job(natural, "refused.npy", octaves=octaves).run())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a run that nobody stopped."""
    natural = clip(tmp_path_factory.mktemp("whole") / "natural.npz")
    return done(job(natural, "whole.mkv", samples=2, threads=1)).outputs


class TestResume:
    def events(self) -> list[str]:
        return ["RunStarted", *ONE_FRAME * 3]

    @pytest.mark.parametrize("after", range(16))
    def test_a_stop_at_any_event(self, natural, tmp_path, whole, after):
        end = stopped(job(natural, "out.mkv", samples=2), after)
        assert end.path == tmp_path / "out.run"
        assert sorted(p.name for p in tmp_path.glob("out*")) == ["out.run"]
        resumed = job(natural, "out.mkv", samples=2, resume=True)
        again = [type(event).__name__ for event in resumed.run()]
        seen = self.events()[: after + 1]
        finished = seen.count("FrameDone")
        steps = seen.count("IterationDone") - 3 * finished
        rest = (ONE_FRAME * (3 - finished))[steps:]
        assert again == ["RunStarted", *rest, "RunFinished"], "no step is made twice"
        for sample, files in enumerate(whole):
            made = tmp_path / f"out_seed{sample}.mkv"
            assert made.read_bytes() == files["master"].read_bytes()
            theirs, ours = sidecar(files["sidecar"]), sidecar(made.with_suffix(".json"))
            assert ours["per_frame"] == theirs["per_frame"]
            assert ours["output"]["frames_sha256"] == theirs["output"]["frames_sha256"]
        assert not (tmp_path / "out.run").exists()

    def test_closing_the_generator_is_a_stop(self, natural, tmp_path, whole):
        events = job(natural, "out.mkv", samples=2).run()
        for event in events:
            if isinstance(event, FrameDone) and event.frame == 1:
                break
        events.close()
        done(job(natural, "out.mkv", samples=2, resume=True))
        made = (tmp_path / "out_seed1.mkv").read_bytes()
        assert made == whole[1]["master"].read_bytes()

    def test_stopping_again_and_again(self, natural, tmp_path, whole):
        stopped(job(natural, "out.mkv", samples=2), 5)
        for _ in range(2):
            stopped(job(natural, "out.mkv", samples=2, resume=True), 5)
        done(job(natural, "out.mkv", samples=2, resume=True))
        made = (tmp_path / "out_seed0.mkv").read_bytes()
        assert made == whole[0]["master"].read_bytes()

    def test_what_a_killed_run_goes_on_from(self, natural, tmp_path, whole, monkeypatch):
        """A generator that is closed keeps nothing, as a process that is killed."""
        monkeypatch.setattr("stst.runs.runner.CHECKPOINT_SHARE", math.inf)
        every = {"samples": 2, "checkpoint_every": 2}
        events = job(natural, "out.mkv", **every).run()
        seen = []
        for event in events:
            seen.append(type(event).__name__)
            if len(seen) == 10:
                break
        events.close()
        frame = ["IterationDone"] * 2 + ["Checkpointed"] + ONE_FRAME[2:]
        assert seen == ["RunStarted", *frame, *frame[:3]]
        # how often it is kept may be changed
        resumed = job(natural, "out.mkv", samples=2, resume=True)
        again = [type(event).__name__ for event in resumed.run()]
        assert again == ["RunStarted", *ONE_FRAME[2:], *ONE_FRAME, "RunFinished"]
        for sample, files in enumerate(whole):
            made = (tmp_path / f"out_seed{sample}.mkv").read_bytes()
            assert made == files["master"].read_bytes()

    def test_checkpoints_are_not_dear(self, natural, monkeypatch):
        """Where writing takes long compared with iterations, there are fewer of them."""
        kept = []
        monkeypatch.setattr(
            "stst.runs.checkpoint.RunFolder.keep_interim",
            lambda *words: kept.append(time.sleep(0.05)),
        )
        done(job(natural, checkpoint_every=1))
        assert len(kept) == 1, "the next one would be due after 2.5 seconds"

    def test_time_adds_up(self, natural, tmp_path):
        stopped(job(natural), 5)
        state = np.load(tmp_path / "out.run/state.npz")
        kept = {key: state[key] for key in state.files} | {"seconds": np.array(1000.0)}
        state.close()
        np.savez(tmp_path / "out.run/state.npz", **kept)
        assert done(job(natural, resume=True)).seconds > 1000
        assert sidecar(tmp_path / "out.json")["seconds"] > 1000

    def test_nothing_to_continue(self, natural, tmp_path, whole):
        """The same command again and again, as scripts on a cluster do it."""
        started, *_, end = job(natural, "out.mkv", samples=2, resume=True).run()
        assert started.notes[-1].startswith("there is no unfinished run to continue: this one st")
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        for changes in ({}, {"threads": 2}, {"checkpoint_every": 3}):
            (again,) = job(natural, "out.mkv", samples=2, resume=True, **changes).run()
            assert again == RunFinished(end.outputs, 0.0, made=False)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
        for files, theirs in zip(again.outputs, whole, strict=True):
            assert files["master"].read_bytes() == theirs["master"].read_bytes()
        # what a kill at the very end leaves
        (tmp_path / "out.run/frames").mkdir(parents=True)
        (again,) = job(natural, "out.mkv", samples=2, resume=True).run()
        assert not again.made
        assert not (tmp_path / "out.run").exists()

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("natural.npz", b"", r"the clip natural\.npz \(natural\) is not the one it was"),
            ("out.json", b"", r"out\.json is missing"),
            ("out.json", b"{}", r"out\.json: not a sidecar"),
            ("out.preview.mp4", b"", r"preview\.mp4 is missing"),
            ("out.npy", b"mine", r"out\.npy is not what out\.json says it is"),
            ("", b"", r"config\.seed was 0 when it was made and is 4 now"),
        ],
    )
    def test_outputs_that_were_made_otherwise(self, natural, tmp_path, name, content, message):
        done(job(natural))
        if name:
            (tmp_path / name).unlink()
        if name == "natural.npz":
            clip(natural, seed=8)
        elif content:
            (tmp_path / name).write_bytes(content)
        changes = {} if name else {"seed": 4}
        before = {path.name: path.read_bytes() for path in tmp_path.glob("out*")}
        with pytest.raises(InputError, match=f"no unfinished run to continue: .*{message}"):
            list(job(natural, resume=True, **changes).run())
        assert {path.name: path.read_bytes() for path in tmp_path.glob("out*")} == before
        assert done(job(natural, resume=True, overwrite=True, **changes)).made

    def test_one_process_at_a_time(self, natural, tmp_path, whole):
        running = job(natural, "out.mkv", samples=2).run()
        next(running)
        held = (tmp_path / "out.run/lock").read_text().strip()
        assert held == f"process {os.getpid()} on {socket.gethostname()}"
        for options in ({}, {"resume": True}, {"overwrite": True}):
            for name in ("out.mkv", "out.npy"):
                with pytest.raises(InputError, match=f"out.run is in use: {held} makes the same"):
                    next(job(natural, name, samples=2, **options).run())
        *_, end = running
        assert isinstance(end, RunFinished)
        made = (tmp_path / "out_seed1.mkv").read_bytes()
        assert made == whole[1]["master"].read_bytes()

    def test_a_file_system_without_locks(self, natural, monkeypatch):
        import fcntl

        def refuse(number, what):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", refuse)
        started, *_, end = job(natural).run()
        assert "out.run lies on a file system without locks" in started.notes[-1]
        assert isinstance(end, RunFinished)

    def test_what_killed_processes_left_is_removed(self, natural, tmp_path):
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        left = [tmp_path / f".out.{process.pid}.part{suffix}" for suffix in (".npy", ".json")]
        stopped(job(natural), 5)
        left.append(tmp_path / f"out.run/frames/.000001.{process.pid}.part.npz")
        alive = tmp_path / f".out.{os.getppid()}.part.npy"
        others = [tmp_path / f".other.{process.pid}.part.npy", tmp_path / ".out.x.part.npy"]
        for path in (*left, alive, *others):
            path.touch()
        moved = tmp_path / f".out.preview.{process.pid}.old.mp4"
        moved.touch()
        again = job(natural, resume=True).run()
        next(again)
        assert not any(path.exists() for path in (*left, moved))
        assert (tmp_path / "out.preview.mp4").exists(), "moved aside, and nothing came instead"
        assert all(path.exists() for path in (alive, *others))
        assert [type(event) for event in again][-1] is RunFinished

    def test_a_second_run_is_refused(self, natural):
        stopped(job(natural), 5)
        with pytest.raises(InputError, match="--resume to continue it, or --overwrite"):
            next(job(natural).run())
        assert done(job(natural, overwrite=True))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"seed": 4}, r"config\.seed was 0 when it was started and is 4 now"),
            ({"samples": 2}, r"config\.samples was 1 .* is 2 now"),
            ({"blend": 0.5}, r"config\.blend was 0\.95 .* is 0\.5 now"),
            ({"precision": "bf16"}, r"config\.precision was 'fp32' .* is 'bf16' now"),
            ({"spatial": {"texture_layers": ["plain"]}}, r"texture_layers\.0 was 'rectified'"),
            ({"input": {"frames": "0:2"}}, r"config\.input\.frames was nothing .* is '0:2' now"),
            ({"targets": {"color": "natural"}}, r"config\.targets\.color was nothing"),
        ],
    )
    def test_another_config_is_refused(self, natural, changes, message):
        stopped(job(natural), 5)
        if "targets" in changes:
            changes = {"targets": {"color": str(natural)}}
        with pytest.raises(InputError, match=f"cannot be continued: .*{message}") as caught:
            next(job(natural, resume=True, **changes).run())
        assert "Give everything as it was, or start anew with --overwrite" in str(caught.value)
        assert done(job(natural, resume=True)), "the refusal harmed nothing"

    def test_another_clip_is_refused(self, natural):
        stopped(job(natural), 5)
        natural.unlink()
        clip(natural, seed=9)
        words = r"continued: the clip natural\.npz \(natural\) is not the one it was"
        with pytest.raises(InputError, match=words):
            next(job(natural, resume=True).run())

    def test_other_weights_are_refused(self, natural):
        def job_with(hash_):
            made = job(natural, resume=hash_ != "1")
            prepared = replace(made.prepared, weights=({"name": "vgg19", "hash": hash_},))
            made.__dict__["prepared"] = prepared  # as if they had been loaded
            return made

        stopped(job_with("1"), 5)
        with pytest.raises(InputError, match=r"weights\.0\.hash was '1' .* is '2' now"):
            next(job_with("2").run())

    def test_threads_are_restored_unless_they_are_asked_for(self, natural, tmp_path):
        stopped(job(natural, threads=2), 5)
        with pytest.raises(InputError, match=r"environment\.threads was 2 .* is 3 now"):
            next(job(natural, threads=3, resume=True).run())
        done(job(natural, resume=True))
        assert sidecar(tmp_path / "out.json")["environment"]["threads"] == 2

    def test_a_run_that_was_cut_off_while_its_outputs_were_put_in_place(
        self, natural, tmp_path, whole, monkeypatch
    ):
        def full(*words, **options):
            raise StstError("the disk is full")

        monkeypatch.setattr("stst.runs.runner.write_sidecar", full)
        with pytest.raises(StstError, match="the disk is full"):
            done(job(natural, "out.mkv", samples=2))
        monkeypatch.undo()
        assert sorted(p.name for p in tmp_path.glob("out*")) == [
            "out.run", "out_seed0.mkv", "out_seed0.preview.mp4",
        ]  # fmt: skip
        done(job(natural, "out.mkv", samples=2, resume=True))
        for sample in (0, 1):
            made = (tmp_path / f"out_seed{sample}.mkv").read_bytes()
            assert made == whole[sample]["master"].read_bytes()

    def test_a_damaged_state_is_refused(self, natural, tmp_path):
        stopped(job(natural), 5)
        path = tmp_path / "out.run/state.npz"
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(InputError, match=r"state\.npz is missing or damaged"):
            next(job(natural, resume=True).run())


class TestOfVersion01:
    """The same clip and config in another version's files are not the same stimulus."""

    @pytest.fixture
    def old(self, tmp_path):
        return copied(tmp_path) / "natural.npz"

    @pytest.mark.parametrize("name", ["metamer.npy", "scrambled.npy"])
    def test_it_is_not_made_already(self, old, tmp_path, name):
        settings = config(seed=3, device="cpu")
        if name == "scrambled.npy":
            settings = stst.StpsConfig(seed=3, device="cpu", color_transfer=False)
        before = (tmp_path / name).read_bytes()
        with pytest.raises(InputError, match=r"napari-stst 0\.1\.0 made it") as caught:
            list(Job(old, str(tmp_path / name), settings, resume=True, threads=1).run())
        assert str(caught.value).startswith(f"{tmp_path / name} exists, and there is no unfinished")
        assert REMEDY in str(caught.value)
        assert "Give --overwrite to replace it" in str(caught.value)
        assert (tmp_path / name).read_bytes() == before
        again = Job(old, str(tmp_path / name), settings, overwrite=True, resume=True, threads=1)
        assert done(again).made
        assert (tmp_path / name).read_bytes() != before
        assert sidecar(tmp_path / name.replace("npy", "json"))["schema_version"] == 2

    def test_a_run_that_it_began_is_not_continued(self, old, tmp_path):
        kept = {path: path.read_bytes() for path in (tmp_path / "begun.run").rglob("*.npz")}
        wanted = job(old, "begun.npy", seed=3, device="cpu", resume=True, threads=1)
        for act in (wanted.check_outputs, lambda: list(wanted.run())):
            with pytest.raises(
                InputError, match=r"cannot be continued: napari-stst 0\.1\.0"
            ) as found:
                act()
            assert str(found.value).startswith(str(tmp_path / "begun.run"))
            assert REMEDY in str(found.value)
            assert "start anew with --overwrite" in str(found.value)
        assert kept == {path: path.read_bytes() for path in (tmp_path / "begun.run").rglob("*.npz")}
        assert done(job(old, "begun.npy", seed=3, device="cpu", overwrite=True)).made

    def test_one_of_this_version_says_so(self, natural, tmp_path):
        stopped(job(natural), after=6)
        record = sidecar(tmp_path / "out.run/job.json")
        assert (record["schema_version"], record["config"]["noise"]) == (2, "per_clip")


def test_divergence_leaves_no_master(natural, tmp_path):
    made = job(natural, spatial={"model": "tiny_model:diverging"})
    with pytest.raises(DivergedError, match=r"at frame 1, octave -1, iteration 0: spatial_texture"):
        list(made.run())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["natural.npz", "out.run"]


class TestTargets:
    @pytest.fixture
    def clips(self, tmp_path):
        def make(role, **changes):
            return Video(frames(**{"seed": len(role)} | changes), FPS)

        return make

    def run(self, natural, targets, **changes):
        return stst.synthesize(natural, config(**changes), targets)[0]

    @pytest.mark.parametrize(
        ("changes", "what", "there", "here"),
        [
            ({"height": 20}, r"size \(height x width\)", "18x20", "20x20"),
            ({"count": 4}, "number of frames", "3", "4"),
        ],
    )
    def test_they_must_agree(self, clips, changes, what, there, here):
        natural = clips("natural")
        targets = {"temporal_texture": clips("temporal_texture", **changes)}
        message = rf"disagree in {what}: natural \(an array\) has {there}, temporal_.* has {here}"
        with pytest.raises(InputError, match=message):
            self.run(natural, targets)
        with pytest.raises(InputError, match="stst convert has --frames, --max-side"):
            self.run(natural, {"color": targets["temporal_texture"]})

    def test_rates_must_agree(self, clips):
        natural = clips("natural")
        other = replace(natural, fps=FPS * 2)
        with pytest.raises(InputError, match=r"frame rate in Hz: color .* 60000/1001, natural"):
            self.run(natural, {"color": other})

    def test_a_clip_without_a_use_need_not_agree(self, clips):
        """Size and rate are those of the targets where the natural clip is replaced."""
        natural = Video(frames(5, 30, 30), FPS)
        other = replace(clips("other"), fps=FPS * 2)
        made = self.run(natural, {"spatial_texture": other, "temporal_texture": other})
        assert made.frames.shape == (3, 18, 20, 3)
        assert made.fps == FPS * 2

    @pytest.mark.parametrize(
        ("role", "changes", "follows"),
        [
            ("spatial_texture", {}, True),
            ("temporal_texture", {}, False),
            ("spatial_content", {"spatial": {"texture_weight": 0, "content_weight": 1}}, True),
            ("temporal_texture", {"spatial": {"texture_weight": 0}}, True),
        ],
    )
    def test_colours_follow_spatial_texture_else_the_first_target(
        self, clips, role, changes, follows
    ):
        natural, other = clips("natural"), clips("other")
        found = self.run(natural, {role: other}, **changes).frames
        as_other, as_natural = (
            self.run(natural, {role: other, "color": color}, **changes).frames
            for color in (other, natural)
        )
        assert not np.array_equal(as_other, as_natural)
        assert np.array_equal(found, as_other if follows else as_natural)

    @pytest.mark.parametrize(
        ("role", "changes", "message"),
        [
            ("spatial_content", {}, r"weight 0.*--set spatial\.content_weight=1"),
            ("temporal_content", {}, r"weight 0.*--set temporal\.content_weight=1"),
            ("color", {"color_transfer": False}, "color_transfer is false"),
            ("spatial_txture", {}, "no such term. There are: spatial_texture, .*, color"),
        ],
    )
    def test_one_without_a_use_is_refused(self, clips, role, changes, message):
        with pytest.raises(InputError, match=rf"target {role}: .*{message}"):
            self.run(clips("natural"), {role: clips("other")}, **changes)

    def test_a_target_used_at_some_frames_only(self, clips):
        natural, other = clips("natural"), clips("other")
        changes = {"frames": [{"range": "2:", "spatial": {"content_weight": 1.0}}]}
        with_it = self.run(natural, {"spatial_content": other}, **changes).frames
        without = self.run(natural, {}, **changes).frames
        assert np.array_equal(with_it[:2], without[:2])
        assert not np.array_equal(with_it[2], without[2])

    def test_a_stream_used_at_some_frames_only(self, clips):
        changes = {"frames": [{"range": "1:2", "temporal": {"texture_weight": 1.0}}]}
        off = {"temporal": {"texture_weight": 0}}
        made = self.run(clips("natural"), {}, **changes, **off).frames
        without = self.run(clips("natural"), {}, **off).frames
        assert np.array_equal(made[0], without[0])
        assert not np.array_equal(made[1], without[1])

    def test_a_stream_without_layers(self, clips):
        changes = {
            "frames": [{"range": "1:", "spatial": {"content_weight": 1.0}}],
            "spatial": {"content_layers": []},
        }
        with pytest.raises(InputError, match=r"spatial\.content_layers is empty"):
            self.run(clips("natural"), {}, **changes)


class TestInMemory:
    def test_keys_for_files_are_refused(self):
        natural = Video(frames(), FPS)
        with pytest.raises(InputError, match=r"config\.input applies to files"):
            stst.synthesize(natural, config(input={"max_side": 9}))
        with pytest.raises(InputError, match=r"config\.targets applies to files.*read_video"):
            stst.synthesize(natural, config(targets={"color": "x.mp4"}))

    def test_an_array_is_refused(self):
        with pytest.raises(InputError, match=r"natural: expected a stst\.Video, found ndarray"):
            stst.synthesize(frames(), config())

    def test_an_unknown_preset(self):
        with pytest.raises(InputError, match="unknown preset 'fsat' .did you mean 'fast'"):
            stst.synthesize(Video(frames(), FPS), "fsat")

    def test_events(self):
        seen = []
        made = stst.synthesize(Video(frames(), FPS), config(samples=2), on_event=seen.append)
        assert [len(video) for video in made] == [3, 3]
        names = [type(event).__name__ for event in seen]
        assert names == ["RunStarted", *ONE_FRAME[:-1] * 3]


def test_a_job_with_other_inputs_reads_them(natural, tmp_path):
    first = job(natural)
    first.clips()
    other = replace(first, natural=clip(tmp_path / "other.npz", seed=5))
    assert other.clips()["natural"].sha256() != first.clips()["natural"].sha256()


def test_each_file_is_read_once(natural, monkeypatch):
    read = []
    monkeypatch.setattr(
        "stst.runs.job.LazyVideo", lambda *w, **k: read.append(w) or LazyVideo(*w, **k)
    )
    made = job(natural, targets={"color": str(natural), "temporal_texture": str(natural)})
    done(made)
    assert len(read) == 1


def test_a_folder_of_pictures_as_input(tmp_path):
    write_video(f"{tmp_path}/natural.v1/", frames(), FPS)
    done(Job(tmp_path / "natural.v1", str(tmp_path / "out.npy"), config()))
    (record,) = sidecar(tmp_path / "out.json")["inputs"]
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
