"""Being told when a viewer's window has been closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari import Viewer


def main_window(viewer: Viewer) -> QWidget:
    """Give a viewer's window."""
    # napari has no public name for it; all that is done with it is done by Qt
    window: QWidget = viewer.window._qt_window
    return window


class OnClose(QObject):
    """Calls a function once, after a window was closed, or when the application ends.

    Parameters
    ----------
    window
        A top-level window; owns the object.
    call
        What to do.
    """

    def __init__(self, window: QWidget, call: Callable[[], None]) -> None:
        super().__init__(window)
        self._window = window
        self._asked = False
        # its own, which goes with the window
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._call: Callable[[], None] | None = call
        window.installEventFilter(self)
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self._closed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look whether the window is gone, once the close event has been answered."""
        if event.type() == QEvent.Type.Close:
            self._asked = True
            # the user may still say no; a window that was never shown is not hidden either
            self._timer.start(0)
        elif event.type() == QEvent.Type.Hide and self._asked and not event.spontaneous():
            self._closed()
        return False

    def _look(self) -> None:
        if not self._window.isVisible():
            self._closed()

    def _closed(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()
