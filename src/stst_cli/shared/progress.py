"""A run on the terminal: a bar with losses and time left, or a line a frame in a log."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stst.config import SHORT_TERMS
from stst.utils.clock import Clock, duration
from stst.utils.text import one_line
from stst_cli.shared.streams import stop_signals

if TYPE_CHECKING:
    from stst.engine.events import (
        Event,
        FrameDone,
        IterationDone,
        RunFinished,
        RunStarted,
        RunStopped,
    )

_QUIET = 1.0  # seconds between two lines of a log
_SELDOM = 10.0  # … of a clip that is made as a whole, whose steps are many


def followed(events: Iterable[Event]) -> RunFinished | RunStopped:
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
    console = Console(stderr=True)
    return _with_bar(events, console) if console.is_terminal else _with_lines(events)


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


def _with_bar(events: Iterable[Event], console: Console) -> RunFinished | RunStopped:
    from stst.engine.events import (
        FrameDone,
        GroupStarted,
        IterationDone,
        RunFinished,
        RunStarted,
        RunStopped,
        StepDone,
    )

    clock, shown, frames, steps, group = Clock(), 0.0, 0, 0, ""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("left {task.fields[left]}  {task.fields[losses]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=1.0, left="?", losses="")
        for event in events:
            if isinstance(event, RunStarted):
                frames, steps = event.frames, event.iterations
                for note in event.notes:
                    bar.console.print(one_line(f"Note: {note}"), markup=False, highlight=False)
            elif isinstance(event, GroupStarted):
                group = f"{event}, "
            elif isinstance(event, IterationDone):
                if time.monotonic() - shown <= 0.2:
                    continue
                shown = time.monotonic()
                what = f"iteration {event.iteration + 1}/{steps}"
                if event.frame is not None:
                    what = _frame(event.frame, frames)
                if event.octave is not None:
                    what = f"{what} octave {event.octave}"
                bar.update(
                    task, completed=event.progress, left=clock.left(event.progress),
                    losses=_losses(event.losses),
                    description=group + what,
                )  # fmt: skip
            elif isinstance(event, StepDone | FrameDone):
                what = event.what if isinstance(event, StepDone) else _frame(event.frame, frames)
                bar.update(
                    task, completed=event.progress, left=clock.left(event.progress),
                    description=group + what,
                )  # fmt: skip
            elif isinstance(event, RunFinished):
                bar.update(task, completed=1.0, left=duration(0), description="done")
                return event
            elif isinstance(event, RunStopped):
                return event
    raise AssertionError("a run ends with RunFinished or RunStopped")


def _with_lines(events: Iterable[Event]) -> RunFinished | RunStopped:
    from stst.engine.events import (
        FrameDone,
        GroupStarted,
        IterationDone,
        RunFinished,
        RunStarted,
        RunStopped,
        StepDone,
    )

    clock, printed, plan = Clock(), -_QUIET, RunStarted(0, 0, (), 0, 0)
    last: IterationDone | None = None
    group = ""
    for event in events:
        if isinstance(event, RunStarted):
            plan = event
            for note in event.notes:
                print(one_line(f"Note: {note}"), file=sys.stderr)
            continue
        if isinstance(event, GroupStarted):
            group = f"{event}, "
        if isinstance(event, StepDone | IterationDone):
            clock.begin(event.progress)
        if isinstance(event, IterationDone):
            last = event
        if isinstance(event, FrameDone) or (
            # a whole clip has no frames until its end
            isinstance(event, IterationDone) and event.frame is None
        ):
            last_one = isinstance(event, FrameDone) and event.frame + 1 == plan.frames
            # hundreds of quick frames, or steps, would bury everything else
            often = _QUIET if isinstance(event, FrameDone) else _SELDOM
            if time.monotonic() - printed < often and not last_one:
                continue
            printed = time.monotonic()
            losses = f", {_losses(last.losses)}" if last is not None and last.terms else ""
            print(
                f"{group}{_made(event, plan)} done ({event.progress:.0%}), left "
                f"{clock.left(event.progress)}{losses}",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        elif isinstance(event, RunFinished | RunStopped):
            return event
    raise AssertionError("a run ends with RunFinished or RunStopped")


def _made(event: FrameDone | IterationDone, plan: RunStarted) -> str:
    from stst.engine.events import FrameDone

    if isinstance(event, FrameDone):
        return _frame(event.frame, plan.frames)
    return f"iteration {event.iteration + 1}/{plan.iterations}"


def _frame(frame: int, frames: int) -> str:
    return f"frame {frame + 1}/{frames}" if frame >= 0 else f"padding {frame}"


def _losses(losses: dict[str, tuple[float, ...]]) -> str:
    """Write each term's mean over the samples."""
    return ", ".join(
        f"{SHORT_TERMS.get(term, term)} {sum(values) / len(values):.3g}"
        for term, values in losses.items()
    )
