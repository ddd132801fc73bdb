"""A batch from its first check to its last table."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from stst.batch import bids
from stst.batch.costs import Cost, measure_costs, processes_for, warn_of_shared_noise
from stst.batch.errors import Problems, count_noun
from stst.batch.execute import STOP, Execution, execute, group_jobs
from stst.batch.local import run_local
from stst.batch.manifest import JobRequest
from stst.batch.plan import BatchDefaults, BatchJob, Layout, plan_jobs
from stst.batch.slurm import Resources, check_slurm, run_slurm
from stst.batch.states import JobEnd, JobProgress, States, write_shared_table
from stst.batch.status import JobStatus, job_status, refusal
from stst.batch.summary import write_summary
from stst.errors import InputError
from stst.utils.devices import free_memory, pick_device
from stst.utils.files import sha256_of
from stst.utils.machine import available_cores

#: Tables of the folder: what became of each job, and how each stimulus compares with its clip.
JOBS, SUMMARY = "jobs.csv", "summary.csv"
COLUMNS = (
    "label", "natural", "method", "preset", "config", "seed", "state", "seconds", "error", "output",
)  # fmt: skip
# A step of a run ends before the process does; the longest take about as long, in seconds
_PATIENCE = 60.0
# seeds that go in one run of a graphics card, where nothing is said
_ON_GPU = 4
# of the memory that is asked for, what a job is expected to need; Python and torch take a GB
_RESERVE, _LEAST = 1.5, 1.0


@dataclass(frozen=True)
class BatchSettings:
    """How a batch is carried out.

    Attributes
    ----------
    layout
        Of the folder.
    threads
        Of each job.
    side_by_side
        How many seeds of a clip go in one run; None for 4 on a graphics card, else 1.
    at_once
        How many jobs are done side by side on this machine; None for as many as cores and memory
        allow.
    shard
        Which part of the jobs is done, counted from 1, of how many.
    overwrite
        Whether what was made otherwise is replaced.
    skip_failed
        Leave out jobs that failed before.
    cluster
        What is asked of SLURM; None to do the jobs on this machine.
    """

    layout: Layout = "plain"
    threads: int = 1
    side_by_side: int | None = None
    at_once: int | None = None
    shard: tuple[int, int] = (1, 1)
    overwrite: bool = False
    skip_failed: bool = False
    cluster: Resources | None = None


class Batch:
    """Many stimuli in one folder.

    Parameters
    ----------
    jobs
        All of the manifest.
    folder
        Where outputs go.
    settings
        How they are made.

    Attributes
    ----------
    own
        The jobs of this shard.
    left
        Labels of those that are to be done.
    status
        What is on disk of them, by label.
    costs
        What the jobs that are left will take, by label; see `check`.

    Raises
    ------
    BatchError
        If what is on disk may not be replaced.
    """

    def __init__(self, jobs: Sequence[BatchJob], folder: Path, settings: BatchSettings) -> None:
        self.jobs, self.folder, self.settings = tuple(jobs), folder, settings
        self.states = States(folder)
        self.how = Execution(settings.threads, self._side_by_side(), settings.overwrite)
        number, count = settings.shard
        # of a manifest's jobs, whatever is done already: so each part stays the same
        groups = group_jobs(self.jobs, self.how.side_by_side)[number - 1 :: count]
        self.own = [job for group in groups for job in group]
        self.status = self._status()
        self.left = {label for label, found in self.status.items() if found.kind != "done"}
        if settings.skip_failed:
            self.left -= {j.label for j in self.own if self.states.state(j.label) == "failed"}
        self._todo = [group for group in groups if any(job.label in self.left for job in group)]
        self.costs: dict[str, Cost] = {}

    @property
    def processes(self) -> int:
        """How many jobs are done side by side on this machine; see `check`."""
        if self.settings.at_once or self.settings.cluster:
            return self.settings.at_once or 1
        free = free_memory(pick_device("cpu"))
        wanted = processes_for(self.costs.values(), self.settings.threads, free)
        return min(wanted, max(1, len(self.costs)))

    def warnings(self) -> list[str]:
        """Say what is likely not meant, before anything is made."""
        return warn_of_shared_noise(self.jobs)

    def outlook(self) -> str:
        """Say in a line how many jobs there are, and how many are to be done."""
        begun = sum(found.kind == "begun" for found in self.status.values())
        return (
            f"{count_noun(len(self.own), 'job')}: {len(self.own) - len(self.left)} are done or "
            f"left out, {len(self.left)} to do" + (f", {begun} of them begun" if begun else "")
        )

    def check(self) -> list[str]:
        """Open all clips, load all models and time a few steps; fill in `costs`.

        Returns
        -------
        list of str
            What a user should know beforehand.

        Raises
        ------
        BatchError
            If jobs cannot be done.
        """
        problems = Problems()
        here = self.settings.cluster is None
        todo = [job for job in self.own if job.label in self.left]
        self.costs = measure_costs(todo, problems, self.settings.threads, here)
        problems.check()
        notes = [note for cost in self.costs.values() for note in cost.notes]
        cores, threads = available_cores(), self.settings.threads
        could = cores // max(1, len(self.costs))
        on_cpu = any(cost.device == "cpu" for cost in self.costs.values())
        if here and not self.settings.at_once and on_cpu and could > threads:
            notes.append(
                f"{count_noun(len(self.costs), 'job')} on {cores} cores: `threads={could}` "
                "would use them all. Bytes depend on it, so choose it for a whole batch."
            )
        return list(dict.fromkeys(notes))

    def run(
        self, tell: Callable[[str], None] = lambda line: None
    ) -> Generator[JobProgress | JobEnd, None, None]:
        """Make what is not done yet.

        Parameters
        ----------
        tell
            Called with a line for the user.

        Yields
        ------
        JobProgress or JobEnd
            How far it is, and every job as soon as it ends.

        Raises
        ------
        InputError
            If the folder cannot be made.
        StstError
            If SLURM refuses the jobs or does not answer.
        """
        self.states.begin()
        if self.settings.layout == "bids":
            (self.folder / bids.FOLDER).mkdir(exist_ok=True)
        for job in self.own:
            done = self.status[job.label].kind == "done"
            if done and self.states.state(job.label) != "done":
                self.states.put(job.label, "done")
        self._write_jobs()
        if self.settings.cluster is not None:
            resources = replace(self.settings.cluster, memory=self._memory(self.settings.cluster))
            return run_slurm(
                self.how, self._todo, resources, self.states, self._write_jobs, tell
            )  # fmt: skip
        do = partial(execute, how=self.how)
        return run_local(
            do, self._todo, self.processes, self.states, self._write_jobs, STOP.listen, _PATIENCE
        )

    def write_tables(self, tell: Callable[[str, str | None], None]) -> None:
        """Write ``summary.csv`` and, where the layout asks for it, the catalogue.

        Parameters
        ----------
        tell
            Called with the label of each stimulus that was measured, and what a user should know.
        """
        if self.settings.layout == "bids":
            done = [(job, self.states.state(job.label) == "done") for job in self.jobs]
            rows = [{**job.columns(), "done": made} for job, made in done]
            bids.write_catalogue(self.folder, rows)
        write_summary(self.folder / SUMMARY, self.jobs, self.states, available_cores(), tell)

    def _side_by_side(self) -> int:
        """Put seeds in one run where a graphics card does the work."""
        if self.settings.side_by_side is not None:
            return self.settings.side_by_side
        if self.settings.cluster is not None:
            return _ON_GPU if self.settings.cluster.gpus else 1
        devices = {job.config.device for job in self.jobs}
        return _ON_GPU if any(pick_device(name).type == "cuda" for name in devices) else 1

    def _status(self) -> dict[str, JobStatus]:
        problems, hashed = Problems(), cache(_hash)
        found: dict[str, JobStatus] = {}
        for job in self.own:
            with problems.collect(job.where):
                one = job_status(job, hashed, self.states.get(job.label).get("asked"))
                if one.kind == "changed" and not self.settings.overwrite:
                    problems.note(refusal(one), job.where)
                found[job.label] = one
        problems.check()
        return found

    def _memory(self, cluster: Resources) -> float:
        """Say how many GB are asked for of a node."""
        if cluster.memory is not None:
            return cluster.memory
        largest = max((cost.memory for cost in self.costs.values()), default=0)
        return round(max(_LEAST, _RESERVE * largest / 1e9), 1)

    def _write_jobs(self) -> None:
        """Write ``jobs.csv``: every job of the manifest in its order, whoever does it."""
        write_shared_table(self.folder / JOBS, COLUMNS, lambda: map(self._row, self.jobs))

    def _row(self, job: BatchJob) -> dict[str, Any]:
        known = self.states.get(job.label)
        seconds = known.get("seconds")
        return {
            **job.columns(),
            "state": known.get("state", "waiting"),
            "seconds": round(seconds, 1) if isinstance(seconds, int | float) else "",
            "error": known.get("error") or "",
            "output": job.output,
        }


def plan_batch(
    requests: Sequence[JobRequest],
    folder: Path,
    defaults: BatchDefaults,
    settings: BatchSettings,
    problems: Problems,
) -> Batch:
    """Turn requests into a batch, and look at what is there of it.

    Parameters
    ----------
    requests
        See `stst.batch.manifest`.
    folder
        Where outputs go.
    defaults
        What holds for all jobs.
    settings
        How they are made.
    problems
        What was found to be wrong with requests.

    Returns
    -------
    Batch
        Ready to be checked.

    Raises
    ------
    InputError
        If the folder is none.
    BatchError
        If something is wrong with jobs, each problem in a line.
    """
    if settings.cluster is not None:
        check_slurm()
    if settings.layout == "bids":
        bids.check_folder(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; stimuli go to a folder. Choose another name.")
    jobs = plan_jobs(requests, folder, defaults, problems, settings.layout)
    problems.check()
    return Batch(jobs, folder, settings)


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
