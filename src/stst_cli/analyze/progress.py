"""Work that is counted in frames, on the terminal: a bar, or a line a clip in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stst.utils.clock import duration
from stst.utils.text import one_line

#: Starts a piece of work, given its name and number of frames; what it gives is called for each.
Begin = Callable[[str, int], Callable[[object], None]]


@contextmanager
def frames_counted(total: int) -> Iterator[Begin]:
    """Show on stderr how far work is, and the time left.

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
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(total)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total)

        def begin(name: str, _: int) -> Callable[[object], None]:
            bar.update(task, description=escape(one_line(name)))
            return lambda _: bar.advance(task)

        yield begin


def _lines(total: int) -> Begin:
    start, done = time.monotonic(), 0

    def begin(name: str, frames: int) -> Callable[[object], None]:
        end = done + frames

        def advance(_: object) -> None:
            nonlocal done
            done += 1
            if done == end:
                left = duration((time.monotonic() - start) / done * (total - done))
                line = f"{one_line(name)} done ({done / total:.0%}), left {left}"
                print(line, file=sys.stderr, flush=True)

        return advance

    return begin
