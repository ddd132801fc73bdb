"""Means, tests and verdicts of values that are given, against closed forms."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from stst.errors import InputError
from stst.study.findings import check_margins, find_all
from study_values import (
    COHERENCE,
    DISTANCE,
    LIGHT,
    RATIO,
    SEEN,
    beside,
    entry,
    of_clips,
)


def find(key, *values, margin=None, nameable=None):
    entries, known = of_clips(key, *values)
    margins = {} if margin is None else {key.measure: margin}
    clips = [one.natural for one in entries] if nameable is None else nameable
    found = find_all(entries, known, margins, clips)
    return found[0] if found else None


class TestMeans:
    def test_over_seeds_first_then_over_clips(self):
        entries = [entry("a1"), entry("a2"), entry("a3"), entry("b1", "b")]
        values = {
            label: {LIGHT: beside(value, natural)}
            for label, value, natural in (("a1", 1, 2), ("a2", 2, 2), ("a3", 3, 2), ("b1", 10, 4))
        }
        (found,) = find_all(entries, values, {})
        assert found.by_clip == {Path("a.mkv"): 2, Path("b.mkv"): 10}
        assert (found.interval.mean, found.interval.n, found.natural) == (6, 2, 3)

    def test_ratios_are_geometric_over_seeds_and_clips(self):
        entries = [entry("a1"), entry("a2"), entry("b1", "b")]
        values = {label: {RATIO: beside(v)} for label, v in (("a1", 2), ("a2", 0.5), ("b1", 4))}
        (found,) = find_all(entries, values, {})
        assert found.by_clip[Path("a.mkv")] == pytest.approx(1)
        assert found.interval.mean == pytest.approx(2)
        low, high = stats.t.interval(0.95, 1, np.log(4) / 2, stats.sem(np.log([1, 4])))
        assert (found.interval.low, found.interval.high) == pytest.approx(np.exp([low, high]))

    def test_nulls_are_averaged_as_values_are(self):
        found = find(RATIO, beside(1, unrelated=2), beside(1, unrelated=8))
        assert found.nulls["unrelated"] == pytest.approx((4, 4, 4))
        found = find(DISTANCE, beside(1, scrambled=2), beside(1, scrambled=8))
        assert found.nulls["scrambled"] == (5, 5, 5)

    def test_conditions_are_apart_and_undefined_values_left_out(self):
        entries = [entry("x1", "a", "x"), entry("y1", "a", "y"), entry("y2", "b", "y")]
        values = {label: {LIGHT: beside(v, 0)} for label, v in
                  (("x1", 1), ("y1", 3), ("y2", float("nan")))}  # fmt: skip
        first, second = find_all(entries, values, {})
        assert (first.condition, first.interval.mean) == ("x", 1)
        assert (second.condition, second.interval.mean, second.interval.n) == ("y", 3, 1)

    def test_recognition_is_of_nameable_clips_alone(self):
        values = beside(0.9, 0.9, unrelated=0), beside(0.1, 0.9, unrelated=0)
        found = find(SEEN, *values, nameable=[Path("n1.mkv")])
        assert found.interval.mean == 0.1
        assert find(SEEN, *values, nameable=[]) is None

    def test_a_row_of_the_table(self):
        row = find(DISTANCE, *[beside(v, scrambled=1) for v in (0.1, 0.2, 0.3)], margin=0.9).row()
        assert (row["value"], row["null_kind"], row["null_value"]) == (
            pytest.approx(0.2), "scrambled", 1,
        )  # fmt: skip
        assert (row["clips"], row["against"], row["p"]) == (3, "scrambled", 0.25)
        assert row["verdict"].startswith("within")


class TestTests:
    def test_ratios_against_1_as_logarithms(self):
        # as differences from 1 these would not cancel
        found = find(RATIO, *map(beside, (2, 0.5, 4, 0.25)))
        assert (found.test.p, found.against) == (1, "natural")
        assert found.test.difference == pytest.approx(0)
        assert find(RATIO, *map(beside, (2, 3, 4, 5))).test.p == 0.125

    def test_distances_and_motion_against_the_scrambled_clip(self):
        for key in (DISTANCE, COHERENCE):
            values = [beside(v, 0.1, scrambled=1, unrelated=v) for v in (0.2, 0.3, 0.4)]
            found = find(key, *values)
            assert (found.against, found.test.p) == ("scrambled", 0.25)
            assert found.test.difference == pytest.approx(-0.7)

    def test_recognition_against_unrelated_clips(self):
        values = [beside(v, 0.9, scrambled=v, unrelated=0.1) for v in (0.2, 0.3, 0.4)]
        found = find(SEEN, *values)
        assert (found.against, found.test.difference) == ("unrelated", pytest.approx(0.2))

    def test_light_against_the_natural_clip(self):
        found = find(LIGHT, beside(0.2, 0.1), beside(0.4, 0.2), beside(0.6, 0.3))
        assert (found.against, found.test.difference) == ("natural", pytest.approx(0.2))

    def test_a_single_clip_is_described(self):
        found = find(RATIO, beside(0.5), margin=1.1)
        assert found.test is None
        assert found.interval.mean == 0.5
        assert isnan(found.interval.low)
        assert found.verdict.startswith("descriptive")


SPREAD = (-0.02, 0.0, 0.01, 0.02)


def around(value, natural=float("nan"), spread=SPREAD, **nulls):
    return [beside(value + one, natural, **nulls) for one in spread]


class TestVerdicts:
    @pytest.mark.parametrize(
        ("key", "values", "margin", "verdict"),
        [
            # the natural clip itself
            (RATIO, [beside(1.0)] * 4, 1.1, "equivalent"),
            (DISTANCE, [beside(0.0, scrambled=0.5)] * 4, 0.1, "within"),
            (COHERENCE, [beside(0.2, 0.2, scrambled=0.8)] * 4, 0.1, "within"),
            (SEEN, [beside(0.9, 0.9, unrelated=0.01)] * 4, 0.1, "above its null"),
            (LIGHT, [beside(0.2, 0.2)] * 4, 0.01, "equivalent"),
            # another clip, noise
            (RATIO, [beside(one) for one in (2.0, 2.1, 1.9, 2.2)], 1.1, "not equivalent"),
            (DISTANCE, around(1.5, scrambled=0.5), 0.1, "not within"),
            (COHERENCE, around(1.0, 0.2, scrambled=0.8), 0.1, "not within"),
            (SEEN, around(0.05, 0.9, unrelated=0.05), 0.1, "at its null"),
            (LIGHT, around(0.5, 0.2), 0.1, "not equivalent"),
            # more coherent than the natural clip is no fault; darker than it is
            (COHERENCE, around(0.1, 0.5, scrambled=0.8), 0.1, "within"),
            (LIGHT, around(0.1, 0.5), 0.1, "not equivalent"),
            # far above nothing, but not shown to be beyond the margin
            (DISTANCE, around(0.09, scrambled=0.5), 0.1, "undecided"),
            (SEEN, around(0.5, 0.9), 0.1, "no null"),
        ],
    )  # fmt: skip
    def test_what_has_the_right_one(self, key, values, margin, verdict):
        assert find(key, *values, margin=margin).verdict.partition(" (")[0] == verdict

    def test_none_comes_from_a_lack_of_significance(self):
        values = [beside(one) for one in (0.3, 3.0, 0.5, 2.5)]
        found = find(RATIO, *values, margin=1.1)
        assert found.test.p > 0.5
        assert found.verdict == "undecided (margins 0.909 to 1.1)"
        seen = [beside(one, 0.9, unrelated=0.3) for one in (0.0, 0.9, 0.1, 0.4)]
        found = find(SEEN, *seen, margin=0.1)
        assert found.test.p > 0.5
        assert found.verdict == "undecided (margin 0.1)"

    def test_none_without_a_margin(self):
        assert find(RATIO, *map(beside, (1.0, 1.0))).verdict == ""

    def test_a_ratio_of_nothing(self):
        """A still stimulus: no logarithm, so no interval, no test, and no equivalence."""
        found = find(RATIO, *map(beside, (0.0, 1.0, 1.0)), margin=1.1)
        assert (found.interval.mean, found.interval.n, found.test) == (0, 3, None)
        assert found.verdict == "undecided, for a ratio is 0 (margins 0.909 to 1.1)"


class TestMargins:
    @pytest.mark.parametrize(
        ("margins", "said"),
        [
            ({"contrst.ratio": 1.1}, "contrst.ratio: no measure of that name is tested"),
            ({"contrst.ratio": 1.1}, "contrast.ratio"),
            ({"contrast.ratio": 1.0}, "contrast.ratio=1: expected a number above 1; of a ratio"),
            ({"contrast.ratio": 0.9}, "above 1"),
            ({"contrast.ratio": float("inf")}, "contrast.ratio=inf"),
            ({"luminance.mean": 0.0}, "luminance.mean=0: expected a number above 0."),
            ({"luminance.mean": -1.0}, "luminance.mean=-1"),
            ({"recognition.top10.clip": 0.1}, r"not measured here. Name judges (`judge`)"),
        ],
    )
    def test_refusals(self, margins, said):
        with pytest.raises(InputError) as caught:
            check_margins(margins, ["comparison.csv", "photometry.csv"])
        assert said in str(caught.value)

    def test_good_ones(self):
        check_margins({"contrast.ratio": 1.1, "recognition.top10.clip": 0.1})
