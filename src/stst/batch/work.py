"""Making the stimuli of a batch, wherever that is: in a lane of this machine, or on a cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from stst.batch.plan import BatchJob
from stst.batch.standing import Standing, asked_for, run_differs, standing
from stst.batch.states import States
from stst.engine.events import RunFinished, RunStarted, RunStopped
from stst.errors import InputError, StstError, in_words
from stst.runs.folder import RunFolder
from stst.runs.job import Job
from stst.utils.files import sha256_of
from stst.utils.locks import check_unlocked

# seconds between two words on how far a task is
_SELDOM = 1.0


@dataclass(frozen=True)
class Task:
    """Jobs that one process does, one run after another.

    Attributes
    ----------
    jobs
        One; or several that differ in their seed alone.
    threads
        Of the CPU, for runs that begin.
    side_by_side
        How many seeds go in one run at most.
    overwrite
        Whether what was made otherwise is replaced.
    """

    jobs: tuple[BatchJob, ...]
    threads: int
    side_by_side: int = 1
    overwrite: bool = False


@dataclass(frozen=True)
class Ended:
    """What became of a job.

    Attributes
    ----------
    label
        Of the job.
    state
        ``"done"``, ``"failed"`` or ``"stopped"``; ``"running"`` where another process does it.
    seconds
        It took, continued runs included; None where it was done already, or failed.
    error
        Why it failed, one line.
    notes
        What a user should know of the stimulus.
    """

    label: str
    state: str
    seconds: float | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Going:
    """How far a task is.

    Attributes
    ----------
    labels
        Of the jobs that are being done.
    progress
        Share of the whole task that is done, 0 to 1.
    """

    labels: tuple[str, ...]
    progress: float


class Stop:
    """Whether the process was asked to end."""

    asked = False
    busy = False

    def __call__(self) -> bool:
        """Ask it."""
        return self.asked

    def listen(self) -> None:
        """Turn SIGTERM into a request that a run heeds at its next step; at rest, end."""
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.asked = True
        if not self.busy:
            os._exit(0)  # also while the interpreter ends


#: Of this process.
STOP = Stop()


def tasks_of(
    jobs: Sequence[BatchJob], threads: int, side_by_side: int, overwrite: bool
) -> list[Task]:
    """Put jobs into tasks: of their own, or with others that differ in their seed alone."""
    if side_by_side == 1:
        return [Task((job,), threads, 1, overwrite) for job in jobs]
    groups: dict[Any, list[BatchJob]] = {}
    for job in jobs:
        groups.setdefault(job.label if job.group is None else (job.group,), []).append(job)
    return [Task(tuple(group), threads, side_by_side, overwrite) for group in groups.values()]


def make(task: Task, stop: Stop = STOP) -> Generator[Going | Ended, None, int]:
    """Make what of a task is not there yet; continue what was begun.

    Parameters
    ----------
    task
        What to do. It is looked at on disk first, so it may be given twice.
    stop
        Says whether to stop in order.

    Yields
    ------
    Going or Ended
        How far it is, and every job as soon as it ends. One that fails does not keep the others
        from being done.

    Returns
    -------
    int
        Number of jobs that ended.
    """
    look = _Look(task.jobs[0].folder)
    stop.busy = True
    try:
        todo: list[BatchJob] = []
        for job in task.jobs:
            ended = _settled(job, look, task.overwrite)
            if ended is None:
                todo.append(job)
            else:
                if ended.state != "running":  # what another process does is its own to tell
                    look.states.put(job, ended.state, error=ended.error)
                yield ended
        done = len(task.jobs) - len(todo)
        for run in _runs(todo, task, look):
            if stop():
                break
            yield from _made(run, task, stop, done, look.states)
            done += len(run.jobs)
    finally:
        stop.busy = False
    return done


class _Look:
    """Looks at what is on disk of jobs of one folder; hashes every input once."""

    def __init__(self, folder: Path) -> None:
        self.states = States(folder)
        self.hashed = cache(sha256_of)

    def __call__(self, job: BatchJob) -> Standing:
        return standing(job, self.hashed, self.states.get(job).get("asked"))


@dataclass(frozen=True)
class _Run:
    jobs: tuple[BatchJob, ...]
    job: Job


def _settled(job: BatchJob, look: _Look, overwrite: bool) -> Ended | None:
    """Tell of a job that is done, or cannot be."""
    try:
        found = look(job)
    except StstError as error:
        return Ended(job.label, "failed", error=in_words(error))
    try:
        for folder in (job.run_folder, job.group_folder):
            if folder is not None:
                check_unlocked(folder)
    except InputError as error:
        return Ended(job.label, "running", notes=(str(error),))
    if found.kind == "done":
        return Ended(job.label, "done")
    if found.kind == "changed" and not overwrite:
        return Ended(job.label, "failed", error=refusal(found))
    return None


def refusal(found: Standing) -> str:
    """Say what to do about something that was made otherwise."""
    return f"{found.why}. Give --overwrite to make it anew, or another folder."


def _runs(todo: Sequence[BatchJob], task: Task, look: _Look) -> Iterator[_Run]:
    """Put seeds side by side; what was begun side by side goes on so."""
    left = list(todo)
    for job in todo:
        if (job.run_folder / "job.json").exists() and look(job).kind == "begun":
            left.remove(job)
            yield _Run((job,), _job((job,), job.target, task, resume=True))
    group = left[0].group_folder if left and task.side_by_side > 1 else None
    if group is not None and (group / "job.json").exists():
        seeds = _seeds_of(RunFolder(group))
        # some of them may be in place already
        begun = [job for job in task.jobs if job.seed in seeds]
        if len(begun) == len(seeds) and run_differs(begun[0], group, look.hashed) is None:
            left = [job for job in left if job not in begun]
            yield _Run(tuple(begun), _job(begun, _group_target(begun[0]), task, resume=True))
    for chunk in _chunks(left, task.side_by_side):
        target = chunk[0].target if len(chunk) == 1 else _group_target(chunk[0])
        yield _Run(chunk, _job(chunk, target, task, resume=False))


def _group_target(job: BatchJob) -> str:
    return str(job.folder / f"{job.group}.mkv")


def _seeds_of(folder: RunFolder) -> list[int]:
    try:
        return folder.record().environment.batch
    except InputError:
        return []


def _chunks(jobs: Sequence[BatchJob], most: int) -> list[tuple[BatchJob, ...]]:
    """Split into runs of seeds that follow by one, of at most so many."""
    ordered = sorted(jobs, key=lambda job: job.seed)
    chunks: list[tuple[BatchJob, ...]] = []
    for _, run in groupby(enumerate(ordered), lambda pair: pair[1].seed - pair[0]):
        seeds = [job for _, job in run]
        chunks += [tuple(seeds[start : start + most]) for start in range(0, len(seeds), most)]
    return chunks


def _job(jobs: Sequence[BatchJob], target: str, task: Task, resume: bool) -> Job:
    first = jobs[0]
    config = first.config.model_copy(update={"samples": len(jobs)})
    # what is in the way was found to be made otherwise, and is to go
    threads = None if resume else task.threads
    return Job(
        first.natural, target, config,
        overwrite=task.overwrite and not resume, resume=resume, threads=threads,
    )  # fmt: skip


def _made(
    run: _Run, task: Task, stop: Stop, before: int, states: States
) -> Iterator[Going | Ended]:
    labels = tuple(job.label for job in run.jobs)
    said = -_SELDOM
    ended: list[Ended] = []
    try:
        for event in run.job.run(stop=stop):
            # from now on a folder says what the run is made of
            if isinstance(event, RunStarted):
                for job in run.jobs:
                    states.put(job, "running", asked=asked_for(job))
            if time.monotonic() - said > _SELDOM:
                said = time.monotonic()
                progress = before + getattr(event, "progress", 0.0) * len(labels)
                yield Going(labels, progress / len(task.jobs))
            if isinstance(event, RunStopped):
                ended = [Ended(label, "stopped") for label in labels]
            elif isinstance(event, RunFinished):
                ended = _finished(run, event)
    except Exception as error:  # whatever it is, the other jobs go on
        ended = [Ended(label, "failed", error=in_words(error)) for label in labels]
    for job, end in zip(run.jobs, ended, strict=True):
        known = {} if end.seconds is None else {"seconds": end.seconds}
        states.put(job, end.state, error=end.error, **known)
    yield from ended


def _finished(run: _Run, event: RunFinished) -> list[Ended]:
    ended = []
    for output, job in zip(run.job.outputs, run.jobs, strict=True):
        named = f"{output.master}: "
        notes = [line.removeprefix(named) for line in event.warnings if line.startswith(named)]
        ended.append(Ended(job.label, "done", event.seconds / len(run.jobs), notes=tuple(notes)))
    return ended
