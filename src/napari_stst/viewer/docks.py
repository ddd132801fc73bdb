"""Where our widgets are docked when they are first opened."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QWidget

from napari_stst.viewer.closing import main_window

if TYPE_CHECKING:
    from napari import Viewer

Area = Literal["right", "bottom"]

#: How napari knows us, and how its menu of plugins calls us.
PLUGIN, DISPLAYED = "napari-stst", "Spatiotemporal style transfer"

_AREAS = {
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "top": Qt.DockWidgetArea.TopDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}
_SETTLED_MS = 300  # docks slide to their places
_EDGES = 4  # pixels of a dock's borders
_NARROWEST = 50  # pixels, as napari has it
_CUT = 0.05  # of a clip's sides: what napari's own docks cut off as soon as there is a layer
_ALONG = {"right": Qt.Orientation.Horizontal, "bottom": Qt.Orientation.Vertical}


class FirstPlace(QObject):
    """Docks a widget where it fits when it is first seen, as a tab where another of ours is.

    A place that the user has chosen before is kept. From the menu of plugins napari opens a widget
    by another name than for `add_plugin_dock_widget`; it finds the dock under both of them, so that
    there is one, however it is opened.

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
        self._name, self._names = name, names_of(name)
        # napari writes down every place, also the one that it chooses itself
        chosen = get_settings().application.plugin_widget_positions
        places = [chosen[one] for one in self._names if one in chosen]
        self._known = bool(places)
        self._area, self._extent, self._along = _AREAS[area], extent, _ALONG[area]
        if places:
            self._area = _AREAS.get(places[0], self._area)
        # there is no public way to give a dock a second name
        self._docks = viewer.window._wrapped_dock_widgets
        self._home: QDockWidget | None = None
        # docks that napari puts beside each other can make the window larger than the screen
        window = main_window(viewer)
        self._size = window.size()
        docks = [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
        self._before = {dock.objectName(): dock.width() for dock in docks}
        # timers that go with the widget, and slots that hold nothing: the viewer may be closed
        self._taking, self._fitting, self._looking = QTimer(self), QTimer(self), QTimer(self)
        self._sharing = QTimer(self)
        for timer, slot in (
            (self._sharing, self._share),
            (self._taking, self._take),
            (self._fitting, self._fit),
            (self._looking, self._on_timer),
        ):
            timer.setSingleShot(True)
            timer.timeout.connect(slot)
        self._taken = False
        self._viewer, self._was_whole = weakref.ref(viewer), _is_whole(viewer)
        widget.installEventFilter(self)

    def on_show(self) -> None:
        """Take the place, once; to be called whenever the widget is shown."""
        if not self._taken:
            self._taken = True
            # not while napari is still at docking it
            self._taking.start(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let napari find the dock, as long as the widget is in it; keep it wide enough."""
        if event.type() == QEvent.Type.ParentChange and isinstance(watched, QWidget):
            dock = dock_of(watched)
            for name in self._names:
                if dock is not None:
                    self._docks[name] = dock
                elif self._docks.get(name) is self._home:
                    self._docks.pop(name, None)
            self._home = dock
        elif event.type() == QEvent.Type.LayoutRequest:
            self._widen()
        return False

    def _widen(self) -> None:
        """Let nobody make the dock narrower, or lower, than what is in it, which would be cut off.

        napari allows any width; what is small enough to see everything goes with the font. A
        height of the bottom's is never taken back by Qt, because napari has set one: what was
        needed once would go on to make the window larger than the screen.
        """
        dock, widget = dock_of(self.parent()), self.parent()
        if dock is None or not isinstance(widget, QWidget):
            return
        needed = widget.minimumSizeHint()
        if self._along == _ALONG["right"]:
            wanted, now, ask = needed.width(), dock.minimumWidth(), dock.setMinimumWidth
        else:
            wanted, now, ask = needed.height(), dock.minimumHeight(), dock.setMinimumHeight
        wanted = max(_NARROWEST, wanted + _EDGES)
        if wanted != now:
            ask(wanted)
            self._sharing.start(0)

    def _share(self) -> None:
        """Let the window lay its docks out anew, which it does not do for a minimum alone."""
        docked = self._find_dock()
        if docked is not None:
            dock, window = docked
            across = self._along == _ALONG["right"]
            size = dock.size().expandedTo(dock.minimumSize())
            window.resizeDocks([dock], [size.width() if across else size.height()], self._along)

    def _find_dock(self) -> tuple[QDockWidget, QMainWindow] | None:
        dock = dock_of(self.parent())
        window = dock.parentWidget() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return None
        return dock, window

    def _take(self) -> None:
        docked = self._find_dock()
        if docked is None:
            return
        dock, window = docked
        # what a tab says; with the plugin's name it would be cut
        dock.setWindowTitle(self._name)
        self._update_title()
        # napari makes another title then
        dock.topLevelChanged.connect(self._update_title)
        dock.dockLocationChanged.connect(self._update_title)
        if window.dockWidgetArea(dock) != self._area:
            window.addDockWidget(self._area, dock)
        for other in window.findChildren(QDockWidget):
            if other is not dock and _is_ours(other) and window.dockWidgetArea(other) == self._area:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                break
        # once the layout has seen that docks lie over each other now
        self._fitting.start(0)

    def _update_title(self, moved: object = None) -> None:
        """Leave the plugin's name out of the title, where it would be cut, too."""
        dock = dock_of(self.parent())
        title = dock.titleBarWidget() if dock is not None else None
        for label in title.findChildren(QLabel) if title is not None else ():
            if label.text() in self._names:
                label.setText(self._name)

    def _fit(self) -> None:
        docked = self._find_dock()
        if docked is None:
            return
        dock, window = docked
        self._widen()
        layout = window.layout()
        if layout is not None:
            # what the window needs at least is known now, and smaller than before
            layout.activate()
        window.resize(self._size)
        self._looking.start(_SETTLED_MS)
        if self._known:
            return
        before = [
            one for one in window.findChildren(QDockWidget) if one.objectName() in self._before
        ]
        widths = [self._before[one.objectName()] for one in before]
        window.resizeDocks(before, widths, Qt.Orientation.Horizontal)
        window.resizeDocks([dock], [self._extent], self._along)

    def _on_timer(self) -> None:
        """Show all of a clip again where the dock has taken room from a canvas that showed it."""
        viewer = self._viewer()
        if viewer is not None and self._was_whole and not _is_whole(viewer):
            viewer.reset_view()


def names_of(name: str) -> tuple[str, str]:
    """Give the names of a widget's dock: for `add_plugin_dock_widget`, and from the menu."""
    return f"{name} ({PLUGIN})", f"{name} ({DISPLAYED})"


def open_widget(viewer: Viewer, name: str) -> None:
    """Open one of our widgets, or bring it to the front.

    Parameters
    ----------
    viewer
        The viewer.
    name
        Of the widget in the manifest.
    """
    dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    dock.show()
    dock.raise_()


def unwrap(viewer: Viewer) -> Viewer:
    """Give the viewer itself.

    napari gives plugins a stand-in, which warns of what it wraps, and whose layers are others each
    time one asks for them.
    """
    itself: Viewer = getattr(viewer, "__wrapped__", viewer)
    return itself


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Give the dock that a widget is in, if it is in one."""
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above


def _is_ours(dock: QDockWidget) -> bool:
    """Say whether a dock that is seen, or is behind others, holds a widget of ours."""
    there = dock.isVisible() and not dock.isFloating()
    return there and dock.findChild(FirstPlace) is not None


def _is_whole(viewer: Viewer) -> bool:
    """Say whether the canvas shows all that there is of the layers, or all but."""
    if not len(viewer.layers) or viewer.dims.ndisplay != 2:
        return False
    low, high = (ends[list(viewer.dims.displayed)] for ends in viewer.layers.extent.world)
    camera = viewer.scene.camera
    half = np.array(viewer.canvas.viewbox_size(viewer.layers)) / camera.zoom / 2
    center = np.array(camera.center[-2:])
    cut = _CUT * (high - low)
    return bool((center - half <= low + cut).all() and (high - cut <= center + half).all())
