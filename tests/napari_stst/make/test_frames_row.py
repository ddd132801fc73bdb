from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from hands import LEFT, click
from napari_stst.make.frames_row import FramesRow
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.leaps import LeapsWidget
from napari_stst.make.scramble import ScrambleWidget
from small_runs import clip


@pytest.fixture
def row(qtbot):
    row = FramesRow()
    qtbot.addWidget(row)
    row.resize(260, 60)
    row.show()
    row.set_length(10)
    return row


def test_the_slider_follows_what_is_written_and_leaves_it_so(row):
    assert row.slider.value() == (0, 9)
    row.set_text("3:")
    assert (row.text(), row.slider.value()) == ("3:", (3, 9))
    row.set_text(":4")
    assert row.slider.value() == (0, 3)
    # what is no range, or not one of this clip
    for text in ("a", "0:1000", "5:5"):
        row.set_text(text)
        assert (row.text(), row.slider.value()) == (text, (0, 9))


def test_drawing_an_end_writes_a_range(row, qtbot):
    bar = row.slider
    with qtbot.waitSignal(row.changed):
        QTest.mousePress(bar, LEFT, pos=QPoint(6, bar.height() // 2))
        QTest.mouseMove(bar, QPoint(bar.width() // 2, bar.height() // 2))
        QTest.mouseRelease(bar, LEFT, pos=QPoint(bar.width() // 2, bar.height() // 2))
    first, last = bar.value()
    assert (3 <= first <= 6, last) == (True, 9)
    assert row.text() == f"{first}:10"


def test_all_frames_are_no_range(row):
    row.set_text("2:5")
    row.slider.setValue((0, 9))
    assert row.text() == ""


def test_from_here_to_here(row):
    row.here = lambda: 4
    click(row.from_here)
    assert row.text() == "4:10"
    row.here = lambda: 6
    click(row.to_here)
    assert row.text() == "4:7"
    # an end before the beginning, and places outside the clip
    row.here = lambda: 2
    click(row.to_here)
    assert row.text() == "0:3"
    row.here = lambda: 8
    click(row.from_here)
    assert row.text() == "8:10"
    row.here = lambda: -5
    click(row.from_here)
    assert row.text() == ""


def test_without_a_clip_there_is_nothing_to_choose_from(row):
    row.set_length(None)
    assert not row.slider.isEnabled()
    assert not row.from_here.isEnabled()
    assert row.line.isEnabled()


@pytest.mark.parametrize("kind", [GenerateWidget, ScrambleWidget, LeapsWidget])
def test_the_viewer_s_frame_is_taken(viewer, qtbot, tmp_path, kind):
    path = clip(tmp_path / "natural.mkv", count=8)
    (layer,) = viewer.open(str(path), plugin="napari-stst")
    # frames of the clip, wherever it lies in the viewer's time
    layer.translate = (10, 0, 0)
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name="form")
    widget._natural.setCurrentIndex(widget._natural.findData(layer))
    qtbot.wait(100)
    frames = widget._frames
    widget.scroll.ensureWidgetVisible(frames)
    qtbot.wait(50)
    viewer.dims.set_point(0, 12)
    click(frames.from_here)
    viewer.dims.set_point(0, 15)
    click(frames.to_here)
    assert widget.tree()["input"]["frames"] == "2:6"
    frames.line.setFocus()
    frames.line.selectAll()
    QTest.keyClicks(frames.line, "5:")
    QTest.keyClick(frames.line, Qt.Key.Key_Return)
    assert widget.tree()["input"]["frames"] == "5:"
    assert frames.slider.value() == (5, 7)
