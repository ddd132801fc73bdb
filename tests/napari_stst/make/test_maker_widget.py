"""The form as a person meets it: what it offers, marks, asks, and how it lies in the window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel

from hands import choose_from_menu, click
from napari_stst.contrib import menus
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.scramble import ScrambleWidget
from napari_stst.viewer.docks import FirstPlace, dock_of
from napari_stst.widgets.theme import contrast
from small_runs import clip
from stst.config import StstConfig, build, preset_tree


def opened(viewer, kind=GenerateWidget):
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name=widget.title)
    return widget


def field(widget, key):
    return next(one for one in widget.fields if one.key == key)


def write(line, text):
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)
    QApplication.processEvents()


def open_clips(viewer, tmp_path, names):
    return [viewer.open(str(clip(tmp_path / f"{name}.mkv", count=4)), plugin="napari-stst")[0]
            for name in names]  # fmt: skip


class TestTheClip:
    def test_the_active_layer_is_offered_first(self, viewer, tmp_path):
        layers = open_clips(viewer, tmp_path, "abc")
        viewer.layers.selection.active = layers[1]
        widget = opened(viewer)
        assert widget.natural() is layers[1]
        # and what was chosen stays
        viewer.layers.selection.active = layers[0]
        open_clips(viewer, tmp_path, "d")
        assert widget.natural() is layers[1]
        # where the active one is no clip, there is one all the same
        viewer.add_image(np.zeros((4, 4), np.float32), name="no clip")
        assert opened(viewer, ScrambleWidget).natural().name == "a"


class TestWhatIsWrong:
    def test_frames_that_are_not_there_are_marked_while_they_are_written(self, viewer, tmp_path):
        open_clips(viewer, tmp_path, "a")
        widget = opened(viewer)
        widget.choose_preset("quick")
        frames = field(widget, "input.frames")
        write(widget._frames.line, "0:1000")
        words = "frames 0:1000 is not inside a, which has 4 frames (0:4)."
        assert frames.wrong == widget.problem.text() == words
        assert widget.problem.isVisible()
        assert words in frames.native.toolTip()
        write(widget._frames.line, "0:2")
        assert (frames.wrong, widget.problem.text()) == ("", "")
        assert not widget.problem.isVisible()
        assert words not in frames.native.toolTip()

    def test_words_of_the_form_not_of_the_command_line(self, viewer, tmp_path, errors):
        open_clips(viewer, tmp_path, "a")
        widget = opened(viewer)
        side = field(widget, "input.max_side")
        write(side.native, "many")
        assert side.wrong.startswith("longest side: ")
        assert "'many'" in side.wrong
        click(widget.make_button)
        (error,) = errors
        assert error.startswith("longest side: ")
        assert "max_side" not in error
        assert "config" not in error
        # what was refused stays to be read
        assert widget.problem.text() == error

    @pytest.mark.parametrize("theme", ["dark", "light"])
    def test_it_can_be_read_in_every_theme(self, viewer, tmp_path, theme, qtbot):
        open_clips(viewer, tmp_path, "a")
        widget = opened(viewer)
        widget.choose_preset("quick")
        write(widget._frames.line, "0:1000")
        assert widget.problem.isVisible()
        viewer.theme = theme
        qtbot.wait(100)
        words = widget.problem.palette().windowText().color().name()
        behind = widget.problem.grab().toImage().pixelColor(0, 0).name()
        assert contrast(words, behind) >= 4.5

    def test_all_that_is_wrong_is_marked_and_no_preset_blamed(self, viewer, tmp_path):
        open_clips(viewer, tmp_path, "a")
        widget = opened(viewer)
        widget.choose_preset("quick")
        write(field(widget, "input.max_side").native, "many")
        write(widget._frames.line, "0:1000")
        assert field(widget, "input.max_side").wrong.startswith("longest side: ")
        assert field(widget, "input.frames").wrong.startswith("frames 0:1000 is not inside a")
        assert len(widget.problem.text().splitlines()) == 2
        # size and frames are no part of a preset, which a click would not set back
        assert not widget._preset_row.button.isVisible()
        # what is, is named, whatever else is wrong
        widget.advanced.expand()
        write(field(widget, "blend").native, "0.125")
        assert "preset: blend." in widget._preset_row.button.toolTip()

    def test_another_clip_makes_frames_right_or_wrong(self, viewer, tmp_path, qtbot):
        open_clips(viewer, tmp_path, "a")
        long = viewer.open(str(clip(tmp_path / "long.mkv", count=9)), plugin="napari-stst")[0]
        widget = opened(viewer)
        write(widget._frames.line, "5:8")
        assert widget.natural() is long
        assert widget.problem.text() == ""
        widget._natural.setCurrentIndex(widget._natural.findText("a"))
        qtbot.waitUntil(lambda: "which has 4 frames" in widget.problem.text())


class TestThePreset:
    @pytest.fixture
    def widget(self, viewer, tmp_path):
        open_clips(viewer, tmp_path, "a")
        widget = opened(viewer)
        widget.choose_preset("quick")
        return widget

    def choose(self, widget, name):
        """With keys, as a person does."""
        widget._presets.setFocus()
        QTest.keyClicks(widget._presets, name[0])
        QApplication.processEvents()

    def test_what_was_changed_is_marked_and_can_be_set_back(self, widget, qtbot):
        row = widget._preset_row
        assert not row.button.isVisible()
        widget.advanced.expand()
        write(field(widget, "blend").native, "0.125")
        assert row.button.isVisible()
        assert "blend" in row.button.toolTip()
        # seed and frames are no part of a preset
        write(field(widget, "seed").native, "77")
        assert "seed" not in row.button.toolTip()
        widget.scroll.ensureWidgetVisible(row)
        qtbot.wait(300)
        click(row.button)
        chosen = build(widget.tree(), StstConfig)
        assert chosen.blend == build(preset_tree("quick"), StstConfig).blend != 0.125
        assert chosen.seed == 77
        assert not row.button.isVisible()

    @pytest.mark.parametrize("answer", ["Replace it", "Cancel"])
    def test_another_one_replaces_nothing_unasked(self, widget, monkeypatch, answer):
        questions = []
        monkeypatch.setattr(widget, "ask", lambda text, answers: questions.append(text) or answer)
        write(field(widget, "blend").native, "0.125")
        self.choose(widget, "paper")
        assert questions == ["The preset paper replaces what you have changed: blend."]
        kept = answer == "Cancel"
        assert (build(widget.tree(), StstConfig).blend == 0.125) == kept
        assert widget._presets.currentText() == ("quick" if kept else "paper")

    def test_nothing_is_asked_where_nothing_is_lost(self, widget, monkeypatch):
        monkeypatch.setattr(widget, "ask", lambda text, answers: pytest.fail(text))
        write(field(widget, "seed").native, "5")
        self.choose(widget, "paper")
        assert build(widget.tree(), StstConfig).octaves[-1].iterations == 1000


def test_no_two_fields_have_one_name(viewer):
    for kind in (GenerateWidget, ScrambleWidget):
        labels = list(kind(viewer).labels().values())
        assert len(labels) == len(set(labels))


def parts(widget):
    kinds = (QLabel, QAbstractButton)
    return [one for kind in kinds for one in widget.findChildren(kind) if one.isVisible()]


class TestRoom:
    def test_the_scroll_bar_is_seen_in_a_narrow_window(self, viewer, tmp_path, qtbot):
        open_clips(viewer, tmp_path, "a")
        window = viewer.window._qt_window
        viewer.window.resize(944, 600)
        menus.open_generate(viewer)
        qtbot.wait(600)
        (place,) = window.findChildren(FirstPlace)
        widget = place.parent()
        widget.advanced.expand()
        qtbot.wait(300)
        bar = widget.scroll.verticalScrollBar()
        assert bar.isVisible()
        assert window.width() == 944
        right = bar.mapTo(window, bar.rect().topRight()).x()
        assert right < 944
        assert bar.visibleRegion().boundingRect().width() == bar.width()

    def test_boxes_stay_beside_their_labels_where_a_scroll_bar_is(self, viewer, tmp_path, qtbot):
        open_clips(viewer, tmp_path, "a")
        window = viewer.window._qt_window
        viewer.window.resize(944, 600)
        choose_from_menu(viewer, "Layers", "Filter", "Scramble phases")
        qtbot.wait(600)
        (place,) = window.findChildren(FirstPlace)
        widget = place.parent()
        # as narrow as it can be drawn
        window.resizeDocks([dock_of(widget)], [1], Qt.Orientation.Horizontal)
        qtbot.wait(100)
        assert widget.scroll.verticalScrollBar().isVisible()
        labels = {one.text(): one for one in widget.findChildren(QLabel) if one.isVisible()}
        for words in ("natural clip", "preset", "mode"):
            label = labels[words]
            middle = label.mapTo(window, label.rect().center())
            beside = window.childAt(middle.x() + 150, middle.y())
            assert isinstance(beside, QComboBox), words

    @pytest.mark.parametrize("size", [9, 16])
    def test_no_words_are_cut_with_larger_letters(self, viewer, tmp_path, qtbot, size):
        open_clips(viewer, tmp_path, "a")
        menus.open_generate(viewer)
        get_settings().appearance.font_size = size
        qtbot.wait(600)
        (place,) = viewer.window._qt_window.findChildren(FirstPlace)
        widget = place.parent()
        widget.advanced.expand()
        qtbot.wait(300)
        cut = [
            (one.text(), one.width(), one.minimumSizeHint().width())
            for one in parts(widget)
            if one.text() and one.width() < one.minimumSizeHint().width()
        ]
        assert cut == []
        bar = widget.scroll.verticalScrollBar()
        assert bar.visibleRegion().boundingRect().width() == bar.width()
        assert viewer.window._qt_window.width() == 1280

    def test_a_clip_that_was_seen_whole_is_seen_whole_beside_the_dock(
        self, viewer, tmp_path, qtbot
    ):
        path = clip(tmp_path / "wide.mkv", count=2, height=24, width=80)
        viewer.open(str(path), plugin="napari-stst")
        qtbot.wait(200)
        viewer.reset_view()
        menus.open_generate(viewer)
        camera = viewer.scene.camera

        def half():
            return viewer.canvas.size[1] / camera.zoom / 2

        qtbot.waitUntil(lambda: viewer.canvas.size[1] < 1000)
        qtbot.waitUntil(lambda: half() >= 40)
        # but a place that was chosen is kept
        camera.zoom = zoom = 4 * camera.zoom
        menus.open_scramble(viewer)
        qtbot.wait(700)
        assert camera.zoom == zoom


def test_the_arrow_lies_not_over_more(viewer):
    widget = opened(viewer, ScrambleWidget)
    (more,) = (one for one in widget.findChildren(QAbstractButton) if one.text() == "More…")
    assert "menu-indicator { image: none; }" in more.styleSheet()
    assert more.focusPolicy() & Qt.FocusPolicy.TabFocus
