"""Jobs on this machine, side by side in processes of their own."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing

from stst.batch.checks import Cost
from stst.batch.plan import BatchJob
from stst.batch.states import States
from stst.batch.work import STOP, Ended, Going, Task, make
from stst.utils.machine import available_cores
from stst.utils.processes import Failure, Said, in_processes

# A step of a run ends before the process does; the longest take about as long, in seconds
_PATIENCE = 60.0


def lanes_for(costs: Iterable[Cost], threads: int, free: int | None) -> int:
    """Choose how many jobs run side by side.

    Parameters
    ----------
    costs
        Of the jobs.
    threads
        That each computes on.
    free
        Memory in bytes that can still be used; None where that is not known.

    Returns
    -------
    int
        As many as there are cores for; fewer where memory would not do for the largest, and one
        where a graphics card does the work.
    """
    listed = list(costs)
    if any(not cost.device.startswith("cpu") for cost in listed):
        return 1
    lanes = max(1, available_cores() // threads)
    largest = max((cost.memory for cost in listed), default=0)
    if free is not None and largest:
        lanes = min(lanes, max(1, free // largest))
    return lanes


def run_local(
    tasks: Sequence[Task], lanes: int, states: States, jobs: Sequence[BatchJob]
) -> Generator[Going | Ended, None, None]:
    """Do tasks side by side.

    Parameters
    ----------
    tasks
        What to do, in order.
    lanes
        Number of processes. A script that calls this needs the guard
        ``if __name__ == "__main__":``, as the processes import it.
    states
        Where their states are kept.
    jobs
        All of the manifest, for the table.

    Yields
    ------
    Going or Ended
        How far they are, and every job as soon as it ends. One that fails, even by a crash, does
        not keep the others from being done. Closing the generator ends the processes; what is
        finished is kept.
    """
    by_label: Mapping[str, BatchJob] = {job.label: job for task in tasks for job in task.jobs}
    ended: set[str] = set()
    running: set[str] = set()
    work: Generator[tuple[Task, int | Failure | Said], None, None]
    work = in_processes(make, tasks, lanes, STOP.listen, _PATIENCE)
    try:
        with closing(work) as results:
            for task, heard in results:
                if isinstance(heard, Said) and isinstance(heard.what, Going | Ended):
                    said: list[Going | Ended] = [heard.what]
                elif isinstance(heard, Failure):
                    said = _lost(task, heard, ended, states)
                else:
                    continue
                for one in said:
                    new = {one.label} if isinstance(one, Ended) else {*one.labels} - running
                    (ended if isinstance(one, Ended) else running).update(new)
                    if new:
                        states.write_table(jobs)
                    yield one
    finally:
        for label in running - ended:
            if states.get(by_label[label]).get("state") == "running":
                states.put(by_label[label], "stopped")
        states.write_table(jobs)


def _lost(task: Task, failure: Failure, ended: set[str], states: States) -> list[Going | Ended]:
    """Tell of the jobs that a process took with it."""
    lost: list[Going | Ended] = []
    for job in task.jobs:
        if job.label not in ended:
            states.put(job, "failed", error=failure.message)
            lost.append(Ended(job.label, "failed", error=failure.message))
    return lost
