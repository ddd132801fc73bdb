"""Bands of time courses: their running means by convolution, their widths by what is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from stst import InputError
from stst.analysis.inference import block_bootstrap

NAN = float("nan")


def course(n=120, dependence=0.0, seed=0):
    noise = np.random.default_rng(seed).normal(size=n + 100)
    return signal.lfilter([1.0], [1.0, -dependence], noise)[100:]


def width(band):
    return band.mean.high - band.mean.low


@pytest.mark.parametrize("window", [3, 8, 15])
def test_the_course_is_a_running_mean(window):
    values = course(40)
    found = block_bootstrap(values, window=window)
    inside = np.convolve(values, np.ones(window) / window, "valid")
    first = window // 2
    np.testing.assert_allclose(found.course[first : first + len(inside)], inside, atol=1e-12)
    assert found.course[0] == pytest.approx(values[: window - first].mean())


def test_the_usual_lengths_go_with_the_third_root():
    found = block_bootstrap(course(125))
    assert (found.block_length, found.window) == (5, 15)


def test_frames_that_do_not_depend_on_each_other_have_the_usual_error():
    values = course(400)
    found = block_bootstrap(values, block_length=1)
    usual = 2 * 1.96 * values.std() / 20
    assert width(found) == pytest.approx(usual, rel=0.08)
    assert (found.mean.mean, found.mean.n) == (pytest.approx(values.mean()), 400)
    assert found.mean.method == "block"


def test_blocks_see_that_frames_depend_on_each_other():
    values = course(1000, 0.8)
    # √((1 + 0.8) / (1 − 0.8)) = 3 times the error of independent frames
    alone, blocks = (width(block_bootstrap(values, block_length=one)) for one in (1, 40))
    assert blocks / alone == pytest.approx(3, rel=0.2)


def test_the_band_of_a_running_mean_is_wider_than_that_of_the_mean():
    found = block_bootstrap(course(200), window=18)
    inner = (found.high - found.low)[20:-20]
    # that of 18 independent values
    assert inner.mean() == pytest.approx(2 * 1.96 / np.sqrt(18), rel=0.15)
    # with fewer at the ends
    assert (found.high - found.low)[0] > 1.2 * inner.mean()


def test_most_bands_hold_what_is_true():
    trend = np.sin(np.arange(100) / 16)
    true = block_bootstrap(trend).course
    held, means = [], []
    for seed in range(30):
        found = block_bootstrap(trend + 0.5 * course(100, seed=seed))
        held.append(np.mean((found.low <= true) & (true <= found.high)))
        means.append(found.mean.low <= trend.mean() <= found.mean.high)
    # it holds a little more than 95 %, for residuals have some of the trend in them
    assert 0.92 < np.mean(held) < 0.995
    assert np.mean(means) > 0.85


def test_undefined_frames_stay_so_and_the_same_comes_again():
    values = course(60)
    values[[0, 20]] = NAN
    found, again = block_bootstrap(values), block_bootstrap(values)
    for array, other in ((found.course, again.course), (found.low, again.low)):
        assert list(np.flatnonzero(np.isnan(array))) == [0, 20]
        np.testing.assert_array_equal(array, other)
    assert (found.mean, found.mean.n, found.mean.missing) == (again.mean, 58, 2)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_few_frames_are_described(n):
    found = block_bootstrap(np.arange(n))
    assert found.mean.method == "descriptive"
    assert np.isnan([found.mean.low, found.mean.high, *found.low, *found.high]).all()
    assert not np.isnan(found.course).any()


def test_a_shift_and_a_scale_carry_over():
    values = course(50)
    plain, moved = block_bootstrap(values), block_bootstrap(10 + 3 * values)
    for name in ("course", "low", "high"):
        np.testing.assert_allclose(getattr(moved, name), 10 + 3 * getattr(plain, name))
    assert moved.mean.low == pytest.approx(10 + 3 * plain.mean.low)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"block_length": 0},
            "block_length: 0; the series has 20 frames with a value. Choose 1 to",
        ),
        ({"block_length": 21}, "block_length: 21;"),
        ({"window": 2}, "window: 2; the series has 20 frames with a value. Choose 3 to 20"),
        ({"level": 2}, "level: 2; it lies"),
    ],
)
def test_settings_out_of_range_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        block_bootstrap(np.arange(20.0), **options)
