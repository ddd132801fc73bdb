from __future__ import annotations

import matplotlib.colors
import numpy as np
import pytest

from stst.figures import Panel, TimeSeries, clip_color, panel_bars, panel_courses, picture

LABELS = ["natural", "metamer (STST)", "scrambled (STPS)"]
FRAMES = np.arange(5.0)


def panel(title="layer1", limits=(0.0, 1.0), places=(1, 2)) -> Panel:
    rng = np.random.default_rng(0)
    series = [TimeSeries(one, FRAMES, rng.random(5), 25) for one in places]
    return Panel("CKA", "", series, title, limits)


class TestCourses:
    def test_what_is_drawn(self):
        early, late = panel("layer1"), panel("layer4", None, (0, 2))
        axes = panel_courses([early, late], LABELS).axes
        for axis, one in zip(axes, (early, late), strict=True):
            assert axis.get_title(loc="left") == one.title
            assert axis.get_ylabel() == "CKA"
            assert axis.get_xlabel() == "Time (s)"
            for line, course in zip(axis.get_lines(), one.series, strict=True):
                assert np.array_equal(line.get_ydata(), course.values)
                assert np.array_equal(line.get_xdata(), FRAMES / 25)
                assert line.get_color() == clip_color(course.place)
        assert axes[0].get_ylim() == (0, 1)
        highest = max(course.values.max() for course in late.series)
        assert axes[1].get_ylim() == (0, pytest.approx(1.08 * highest))

    def test_only_clips_with_a_course_are_named(self):
        (legend,) = panel_courses([panel()], LABELS).legends
        assert [text.get_text() for text in legend.get_texts()] == LABELS[1:]

    def test_nothing_that_is_defined(self):
        undefined = Panel("CKA", "", [TimeSeries(1, FRAMES, np.full(5, np.nan))])
        assert picture(panel_courses([undefined], LABELS), "png")
        assert picture(panel_bars([undefined], LABELS), "png")


class TestBars:
    def test_means_and_deviations(self):
        values = np.array([0.2, 0.4, np.nan, 0.6])
        one = Panel(
            "error", "", [TimeSeries(0, FRAMES[:4], values), *panel().series], "level 0", (0, 1)
        )
        (axis,) = panel_bars([one], LABELS).axes
        widths = [bar.get_width() for bar in axis.patches]
        assert widths[0] == pytest.approx(0.4)
        assert widths[1:] == [pytest.approx(course.values.mean()) for course in one.series[1:]]
        colors = [matplotlib.colors.to_hex(bar.get_facecolor()) for bar in axis.patches]
        assert colors == [clip_color(place).lower() for place in range(3)]
        assert [tick.get_text() for tick in axis.get_yticklabels()] == LABELS
        error = axis.collections[0]
        ((left, _), (right, _)) = error.get_segments()[0]
        assert (right - left) / 2 == pytest.approx(np.nanstd(values))
        assert axis.get_xlim() == (0, 1)
        assert axis.get_xlabel() == "Mean error"


@pytest.mark.parametrize("draw", [panel_courses, panel_bars])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_bytes(draw, kind):
    assert picture(draw([panel()], LABELS), kind) == picture(draw([panel()], LABELS), kind)
