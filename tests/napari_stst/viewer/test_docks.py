from __future__ import annotations

import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow

from hands import choose_from_menu
from napari_stst.contrib import menus
from napari_stst.viewer.closing import main_window
from napari_stst.viewer.docks import DISPLAYED, FirstPlace

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


def test_they_find_their_places(viewer, qtbot, until):
    width = viewer.window.geometry()[2]
    made = [opened(viewer, name) for name in ("Generate (STST)", "Scramble (STPS)")]
    docks = [dock for _, dock in made]
    window = docks[0].parentWidget()
    assert isinstance(window, QMainWindow)
    until(lambda: window.tabifiedDockWidgets(docks[0]) == [docks[1]])
    _, queue = opened(viewer, "Queue")
    until(lambda: window.dockWidgetArea(queue) == Qt.DockWidgetArea.BottomDockWidgetArea)
    _, compare = opened(viewer, "Compare")
    until(lambda: window.tabifiedDockWidgets(queue) == [compare])
    until(lambda: docks[1].width() < 450)
    until(lambda: viewer.window.geometry()[2] == width)


def test_a_place_that_the_user_has_chosen_is_kept(viewer, qtbot):
    get_settings().application.plugin_widget_positions = {"Queue (napari-stst)": "left"}
    _, queue = opened(viewer, "Queue")
    qtbot.wait(200)
    window = queue.parentWidget()
    assert isinstance(window, QMainWindow)
    assert window.dockWidgetArea(queue) == Qt.DockWidgetArea.LeftDockWidgetArea


NAMES = ("Generate (STST)", "Scramble (STPS)", "Invert (LEAPS)", "Compare", "Queue")


def ours(viewer) -> list[QDockWidget]:
    docks = main_window(viewer).findChildren(QDockWidget)
    return [one for one in docks if one.findChild(FirstPlace) is not None]


def in_front(dock) -> bool:
    return not dock.visibleRegion().isEmpty()


class TestFromEveryMenu:
    """One dock each, wherever a person opens it."""

    def test_from_plugins_they_are_tabs_in_a_window_that_does_not_grow(self, viewer, qtbot):
        window = main_window(viewer)
        size = window.size()
        for name in NAMES:
            choose_from_menu(viewer, "Plugins", DISPLAYED, name)
            qtbot.wait(200)
            assert window.size() == size, name
        assert sorted(one.windowTitle() for one in ours(viewer)) == sorted(NAMES)
        # nor does the title that is seen go on with the plugin's name, which would be cut
        for dock in ours(viewer):
            dock.setFloating(True)
            dock.setFloating(False)
            words = [one.text() for one in dock.titleBarWidget().findChildren(QLabel)]
            assert dock.windowTitle() in words
            assert not any("(Spatiotemporal" in one for one in words)
        by_name = {one.windowTitle(): one for one in ours(viewer)}
        makers, below = [by_name[one] for one in NAMES[:3]], [by_name[one] for one in NAMES[3:]]
        assert set(window.tabifiedDockWidgets(makers[0])) == set(makers[1:])
        assert window.tabifiedDockWidgets(below[0]) == below[1:]
        # the last one of each is seen, with room for a form
        assert [in_front(one) for one in makers] == [False, False, True]
        assert [in_front(one) for one in below] == [False, True]
        assert makers[-1].height() > 400

    def test_a_small_screen_shows_them_all_beside_a_clip(self, viewer, qtbot):
        # as high as a window with a frame is on a screen of 800 lines
        window = main_window(viewer)
        window.resize(944, 780)
        choose_from_menu(viewer, "File", "Open Sample", DISPLAYED, "Cat")
        qtbot.waitUntil(lambda: len(viewer.layers) == 1)
        qtbot.wait(500)
        for menu in (("Layers", "Measure", "Compare"), ("Layers", "Filter", "Scramble"),
                     ("Plugins", DISPLAYED, "Queue")):  # fmt: skip
            choose_from_menu(viewer, *menu)
            qtbot.wait(600)
            assert (window.width(), window.height()) == (944, 780), menu

    def test_a_clip_that_was_whole_stays_whole(self, viewer, qtbot):
        main_window(viewer).resize(944, 780)
        choose_from_menu(viewer, "File", "Open Sample", DISPLAYED, "Cat")
        qtbot.waitUntil(lambda: len(viewer.layers) == 1)
        # the controls of the layer take a little of the canvas
        qtbot.wait(500)
        choose_from_menu(viewer, "Layers", "Filter", "Scramble")
        width = viewer.layers[0].extent.world[1][-1]
        qtbot.waitUntil(
            lambda: viewer.canvas.viewbox_size(viewer.layers)[1] / viewer.scene.camera.zoom > width
        )

    @pytest.mark.parametrize("first", ["plugins", "filter", "palette", "python"])
    def test_whatever_comes_first_there_is_no_second(self, viewer, qtbot, first):
        from napari._app_model import get_app_model

        run = get_app_model().commands.execute_command
        ways = {
            "plugins": lambda: choose_from_menu(viewer, "Plugins", DISPLAYED, "Generate (STST)"),
            "filter": lambda: choose_from_menu(viewer, "Layers", "Filter", "Generate a metamer"),
            "palette": lambda: run("napari-stst.open_generate"),
            "python": lambda: viewer.window.add_plugin_dock_widget(
                "napari-stst", "Generate (STST)"
            ),
        }
        for name in (first, *(one for one in ways if one != first)):
            ways[name]()
            qtbot.wait(200)
            assert len(ours(viewer)) == 1, name
        # the menu of plugins hides what is seen, as it does for every plugin; ours bring it back
        dock = ours(viewer)[0]
        dock.hide()
        ways["filter"]()
        assert dock.isVisible()

    def test_one_behind_others_comes_to_the_front(self, viewer, qtbot):
        menus.open_generate(viewer)
        qtbot.wait(200)
        choose_from_menu(viewer, "Plugins", DISPLAYED, "Scramble (STPS)")
        qtbot.wait(200)
        generate = next(one for one in ours(viewer) if one.windowTitle() == "Generate (STST)")
        qtbot.waitUntil(lambda: not in_front(generate))
        choose_from_menu(viewer, "Layers", "Filter", "Generate a metamer")
        qtbot.waitUntil(lambda: in_front(generate))

    def test_one_that_was_closed_opens_anew(self, viewer, qtbot):
        choose_from_menu(viewer, "Plugins", DISPLAYED, "Scramble (STPS)")
        qtbot.wait(200)
        viewer.window.remove_dock_widget(ours(viewer)[0])
        _, widget = viewer.window.add_plugin_dock_widget("napari-stst", "Scramble (STPS)")
        qtbot.wait(200)
        assert widget.isVisible()
        assert len(ours(viewer)) == 1

    def test_the_place_that_was_chosen_holds_for_every_menu(self, viewer, qtbot):
        # as Plugins writes it down, and Layers > Filter would not look for
        get_settings().application.plugin_widget_positions = {
            f"Generate (STST) ({DISPLAYED})": "left"
        }
        menus.open_generate(viewer)
        qtbot.wait(200)
        area = main_window(viewer).dockWidgetArea(ours(viewer)[0])
        assert area == Qt.DockWidgetArea.LeftDockWidgetArea
