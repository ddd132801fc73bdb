"""What a run would cost, said before it is begun."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QSizePolicy

from napari_stst.background.estimating import EstimateRequest
from napari_stst.background.messages import Failed, Message, Result
from napari_stst.background.task import Task
from napari_stst.queue.queue import Queue
from napari_stst.viewer.closing import OnClose, main_window
from napari_stst.widgets.labels import WholeLabel
from stst.errors import StstError
from stst.utils.clock import duration

#: How often the form is looked at.
EVERY_MS = 700

_FIRM = "\N{NO-BREAK SPACE}"
_WHAT = "Time, memory and disk"
_NOT_KNOWN = f"{_WHAT}: not known yet."


class Cost(WholeLabel):
    """Time, memory and disk that what the form says would take; follows the form while it is seen.

    It is measured in a process of its own, and only while nothing is being made: both would take
    the machine from each other, and what is measured would be wrong.

    Parameters
    ----------
    queue
        What is being made.
    ask
        Gives what is to be estimated and the output's folder.
    """

    #: Why nothing can be estimated, in words of the engine; "" where it can. Told again and again.
    refused = Signal(str)

    def __init__(
        self, queue: Queue, ask: Callable[[], tuple[EstimateRequest, Path] | None]
    ) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._queue, self._ask = queue, ask
        self._task: Task | None = None
        #: What the words are about, what was asked a moment ago.
        self._known: object = None
        self._seen: object = None
        self._why = ""
        self._folder = Path()
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self._look)
        queue.changed.connect(self._on_queue)
        OnClose(main_window(queue.viewer), self._end)

    def showEvent(self, event: Any) -> None:
        """Follow the form."""
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: Any) -> None:
        """Follow it no more; nothing is measured for nobody."""
        super().hideEvent(event)
        self._timer.stop()
        self._end()

    def _on_queue(self) -> None:
        if self._queue.current is not None:
            self._end()

    def _look(self) -> None:
        """Measure what the form has been saying for a moment."""
        try:
            asked = self._ask()
        except StstError as error:
            self._say(_NOT_KNOWN, None, str(error))
            return
        if asked is None:
            self._say("", None)
            return
        if self._queue.current is not None:
            if asked != self._known:
                self._say(f"{_WHAT}: estimated when nothing is being made.", None)
            return
        settled, self._seen = asked == self._seen, asked
        if asked == self._known:
            self.refused.emit(self._why)
            return
        if not settled:
            return
        self._end()
        self._say(f"{_WHAT}: being estimated …", asked)
        request, self._folder = asked
        self._task = Task("estimate", self._queue, request=request)
        self._task.message.connect(self._on_message)

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Result):
            self.setText(describe_cost(message.value, _free_bytes(self._folder)))
        elif isinstance(message, Failed):
            self._say(_NOT_KNOWN, self._known, message.text)

    def _say(self, text: str, known: object, why: str = "") -> None:
        if known is None:
            self._end()
        self._known, self._why = known, why
        self.setText(text)
        self.refused.emit(why)

    def _end(self) -> None:
        """Measure no more; what is unfinished is measured again when it is asked for again."""
        task, self._task = self._task, None
        if task is not None and not task.ended:
            task.message.disconnect(self._on_message)
            task.close(0)
            self._known = None
            self.setText("")


def describe_cost(cost: Mapping[str, Any], free: int | None) -> str:
    """Say what a run costs.

    Parameters
    ----------
    cost
        What the task ``estimate`` gives.
    free
        Bytes that are free where the output goes; None where that is not known.
    """
    height, width = cost["size"]
    parts = (
        f"About {duration(cost['seconds'])} (h:mm:ss) on {cost['device']}",
        f"{_format_bytes(cost['memory'])} of memory",
        f"up to {_format_bytes(cost['disk'])} on disk",
        f"{cost['frames']} frames of {height}×{width} px",
    )
    # a number stays in one line with its unit
    words = " · ".join(one.replace(" ", _FIRM) for one in parts)
    if free is not None and cost["disk"] > free:
        return f"Not enough room on the disk: {_format_bytes(free)} are free. {words}"
    return words


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _format_bytes(number: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{max(1, round(number / 2**10))} KiB"
