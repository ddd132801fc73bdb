"""Being asked whether a viewer's window may be closed, and told when it has been."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari import Viewer

# between looks whether a question has been answered
_AGAIN_MS = 50


def main_window(viewer: Viewer) -> QWidget:
    """Give a viewer's window."""
    # napari has no public name for it; all that is done with it is done by Qt
    window: QWidget = viewer.window._qt_window
    return window


class MayClose(QObject):
    """Asks before a viewer's window is closed by its user; a script that closes it is not held up.

    Parameters
    ----------
    window
        A viewer's; owns the object.
    may
        Says whether it may be closed.
    """

    def __init__(self, window: QWidget, may: Callable[[], bool]) -> None:
        super().__init__(window)
        self._may = may
        self._asking = False
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the window open if that is what is wanted."""
        if event.type() != QEvent.Type.Close or self._is_taken_down(watched):
            return False
        if self._asking:
            # asked again while the question is open
            event.ignore()
            return True
        self._asking = True
        try:
            if self._may():
                return False
        finally:
            self._asking = False
        event.ignore()
        return True

    @staticmethod
    def _is_taken_down(window: QObject) -> bool:
        # Viewer.close() closes what is inside first
        inside = getattr(window, "_qt_viewer", None)
        return inside is not None and bool(inside.isHidden())


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
        self._level = 0
        # its own, which goes with the window
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._call: Callable[[], None] | None = call
        window.installEventFilter(self)
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self._on_closed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look whether the window is gone, once the close event has been answered."""
        if event.type() == QEvent.Type.Close:
            self._asked, self._level = True, _loop_level()
            # the user may still say no; a window that was never shown is not hidden either
            self._timer.start(0)
        elif event.type() == QEvent.Type.Hide and self._asked and not event.spontaneous():
            self._on_closed()
        return False

    def _look(self) -> None:
        if not self._window.isVisible():
            self._on_closed()
        elif _loop_level() > self._level:
            # a question is open, ours or napari's own, and closing has not come to an end
            self._timer.start(_AGAIN_MS)
        else:
            # somebody said no
            self._asked = False

    def _on_closed(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def _loop_level() -> int:
    """Say how many event loops run inside each other; a dialog that is waited for has its own."""
    thread = QThread.currentThread()
    assert thread is not None
    return int(thread.loopLevel())
