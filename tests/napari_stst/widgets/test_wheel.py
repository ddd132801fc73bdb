from __future__ import annotations

import pytest
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
)

from hands import click, roll
from napari_stst.compare.compare_widget import CompareWidget
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.leaps import LeapsWidget
from napari_stst.make.scramble import ScrambleWidget
from small_runs import clip

BOXES = (QComboBox, QAbstractSpinBox, QAbstractSlider)


def shown(one):
    if isinstance(one, QComboBox):
        return one.currentIndex()
    return one.value()


def boxes(widget):
    found = [one for kind in BOXES for one in widget.findChildren(kind)]
    return [one for one in found if not isinstance(one, QScrollBar) and one.isEnabled()]


@pytest.mark.parametrize("kind", [GenerateWidget, ScrambleWidget, LeapsWidget])
def test_rolling_over_a_form_scrolls_it_and_changes_nothing(viewer, tmp_path, qtbot, kind):
    viewer.open([str(clip(tmp_path / f"{name}.mkv")) for name in "ab"], plugin="napari-stst")
    viewer.window.resize(1280, 600)
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name="form")
    widget.advanced.expand()
    qtbot.wait(100)
    bar = widget.scroll.verticalScrollBar()
    before, tried = widget.tree(), 0
    viewer.layers.selection.active = None
    for box in boxes(widget):
        widget.scroll.ensureWidgetVisible(box)
        qtbot.wait(10)
        if box.visibleRegion().isEmpty():
            continue
        tried += 1
        was, place = shown(box), bar.value()
        roll(box, 1 if place == bar.maximum() else -1)
        assert shown(box) == was, box.toolTip()
        assert bar.value() != place
    assert tried > 4
    assert widget.tree() == before


def test_a_box_with_the_focus_follows_the_wheel(viewer, tmp_path, qtbot):
    viewer.open(str(clip(tmp_path / "a.mkv")), plugin="napari-stst")
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="form")
    viewer.window.activate()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is not None)
    (device,) = (one.native for one in widget.fields if one.key == "device")
    widget.scroll.ensureWidgetVisible(device)
    qtbot.wait(50)
    roll(device)
    assert device.currentText() == "auto"
    device.setFocus()
    roll(device)
    assert device.currentText() == "cpu"


def test_rolling_over_what_compares(viewer, tmp_path, qtbot):
    viewer.open([str(clip(tmp_path / f"{name}.mkv")) for name in "ab"], plugin="napari-stst")
    widget = CompareWidget(viewer)
    viewer.window.add_dock_widget(widget, name="compare", area="bottom")
    qtbot.wait(200)
    natural = widget.choice.natural_box
    click(widget.choice.frames_edit)
    was = natural.currentIndex(), widget.controls.box.currentIndex()
    for box in (natural, widget.controls.box):
        roll(box)
        roll(box, 1)
        roll(box)
    assert (natural.currentIndex(), widget.controls.box.currentIndex()) == was
