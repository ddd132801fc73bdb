"""Equivalence by SciPy's one-sided tests; and what is at its null was shown to be there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from stst import InputError
from stst.analysis.inference import at_null, equivalence_test, mean_interval

NAN = float("nan")
SETS = arrays.arrays(
    np.float64, st.integers(2, 9), elements=st.integers(-40, 40).map(lambda number: number / 16)
)


def differences(n=6, mean=0.02, spread=0.05):
    return np.random.default_rng(n).normal(mean, spread, n)


class TestEquivalence:
    @pytest.mark.parametrize("n", [2, 4, 20])
    @pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (-0.02, 0.3), (-0.3, 0.02)])
    def test_it_is_two_one_sided_tests(self, n, low, high):
        values = differences(n)
        above = stats.ttest_1samp(values, low, alternative="greater").pvalue
        below = stats.ttest_1samp(values, high, alternative="less").pvalue
        found = equivalence_test(values, low, high)
        assert found.p == pytest.approx(max(above, below), rel=1e-9)
        ends = stats.ttest_1samp(values, 0).confidence_interval(0.9)
        assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
        assert (found.mean, found.n) == (pytest.approx(values.mean()), n)
        assert found.margin == (low, high)

    def test_a_lack_of_significance_is_no_equivalence(self):
        values = [0.3, -0.2, 0.1, -0.25]
        assert stats.ttest_1samp(values, 0).pvalue > 0.9
        assert equivalence_test(values, -0.1, 0.1).verdict == "undecided"
        assert equivalence_test(values, -0.5, 0.5).verdict == "equivalent"

    def test_what_is_wholly_beyond_a_margin(self):
        for values in ([0.3, 0.32, 0.28, 0.3], [-0.3, -0.32, -0.28, -0.3]):
            found = equivalence_test(values, -0.2, 0.2)
            assert found.verdict == "not equivalent"
            assert abs(found.mean) > min(abs(found.low), abs(found.high)) > 0.2
        # beyond by its mean only
        assert equivalence_test([0.1, 0.5, 0.0, 0.4], -0.2, 0.2).verdict == "undecided"
        assert equivalence_test([1.6, 1.7], 1 / 1.25, 1.25, ratios=True).verdict == "not equivalent"
        assert (
            equivalence_test([0.6, 0.58], 1 / 1.25, 1.25, ratios=True).verdict == "not equivalent"
        )

    def test_a_significant_difference_may_be_small_enough(self):
        values = [0.02, 0.021, 0.019, 0.02]
        assert stats.ttest_1samp(values, 0).pvalue < 0.001
        assert equivalence_test(values, -0.1, 0.1).verdict == "equivalent"

    @given(SETS, st.sampled_from([0.01, 0.05, 0.2]))
    @example(np.array([1.0, 1.0]), 0.05)
    @example(np.array([0.5, 0.5]), 0.05)
    def test_the_interval_says_the_same(self, values, alpha):
        found = equivalence_test(values, -0.75, 1, alpha)
        inside = found.low > -0.75 and found.high < 1
        assert (found.verdict == "equivalent") == inside == (found.p < alpha)

    @given(SETS, st.sampled_from([0.1, 1e-200, 1e6]))
    @example(np.array([-1.0, -1.0, -1.0]), 0.1)
    def test_a_unit_makes_no_difference(self, values, unit):
        plain = equivalence_test(values, -1, 2)
        other = equivalence_test(values * unit, -unit, 2 * unit)
        assert other.p == pytest.approx(plain.p, rel=1e-6, abs=1e-12)
        turned = equivalence_test(-values, -2, 1)
        assert turned.p == pytest.approx(plain.p, rel=1e-6, abs=1e-12)

    def test_ratios_are_compared_as_logarithms(self):
        ratios = np.array([1.02, 0.97, 1.05, 0.99])
        found = equivalence_test(ratios, 0.9, 1.1, ratios=True)
        logs = equivalence_test(np.log(ratios), np.log(0.9), np.log(1.1))
        assert (found.p, found.verdict) == (logs.p, "equivalent")
        assert found.mean == pytest.approx(stats.gmean(ratios))
        assert (found.low, found.high) == pytest.approx((np.exp(logs.low), np.exp(logs.high)))
        assert found.margin == (0.9, 1.1)
        # turned around, they say the same
        other = equivalence_test(1 / ratios, 1 / 1.1, 1 / 0.9, ratios=True)
        assert other.p == pytest.approx(found.p)

    def test_one_clip_is_described(self):
        found = equivalence_test([0.1, NAN], -1, 1)
        assert (found.verdict, found.n, found.missing, found.mean) == ("descriptive", 1, 1, 0.1)
        assert np.isnan([found.low, found.high, found.p]).all()
        assert np.isnan(equivalence_test([], 0.9, 1.1, ratios=True).mean)

    @pytest.mark.parametrize(
        ("low", "high", "options", "said"),
        [
            (0.1, -0.1, {}, "0.1 and -0.1; between them has to lie what is no difference"),
            (0.0, 0.1, {}, "margin_low < 0 < margin_high"),
            (0.9, 1.1, {}, "margin_low < 0 < margin_high"),
            (-0.1, float("inf"), {}, "both finite"),
            (NAN, 0.1, {}, "nan and 0.1"),
            (-0.1, 0.1, {"ratios": True}, "no ratio: 0 < margin_low < 1 < margin_high"),
            (0.0, 1.1, {"ratios": True}, "0 and 1.1"),
            (-1, 1, {"alpha": 0.5}, "alpha: 0.5; it lies between 0 and 0.5, such as 0.05"),
        ],
    )
    def test_margins_that_are_none_are_refused(self, low, high, options, said):
        with pytest.raises(InputError, match=said):
            equivalence_test([1.0, 1.0, 1.1], low, high, **options)

    def test_what_is_no_ratio_is_refused(self):
        with pytest.raises(InputError, match=r"a ratio is above 0; found -0\.2\. Leave out"):
            equivalence_test([1.0, -0.2], 0.9, 1.1, ratios=True)

    def test_a_margin_is_asked_for(self):
        with pytest.raises(TypeError):
            equivalence_test([1.0, 2.0])

    @pytest.mark.parametrize("n", [4, 20])
    def test_on_the_margin_few_are_called_equivalent(self, n):
        sets = np.random.default_rng(3).normal(1, 0.2, (1000, n))
        wrong = np.mean([equivalence_test(one, -1, 1).verdict == "equivalent" for one in sets])
        # 2.5 standard errors
        assert wrong == pytest.approx(0.05, abs=2.5 * np.sqrt(0.05 * 0.95 / 1000))


class TestAtNull:
    def test_not_to_be_significant_is_not_enough(self):
        values, null = [0.5, 0.1, 0.4, 0.05], [0.1, 0.2, 0.1, 0.2]
        assert stats.ttest_rel(values, null).pvalue > 0.3
        assert at_null(values, null, 0.1).verdict == "undecided"

    @pytest.mark.parametrize(
        ("values", "verdict"),
        [
            ([0.11, 0.09, 0.10, 0.105], "at its null"),
            # more than the null beyond doubt, and less than what matters
            ([0.12, 0.121, 0.119, 0.12], "at its null"),
            ([0.02, 0.01, 0.03, 0.02], "at its null"),
            ([0.5, 0.6, 0.55, 0.52], "above its null"),
            # above 0 beyond doubt, and perhaps above the margin
            ([0.19, 0.15, 0.2, 0.17], "above its null"),
            ([0.5, 0.0, 0.3, 0.1], "undecided"),
            ([0.1], "descriptive"),
            ([], "descriptive"),
        ],
    )
    def test_verdicts(self, values, verdict):
        assert at_null(values, 0.1, 0.08).verdict == verdict

    def test_bounds_are_one_sided(self):
        values, null = differences(5, 0.3), differences(7)[:5]
        found = at_null(values, null, 0.1, alpha=0.025)
        assert (found.difference, found.low, found.high) == pytest.approx(
            [getattr(mean_interval(values - null), end) for end in ("mean", "low", "high")]
        )
        d = values - null
        bound = d.mean() + stats.t.ppf(0.95, 4) * stats.sem(d)
        assert at_null(values, null, 0.1).high == pytest.approx(bound)

    def test_nulls_of_each_clip_are_averaged(self):
        null = np.array([[0.1, 0.3, NAN], [0.2, 0.2, 0.5], [NAN, NAN, NAN]])
        found = at_null([0.4, 0.6, 0.5], null, 1)
        assert found.difference == pytest.approx((0.4 - 0.2 + 0.6 - 0.3) / 2)
        assert (found.n, found.missing) == (2, 1)

    @given(SETS, st.floats(0.01, 3), st.floats(-2, 2))
    def test_what_is_at_its_null_is_significantly_below_the_margin(self, values, margin, null):
        found = at_null(values, null, margin)
        shown = found.high < margin
        assert (found.verdict == "at its null") == shown
        if found.verdict == "above its null":
            assert found.low > 0

    @pytest.mark.parametrize(
        ("null", "margin", "said"),
        [
            (0.1, 0, "margin: 0; it has to be above 0. Give how far"),
            (0.1, -1, "margin: -1;"),
            (0.1, NAN, "margin: nan;"),
            (0.1, float("inf"), "margin: inf;"),
            ([0.1, 0.2], 0.1, "null_values has 2 and values has 3 clips. Give a null for each"),
            (np.zeros((1, 1, 1)), 0.1, "null_values: an array of 3 dimensions"),
        ],
    )
    def test_what_is_no_null_is_refused(self, null, margin, said):
        with pytest.raises(InputError, match=said):
            at_null([0.1, 0.2, 0.3], null, margin)
