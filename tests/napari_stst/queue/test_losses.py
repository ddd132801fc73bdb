from __future__ import annotations

import itertools

import numpy as np
import pytest
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QApplication

from napari_stst.queue.losses import LossPlot
from napari_stst.widgets.theme import Colors

DARK = Colors("#000000", "#eeeeee", "#777777")
LIGHT = Colors("#ffffff", "#111111", "#888888")


def curves(plot) -> dict[str, np.ndarray]:
    return {name: np.stack(curve.getOriginalDataset()) for name, curve in plot._curves.items()}


def test_every_term_is_a_curve_over_the_work_that_is_done(qtbot, until):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.show()
    plot.add({"spatial_texture": 100.0, "total_variation": 0.0}, 0.1)
    plot.add({"spatial_texture": 10.0, "total_variation": 5.0}, 0.2)
    until(lambda: bool(plot._curves))
    drawn = curves(plot)
    assert np.allclose(drawn["spatial_texture"], [[10, 20], [100, 10]])
    # 0 has no place on a logarithmic axis
    assert np.allclose(drawn["total_variation"], [[20], [5]])
    assert [label.text for _, label in plot._legend.items] == ["spatial", "variation"]
    plot.clear()
    assert not plot._legend.items


def test_probabilities_have_a_linear_axis_with_0_and_1(qtbot, until):
    plot = LossPlot(DARK, "probability", (0.0, 1.0))
    qtbot.addWidget(plot)
    plot.show()
    plot.add({"model": 0.0}, 0.1)
    plot.add({"model": 1.0}, 0.2)
    until(lambda: bool(plot._curves))
    assert np.allclose(curves(plot)["model"], [[10, 20], [0, 1]])


def test_a_long_run_does_not_fill_the_memory(qtbot):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.show()
    for step in range(10_000):
        plot.add({"a": 1.0 + step}, step / 10_000)
    values = plot._values["a"]
    assert len(values) <= 2000
    assert values[-1] == (99.99, 10_000.0)


def test_words_go_with_the_theme(qtbot, until):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.show()
    plot.add({"a": 1.0}, 0.5)
    until(lambda: bool(plot._curves))
    plot.set_colors(LIGHT)
    assert [label.opts["color"] for _, label in plot._legend.items] == ["#111111"]


@pytest.mark.parametrize("height", [40, 90, 300])
@pytest.mark.parametrize(
    ("low", "high"), [(-12.0, 9.0), (0.0, 4.0), (2.1, 2.9), (0.301, 0.303), (-7.2, -6.8), (3, 3.5)]
)
def test_labels_of_the_axis_never_lie_over_each_other(qtbot, low, high, height):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.resize(320, height + 50)
    plot.show()
    axis = plot._plot.getAxis("left")
    plot._plot.setRange(yRange=(low, high), padding=0)
    QApplication.processEvents()
    picture = QImage(400, 500, QImage.Format.Format_ARGB32)
    painter = QPainter(picture)
    _, _, texts = axis.generateDrawSpecs(painter)
    painter.end()
    places = sorted((rect.top(), rect.bottom(), text) for rect, _, text in texts)
    assert places
    for above, below in itertools.pairwise(places):
        assert above[1] <= below[0], (above, below)
    assert len({text for *_, text in places}) == len(places)


def specs(axis):
    """Give what an axis writes, and where in the plot."""
    picture = QImage(400, 500, QImage.Format.Format_ARGB32)
    painter = QPainter(picture)
    _, _, texts = axis.generateDrawSpecs(painter)
    painter.end()
    return {text: axis.mapRectToScene(rect) for rect, _, text in texts}


def test_the_whole_of_the_work_is_written_on_the_axis(qtbot):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.resize(300, 150)
    plot.show()
    QApplication.processEvents()
    written = specs(plot._plot.getAxis("bottom"))
    assert {"0", "100"} <= set(written)
    assert written["100"].right() <= plot._plot.width()


def test_what_the_axis_is_about_does_not_lie_over_its_numbers(qtbot):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.resize(300, 150)
    plot.show()
    plot._plot.setRange(yRange=(1, 5), padding=0)
    QApplication.processEvents()
    axis = plot._plot.getAxis("left")
    word = axis.mapRectToScene(axis.label.mapRectToParent(axis.label.boundingRect()))
    written = specs(axis)
    assert "1e+05" in written or "1e+04" in written
    assert all(one.left() >= word.right() for one in written.values()), (word, written)


def test_what_a_resumed_run_does_again_replaces_what_was_drawn(qtbot, until):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.show()
    for progress in (0.1, 0.2, 0.3):
        plot.add({"a": 5.0}, progress)
    plot.add({"a": 2.0}, 0.2)
    plot.add({"a": 1.0}, 0.25)
    until(lambda: bool(plot._curves))
    assert np.allclose(curves(plot)["a"], [[10, 20, 25], [5, 2, 1]])


def test_nothing_is_drawn_while_nobody_sees_it(qtbot, until):
    plot = LossPlot(DARK)
    qtbot.addWidget(plot)
    plot.add({"a": 5.0}, 0.1)
    qtbot.wait(400)
    assert not plot._curves
    plot.show()
    until(lambda: bool(plot._curves))
    assert np.allclose(curves(plot)["a"], [[10], [5]])
