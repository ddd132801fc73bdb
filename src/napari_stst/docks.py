"""Where our widgets are docked when they are first opened."""

from __future__ import annotations

from typing import Literal

from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

Area = Literal["right", "bottom"]

_AREAS = {
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}


def settle(widget: QWidget, area: Area) -> None:
    """Dock a widget where it fits, as a tab where another of ours is already.

    A place that the user has chosen for it is kept.

    Parameters
    ----------
    widget
        Docked by napari, at the right unless the user has moved it before.
    area
        Where it fits.
    """
    dock = _dock_of(widget)
    window = dock.parentWidget() if dock is not None else None
    if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
        return
    chosen = get_settings().application.plugin_widget_positions
    if dock.objectName() not in chosen and window.dockWidgetArea(dock) != _AREAS[area]:
        window.addDockWidget(_AREAS[area], dock)
    here = window.dockWidgetArea(dock)
    for other in window.findChildren(QDockWidget):
        ours = other is not dock and other.objectName().endswith("(napari-stst)")
        if ours and other.isVisible() and window.dockWidgetArea(other) == here:
            window.tabifyDockWidget(other, dock)
            dock.raise_()
            return


def _dock_of(widget: QWidget) -> QDockWidget | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
