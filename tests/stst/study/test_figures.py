"""What is drawn is read back from the figures."""

from __future__ import annotations

import numpy as np
import pytest

from stst.analysis.measures.likeness import Likeness
from stst.study.figures import draw_findings, draw_likeness
from stst.study.findings import find_all
from study_values import DISTANCE, RATIO, beside, of_clips


def drawn(key, *values, conditions=("x",)):
    entries, known = of_clips(key, *values)
    figure = draw_findings(find_all(entries, known, {}), conditions)
    (axis,) = figure.axes
    return axis


def lines(axis, style):
    return [line for line in axis.lines if line.get_linestyle() == style]


def test_a_row_holds_clips_mean_interval_and_nulls():
    values = [beside(one, unrelated=1.5, scrambled=0.6) for one in (0.1, 0.2, 0.3)]
    axis = drawn(DISTANCE, *values)
    assert [axis.lines[0].get_xdata()[0], axis.lines[1].get_xdata()[0]] == [0.6, 0]
    (strokes,) = [line for line in axis.lines if line.get_marker() == "|"]
    assert list(strokes.get_xdata()) == [0.1, 0.2, 0.3]
    (point,) = [line for line in axis.lines if line.get_marker() == "o"]
    assert point.get_xdata() == pytest.approx([0.2])
    (interval,) = lines(axis, "-")[-1:] and [
        line for line in lines(axis, "-") if len(line.get_xdata()) == 2
    ]
    assert interval.get_xdata() == pytest.approx([-0.0484, 0.4484], abs=1e-4)
    assert len(axis.collections) == 1, "the band of unrelated clips"
    assert axis.get_title(loc="left") == "Gram matrices"


def test_the_natural_clip_is_where_nothing_differs():
    for key, same in ((RATIO, 1.0), (DISTANCE, 0.0)):
        (line,) = lines(drawn(key, beside(0.5), beside(0.6)), "--")
        assert list(line.get_xdata()) == [same, same]


def test_ratios_are_drawn_as_logarithms_with_plain_numbers():
    axis = drawn(RATIO, beside(0.1), beside(10.0))
    assert axis.get_xscale() == "log"
    axis.figure.canvas.draw()
    shown = [one.get_text() for one in axis.get_xticklabels()]
    assert "1" in shown
    assert not any("10^" in one for one in shown)
    # a ratio of nothing has no place there, and harms nothing
    drawn(RATIO, beside(0.0), beside(1.0)).figure.canvas.draw()


def test_each_condition_has_nulls_of_its_own_clips():
    entries, values = of_clips(DISTANCE, beside(0.1, scrambled=0.5), condition="x")
    more, others = of_clips(DISTANCE, beside(0.1, scrambled=0.9), condition="y")
    more = [type(one)(one.pair, "y", one.natural.with_name("z")) for one in more]
    others = {"t": others["s0"]}
    more = [type(one)(type(one.pair)("t", "z", "t"), "y", one.natural) for one in more]
    figure = draw_findings(find_all([*entries, *more], {**values, **others}, {}), ["x", "y"])
    dotted = lines(figure.axes[0], ":")
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in dotted] == [
        (0.5, -0.5), (0.9, 0.5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "lowest", "said"),
    [
        ("likeness.pixels", -1, "Correlation of pixels"),
        ("likeness.energy", 0, "Share of energy in the same bands"),
    ],
)
def test_likeness(measure, lowest, said):
    matrix = np.array([[1.0, -0.5], [-0.5, np.nan]])
    figure = draw_likeness(Likeness(measure, ("a", "b"), matrix))
    axis, scale = figure.axes
    assert scale.get_ylabel() == said
    shown = axis.images[0].get_array()
    assert shown[0, 1] == -0.5
    assert shown.mask[1, 1]
    assert [one.get_text() for one in axis.get_yticklabels()] == ["a", "b"]
    assert axis.images[0].get_clim() == (lowest, 1)
