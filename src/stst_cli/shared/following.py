"""A run on the terminal: a bar with losses and time left, or a line a frame in a log."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.progress import BarColumn, TaskProgressColumn, TimeElapsedColumn

from stst.config import SHORT_TERMS
from stst.engine.events import (
    Event,
    FrameDone,
    GroupStarted,
    IterationDone,
    RunFinished,
    RunStarted,
    RunStopped,
    StepDone,
)
from stst.utils.clock import Clock, duration
from stst_cli.shared.progress import Bar, bar
from stst_cli.shared.streams import stop_signals

_OFTEN = 0.2  # seconds between two iterations on a bar
_QUIET = 1.0  # … two lines of a log
_SELDOM = 10.0  # … of a clip that is made as a whole, whose steps are many


def follow(events: Iterable[Event]) -> RunFinished | RunStopped:
    """Show a run on stderr until it ends.

    Parameters
    ----------
    events
        Of a job.

    Returns
    -------
    RunFinished or RunStopped
        The last event.
    """
    with bar(
        "{task.description}", BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        "left {task.fields[left]}  {task.fields[losses]}",
        description="starting", total=1.0, left="?", losses="",
    ) as shown:  # fmt: skip
        run = _Run(shown)
        for event in events:
            if isinstance(event, RunStarted):
                run.plan = event
                for note in event.notes:
                    shown.say(f"Note: {note}")
            elif isinstance(event, GroupStarted):
                run.group = f"{event}, "
            elif isinstance(event, RunFinished | RunStopped):
                if isinstance(event, RunFinished):
                    shown.update(completed=1.0, left=duration(0), description="done")
                return event
            elif isinstance(event, StepDone | IterationDone | FrameDone):
                (run.draw if shown.drawn else run.write)(event)
    raise AssertionError("a run ends with RunFinished or RunStopped")


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first signal to stop into a request; a second one interrupts at once.

    Yields
    ------
    callable
        Says whether the user asked to stop.
    """
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        sys.stderr.write("\nStopping after this step (again to stop at once) …\n")

    before = {one: signal.signal(one, note) for one in stop_signals()}
    try:
        yield lambda: bool(asked)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _Run:
    """Where a run is."""

    def __init__(self, shown: Bar) -> None:
        self.plan, self.group = RunStarted(0, 0, (), 0, 0), ""
        self._bar, self._clock, self._shown = shown, Clock(), float("-inf")
        self._last: IterationDone | None = None

    def draw(self, event: StepDone | IterationDone | FrameDone) -> None:
        """Move the bar."""
        losses = {}
        if isinstance(event, IterationDone):
            if self._too_soon(_OFTEN):
                return
            losses = {"losses": _losses(event.losses)}
        self._bar.update(
            completed=event.progress, left=self._clock.left(event.progress),
            description=self._where(event), **losses,
        )  # fmt: skip

    def write(self, event: StepDone | IterationDone | FrameDone) -> None:
        """Write a line, not too often: many quick frames, or steps, would bury all else."""
        if not isinstance(event, FrameDone):
            self._clock.begin(event.progress)
        if isinstance(event, IterationDone):
            self._last = event
        if isinstance(event, FrameDone):
            if self._too_soon(_QUIET) and event.frame + 1 != self.plan.frames:
                return
        # a whole clip has no frames until its end
        elif isinstance(event, StepDone) or event.frame is not None or self._too_soon(_SELDOM):
            return
        last = self._last
        losses = f", {_losses(last.losses)}" if last is not None and last.terms else ""
        self._bar.say(
            f"{self._where(event)} done ({event.progress:.0%}), left "
            f"{self._clock.left(event.progress)}{losses}"
        )

    def _too_soon(self, seconds: float) -> bool:
        """Tell whether less than that has passed since something was shown; else it is now."""
        now = time.monotonic()
        if now - self._shown < seconds:
            return True
        self._shown = now
        return False

    def _where(self, event: StepDone | IterationDone | FrameDone) -> str:
        if isinstance(event, StepDone):
            return f"{self.group}{event.what}"
        if event.frame is None:
            where = f"iteration {event.iteration + 1}/{self.plan.iterations}"
        elif event.frame >= 0:
            where = f"frame {event.frame + 1}/{self.plan.frames}"
        else:
            where = f"padding {event.frame}"
        octave = event.octave if isinstance(event, IterationDone) else None
        return f"{self.group}{where}" + ("" if octave is None else f" octave {octave}")


def _losses(losses: dict[str, tuple[float, ...]]) -> str:
    """Write each term's mean over the samples."""
    return ", ".join(
        f"{SHORT_TERMS.get(term, term)} {sum(values) / len(values):.3g}"
        for term, values in losses.items()
    )
