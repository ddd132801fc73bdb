"""Jobs on this machine, side by side in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any, Protocol, TypeVar

from stst.batch.states import JobEnd, JobProgress, States
from stst.utils.processes import PATIENCE, Failure, Said, map_in_processes

Group = TypeVar("Group", bound="Sequence[Labelled]")


class Labelled(Protocol):
    """A job, as far as its label goes."""

    @property
    def label(self) -> str:
        """Its name, different from all others."""


def run_local(
    do: Callable[[Group], Generator[JobProgress | JobEnd, None, Any]],
    groups: Sequence[Group],
    processes: int,
    states: States,
    write_table: Callable[[], None],
    prepare: Callable[[], None],
    patience: float = PATIENCE,
) -> Generator[JobProgress | JobEnd, None, None]:
    """Do jobs side by side.

    Parameters
    ----------
    do
        Does the jobs of a group one after another, and says how far it is and what became of
        each. It is found by its name in the processes, see `stst.utils.processes.map_in_processes`.
    groups
        In order.
    processes
        How many. A script that calls this needs the guard ``if __name__ == "__main__":``, as the
        processes import it.
    states
        Where states of jobs are kept.
    write_table
        Called when there is something new to be seen in it.
    prepare
        Called first in each process.
    patience
        How long a process may take to end once it was asked to, in seconds.

    Yields
    ------
    JobProgress or JobEnd
        How far they are, and every job as soon as it ends. One that fails, even by a crash, does
        not keep the others from being done. Closing the generator ends the processes; what is
        finished is kept.
    """
    ended: set[str] = set()
    running: set[str] = set()
    try:
        with closing(map_in_processes(do, groups, processes, prepare, patience)) as results:
            for group, heard in results:
                if isinstance(heard, Said):
                    said: list[JobProgress | JobEnd] = [heard.what]
                elif isinstance(heard, Failure):
                    lost = [job.label for job in group if job.label not in ended]
                    for label in lost:
                        states.put(label, "failed", error=heard.message)
                    said = [JobEnd(label, "failed", error=heard.message) for label in lost]
                else:
                    continue
                for one in said:
                    new = {one.label} if isinstance(one, JobEnd) else {*one.labels} - running
                    (ended if isinstance(one, JobEnd) else running).update(new)
                    if new:
                        write_table()
                    yield one
    finally:
        for label in running - ended:
            if states.state(label) == "running":
                states.put(label, "stopped")
        write_table()
