from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt

from napari_stst.compare.time_plots import CoursePlot
from napari_stst.widgets.theme import Colors
from stst.figures import Panel, TimeSeries

DARK = Colors("#101010", "#f0f0f0", "#808080")
LIGHT = Colors("#ffffff", "#202020", "#808080")


def course(place, values, start=4.0):
    return TimeSeries(place, start + np.arange(len(values)), np.array(values, float))


PANELS = (
    Panel("Contrast", "0–1", (course(1, [0.2, 0.4, 0.3]), course(0, [np.nan, 0.5, 0.1]))),
    Panel("Angle", "rad", (course(0, [0.1, 6.2, 6.1]),), circular=True),
    Panel("CKA", "", (course(1, [0.9, 0.8, 0.9]),), limits=(0.0, 1.0)),
    Panel("Flow", "", (course(0, [np.nan] * 3),)),
)


@pytest.fixture
def plot(qtbot):
    plot = CoursePlot(DARK)
    qtbot.addWidget(plot)
    plot.resize(900, 260)
    plot.show_panels(PANELS, ("cat", "metamer & <co>"), 1 / 25)
    with qtbot.waitExposed(plot):
        plot.show()
    return plot


def curves(plot, place):
    """Data and pen of the curves of a panel, in the order in which they are drawn."""
    return [(item.xData, item.yData, item.opts["pen"]) for item in plot.plots[place].curves]


def is_undefined(panel):
    return any(getattr(one, "toPlainText", str)() == "undefined" for one in panel.items)


def at(plot, place, frame):
    """Where a frame is in the panel of that place, in pixels of the graphics."""
    box = plot.plots[place].getViewBox()
    where = box.mapViewToScene(QPointF(frame, box.viewRange()[1][0] + 0.01))
    return plot.graphics.viewport(), plot.graphics.mapFromScene(where)


def test_the_natural_course_is_thick_and_lies_below(plot):
    (x, natural, thick), (_, other, thin) = curves(plot, 0)
    assert list(x) == [4, 5, 6]
    np.testing.assert_array_equal(natural, [np.nan, 0.5, 0.1])
    np.testing.assert_array_equal(other, [0.2, 0.4, 0.3])
    assert thick.widthF() > thin.widthF()
    assert thick.color().name() == DARK.text
    assert thin.color().name() == DARK.clip(1).lower()


def test_an_angle_is_interrupted_where_it_jumps_and_has_its_whole_circle(plot):
    ((_, values, _),) = curves(plot, 1)
    np.testing.assert_array_equal(values, [0.1, np.nan, 6.2, 6.1])
    low, high = plot.plots[1].getViewBox().viewRange()[1]
    assert low <= 0 < 2 * np.pi <= high < 7
    (ticks,) = plot.plots[1].getAxis("left")._tickLevels
    assert [text for _, text in ticks] == ["0", "π/2", "π", "3π/2", "2π"]


def test_limits_and_undefined(plot):
    low, high = plot.plots[2].getViewBox().viewRange()[1]
    assert -0.05 < low < 0.01
    assert 1 <= high < 1.05
    assert [is_undefined(one) for one in plot.plots] == [False, False, False, True]


def test_an_angle_is_interrupted_where_there_is_none(plot):
    angles = [np.nan, 1.0, np.nan, 1.2, 6.0]
    plot.show_panels((Panel("Angle", "rad", (course(0, angles),), circular=True),), ("cat",))
    ((_, values, _),) = curves(plot, 0)
    np.testing.assert_array_equal(values, [np.nan, 1.0, np.nan, 1.2, np.nan, 6.0])
    assert not is_undefined(plot.plots[0])
    (item,) = plot.plots[0].curves
    assert item.opts["connect"] == "finite"
    assert item.opts["symbol"] == "o", "a value between two gaps is seen"


def test_a_clip_without_any_angle(plot):
    still = Panel("Angle", "rad", (course(0, [np.nan] * 3),), circular=True)
    plot.show_panels((still,), ("cat",))
    assert is_undefined(plot.plots[0])
    low, high = plot.plots[0].getViewBox().viewRange()[1]
    assert low <= 0 < 2 * np.pi <= high < 7


def test_titles_and_legend(plot):
    assert plot.plots[0].titleLabel.text == "Contrast (0–1)"
    assert plot.plots[0].getAxis("bottom").labelText == "frame"
    assert "<b>cat</b>" in plot.legend.text()
    assert "metamer &amp; &lt;co&gt;" in plot.legend.text()


def test_small_numbers_have_ticks(plot):
    axis = plot.plots[0].getAxis("left")
    assert axis.tickStrings([0, 2.5e-05, 0.1], 1, 1e-5) == ["0", "2.5e-05", "0.1"]


def test_the_cursor_is_in_every_panel(plot):
    plot.set_cursor(5.0)
    assert [one.value() for one in plot.cursors] == [5.0] * 4
    assert plot.readout.text() == "frame 5 · 0.200 s"


def test_a_hidden_cursor_catches_up(plot):
    plot.hide()
    plot.set_cursor(6.0)
    assert [one.value() for one in plot.cursors] == [0.0] * 4
    plot.show()
    assert [one.value() for one in plot.cursors] == [6.0] * 4


def test_a_click_and_a_drag_choose_a_frame(plot, qtbot):
    chosen = []
    plot.frame_chosen.connect(chosen.append)
    widget, where = at(plot, 0, 5.1)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=where)
    assert chosen == [5]
    _, right = at(plot, 0, 6)
    qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=where)
    for step in (0.4, 0.8, 1):
        along = QPoint(round(where.x() + step * (right.x() - where.x())), where.y())
        qtbot.mouseMove(widget, along)
    qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=right)
    assert chosen[-1] == 6
    # beyond the courses there is nothing to go to
    plot._choose(99)
    assert chosen[-1] == 6
    plot._choose(-99)
    assert chosen[-1] == 4
    # a right click does nothing
    before = list(chosen)
    qtbot.mouseClick(widget, Qt.MouseButton.RightButton, pos=where)
    assert chosen == before


def test_it_follows_the_theme(plot):
    plot.set_cursor(5.0)
    plot.set_colors(LIGHT)
    assert curves(plot, 0)[0][2].color().name() == LIGHT.text
    assert [one.value() for one in plot.cursors] == [5.0] * 4
    image = plot.graphics.grab().toImage()
    assert image.pixelColor(1, image.height() - 2).name() == LIGHT.background


def test_panels_are_equally_wide(plot):
    widths = {round(one.getViewBox().width()) for one in plot.plots}
    assert max(widths) - min(widths) <= 2


def test_nothing_is_drawn_of_nothing(plot):
    plot.show_panels((), ())
    assert (plot.plots, plot.span(), plot.readout.text()) == ([], (0, 0), "")


def test_ticks_count_frames(plot):
    # three frames on some hundred pixels have room for halves between them
    for panel in plot.plots:
        axis = panel.getAxis("bottom")
        low, high = panel.getViewBox().viewRange()[0]
        levels = axis.tickValues(low, high, 400)
        values = [value for _, level in levels for value in level]
        assert {4.0, 5.0, 6.0} <= set(values)
        assert all(value % 1 == 0 for value in values)
    # many frames have few ticks, and no step is none
    levels = plot.plots[0].getAxis("bottom").tickValues(0, 5000, 200)
    assert sum(len(level) for _, level in levels) < 60
    assert all(value % 1 == 0 for _, level in levels for value in level)


@pytest.mark.parametrize("name", ["features.7.2.add", "encoder.layers.encoder_layer_11.mlp"])
def test_titles_are_not_cut(plot, name, qtbot):
    title = f"CKA, {name}"
    plot.show_panels([Panel(title, "", (course(1, [0.9, 0.8, 0.9]),))] * 6, ("cat", "a"))
    qtbot.wait(50)
    for panel in plot.plots:
        label = panel.titleLabel
        assert label.text == title
        here = panel.mapRectToScene(panel.boundingRect())
        words = label.item.mapRectToScene(label.item.boundingRect())
        assert here.left() <= words.left() + 1
        assert words.right() <= here.right() + 1
        assert here.width() < 500
        # none lies beyond what can be scrolled to
        assert here.right() <= plot.graphics.width() + 1


def test_a_title_of_any_length(plot):
    title = "CKA, " + "a." * 200
    plot.show_panels([Panel(title, "", (course(1, [0.9, 0.8, 0.9]),))], ("cat", "a"))
    label = plot.plots[0].titleLabel
    assert "…" in label.text
    assert label.toolTip() == title


def test_alignments_of_the_natural_clip_are_told_apart(plot):
    first, second = "30x33 px, frames 2 to 13", "40x44 px, frames 0 to 2"
    numbers = np.arange(3.0)
    natural = [
        TimeSeries(0, numbers, numbers / 9, note=first),
        TimeSeries(0, numbers, numbers / 5, note=second),
    ]
    plot.show_panels([Panel("Contrast", "", (*natural, course(1, [0.2, 0.4, 0.3])))], ("cat", "a"))
    legend = plot.legend.text()
    assert legend.count("cat") == 2
    assert legend.index(f"({first})") < legend.index(f"({second})") < legend.index("a</nobr>")
    solid, dashed, other = (pen.style() for _, _, pen in curves(plot, 0))
    assert solid == other == Qt.PenStyle.SolidLine
    assert dashed == Qt.PenStyle.DashLine
    # the lines of the legend are theirs
    lines = [part.split("</span>")[0].rpartition(">")[2] for part in legend.split("<nobr>")[1:]]
    assert lines == ["▬", "▬ ▬", "▬"]
