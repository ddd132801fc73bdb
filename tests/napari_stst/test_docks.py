from __future__ import annotations

import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_stst import menus

OPENERS = {
    "Generate (STST)": menus.open_generate,
    "Scramble (STPS)": menus.open_scramble,
    "Compare": menus.open_compare,
}


def dock_of(widget) -> QDockWidget:
    while not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget


def opened(viewer, name):
    _, widget = viewer.window.add_plugin_dock_widget("napari-stst", name)
    return widget, dock_of(widget)


@pytest.mark.parametrize("name", OPENERS)
def test_menus_open_the_widgets(viewer, qtbot, name):
    OPENERS[name](viewer)
    assert f"{name} (napari-stst)" in viewer.window.dock_widgets
    qtbot.wait(100)


def test_they_find_their_places(viewer, qtbot):
    width = viewer.window.geometry()[2]
    made = [opened(viewer, name) for name in ("Generate (STST)", "Scramble (STPS)")]
    qtbot.wait(200)
    docks = [dock for _, dock in made]
    window = docks[0].parentWidget()
    assert isinstance(window, QMainWindow)
    assert window.tabifiedDockWidgets(docks[0]) == [docks[1]]
    _, queue = opened(viewer, "Queue")
    qtbot.wait(200)
    assert window.dockWidgetArea(queue) == Qt.DockWidgetArea.BottomDockWidgetArea
    _, compare = opened(viewer, "Compare")
    qtbot.wait(200)
    assert window.tabifiedDockWidgets(queue) == [compare]
    assert viewer.window.geometry()[2] == width
    assert docks[1].width() < 450


def test_a_place_that_the_user_has_chosen_is_kept(viewer, qtbot):
    get_settings().application.plugin_widget_positions = {"Queue (napari-stst)": "left"}
    _, queue = opened(viewer, "Queue")
    qtbot.wait(200)
    window = queue.parentWidget()
    assert isinstance(window, QMainWindow)
    assert window.dockWidgetArea(queue) == Qt.DockWidgetArea.LeftDockWidgetArea
