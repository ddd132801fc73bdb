"""Where our widgets are docked when they are first opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from napari.settings import get_settings
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_stst.closing import main_window

if TYPE_CHECKING:
    from napari import Viewer

Area = Literal["right", "bottom"]

#: How napari knows us.
PLUGIN = "napari-stst"

_AREAS = {
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}
_ALONG = {"right": Qt.Orientation.Horizontal, "bottom": Qt.Orientation.Vertical}


class FirstPlace(QObject):
    """Docks a widget where it fits when it is first seen, as a tab where another of ours is.

    A place that the user has chosen before is kept.

    Parameters
    ----------
    viewer
        The viewer.
    widget
        Not docked yet; napari will dock it at the right, or where the user had it.
    name
        Of the widget in the manifest.
    area
        Where it fits.
    extent
        Its width at the right, its height at the bottom, in pixels.
    """

    def __init__(self, viewer: Viewer, widget: QWidget, name: str, area: Area, extent: int) -> None:
        super().__init__(widget)
        # napari writes down every place, also the one that it chooses itself
        chosen = get_settings().application.plugin_widget_positions
        # docks that napari puts beside each other can make the window wider than the screen
        window = main_window(viewer)
        self._size = window.size()
        docks = [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
        self._before = {dock: dock.width() for dock in docks}
        self._widget, self._area, self._extent = widget, area, extent
        self._known = f"{name} ({PLUGIN})" in chosen
        self._taken = False

    def shown(self) -> None:
        """Take the place, once; to be called whenever the widget is shown."""
        if not self._taken:
            self._taken = True
            dock = _dock_of(self._widget)
            window = dock.parentWidget() if dock is not None else None
            if dock is not None and isinstance(window, QMainWindow) and not dock.isFloating():
                # not while napari is still at docking it
                self._later(partial(self._take, dock, window))

    def _take(self, dock: QDockWidget, window: QMainWindow) -> None:
        if not self._known:
            window.addDockWidget(_AREAS[self._area], dock)
        here = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            ours = other is not dock and other.objectName().endswith(f"({PLUGIN})")
            if ours and other.isVisible() and window.dockWidgetArea(other) == here:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                break
        if not self._known:
            # once the layout has seen that docks lie over each other now
            self._later(partial(self._fit, dock, window))

    def _later(self, call: Callable[[], None]) -> None:
        # a timer that goes with the widget: the viewer may be closed before
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(call)
        timer.start(0)

    def _fit(self, dock: QDockWidget, window: QMainWindow) -> None:
        window.resize(self._size)
        before = list(self._before)
        window.resizeDocks(before, list(self._before.values()), Qt.Orientation.Horizontal)
        window.resizeDocks([dock], [self._extent], _ALONG[self._area])


def _dock_of(widget: QWidget) -> QDockWidget | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
