"""Where our widgets are docked when they are first opened."""

from __future__ import annotations

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
        self._area, self._extent = area, extent
        self._known = f"{name} ({PLUGIN})" in chosen
        # docks that napari puts beside each other can make the window wider than the screen
        window = main_window(viewer)
        self._size = window.size()
        docks = [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
        self._before = {dock.objectName(): dock.width() for dock in docks}
        # timers that go with the widget, and slots that hold nothing: the viewer may be closed
        self._taking, self._fitting = QTimer(self), QTimer(self)
        for timer, slot in ((self._taking, self._take), (self._fitting, self._fit)):
            timer.setSingleShot(True)
            timer.timeout.connect(slot)
        self._taken = False

    def shown(self) -> None:
        """Take the place, once; to be called whenever the widget is shown."""
        if not self._taken:
            self._taken = True
            # not while napari is still at docking it
            self._taking.start(0)

    def _docked(self) -> tuple[QDockWidget, QMainWindow] | None:
        dock = _dock_of(self.parent())
        window = dock.parentWidget() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return None
        return dock, window

    def _take(self) -> None:
        docked = self._docked()
        if docked is None:
            return
        dock, window = docked
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
            self._fitting.start(0)

    def _fit(self) -> None:
        docked = self._docked()
        if docked is None:
            return
        dock, window = docked
        window.resize(self._size)
        before = [
            one for one in window.findChildren(QDockWidget) if one.objectName() in self._before
        ]
        widths = [self._before[one.objectName()] for one in before]
        window.resizeDocks(before, widths, Qt.Orientation.Horizontal)
        window.resizeDocks([dock], [self._extent], _ALONG[self._area])


def unwrapped(viewer: Viewer) -> Viewer:
    """Give the viewer itself.

    napari gives plugins a stand-in, which warns of what it wraps, and whose layers are others each
    time one asks for them.
    """
    itself: Viewer = getattr(viewer, "__wrapped__", viewer)
    return itself


def _dock_of(widget: QWidget) -> QDockWidget | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
