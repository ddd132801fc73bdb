from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_stst.compare.compare_widget import CompareWidget
from napari_stst.contrib.writer import write_clip
from napari_stst.viewer.layers import layer_of
from small_runs import clip, stst
from stst import read_video


def add(viewer, path) -> Image:
    data, options, _ = layer_of(path)
    return viewer.add_layer(Image(data, **options))


@pytest.fixture
def natural(viewer, tmp_path) -> Image:
    return add(viewer, clip(tmp_path / "natural.mkv", 6, 40, 44))


@pytest.fixture
def parts(viewer, natural) -> list[Image]:
    """Made of frames 2 to 4, as large and shrunk."""
    words = ("natural.mkv", "-o", "part.mkv", "--frames", "2:5")
    assert stst("scramble", *words).exit_code == 0
    assert stst("scramble", *words[:2], "small.mkv", *words[3:], "--max-side", 22).exit_code == 0
    return [add(viewer, "part.mkv"), add(viewer, "small.mkv")]


@pytest.fixture
def widget(viewer, natural, parts, until) -> Iterator[CompareWidget]:
    points = viewer.add_points(np.zeros((1, 2)))
    natural.visible = False
    widget = CompareWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Compare", area="bottom")
    widget.choice.others_list.setCurrentRow(0)
    until(lambda: len(widget.layers) == 3 and widget.pairing.job is None)
    assert points in viewer.layers
    yield widget
    widget.close_all()


def state(viewer):
    grid = viewer.canvas.grid
    return (
        [(layer.name, layer.visible, layer.name_overlay.visible) for layer in viewer.layers],
        {layer.name for layer in viewer.layers.selection},
        (grid.enabled, grid.shape, grid.stride, grid.spacing),
    )


def seen(viewer):
    return [layer.name for layer in viewer.layers if layer.visible]


def test_everything_is_put_back(viewer, widget, errors):
    before = state(viewer)
    for mode in ("Side by side", "Difference", "Flicker", "Curtain"):
        widget.controls.choose(mode)
        assert state(viewer) != before
        widget.controls.choose("As they are")
        assert state(viewer) == before
        # from one to the other as well
        widget.controls.choose("Curtain")
        widget.controls.choose(mode)
        widget.controls.choose("As they are")
        assert state(viewer) == before
    assert errors == []


def test_side_by_side(viewer, widget, natural, parts):
    widget.controls.choose("Side by side")
    assert seen(viewer) == ["natural", "part", "small"]
    assert viewer.canvas.grid.enabled
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 3)
    # frame 3 of the natural clip beside frame 1 of what was made of frames 2 to 4
    viewer.dims.set_current_step(0, 3)
    for layer, path in ((natural, "natural.mkv"), (parts[0], "part.mkv")):
        frame = 3 if layer is natural else 1
        np.testing.assert_array_equal(layer._data_view, read_video(path).frames[frame])


class TestDifference:
    def test_pixels_on_the_canvas_and_in_the_layer(self, viewer, widget, parts):
        widget.controls.choose("Difference")
        assert seen(viewer) == ["part − natural"]
        layer = viewer.layers["part − natural"]
        other = read_video("part.mkv").frames.astype(int)
        exact = other - read_video("natural.mkv").frames[2:5]
        np.testing.assert_array_equal(np.asarray(layer.data), np.abs(exact))
        viewer.dims.set_current_step(0, 4)
        np.testing.assert_array_equal(layer._data_view, np.abs(exact[2]))
        widget.controls.gain.setValue(2)
        np.testing.assert_array_equal(layer._data_view, np.clip(2 * np.abs(exact[2]), 0, 255))
        widget.controls.sign.setCurrentIndex(1)
        np.testing.assert_array_equal(layer._data_view, np.clip(128 + exact[2], 0, 255))
        # the middle of the picture is a pixel of it
        picture = viewer.screenshot(canvas_only=True, flash=False)
        height, width = picture.shape[:2]
        colors = {tuple(one) for one in layer._data_view.reshape(-1, 3)}
        assert tuple(picture[height // 2 + 3, width // 2 + 3, :3]) in colors

    def test_of_a_clip_that_was_shrunk(self, viewer, widget, parts):
        widget.controls.choose("Difference")
        widget.choice.others_list.setCurrentRow(1)
        layer = viewer.layers["small − natural"]
        natural = read_video("natural.mkv", "2:5", 22).frames.astype(int)
        expected = np.abs(read_video("small.mkv").frames - natural)
        np.testing.assert_array_equal(np.asarray(layer.data), expected)
        np.testing.assert_array_equal(layer.scale, parts[1].scale)
        np.testing.assert_array_equal(layer.translate, parts[1].translate)

    def test_it_can_be_saved(self, viewer, widget, tmp_path):
        widget.controls.choose("Difference")
        layer = viewer.layers["part − natural"]
        write_clip(str(tmp_path / "d.mkv"), layer.data, {"metadata": layer.metadata})
        saved = read_video(tmp_path / "d.mkv")
        assert saved.fps == read_video("part.mkv").fps
        np.testing.assert_array_equal(saved.frames, np.asarray(layer.data))

    def test_views_are_no_clips_and_may_be_removed(self, viewer, widget, until, errors):
        before = state(viewer)
        widget.controls.choose("Difference")
        assert len(widget.choice.clips) == 3
        viewer.layers.remove("part − natural")
        until(lambda: widget.controls.mode == "As they are")
        assert [one[:2] for one in state(viewer)[0]] == [one[:2] for one in before[0]]
        # and so may what they show
        widget.controls.choose("Curtain")
        viewer.layers.remove("part")
        until(lambda: "natural | small" in viewer.layers)
        viewer.layers.remove("natural")
        until(lambda: widget.views.layer is None)
        assert errors == []


class TestFlicker:
    def test_in_turn_by_itself(self, viewer, widget, until):
        widget.controls.choose("Flicker")
        assert widget.views._timer.isActive()
        widget.controls.shortcut.activated.emit()
        assert not widget.views._timer.isActive()
        assert widget.controls.rate.text() == "by hand"
        widget.controls.rate.setValue(4)
        assert widget.views._timer.isActive()
        assert widget.views._timer.interval() == 250
        widget.controls.choose("As they are")
        widget.controls.rate.setValue(30)
        widget.controls.choose("Flicker")
        assert seen(viewer) == ["natural"]
        assert viewer.layers["natural"].name_overlay.visible
        until(lambda: seen(viewer) == ["part"])
        until(lambda: seen(viewer) == ["natural"])

    def test_by_hand(self, viewer, widget, qtbot):
        widget.controls.rate.setValue(0)
        widget.controls.choose("Flicker")
        viewer.window.activate()
        for expected in (["part"], ["natural"]):
            # other windows of a busy screen may have taken the keyboard
            with qtbot.waitActive(viewer.window._qt_window):
                QApplication.setActiveWindow(viewer.window._qt_window)
            qtbot.keyClick(viewer.window._qt_window, Qt.Key.Key_F)
            assert seen(viewer) == expected
        widget.controls.swap.click()
        assert seen(viewer) == ["part"]
        widget.controls.choose("As they are")
        before = state(viewer)
        qtbot.keyClick(viewer.window._qt_window, Qt.Key.Key_F)
        assert state(viewer) == before


class TestCurtain:
    def test_pixels(self, viewer, widget):
        widget.controls.choose("Curtain")
        layer = viewer.layers["natural | part"]
        viewer.dims.set_current_step(0, 2)
        natural, part = read_video("natural.mkv").frames[2], read_video("part.mkv").frames[0]
        for share, split in ((0.5, 22), (0.25, 11), (0, 0), (1, 44)):
            widget.controls.split.setValue(round(share * 1000))
            np.testing.assert_array_equal(layer._data_view[:, :split], natural[:, :split])
            np.testing.assert_array_equal(layer._data_view[:, split + 1 :], part[:, split + 1 :])
        assert seen(viewer) == ["natural | part"]

    def test_its_edge_is_dragged(self, viewer, widget):
        widget.controls.choose("Curtain")
        viewer.reset_view()

        def at(column, kind):
            # the middle of a column has the column's number
            event = SimpleNamespace(type=kind, button=1, handled=False, position=(2, 20, column))
            event.modifiers, event.is_dragging = (), True
            # as napari's canvas passes events on
            return ReadOnlyWrapper(event, exceptions=("handled",))

        mouse_press_callbacks(viewer, at(21.5, "mouse_press"))
        assert not viewer.scene.camera.mouse_pan
        mouse_move_callbacks(viewer, at(32.5, "mouse_move"))
        assert widget.views.split == pytest.approx(0.75)
        assert widget.controls.split.value() == 750
        mouse_move_callbacks(viewer, at(99, "mouse_move"))
        assert widget.views.split == 1
        mouse_release_callbacks(viewer, at(99, "mouse_release"))
        assert viewer.scene.camera.mouse_pan
        # away from its edge, the picture is dragged
        mouse_press_callbacks(viewer, at(10, "mouse_press"))
        assert viewer.scene.camera.mouse_pan
        mouse_release_callbacks(viewer, at(10, "mouse_release"))
        assert widget.views.split == 1
