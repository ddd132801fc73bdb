"""Memory, devices and inputs that fail while a run lasts."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import chdir
from dataclasses import replace
from itertools import accumulate, groupby
from pathlib import Path

import numpy as np
import pytest
import torch

import small_inversions
from small_runs import FPS, TRUST, clip, config, frames, refused, stst, synthesize
from stst.config import StpsConfig, build
from stst.engine.events import (
    FrameDone,
    GroupStarted,
    IterationDone,
    RunFinished,
    RunStarted,
)
from stst.errors import InputError, StstError
from stst.methods.stst.objective import StstObjective
from stst.runs.checkpoint import Checkpoints
from stst.runs.failures import split_groups
from stst.runs.job import Job
from stst.runs.remake import job_of_sidecar
from stst.video import write_video


@pytest.fixture(autouse=True)
def here(tmp_path):
    """The current folder, on one thread; not by the tests' own monkeypatch, which they undo."""
    clip(tmp_path / "natural.npz")
    with chdir(tmp_path), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield tmp_path


@pytest.fixture
def memory(monkeypatch):
    """Let no more than so many samples fit; from a certain call on."""

    def limit(samples: int, after: int = 0) -> None:
        real, calls = StstObjective.__call__, []

        def tried(objective, images):
            calls.append(len(images))
            if len(images) > samples and len(calls) > after:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            return real(objective, images)

        monkeypatch.setattr(StstObjective, "__call__", tried)

    return limit


def job(output="out.npy", resume=False, **changes) -> Job:
    return Job(Path("natural.npz"), output, config(**changes), resume=resume)


def batches(samples: int, first: int = 0) -> list[list[int]]:
    """Give what each sidecar says the sample was batched with."""
    return [
        json.loads(Path(f"out_seed{first + seed}.json").read_text())["environment"]["batch"]
        for seed in range(samples)
    ]


class TestGroups:
    @pytest.mark.parametrize(
        ("fits", "expected"),
        [
            (5, [[3, 4, 5, 6, 7]] * 5),
            (3, [[3, 4, 5]] * 3 + [[6, 7]] * 2),
            (2, [[3, 4]] * 2 + [[5]] + [[6]] + [[7]]),
            (1, [[3], [4], [5], [6], [7]]),
        ],
    )
    def test_fewer_at_once(self, memory, fits, expected):
        memory(fits)
        events = list(job(seed=3, samples=5).run())
        assert isinstance(events[-1], RunFinished)
        assert batches(5, 3) == expected
        started = [event for event in events if isinstance(event, RunStarted)]
        tried = {5: [], 3: [3], 2: [3, 2], 1: [3, 2, 1]}[fits]
        assert list(started[-1].notes) == [
            f"out of memory on cpu. The samples are made {count} at a time, from the beginning"
            for count in tried
        ]
        # one group after the other, and never anything of an earlier one again
        groups = list(dict.fromkeys(map(tuple, expected)))
        last = max(i for i, event in enumerate(events) if isinstance(event, RunStarted))
        steps = [event for event in events[last:] if isinstance(event, IterationDone)]
        assert [group for group, _ in groupby(step.sample for step in steps)] == groups
        assert all(len(step.values) == len(step.sample) for step in steps)
        places = [0, *accumulate(map(len, groups))]
        told = [GroupStarted(*one, 5) for one in zip(groups, places, strict=False)]
        assert [e for e in events[last:] if isinstance(e, GroupStarted)] == told * (len(groups) > 1)
        progress = [one.progress for one in events[last:] if isinstance(one, FrameDone)]
        assert progress == sorted(progress)
        assert progress[-1] == pytest.approx(1)
        # each has the bytes that its group alone would have
        for seed, group in zip(range(3, 8), expected, strict=True):
            alone = config(seed=group[0], samples=len(group))
            list(Job(Path("natural.npz"), "alone.npy", alone, overwrite=True).run())
            name = f"alone_seed{seed}.npy" if len(group) > 1 else "alone.npy"
            assert Path(f"out_seed{seed}.npy").read_bytes() == Path(name).read_bytes()

    def test_remade_with_what_it_was_batched_with(self, memory):
        memory(2)
        list(job(seed=3, samples=4).run())
        assert batches(4, 3) == [[3, 4], [3, 4], [5, 6], [5, 6]]
        again = job_of_sidecar(Path("out_seed6.json"), output="again.npy", trusted=TRUST[1::2])
        assert again.config.seeds == (5, 6)
        list(again.run())
        assert Path("again.npy").read_bytes() == Path("out_seed6.npy").read_bytes()
        made = json.loads(Path("again.json").read_text())
        assert made["environment"]["batch"] == [5, 6]
        third = job_of_sidecar(Path("again.json"), output="third.npy", trusted=TRUST[1::2])
        list(third.run())
        assert Path("third.npy").read_bytes() == Path("out_seed6.npy").read_bytes()

    @pytest.mark.parametrize("share", [0.1, 0.3, 0.45, 0.55, 0.7, 0.95])
    def test_continued_with_the_same_groups(self, memory, monkeypatch, share):
        memory(2)
        after = share * len(list(job("whole.npy", samples=3).run()))
        seen = []
        for event in job(samples=3).run(stop=lambda: len(seen) > after):
            seen.append(event)
        done = [one.count_finished() for one in job().folder.checkpoints()]
        assert done[0] == 3 or done[1] == 0
        # although there is enough memory now
        monkeypatch.undo()
        assert isinstance(list(job(samples=3, resume=True).run())[-1], RunFinished)
        assert batches(3) == [[0, 1], [0, 1], [2]]
        for seed in range(3):
            whole = Path(f"whole_seed{seed}.npy").read_bytes()
            assert Path(f"out_seed{seed}.npy").read_bytes() == whole
        (again,) = job(samples=3, resume=True).run()
        assert not again.made

    def test_what_is_finished_is_not_thrown_away(self, memory, monkeypatch):
        memory(1, after=4)
        with pytest.raises(StstError, match=r"enough before.*kept in out\.run.*with `resume=True`"):
            list(job(samples=2).run())
        assert [one.count_finished() for one in job(samples=2).folder.checkpoints()] == [1]
        monkeypatch.undo()
        list(job(samples=2, resume=True).run())
        list(job("whole.npy", samples=2).run())
        assert Path("out_seed1.npy").read_bytes() == Path("whole_seed1.npy").read_bytes()

    def test_memory_that_goes_after_the_first_group(self, memory, monkeypatch):
        memory(2)
        list(job("whole.npy", samples=3).run())
        seen = []

        def in_second() -> bool:
            return any(isinstance(event, GroupStarted) and event.place for event in seen)

        for event in job(samples=3).run(stop=in_second):
            seen.append(event)
        assert [one.count_finished() for one in job().folder.checkpoints()] == [3, 0]
        memory(0)
        with pytest.raises(StstError, match=r"enough before.*kept in out\.run.*with `resume=True`"):
            list(job(samples=3, resume=True).run())
        monkeypatch.undo()
        steps = [e for e in job(samples=3, resume=True).run() if isinstance(e, IterationDone)]
        assert {step.sample for step in steps} == {(2,)}
        for seed in range(3):
            whole = Path(f"whole_seed{seed}.npy").read_bytes()
            assert Path(f"out_seed{seed}.npy").read_bytes() == whole

    def test_inversions(self, monkeypatch):
        from stst.methods.leaps.objective import LeapsObjective

        real = LeapsObjective.judge

        def tried(objective, clips):
            if len(clips) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return real(objective, clips)

        monkeypatch.setattr(LeapsObjective, "judge", tried)

        def inversion(output, **options):
            changes = options.pop("changes", {"samples": 3})
            return Job(None, output, small_inversions.config(**changes), **options)

        list(inversion("whole.npy").run())
        list(inversion("pair.npy", changes={"samples": 2}).run())
        list(inversion("third.npy", changes={"seed": 2}).run())
        for ours, theirs in (
            ("_seed0", "pair_seed0"),
            ("_seed1", "pair_seed1"),
            ("_seed2", "third"),
        ):
            for kind in ("", ".last"):
                made = Path(f"whole{ours}{kind}.npy").read_bytes()
                assert made == Path(f"{theirs}{kind}.npy").read_bytes()
            course = [
                json.loads(Path(f"{name}.json").read_text())["course"]
                for name in (f"whole{ours}", theirs)
            ]
            assert course[0] == course[1]
        steps = []
        stopping = inversion("out.npy").run(stop=lambda: len(steps) >= 3)
        for event in stopping:
            steps += [event] if isinstance(event, IterationDone) else []
        list(inversion("out.npy", resume=True).run())
        assert batches(3) == [[0, 1], [0, 1], [2]]
        assert Path("out_seed2.npy").read_bytes() == Path("whole_seed2.npy").read_bytes()

    def test_a_finished_inversion_is_not_shown_again(self, monkeypatch):
        from stst.methods.leaps.objective import LeapsObjective

        real = LeapsObjective.judge

        def tried(objective, clips):
            if len(clips) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return real(objective, clips)

        monkeypatch.setattr(LeapsObjective, "judge", tried)

        def inversion(output, resume=False):
            return Job(None, output, small_inversions.config(samples=2), resume=resume)

        whole = list(inversion("whole.npy").run())
        seen = []

        def in_second() -> bool:
            steps = [one for one in seen if isinstance(one, IterationDone)]
            return any(one.sample == (1,) and one.iteration == 2 for one in steps)

        for event in inversion("out.npy").run(stop=in_second):
            seen.append(event)
        rest = list(inversion("out.npy", resume=True).run())
        groups = [one.sample for one in rest if isinstance(one, GroupStarted)]
        assert groups == [(1,)]
        shares = [one.progress for one in rest if isinstance(one, IterationDone | FrameDone)]
        assert min(shares) > 0.5
        assert isinstance(whole[-1], RunFinished)
        for kind in ("npy", "json"):
            ours, theirs = (Path(f"{name}_seed0.{kind}") for name in ("out", "whole"))
            if kind == "npy":
                assert ours.read_bytes() == theirs.read_bytes()
            else:
                courses = [json.loads(one.read_text())["course"] for one in (ours, theirs)]
                assert courses[0] == courses[1]

    def test_halves(self):
        assert split_groups([[0, 1, 2, 3, 4]]) == [[0, 1, 2], [3, 4]]
        assert split_groups([[0, 1, 2], [3]]) == [[0, 1], [2], [3]]


class TestNotEvenOne:
    def test_what_would_fit_is_said(self, memory, monkeypatch):
        memory(0)
        monkeypatch.setattr("stst.runs.failures.free_memory", lambda device: 30 * 2**30)
        monkeypatch.setattr("stst.runs.job.Job.estimate", lambda job, one: Peak(60 * 2**30))
        monkeypatch.setattr("stst.runs.failures.memory_in_use", lambda device: 0)
        line = refused(synthesize("natural.npz", "-o", "out.mkv", "--samples", "2"), code=1)
        assert line == (
            "Error: out of memory on cpu: one sample of 18x20 px takes about 60 GiB, and 30 GiB "
            "are free. A --max-side of 13 would fit; or take --device cpu."
        )
        assert not Path("out_seed0.mkv").exists()
        monkeypatch.setattr("stst.runs.failures.free_memory", lambda device: 90 * 2**30)
        shown = synthesize("natural.npz", "-o", "out.mkv", "--overwrite")
        refused(
            shown,
            "Free what other programs hold there, and go on: the command again with --resume",
            code=1,
        )

    def test_where_even_the_estimate_does_not_fit(self, memory):
        memory(0)
        shown = synthesize("natural.npz", "-o", "out.mkv")
        refused(shown, "one sample of 18x20 px does not fit. Take smaller frames", code=1)

    def test_scrambling_has_no_groups(self, monkeypatch):
        def exhausted(*_):
            raise MemoryError

        monkeypatch.setattr("stst.methods.stps.scrambling.Scrambling._finish", exhausted)
        made = Job(Path("natural.npz"), "out.npy", build({}, StpsConfig))
        with pytest.raises(StstError, match="out of memory on cpu: one sample of 18x20 px"):
            list(made.run())


class Peak:
    def __init__(self, memory):
        self.memory = memory


@pytest.mark.parametrize("failing", ["__call__", "checkpoint"])
def test_a_device_that_fails(monkeypatch, failing):
    calls = []
    error = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be …")

    def fail(objective, *words):
        calls.append(words)
        if len(calls) == 5:
            raise error
        return real(objective, *words)

    if failing == "__call__":
        owner = StstObjective
    else:
        from stst.methods.stst.synthesis import Synthesis as owner
    real = getattr(owner, failing)
    monkeypatch.setattr(owner, failing, fail)
    monkeypatch.setattr("stst.runs.runner.CHECKPOINT_SHARE", float("inf"))
    words = ("natural.npz", "-o", "out.mkv", "--set", "checkpoint_every=1")
    refused(
        synthesize(*words), "cpu failed (CUDA error: unspecified launch failure). The run is kept",
        "out.run: continue it in a new process: the command again with --resume", code=1,
    )  # fmt: skip
    monkeypatch.undo()
    assert synthesize(*words, "--resume").exit_code == 0
    synthesize("natural.npz", "-o", "whole.mkv")
    assert Path("out.mkv").read_bytes() == Path("whole.mkv").read_bytes()


def test_any_other_error_is_a_mistake_of_ours(monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes do not agree")

    monkeypatch.setattr(StstObjective, "__call__", fail)
    with pytest.raises(RuntimeError, match="shapes do not agree"):
        list(job().run())


class TestInputs:
    """Clips that do not stay as they are while a run reads them."""

    ROLES = ("natural.mkv", "color.npz", "mask.npz")

    def input(self, path, seed):
        """Write a clip, of black and white where it is the mask."""
        values = frames(4, seed=seed)
        if path.stem == "mask":
            values = np.where(values[..., :1] > 127, 255, 0).astype(np.uint8).repeat(3, -1)
        write_video(path, values, FPS)

    def words(self, here):
        for seed, name in enumerate(self.ROLES):
            self.input(here / name, seed)
        return ("natural.mkv", "-o", "out.mkv", "--target", "color=color.npz", "--mask", "mask.npz")

    def when_a_frame_is_done(self, monkeypatch, harm):
        real, kept = Checkpoints.keep, []

        def keep(folder, frame, *words):
            real(folder, frame, *words)
            kept.append(frame)
            if frame == 1:
                harm()

        monkeypatch.setattr(Checkpoints, "keep", keep)
        return kept

    @pytest.mark.parametrize("role", ROLES)
    @pytest.mark.parametrize("harm", ["deleted", "truncated", "replaced", "rewritten"])
    def test_a_change_is_noticed(self, here, monkeypatch, role, harm):
        words, path = self.words(here), here / role
        synthesize(*words[:2], "whole.mkv", *words[3:])
        shutil.copy2(path, here / "original")
        other = clip(here / f"other{path.suffix}", 4, seed=9)

        def spoil():
            if harm == "deleted":
                path.unlink()
            elif harm == "truncated":
                os.truncate(path, path.stat().st_size // 2)
            elif harm == "replaced":
                os.replace(other, path)
            else:
                path.write_bytes(other.read_bytes())

        kept = self.when_a_frame_is_done(monkeypatch, spoil)
        what = "is gone" if harm == "deleted" else "has changed"
        shown = synthesize(*words)
        refused(shown, f"{role} {what} while the run was reading it. Bring it back", code=1)
        assert "kept in out.run; --resume continues it" in shown.stderr
        assert kept == [0, 1], "nothing is kept that was made of another clip"
        monkeypatch.undo()
        again = synthesize(*words, "--resume")
        assert again.exit_code == 2
        assert role in again.stderr or "inputs." in again.stderr
        os.replace(here / "original", path)
        assert synthesize(*words, "--resume").exit_code == 0
        assert (here / "out.mkv").read_bytes() == (here / "whole.mkv").read_bytes()

    def test_one_that_is_only_touched_or_copied_will_do(self, here, monkeypatch):
        words = self.words(here)

        def touch():
            for name in self.ROLES:
                shutil.copyfile(here / name, here / "copy")
                os.replace(here / "copy", here / name)

        self.when_a_frame_is_done(monkeypatch, touch)
        assert synthesize(*words).exit_code == 0

    def test_a_picture_of_a_folder(self, here, monkeypatch):
        stst("convert", "natural.npz", "pictures/")
        picture = here / "pictures/frame_000002.png"
        self.when_a_frame_is_done(monkeypatch, lambda: picture.write_bytes(b"damaged"))
        refused(synthesize("pictures", "-o", "out.mkv"), "pictures has changed", code=1)

    @pytest.mark.parametrize("role", [*ROLES])
    def test_another_one_afterwards_is_refused(self, here, role):
        words = self.words(here)
        made = [*words[:2], "out.mkv", *words[3:]]
        assert synthesize(*made).exit_code == 0
        (here / role).unlink()
        self.input(here / role, seed=9)
        refused(synthesize(*made, "--resume"), "out.mkv exists", f"the clip {role} (")

    def test_one_that_cannot_be_read_and_has_not_changed(self, monkeypatch):
        def damaged(*_):
            raise InputError("natural.npz: frame 2 is damaged.")

        monkeypatch.setattr("stst.methods.stst.synthesis.Synthesis._compute_targets", damaged)
        with pytest.raises(InputError, match="frame 2 is damaged"):
            list(job().run())


def test_a_job_may_be_used_again(here):
    made = job()
    list(made.run())
    again = replace(made, overwrite=True)
    (here / "natural.npz").unlink()
    clip(here / "natural.npz", seed=4)
    assert isinstance(list(again.run())[-1], RunFinished)
