"""A batch on the terminal: a bar with the time left for the whole, or a line a job in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.progress import BarColumn, TaskProgressColumn, TimeElapsedColumn

from stst.batch.states import JobEnd, JobProgress
from stst.utils.clock import Clock, duration
from stst_cli.shared.progress import bar


def show_jobs(
    outcomes: Iterable[JobProgress | JobEnd], seconds: Mapping[str, float]
) -> Iterator[JobEnd]:
    """Show on stderr how far a batch is, and pass on every job that ends.

    Parameters
    ----------
    outcomes
        Of an engine.
    seconds
        What each job is expected to take, by label; weighs them.
    """
    share = _Share(seconds)
    with bar(
        "{task.description}", BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        "left {task.fields[left]}", description="starting", total=1.0, left="?",
    ) as drawn:  # fmt: skip
        for one in outcomes:
            share.note(one)
            drawn.update(
                completed=share.progress, left=share.left,
                description=f"{share.ended}/{share.count} jobs",
            )  # fmt: skip
            if isinstance(one, JobEnd):
                if not drawn.drawn or one.error is not None or one.notes:
                    for line in share.lines(one):
                        drawn.say(line)
                yield one


class _Share:
    """How much of all work is done."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._weights = {label: max(value, 1e-3) for label, value in seconds.items()}
        self._done: dict[str, float] = dict.fromkeys(seconds, 0.0)
        self._ended: set[str] = set()
        self._clock = Clock()
        self._clock.begin(0.0)

    @property
    def count(self) -> int:
        return len(self._done)

    @property
    def ended(self) -> int:
        return len(self._ended)

    @property
    def progress(self) -> float:
        total = sum(self._weights.values())
        done = sum(share * self._weights[label] for label, share in self._done.items())
        return done / total if total else 1.0

    @property
    def left(self) -> str:
        return self._clock.left(self.progress)

    def note(self, one: JobProgress | JobEnd) -> None:
        if isinstance(one, JobEnd):
            if one.label in self._done:
                self._done[one.label] = 1.0
                self._ended.add(one.label)
            return
        for label in one.labels:
            if label in self._done and label not in self._ended:
                self._done[label] = one.progress

    def lines(self, one: JobEnd) -> list[str]:
        number = f"{self.ended}/{self.count} {one.label}: {one.state}"
        if one.error is not None:
            return [f"{number}: {one.error}"]
        # what was there already says nothing of the time that the rest takes
        took = "" if one.seconds is None else f" in {duration(one.seconds)}"
        left = f", left {self.left}" if took and self.ended < self.count else ""
        return [f"{number}{took}{left}", *(f"{one.label}: {note}" for note in one.notes)]
