"""What is drawn is read back; how a study draws it, in tests of `stst.study.figures`."""

from __future__ import annotations

import pytest

from stst.analysis.evidence.baseline import MeasuredClips, StimulusRows
from stst.analysis.evidence.listing import list_measures
from stst.figures import FrameNumbers
from stst.figures.nulls import course_panels, draw_null_panels, listed_panels
from stst.figures.style import clip_color


def rows(clip: str, values: list[float], first: int = 0, **more) -> list[dict]:
    names = {"clip": clip, "unit": "1", **({} if clip == "n" else {"reference": "n"})}
    frames = [
        {**names, "measure": "luminance", "value": one, "frame": first + n}
        for n, one in enumerate(values)
    ]
    mean = sum(values) / len(values)
    return [*frames, {**names, "measure": "luminance.mean", "value": mean, **more}]


def beside(clip: str, values: list[float], low: float, high: float, scrambled: float) -> list[dict]:
    own = rows(clip, values)
    return [
        *own,
        {**own[-1], "measure": "luminance.mean.null", "value": (low + high) / 2,
         "null_kind": "unrelated", "null_low": low, "null_high": high},
        {**own[-1], "measure": "luminance.mean.null", "value": scrambled,
         "null_kind": "scrambled", "null_low": scrambled, "null_high": scrambled},
    ]  # fmt: skip


PAIR = MeasuredClips(
    rows("n", [0.2, 0.4], first=5),
    [
        StimulusRows(1, "a", beside("a", [0.1, 0.2], 0.5, 0.9, 0.25)),
        StimulusRows(2, "b", beside("b", [0.6, 0.8], 0.5, 0.9, 0.25)),
    ],
)


def test_a_row_for_each_clip_beside_the_natural_one():
    listed = list_measures("photometry.csv", [PAIR])
    (axis,) = draw_null_panels(listed_panels(listed), ["a", "b"]).axes
    assert axis.get_title(loc="left") == "Mean luminance"
    points = [line for line in axis.lines if line.get_marker() in "os"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in points] == [
        (pytest.approx(0.15), 0), (pytest.approx(0.7), 1),
    ]  # fmt: skip
    assert [line.get_color() for line in points] == [clip_color(1), clip_color(2)]
    for style, where in ((":", 0.25), ("--", 0.3)):
        found = [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == style]
        assert found == pytest.approx([where] * 2)
    assert [one.get_text() for one in axis.get_yticklabels()] == ["a", "b"]


def test_a_clip_alone_is_a_row():
    alone = [{key: one[key] for key in one if key != "reference"} for one in PAIR.others[0].rows]
    (panel,) = listed_panels(list_measures("photometry.csv", [MeasuredClips(alone, [])]))
    assert {at: (row.value, row.place) for at, row in panel.rows.items()} == {
        0: (pytest.approx(0.15), 0)
    }


def test_courses_have_the_range_of_unrelated_clips():
    listed = list_measures("photometry.csv", [PAIR])
    others = {place: FrameNumbers(place, start=5) for place in (1, 2)}
    (panel,) = course_panels(listed, [(FrameNumbers(0, first=5, start=5), PAIR)], others)
    assert panel.heading == "Mean luminance"
    assert [(one.place, list(one.frames), list(one.values)) for one in panel.series] == [
        (0, [5, 6], [0.2, 0.4]), (1, [5, 6], [0.1, 0.2]), (2, [5, 6], [0.6, 0.8]),
    ]  # fmt: skip
    assert [one.band for one in panel.series] == [(0.5, 0.9), None, None]
    low, high = panel.limits
    assert low == 0
    assert high > 0.9


def test_what_has_no_frames_has_no_course():
    clips = MeasuredClips(PAIR.natural[-1:], [StimulusRows(1, "a", PAIR.others[0].rows[2:])])
    listed = list_measures("photometry.csv", [clips])
    assert course_panels(listed, [(FrameNumbers(0), clips)], {1: FrameNumbers(1)}) == []
