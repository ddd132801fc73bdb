"""Runs that are stopped, killed, continued, refused."""

from __future__ import annotations

import errno
import math
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import stst
from old_versions import REMEDY, copied
from small_runs import clip, config, finish, read_json, small_job, stop_at
from stst.engine.events import (
    FrameDone,
    RunFinished,
)
from stst.errors import DivergedError, InputError, StstError
from stst.runs.job import Job

ONE_FRAME = ["IterationDone"] * 3 + ["FrameDone", "Checkpointed"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a run that nobody stopped."""
    natural = clip(tmp_path_factory.mktemp("whole") / "natural.npz")
    return finish(small_job(natural, "whole.mkv", samples=2, threads=1)).outputs


class TestResume:
    def events(self) -> list[str]:
        return ["RunStarted", *ONE_FRAME * 3]

    @pytest.mark.parametrize("after", range(16))
    def test_a_stop_at_any_event(self, natural, tmp_path, whole, after):
        end = stop_at(small_job(natural, "out.mkv", samples=2), after)
        assert end.path == tmp_path / "out.run"
        assert sorted(p.name for p in tmp_path.glob("out*")) == ["out.run"]
        resumed = small_job(natural, "out.mkv", samples=2, resume=True)
        again = [type(event).__name__ for event in resumed.run()]
        seen = self.events()[: after + 1]
        finished = seen.count("FrameDone")
        steps = seen.count("IterationDone") - 3 * finished
        rest = (ONE_FRAME * (3 - finished))[steps:]
        assert again == ["RunStarted", *rest, "RunFinished"], "no step is made twice"
        for sample, files in enumerate(whole):
            made = tmp_path / f"out_seed{sample}.mkv"
            assert made.read_bytes() == files["master"].read_bytes()
            theirs, ours = read_json(files["sidecar"]), read_json(made.with_suffix(".json"))
            assert ours["per_frame"] == theirs["per_frame"]
            assert ours["output"]["frames_sha256"] == theirs["output"]["frames_sha256"]
        assert not (tmp_path / "out.run").exists()

    def test_closing_the_generator_is_a_stop(self, natural, tmp_path, whole):
        events = small_job(natural, "out.mkv", samples=2).run()
        for event in events:
            if isinstance(event, FrameDone) and event.frame == 1:
                break
        events.close()
        finish(small_job(natural, "out.mkv", samples=2, resume=True))
        made = (tmp_path / "out_seed1.mkv").read_bytes()
        assert made == whole[1]["master"].read_bytes()

    def test_stopping_again_and_again(self, natural, tmp_path, whole):
        stop_at(small_job(natural, "out.mkv", samples=2), 5)
        for _ in range(2):
            stop_at(small_job(natural, "out.mkv", samples=2, resume=True), 5)
        finish(small_job(natural, "out.mkv", samples=2, resume=True))
        made = (tmp_path / "out_seed0.mkv").read_bytes()
        assert made == whole[0]["master"].read_bytes()

    def test_what_a_killed_run_goes_on_from(self, natural, tmp_path, whole, monkeypatch):
        """A generator that is closed keeps nothing, as a process that is killed."""
        monkeypatch.setattr("stst.runs.runner.CHECKPOINT_SHARE", math.inf)
        every = {"samples": 2, "checkpoint_every": 2}
        events = small_job(natural, "out.mkv", **every).run()
        seen = []
        for event in events:
            seen.append(type(event).__name__)
            if len(seen) == 10:
                break
        events.close()
        frame = ["IterationDone"] * 2 + ["Checkpointed"] + ONE_FRAME[2:]
        assert seen == ["RunStarted", *frame, *frame[:3]]
        # how often it is kept may be changed
        resumed = small_job(natural, "out.mkv", samples=2, resume=True)
        again = [type(event).__name__ for event in resumed.run()]
        assert again == ["RunStarted", *ONE_FRAME[2:], *ONE_FRAME, "RunFinished"]
        for sample, files in enumerate(whole):
            made = (tmp_path / f"out_seed{sample}.mkv").read_bytes()
            assert made == files["master"].read_bytes()

    def test_checkpoints_are_not_dear(self, natural, monkeypatch):
        """Where writing takes long compared with iterations, there are fewer of them."""
        kept = []
        monkeypatch.setattr(
            "stst.runs.checkpoint.Checkpoints.keep_checkpoint",
            lambda *words: kept.append(time.sleep(0.05)),
        )
        finish(small_job(natural, checkpoint_every=1))
        assert len(kept) == 1, "the next one would be due after 2.5 seconds"

    def test_time_adds_up(self, natural, tmp_path):
        stop_at(small_job(natural), 5)
        state = np.load(tmp_path / "out.run/state.npz")
        kept = {key: state[key] for key in state.files} | {"seconds": np.array(1000.0)}
        state.close()
        np.savez(tmp_path / "out.run/state.npz", **kept)
        assert finish(small_job(natural, resume=True)).seconds > 1000
        assert read_json(tmp_path / "out.json")["seconds"] > 1000

    def test_nothing_to_continue(self, natural, tmp_path, whole):
        """The same command again and again, as scripts on a cluster do it."""
        started, *_, end = small_job(natural, "out.mkv", samples=2, resume=True).run()
        assert started.notes[-1].startswith("there is no unfinished run to continue: this one st")
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        for changes in ({}, {"threads": 2}, {"checkpoint_every": 3}):
            (again,) = small_job(natural, "out.mkv", samples=2, resume=True, **changes).run()
            assert again == RunFinished(end.outputs, 0.0, made=False)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
        for files, theirs in zip(again.outputs, whole, strict=True):
            assert files["master"].read_bytes() == theirs["master"].read_bytes()
        # what a kill at the very end leaves
        (tmp_path / "out.run/frames").mkdir(parents=True)
        (again,) = small_job(natural, "out.mkv", samples=2, resume=True).run()
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
        finish(small_job(natural))
        if name:
            (tmp_path / name).unlink()
        if name == "natural.npz":
            clip(natural, seed=8)
        elif content:
            (tmp_path / name).write_bytes(content)
        changes = {} if name else {"seed": 4}
        before = {path.name: path.read_bytes() for path in tmp_path.glob("out*")}
        with pytest.raises(InputError, match=f"no unfinished run to continue: .*{message}"):
            list(small_job(natural, resume=True, **changes).run())
        assert {path.name: path.read_bytes() for path in tmp_path.glob("out*")} == before
        assert finish(small_job(natural, resume=True, overwrite=True, **changes)).made

    def test_one_process_at_a_time(self, natural, tmp_path, whole):
        running = small_job(natural, "out.mkv", samples=2).run()
        next(running)
        held = (tmp_path / "out.run/lock").read_text().strip()
        assert held == f"process {os.getpid()} on {socket.gethostname()}"
        for options in ({}, {"resume": True}, {"overwrite": True}):
            for name in ("out.mkv", "out.npy"):
                with pytest.raises(InputError, match=f"out.run is in use: {held} makes the same"):
                    next(small_job(natural, name, samples=2, **options).run())
        *_, end = running
        assert isinstance(end, RunFinished)
        made = (tmp_path / "out_seed1.mkv").read_bytes()
        assert made == whole[1]["master"].read_bytes()

    def test_a_file_system_without_locks(self, natural, monkeypatch):
        import fcntl

        def refuse(number, what):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", refuse)
        started, *_, end = small_job(natural).run()
        assert "out.run lies on a file system without locks" in started.notes[-1]
        assert isinstance(end, RunFinished)

    def test_what_killed_processes_left_is_removed(self, natural, tmp_path):
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        left = [tmp_path / f".out.{process.pid}.part{suffix}" for suffix in (".npy", ".json")]
        stop_at(small_job(natural), 5)
        left.append(tmp_path / f"out.run/frames/.000001.{process.pid}.part.npz")
        alive = tmp_path / f".out.{os.getppid()}.part.npy"
        others = [tmp_path / f".other.{process.pid}.part.npy", tmp_path / ".out.x.part.npy"]
        for path in (*left, alive, *others):
            path.touch()
        moved = tmp_path / f".out.preview.{process.pid}.old.mp4"
        moved.touch()
        again = small_job(natural, resume=True).run()
        next(again)
        assert not any(path.exists() for path in (*left, moved))
        assert (tmp_path / "out.preview.mp4").exists(), "moved aside, and nothing came instead"
        assert all(path.exists() for path in (alive, *others))
        assert [type(event) for event in again][-1] is RunFinished

    def test_a_second_run_is_refused(self, natural):
        stop_at(small_job(natural), 5)
        with pytest.raises(InputError, match="`resume=True` to continue it, or `overwrite=True`"):
            next(small_job(natural).run())
        assert finish(small_job(natural, overwrite=True))

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
        stop_at(small_job(natural), 5)
        if "targets" in changes:
            changes = {"targets": {"color": str(natural)}}
        with pytest.raises(InputError, match=f"cannot be continued: .*{message}") as caught:
            next(small_job(natural, resume=True, **changes).run())
        assert "Give everything as it was, or start anew with `overwrite=True`" in str(caught.value)
        assert finish(small_job(natural, resume=True)), "the refusal harmed nothing"

    def test_another_clip_is_refused(self, natural):
        stop_at(small_job(natural), 5)
        natural.unlink()
        clip(natural, seed=9)
        words = r"continued: the clip natural\.npz \(natural\) is not the one it was"
        with pytest.raises(InputError, match=words):
            next(small_job(natural, resume=True).run())

    def test_other_weights_are_refused(self, natural):
        def job_with(hash_):
            made = small_job(natural, resume=hash_ != "1")
            prepared = replace(made.prepared, weights=({"name": "vgg19", "hash": hash_},))
            made.__dict__["prepared"] = prepared  # as if they had been loaded
            return made

        stop_at(job_with("1"), 5)
        with pytest.raises(InputError, match=r"weights\.0\.hash was '1' .* is '2' now"):
            next(job_with("2").run())

    def test_threads_are_restored_unless_they_are_asked_for(self, natural, tmp_path):
        stop_at(small_job(natural, threads=2), 5)
        with pytest.raises(InputError, match=r"environment\.threads was 2 .* is 3 now"):
            next(small_job(natural, threads=3, resume=True).run())
        finish(small_job(natural, resume=True))
        assert read_json(tmp_path / "out.json")["environment"]["threads"] == 2

    def test_a_run_that_was_cut_off_while_its_outputs_were_put_in_place(
        self, natural, tmp_path, whole, monkeypatch
    ):
        def full(*words, **options):
            raise StstError("the disk is full")

        monkeypatch.setattr("stst.runs.runner.write_sidecar", full)
        with pytest.raises(StstError, match="the disk is full"):
            finish(small_job(natural, "out.mkv", samples=2))
        monkeypatch.undo()
        assert sorted(p.name for p in tmp_path.glob("out*")) == [
            "out.run", "out_seed0.mkv", "out_seed0.preview.mp4",
        ]  # fmt: skip
        finish(small_job(natural, "out.mkv", samples=2, resume=True))
        for sample in (0, 1):
            made = (tmp_path / f"out_seed{sample}.mkv").read_bytes()
            assert made == whole[sample]["master"].read_bytes()

    def test_a_damaged_state_is_refused(self, natural, tmp_path):
        stop_at(small_job(natural), 5)
        path = tmp_path / "out.run/state.npz"
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(InputError, match=r"state\.npz is missing or damaged"):
            next(small_job(natural, resume=True).run())


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
        assert "Give `overwrite=True` to replace it" in str(caught.value)
        assert (tmp_path / name).read_bytes() == before
        again = Job(old, str(tmp_path / name), settings, overwrite=True, resume=True, threads=1)
        assert finish(again).made
        assert (tmp_path / name).read_bytes() != before
        assert read_json(tmp_path / name.replace("npy", "json"))["schema_version"] == 2

    def test_a_run_that_it_began_is_not_continued(self, old, tmp_path):
        kept = {path: path.read_bytes() for path in (tmp_path / "begun.run").rglob("*.npz")}
        wanted = small_job(old, "begun.npy", seed=3, device="cpu", resume=True, threads=1)
        for act in (wanted.check_outputs, lambda: list(wanted.run())):
            with pytest.raises(
                InputError, match=r"cannot be continued: napari-stst 0\.1\.0"
            ) as found:
                act()
            assert str(found.value).startswith(str(tmp_path / "begun.run"))
            assert REMEDY in str(found.value)
            assert "start anew with `overwrite=True`" in str(found.value)
        assert kept == {path: path.read_bytes() for path in (tmp_path / "begun.run").rglob("*.npz")}
        assert finish(small_job(old, "begun.npy", seed=3, device="cpu", overwrite=True)).made

    def test_one_of_this_version_says_so(self, natural, tmp_path):
        stop_at(small_job(natural), after=6)
        record = read_json(tmp_path / "out.run/job.json")
        assert (record["schema_version"], record["config"]["noise"]) == (2, "per_clip")


def test_divergence_leaves_no_master(natural, tmp_path):
    made = small_job(natural, spatial={"model": "tiny_model:diverging"})
    with pytest.raises(DivergedError, match=r"at frame 1, octave -1, iteration 0: spatial_texture"):
        list(made.run())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["natural.npz", "out.run"]
