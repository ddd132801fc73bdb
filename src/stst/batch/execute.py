"""Making the stimuli of a batch, wherever that is: on this machine, or on a cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

from stst.batch.plan import BatchJob
from stst.batch.states import JobEnd, JobProgress, States
from stst.batch.status import JobStatus, describe_request, job_status, refusal, run_differs
from stst.engine.events import RunFinished, RunStarted, RunStopped
from stst.errors import InputError, StstError, in_words
from stst.runs.folder import RunFolder
from stst.runs.job import Job
from stst.utils.files import sha256_of
from stst.utils.locks import check_unlocked

# seconds between two words on how far jobs are
_SELDOM = 1.0


@dataclass(frozen=True)
class Execution:
    """How jobs are done.

    Attributes
    ----------
    threads
        Of the CPU, for runs that begin.
    side_by_side
        How many seeds go in one run at most.
    overwrite
        Whether what was made otherwise is replaced.
    """

    threads: int = 1
    side_by_side: int = 1
    overwrite: bool = False


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


def group_jobs(jobs: Sequence[BatchJob], side_by_side: int) -> list[tuple[BatchJob, ...]]:
    """Put jobs together that differ in their seed alone, where several seeds go in one run."""
    if side_by_side == 1:
        return [(job,) for job in jobs]
    groups: dict[Any, list[BatchJob]] = {}
    for job in jobs:
        groups.setdefault(job.label if job.group is None else (job.group,), []).append(job)
    return [tuple(group) for group in groups.values()]


def execute(
    jobs: Sequence[BatchJob], how: Execution, stop: Stop = STOP
) -> Generator[JobProgress | JobEnd, None, int]:
    """Make what of jobs is not there yet, one run after another; continue what was begun.

    Parameters
    ----------
    jobs
        One; or several that differ in their seed alone. They are looked at on disk first, so they
        may be given twice.
    how
        What is the same for all.
    stop
        Says whether to stop in order.

    Yields
    ------
    JobProgress or JobEnd
        How far it is, and every job as soon as it ends. One that fails does not keep the others
        from being done.

    Returns
    -------
    int
        Number of jobs that ended.
    """
    look = _Look(jobs[0].folder)
    stop.busy = True
    try:
        todo: list[BatchJob] = []
        for job in jobs:
            ended = _settle(job, look, how.overwrite)
            if ended is None:
                todo.append(job)
            else:
                if ended.state != "running":  # what another process does is its own to tell
                    look.states.put(job.label, ended.state, error=ended.error)
                yield ended
        done = len(jobs) - len(todo)
        for part, run in _runs(jobs, todo, how, look):
            if stop():
                break
            for said in _make(part, run, stop, look.states):
                if isinstance(said, JobProgress):
                    share = done + said.progress * len(part)
                    said = replace(said, progress=share / len(jobs))
                yield said
            done += len(part)
    finally:
        stop.busy = False
    return done


class _Look:
    """Looks at what is on disk of jobs of one folder; hashes every input once."""

    def __init__(self, folder: Path) -> None:
        self.states = States(folder)
        self.hashed = cache(sha256_of)

    def __call__(self, job: BatchJob) -> JobStatus:
        return job_status(job, self.hashed, self.states.get(job.label).get("asked"))


def _settle(job: BatchJob, look: _Look, overwrite: bool) -> JobEnd | None:
    """Tell of a job that is done, or cannot be."""
    try:
        found = look(job)
    except StstError as error:
        return JobEnd(job.label, "failed", error=in_words(error))
    try:
        for folder in (job.run_folder, job.group_folder):
            if folder is not None:
                check_unlocked(folder)
    except InputError as error:
        return JobEnd(job.label, "running", notes=(str(error),))
    if found.kind == "done":
        return JobEnd(job.label, "done")
    if found.kind == "changed" and not overwrite:
        return JobEnd(job.label, "failed", error=refusal(found))
    return None


def _runs(
    jobs: Sequence[BatchJob], todo: Sequence[BatchJob], how: Execution, look: _Look
) -> Iterator[tuple[Sequence[BatchJob], Job]]:
    """Put seeds side by side; what was begun side by side goes on so."""
    left = list(todo)
    for job in todo:
        if (job.run_folder / "job.json").exists() and look(job).kind == "begun":
            left.remove(job)
            yield (job,), _run((job,), job.target)
    group = left[0].group_folder if left and how.side_by_side > 1 else None
    if group is not None and (group / "job.json").exists():
        seeds = _seeds_of(RunFolder(group))
        # some of them may be in place already
        begun = [job for job in jobs if job.seed in seeds]
        if len(begun) == len(seeds) and run_differs(begun[0], group, look.hashed) is None:
            left = [job for job in left if job not in begun]
            yield begun, _run(begun, _group_target(begun[0]))
    for chunk in _chunks(left, how.side_by_side):
        target = chunk[0].target if len(chunk) == 1 else _group_target(chunk[0])
        yield chunk, _run(chunk, target, how)


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


def _run(jobs: Sequence[BatchJob], target: str, how: Execution | None = None) -> Job:
    """Give the run of jobs that differ in their seed alone; it goes on where `how` is None."""
    config = jobs[0].config.model_copy(update={"samples": len(jobs)})
    if how is None:
        return Job(jobs[0].natural, target, config, resume=True)
    # what is in the way was found to be made otherwise, and is to go
    return Job(jobs[0].natural, target, config, overwrite=how.overwrite, threads=how.threads)


def _make(
    jobs: Sequence[BatchJob], run: Job, stop: Stop, states: States
) -> Iterator[JobProgress | JobEnd]:
    """Make the stimuli of one run, and keep what became of its jobs."""
    labels = tuple(job.label for job in jobs)
    said = -_SELDOM
    ends: list[JobEnd] = []
    try:
        for event in run.run(stop=stop):
            # from now on a folder says what the run is made of
            if isinstance(event, RunStarted):
                for job in jobs:
                    states.put(job.label, "running", asked=describe_request(job))
            if time.monotonic() - said > _SELDOM:
                said = time.monotonic()
                yield JobProgress(labels, getattr(event, "progress", 0.0))
            if isinstance(event, RunStopped):
                ends = [JobEnd(label, "stopped") for label in labels]
            elif isinstance(event, RunFinished):
                ends = _ends(jobs, run, event)
    except Exception as error:  # whatever it is, the other jobs go on
        ends = [JobEnd(label, "failed", error=in_words(error)) for label in labels]
    for end in ends:
        known = {} if end.seconds is None else {"seconds": end.seconds}
        states.put(end.label, end.state, error=end.error, **known)
    yield from ends


def _ends(jobs: Sequence[BatchJob], run: Job, event: RunFinished) -> list[JobEnd]:
    ends = []
    for output, job in zip(run.outputs, jobs, strict=True):
        named = f"{output.master}: "
        notes = [line.removeprefix(named) for line in event.warnings if line.startswith(named)]
        ends.append(JobEnd(job.label, "done", event.seconds / len(jobs), notes=tuple(notes)))
    return ends
