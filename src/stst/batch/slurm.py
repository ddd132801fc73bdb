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

from stst.batch.plan import HIDDEN, BatchJob
from stst.batch.problems import counted
from stst.batch.states import States
from stst.batch.work import Ended, Going, Stop, Task, make
from stst.errors import InputError, StstError

# an array that every cluster takes: MaxArraySize is 1001 by default
_ARRAY = 1000
# of one job: each time it goes on where it was
_TIMEOUTS = 100
# seconds before a time limit in which a job is told to end
_WARNING = 90
# how often a job may be missing in a row before it counts as ended
_MISSED = 2
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
        Of each job, in GB.
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
    """

    minutes: int = 60
    memory: float = 4.0
    gpus: int = 0
    partition: str | None = None
    at_once: int | None = None
    retries: int = 2
    more: Mapping[str, str] = field(default_factory=dict)


class Remote:
    """What runs on a node; submitit asks it to make room before a time limit or a preemption."""

    def __call__(self, task: Task) -> dict[str, str]:
        """Do a task; give the states of its jobs, for the log."""
        said = make(task, Stop())
        return {one.label: one.state for one in said if isinstance(one, Ended)}

    def checkpoint(self, task: Task) -> Any:
        """Ask for the same call again: it goes on from what is in the run folder."""
        from submitit.helpers import DelayedSubmission

        # Requeueing sends SIGTERM to all of the job, the scontrol that asked for it included, and
        # would leave an error as the job's result. Ignored signals stay ignored in a child.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return DelayedSubmission(self, task)


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
            "--engine slurm needs submitit, which is not installed: "
            "pip install 'napari-stst[slurm]'."
        ) from None
    for name in ("sbatch", "squeue"):
        if shutil.which(name) is None:
            raise InputError(
                f"--engine slurm: there is no {name} here. Run this on a machine that submits to "
                "SLURM, or use --shard in jobs of your own."
            )


def run_slurm(
    tasks: Sequence[Task],
    resources: Resources,
    states: States,
    jobs: Sequence[BatchJob],
    wait: bool = True,
    limit: float | None = None,
    poll: float = 15.0,
    tell: Callable[[str], None] = lambda line: None,
) -> Generator[Going | Ended, None, None]:
    """Submit tasks, and follow them.

    Parameters
    ----------
    tasks
        What to do. Those that an earlier call has submitted and that are under way are followed,
        and not submitted again.
    resources
        Of each task.
    states
        Where their states are kept.
    jobs
        All of the manifest, for the table.
    wait
        Whether to follow them until all have ended.
    limit
        Seconds to wait at most; None for any time.
    poll
        Seconds between two looks.
    tell
        Called with a line for the user.

    Yields
    ------
    Going or Ended
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
    known = {job.label: str(states.get(job).get("slurm")) for task in tasks for job in task.jobs}
    under_way = [_Watched(task, known[task.jobs[0].label]) for task in tasks]
    watched = [one for one in under_way if one.id in alive]
    new = [one.task for one in under_way if one.id not in alive]
    if watched:
        tell(f"In the queue already: {counted(len(watched), 'job')}.")
    watched += _submitted(new, resources, states, tell)
    states.write_table(jobs)
    if not wait:
        return
    end = None if limit is None else time.monotonic() + limit
    answered = time.monotonic()
    while watched:
        if end is not None and time.monotonic() > end:
            raise StstError(
                f"{counted(len(watched), 'job')} not ended in time; they stay in the queue. The "
                "same command follows them again."
            )
        time.sleep(poll)
        alive = _alive()
        if alive is not None:
            answered = time.monotonic()
        elif time.monotonic() - answered > _SILENT:
            raise StstError(
                "squeue does not answer any more. The jobs go on; the same command follows them."
            )
        events, watched, again = _looked(watched, alive, states, resources.retries)
        yield from events
        if again:
            tell(f"{counted(len(again), 'job')} ended without a result, submitted again:")
            watched += _submitted(again, resources, states, tell)
        if events or again:
            states.write_table(jobs)


def _looked(
    watched: Sequence[_Watched], alive: set[str] | None, states: States, retries: int
) -> tuple[list[Going | Ended], list[_Watched], list[Task]]:
    """See what is new; tell what is still under way, and what is to be submitted again."""
    events: list[Going | Ended] = []
    still: list[_Watched] = []
    again: list[Task] = []
    for one in watched:
        events += one.look(states, alive)
        if not one.left(states):
            continue
        if one.missed < _MISSED:
            still.append(one)
        elif lost := one.given_up(states, retries):
            events += lost
        else:
            again.append(one.task)
    return events, still, again


class _Watched:
    """A task in the queue, or on a node."""

    def __init__(self, task: Task, job_id: str) -> None:
        self.task, self.id, self.missed = task, job_id, 0
        self._told: set[tuple[str, str]] = set()

    def left(self, states: States) -> list[BatchJob]:
        """Give the jobs that have not ended."""
        return [job for job in self.task.jobs if not _ended(states, job)]

    def look(self, states: States, alive: set[str] | None) -> list[Going | Ended]:
        """See what is new."""
        if alive is not None:
            self.missed = 0 if self.id in alive else self.missed + 1
        events: list[Going | Ended] = []
        for job in self.task.jobs:
            known = states.get(job)
            what = (job.label, str(known.get("state")))
            if what in self._told:
                continue
            if _ended(states, job):
                self._told.add(what)
                events.append(Ended(*what, known.get("seconds"), known.get("error")))
            elif known.get("state") == "running":
                self._told.add(what)
                events.append(Going((job.label,), 0.0))
        return events

    def given_up(self, states: States, retries: int) -> list[Ended]:
        """Say which jobs are not tried again; none where all are."""
        left = self.left(states)
        attempts = max(int(states.get(job).get("attempts", 1)) for job in left)
        if attempts <= retries:
            return []
        log = _logs(self.task.jobs[0].folder) / self.id.split("_")[0]
        error = (
            f"it ended in SLURM without a result, {attempts} times; see {log} and "
            f"sacct -j {self.id}."
        )
        for job in left:
            states.put(job, "failed", error=error)
        return [Ended(job.label, "failed", error=error) for job in left]


def _ended(states: States, job: BatchJob) -> bool:
    """Say whether a job has ended by its own account, and what it made is there."""
    state = states.get(job).get("state")
    there = job.files.sidecar.exists() and job.files.master.exists()
    return state == "failed" or (state == "done" and there)


def _submitted(
    tasks: Sequence[Task], resources: Resources, states: States, tell: Callable[[str], None]
) -> list[_Watched]:
    """Submit arrays."""
    watched: list[_Watched] = []
    for start in range(0, len(tasks), _ARRAY):
        part = tasks[start : start + _ARRAY]
        ids = _sbatch(part, resources)
        for task, job_id in zip(part, ids, strict=True):
            for job in task.jobs:
                known = states.get(job)
                if known.get("state") == "done" and _ended(states, job):
                    continue
                killed = known.get("state") in ("submitted", "running", "stopped")
                attempts = int(known.get("attempts", 0)) if killed else 0
                states.put(job, "submitted", slurm=job_id, attempts=attempts + 1)
            watched.append(_Watched(task, job_id))
        first = ids[0].split("_")[0]
        tell(f"{counted(len(part), 'job')} submitted as {first}; scancel {first} ends them.")
    return watched


def _sbatch(tasks: Sequence[Task], resources: Resources) -> list[str]:
    """Hand tasks in as one array; give the id of each."""
    import submitit

    folder = _logs(tasks[0].jobs[0].folder)
    executor = submitit.AutoExecutor(
        folder / "%j", cluster="slurm", slurm_max_num_timeout=_TIMEOUTS
    )
    executor.update_parameters(
        name="stst",
        timeout_min=resources.minutes,
        mem_gb=resources.memory,
        cpus_per_task=tasks[0].threads,
        slurm_array_parallelism=resources.at_once or _ARRAY,
        slurm_signal_delay_s=min(_WARNING, 20 * resources.minutes),
        slurm_additional_parameters=dict(resources.more),
        **({"gpus_per_node": resources.gpus} if resources.gpus else {}),
        **({"slurm_partition": resources.partition} if resources.partition else {}),
    )
    try:
        with executor.batch():
            handed = [executor.submit(Remote(), task) for task in tasks]
    except (submitit.core.utils.FailedJobError, subprocess.CalledProcessError, OSError) as error:
        raise StstError(f"SLURM refused the jobs: {' '.join(str(error).split())}") from error
    return [str(one.job_id) for one in handed]


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
