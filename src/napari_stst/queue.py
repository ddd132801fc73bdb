"""What a viewer makes, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_stst.closing import OnClose, main_window
from napari_stst.making import ACTIVE, UNFINISHED, Making

if TYPE_CHECKING:
    from napari import Viewer


class Queue(QObject):
    """Stimuli that wait, are made, or were made; one at a time, for each wants the whole machine.

    Parameters
    ----------
    parent
        Owns the object.
    """

    #: A making came, went, or has changed.
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.makings: list[Making] = []
        self._closed = False

    def add(self, making: Making) -> None:
        """Put a making at the end; it starts at once if nothing else runs."""
        making.setParent(self)
        self.makings.append(making)
        making.changed.connect(self._on_change)
        self._on_change()

    def remove(self, making: Making) -> None:
        """Forget a making that does not run; its files and layers stay."""
        if making.state not in ACTIVE:
            self.makings.remove(making)
            making.changed.disconnect(self._on_change)
            self.changed.emit()

    @property
    def current(self) -> Making | None:
        """What is being made now."""
        return next((one for one in self.makings if one.state in ACTIVE), None)

    def outputs(self) -> set[str]:
        """Name the outputs that are or will be made."""
        return {one.order.output for one in self.makings if one.state in UNFINISHED}

    def close(self) -> None:
        """Stop everything; what is finished stays on disk."""
        self._closed = True
        for making in self.makings:
            making.close()

    def _on_change(self) -> None:
        if self.current is None and not self._closed:
            waiting = next((one for one in self.makings if one.state == "waiting"), None)
            if waiting is not None:
                waiting.start()  # which changes it, so that this is called again
                return
        self.changed.emit()


def queue_of(viewer: Viewer) -> Queue:
    """Give a viewer's one queue; it ends with the viewer."""
    window = main_window(viewer)
    queue: Queue | None = window.findChild(Queue)
    if queue is None:
        queue = Queue(window)
        OnClose(window, queue.close)
    return queue
