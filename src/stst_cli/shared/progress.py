"""How far work is, on stderr: a bar where that is a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from stst.utils.clock import duration
from stst.utils.text import join_lines
from stst_cli.shared.wording import in_options

#: Starts a piece of work, given its name and number of frames; what it gives is called for each.
Begin = Callable[[str, int], Callable[[object], None]]


class Bar:
    """A bar, or nothing where no terminal shows it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    @property
    def drawn(self) -> bool:
        """Whether there is a bar; else lines are all that a user sees."""
        return not self._progress.disable

    def update(self, **changes: Any) -> None:
        """Show other values; the names are those of rich's tasks and of the bar's own fields."""
        self._progress.update(self._task, **changes)

    def say(self, text: str) -> None:
        """Print one line, above the bar, as `stst_cli.shared.terminal.say` does on stderr."""
        line = join_lines(in_options(text))
        if self.drawn:
            self._progress.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)


@contextmanager
def bar(
    *columns: str | ProgressColumn, description: str = "", total: float | None = None, **fields: Any
) -> Iterator[Bar]:
    """Draw a bar on stderr while work goes on, where that is a terminal.

    Parameters
    ----------
    columns
        From left to right. Text names values, e.g. ``{task.description}``.
    description, total, fields
        The values at first.
    """
    console = Console(stderr=True)
    made = [TextColumn(one) if isinstance(one, str) else one for one in columns]
    progress = Progress(*made, console=console, disable=not console.is_terminal)
    with progress if console.is_terminal else nullcontext():
        yield Bar(progress, progress.add_task(description, total=total, **fields))


@contextmanager
def count_frames(total: int) -> Iterator[Begin]:
    """Show how far work that is counted in frames is, and the time left: a bar, or a line a clip.

    Parameters
    ----------
    total
        Number of frames of all pieces of work together.

    Yields
    ------
    callable
        ``begin(name, frames)`` starts a piece of work, e.g. a clip; what it returns is called
        once a frame, and serves as `on_frame` of `stst.analysis.features.features`.
    """
    start, done = time.monotonic(), 0
    columns = "{task.description}", BarColumn(), TaskProgressColumn(), "left", TimeRemainingColumn()
    with bar(*columns, total=total) as shown:

        def begin(name: str, frames: int) -> Callable[[object], None]:
            end = done + frames
            shown.update(description=escape(join_lines(name)))

            def advance(_: object) -> None:
                nonlocal done
                done += 1
                shown.update(completed=done)
                if done == end and not shown.drawn:
                    left = duration((time.monotonic() - start) / done * (total - done))
                    shown.say(f"{name} done ({done / total:.0%}), left {left}")

            return advance

        yield begin
