"""Intervals of the mean: Student's by its formula, BCa by its own few lines, and what they hold."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from stst import InputError
from stst.analysis.inference import BOOTSTRAP_FROM, mean_interval

#: Quantiles of Student's t at 0.975, from a printed table.
TABLE = {2: 12.7062, 4: 3.18245, 7: 2.44691}
UNEVEN = np.array([0.1, 0.2, 0.25, 0.3, 0.5, 0.9, 1.4, 3.0, 7.5, 0.05])


def sets(least=2, most=12):
    elements = st.integers(-1000, 1000).map(lambda number: number / 8)
    return arrays.arrays(np.float64, st.integers(least, most), elements=elements)


def bca(values, level, draws=200_000):
    """Efron's equations as they are printed, by a generator of their own."""
    n, rng = len(values), np.random.default_rng(0)
    drawn = values[rng.integers(0, n, (draws, n))].mean(1)
    bias = stats.norm.ppf(np.mean(drawn < values.mean()))
    left_out = (values.sum() - values) / (n - 1)
    away = left_out.mean() - left_out
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    width = stats.t.ppf((1 + level) / 2, n - 1) * math.sqrt(n / (n - 1))
    ends = bias + np.array([-width, width])
    return np.quantile(drawn, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))


@pytest.mark.parametrize("n", TABLE)
def test_few_clips_have_student_s_interval(n):
    values = np.random.default_rng(n).normal(3, 2, n)
    found = mean_interval(values)
    half = TABLE[n] * np.sqrt(((values - values.mean()) ** 2).sum() / (n - 1) / n)
    assert (found.n, found.method) == (n, "t")
    assert found.mean == pytest.approx(values.mean())
    ends = values.mean() - half, values.mean() + half
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-4)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_more_clips_have_bca(level):
    found = mean_interval(UNEVEN, level)
    assert (found.n, found.method, found.level) == (10, "bca", level)
    # errors of drawing are a few per cent of the width
    assert (found.low, found.high) == pytest.approx(tuple(bca(UNEVEN, level)), rel=0.05)
    assert found.high - found.mean > 1.5 * (found.mean - found.low)


def test_the_bootstrap_begins_where_it_is_said():
    values = np.arange(float(BOOTSTRAP_FROM))
    assert [mean_interval(values[:n]).method for n in (7, 8)] == ["t", "bca"]


def test_one_clip_is_described():
    found = mean_interval([0.4])
    assert (found.mean, found.n, found.method) == (0.4, 1, "descriptive")
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(mean_interval([]).mean)


@pytest.mark.parametrize("n", [2, 7, 8, 30])
def test_equal_values_have_no_width(n):
    found = mean_interval([0.1] * n)
    assert (found.low, found.mean, found.high) == (0.1, 0.1, 0.1)
    assert found.method == ("t" if n < 8 else "bca")


def test_what_is_undefined_is_left_out_and_counted():
    nan = float("nan")
    found = mean_interval([1, nan, 2, 4, nan])
    assert (found.n, found.missing) == (3, 2)
    assert found.high == mean_interval([1, 2, 4]).high
    assert mean_interval([nan, 1.0]).method == "descriptive"


def test_the_same_values_give_the_same_bytes_in_any_order():
    once = mean_interval(UNEVEN)
    assert mean_interval(UNEVEN) == once
    for seed in range(3):
        assert mean_interval(np.random.default_rng(seed).permutation(UNEVEN)) == once


@given(sets(), st.integers(-50, 50), st.sampled_from([0.1, 3.0, 1e6, 1e-200]))
def test_a_shift_and_a_scale_carry_over(values, shift, scale):
    plain, moved = mean_interval(values), mean_interval((values + shift) * scale)
    expected = (np.array([plain.mean, plain.low, plain.high]) + shift) * scale
    found = [moved.mean, moved.low, moved.high]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * 200 * scale)


@given(sets())
def test_an_interval_holds_its_mean_and_grows_with_the_level(values):
    narrow, wide = mean_interval(values, 0.5), mean_interval(values, 0.95)
    near = 1e-9 * np.abs(values).max()
    assert wide.low - near <= narrow.low <= narrow.mean + near
    assert narrow.mean - near <= narrow.high <= wide.high + near


@given(st.integers(1, 9))
def test_drawn_means_that_equal_the_own_are_equal_whatever_the_unit(ones):
    counts = np.repeat([0.0, 1.0], [10 - ones, ones])
    plain, tenths = mean_interval(counts), mean_interval(counts * 0.1)
    assert (tenths.low, tenths.high) == pytest.approx((plain.low * 0.1, plain.high * 0.1), abs=1e-9)
    # of yes and no, zeros and ones are the same
    turned = mean_interval(1 - counts)
    assert turned.low == pytest.approx(1 - plain.high, abs=0.11)


@pytest.mark.parametrize("n", [4, 20])
def test_95_of_100_intervals_hold_the_mean(n):
    sets = np.random.default_rng(1).normal(size=(250, n))
    found = [mean_interval(values) for values in sets]
    held = np.mean([one.low <= 0 <= one.high for one in found])
    # 2.5 standard errors
    assert held == pytest.approx(0.95, abs=2.5 * np.sqrt(0.95 * 0.05 / 250))


@pytest.mark.parametrize(
    ("values", "level", "said"),
    [
        ([1, float("inf")], 0.95, "values: found inf. Numbers are finite"),
        ([[1, 2], [3, 4]], 0.95, "values: an array of 2 dimensions. Give a list"),
        (1.0, 0.95, "values: an array of 0 dimensions. Give a list"),
        (["cat"], 0.95, "values: not all are numbers. Give a number for each clip"),
        ([1, 2], 95, "level: 95; it lies between 0 and 1, such as 0.95"),
        ([1, 2], 1, "level: 1; it lies"),
        ([1, 2], float("nan"), "level: nan; it lies"),
    ],
)
def test_what_is_no_sample_is_refused(values, level, said):
    with pytest.raises(InputError, match=said):
        mean_interval(values, level)


def test_scipy_is_loaded_when_it_computes():
    code = "import sys, stst.analysis.inference; print({'scipy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
