"""Jobs on a SLURM cluster, as arrays that submitit hands in.

What became of a job is read from its own outputs, never from what submitit pickles; whether it is
still under way, from ``squeue``, which needs no accounting.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stst.batch.errors import count_noun
from stst.batch.execute import Execution, Stop, execute
from stst.batch.plan import BatchJob
from stst.batch.states import HIDDEN, JobEnd, JobProgress, States
from stst.errors import InputError, StstError

# an array that every cluster takes: MaxArraySize is 1001 by default
_ARRAY = 1000
# of one job: each time it goes on where it was
_TIMEOUTS = 100
# seconds before a time limit in which a job is told to end
_WARNING = 90
# how often a job may be missing in a row before it counts as ended
_MISSED = 2
#: Seconds between two looks.
POLL_SECONDS = 15.0
# seconds of squeue, and how long it may fail to answer
_ASKING, _SILENT = 60.0, 900.0


@dataclass(frozen=True)
class Resources:
    """What is asked for.

    Attributes
    ----------
    minutes
        Time limit of a job; one that needs longer is put back into the queue and goes on.
    memory
        Of each job, in GB; None for what it is expected to need, and half as much again.
    gpus
        Of each job.
    partition
        None for the cluster's default.
    at_once
        How many jobs run at once; None for as many as the cluster has room for.
    retries
        How often a job that was killed is submitted again.
    more
        Further options of sbatch, e.g. ``{"account": "lab"}``.
    wait
        Whether to follow jobs until all have ended.
    wait_limit
        Minutes to wait at most; None for any time.
    """

    minutes: int = 60
    memory: float | None = None
    gpus: int = 0
    partition: str | None = None
    at_once: int | None = None
    retries: int = 2
    more: Mapping[str, str] = field(default_factory=dict)
    wait: bool = True
    wait_limit: float | None = None


@dataclass(frozen=True)
class Remote:
    """What runs on a node; submitit asks it to make room before a time limit or a preemption.

    Attributes
    ----------
    how
        Jobs are done.
    """

    how: Execution

    def __call__(self, jobs: Sequence[BatchJob]) -> dict[str, str]:
        """Do jobs; give their states, for the log."""
        said = execute(jobs, self.how, Stop())
        return {one.label: one.state for one in said if isinstance(one, JobEnd)}

    def checkpoint(self, jobs: Sequence[BatchJob]) -> Any:
        """Ask for the same call again: it goes on from what is in the run folder."""
        from submitit.helpers import DelayedSubmission

        # Requeueing sends SIGTERM to all of the job, the scontrol that asked for it included, and
        # would leave an error as the job's result. Ignored signals stay ignored in a child.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return DelayedSubmission(self, jobs)


def check_slurm() -> None:
    """Refuse to begin where nothing can be submitted.

    Raises
    ------
    InputError
        If submitit or SLURM's commands are not there.
    """
    import shutil

    try:
        import submitit  # noqa: F401
    except ImportError:
        raise InputError(
            '`engine="slurm"` needs submitit, which is not installed: '
            "pip install 'napari-stst[slurm]'."
        ) from None
    for name in ("sbatch", "squeue"):
        if shutil.which(name) is None:
            raise InputError(
                f'`engine="slurm"`: there is no {name} here. Run this on a machine that submits to '
                "SLURM, or use `shard` in jobs of your own."
            )


def run_slurm(
    how: Execution,
    groups: Sequence[Sequence[BatchJob]],
    resources: Resources,
    states: States,
    write_table: Callable[[], None],
    tell: Callable[[str], None] = lambda line: None,
) -> Generator[JobProgress | JobEnd, None, None]:
    """Submit jobs, and follow them.

    Parameters
    ----------
    how
        Jobs are done.
    groups
        Those of a group are done one after another. What an earlier call has submitted and is
        under way is followed, and not submitted again.
    resources
        Of each group.
    states
        Where their states are kept.
    write_table
        Called when there is something new to be seen in it.
    tell
        Called with a line for the user.

    Yields
    ------
    JobProgress or JobEnd
        Every job as soon as it is seen to run, and to have ended. Closing the generator leaves
        them to the cluster.

    Raises
    ------
    StstError
        If SLURM refuses or does not answer, or the limit is over.
    """
    alive = _alive()
    if alive is None:
        raise StstError("squeue does not answer. Try again later.")
    queue = _Queue(how, resources, states, tell)
    watched = [_Watched(group, str(states.get(group[0].label).get("slurm"))) for group in groups]
    queue.watched = [one for one in watched if one.id in alive]
    if queue.watched:
        tell(f"In the queue already: {count_noun(len(queue.watched), 'job')}.")
    queue.submit([one.jobs for one in watched if one.id not in alive])
    write_table()
    if not resources.wait:
        return
    limit = resources.wait_limit
    end = None if limit is None else time.monotonic() + 60 * limit
    answered = time.monotonic()
    while queue.watched:
        if end is not None and time.monotonic() > end:
            raise StstError(
                f"{count_noun(len(queue.watched), 'job')} not ended in time; they stay in the "
                "queue. The same command follows them again."
            )
        time.sleep(POLL_SECONDS)
        alive = _alive()
        if alive is not None:
            answered = time.monotonic()
        elif time.monotonic() - answered > _SILENT:
            raise StstError(
                "squeue does not answer any more. The jobs go on; the same command follows them."
            )
        events, lost = queue.look(alive)
        yield from events
        if lost:
            tell(f"{count_noun(len(lost), 'job')} ended without a result, submitted again:")
            queue.submit(lost)
        if events or lost:
            write_table()


@dataclass
class _Queue:
    """What was submitted and has not ended."""

    how: Execution
    resources: Resources
    states: States
    tell: Callable[[str], None]
    watched: list[_Watched] = field(default_factory=list)

    def look(
        self, alive: set[str] | None
    ) -> tuple[list[JobProgress | JobEnd], list[Sequence[BatchJob]]]:
        """See what is new; give what is to be submitted again as well."""
        events: list[JobProgress | JobEnd] = []
        still: list[_Watched] = []
        again: list[Sequence[BatchJob]] = []
        for one in self.watched:
            events += one.look(self.states, alive)
            if not one.left(self.states):
                continue
            if one.missed < _MISSED:
                still.append(one)
            elif lost := one.give_up(self.states, self.resources.retries):
                events += lost
            else:
                again.append(one.jobs)
        self.watched = still
        return events, again

    def submit(self, groups: Sequence[Sequence[BatchJob]]) -> None:
        """Submit arrays."""
        for start in range(0, len(groups), _ARRAY):
            part = groups[start : start + _ARRAY]
            ids = self._sbatch(part)
            for jobs, job_id in zip(part, ids, strict=True):
                for job in jobs:
                    self._note(job, job_id)
                self.watched.append(_Watched(jobs, job_id))
            first = ids[0].split("_")[0]
            said = (
                f"{count_noun(len(part), 'job')} submitted as {first}; scancel {first} ends them."
            )
            self.tell(said)

    def _note(self, job: BatchJob, job_id: str) -> None:
        """Keep where a job was submitted, and how often it was because it had been killed."""
        if _has_succeeded(self.states, job):
            return
        known = self.states.get(job.label)
        killed = known.get("state") in ("submitted", "running", "stopped")
        attempts = int(known.get("attempts", 0)) if killed else 0
        self.states.put(job.label, "submitted", slurm=job_id, attempts=attempts + 1)

    def _sbatch(self, groups: Sequence[Sequence[BatchJob]]) -> list[str]:
        """Hand groups in as one array; give the id of each."""
        import submitit

        resources = self.resources
        executor = submitit.AutoExecutor(
            _logs(groups[0][0].folder) / "%j", cluster="slurm", slurm_max_num_timeout=_TIMEOUTS
        )
        executor.update_parameters(
            name="stst",
            timeout_min=resources.minutes,
            mem_gb=resources.memory,
            cpus_per_task=self.how.threads,
            slurm_array_parallelism=resources.at_once or _ARRAY,
            slurm_signal_delay_s=min(_WARNING, 20 * resources.minutes),
            slurm_additional_parameters=dict(resources.more),
            **({"gpus_per_node": resources.gpus} if resources.gpus else {}),
            **({"slurm_partition": resources.partition} if resources.partition else {}),
        )
        refusals = submitit.core.utils.FailedJobError, subprocess.CalledProcessError, OSError
        try:
            with executor.batch():
                handed = [executor.submit(Remote(self.how), jobs) for jobs in groups]
        except refusals as error:
            raise StstError(f"SLURM refused the jobs: {' '.join(str(error).split())}") from error
        return [str(one.job_id) for one in handed]


class _Watched:
    """Jobs in the queue, or on a node."""

    def __init__(self, jobs: Sequence[BatchJob], job_id: str) -> None:
        self.jobs, self.id, self.missed = jobs, job_id, 0
        self._told: set[tuple[str, str]] = set()

    def left(self, states: States) -> list[BatchJob]:
        """Give the jobs that have not ended."""
        return [job for job in self.jobs if not _has_ended(states, job)]

    def look(self, states: States, alive: set[str] | None) -> list[JobProgress | JobEnd]:
        """See what is new."""
        if alive is not None:
            self.missed = 0 if self.id in alive else self.missed + 1
        events: list[JobProgress | JobEnd] = []
        for job in self.jobs:
            known = states.get(job.label)
            what = (job.label, str(known.get("state")))
            if what in self._told:
                continue
            if _has_ended(states, job):
                self._told.add(what)
                events.append(JobEnd(*what, known.get("seconds"), known.get("error")))
            elif known.get("state") == "running":
                self._told.add(what)
                events.append(JobProgress((job.label,), 0.0))
        return events

    def give_up(self, states: States, retries: int) -> list[JobEnd]:
        """Say which jobs are not tried again; none where all are."""
        left = self.left(states)
        attempts = max(int(states.get(job.label).get("attempts", 1)) for job in left)
        if attempts <= retries:
            return []
        log = _logs(self.jobs[0].folder) / self.id.split("_")[0]
        error = (
            f"it ended in SLURM without a result, {attempts} times; see {log} and "
            f"sacct -j {self.id}."
        )
        for job in left:
            states.put(job.label, "failed", error=error)
        return [JobEnd(job.label, "failed", error=error) for job in left]


def _has_ended(states: States, job: BatchJob) -> bool:
    """Say whether a job has ended by its own account."""
    return states.state(job.label) == "failed" or _has_succeeded(states, job)


def _has_succeeded(states: States, job: BatchJob) -> bool:
    """Say whether a job is done, and what it made is there."""
    there = job.files.sidecar.exists() and job.files.master.exists()
    return states.state(job.label) == "done" and there


def _logs(folder: Path) -> Path:
    return (folder / HIDDEN / "slurm").absolute()


def _alive() -> set[str] | None:
    """Ask which jobs of this user wait or run; None where there is no answer."""
    words = ["squeue", "-h", "-r", "-u", str(os.getuid()), "-o", "%i"]
    try:
        found = subprocess.run(
            words, capture_output=True, text=True, timeout=_ASKING, check=True
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return set(found.stdout.split())
