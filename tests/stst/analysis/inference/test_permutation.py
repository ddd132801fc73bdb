"""Permutation tests against all signs one by one, against SciPy, and what p can be at all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from stst import InputError
from stst.analysis.inference import EXACT_PAIRS, RESAMPLES, permutation_test, smallest_p

NAN = float("nan")
INTEGERS = arrays.arrays(
    np.int64, st.tuples(st.just(2), st.integers(0, 8)), elements=st.integers(-4, 4)
)


def by_hand(differences):
    """Turn every sign around; whole numbers, so that sums are exact."""
    sums = [
        abs(sum(s * int(d) for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return np.mean([one >= abs(int(sum(differences))) for one in sums])


@given(INTEGERS, st.sampled_from([1, 0.1, 1e-200, 1e9]))
def test_all_signs_are_tried(pairs, unit):
    a, b = pairs
    found = permutation_test(a * unit, b * unit)
    assert found.exact
    assert found.p == by_hand(a - b)
    assert found.zeros == np.count_nonzero(a == b)


@given(INTEGERS)
def test_p_is_never_below_the_smallest_possible(pairs):
    found = permutation_test(*pairs)
    assert smallest_p(found.n) <= found.smallest_p <= found.p <= 1
    assert permutation_test(*pairs[::-1]).p == found.p
    # and is as small where all differences have the same sign
    apart = permutation_test(np.maximum(*pairs), np.minimum(*pairs))
    assert apart.p == found.smallest_p


@pytest.mark.parametrize(
    ("n", "p"), [(0, 1), (1, 1), (2, 0.5), (4, 0.125), (5, 0.0625), (7, 1 / 64)]
)
def test_few_clips_bound_p(n, p):
    found = permutation_test(np.arange(n) + 1.5, np.zeros(n))
    assert (found.p, found.smallest_p, smallest_p(n)) == (p, p, p)


def test_the_bound_is_said():
    four = permutation_test([1, 2, 3, 4], [0, 0, 0, 0])
    assert four.sentence() == "4 clips: no p below 0.125 is possible."
    same = permutation_test([1, 2, 3, 4], [0, 2, 0, 0])
    assert same.p == same.smallest_p == 0.25
    assert same.sentence() == (
        "4 clips, 1 of them without a difference: no p below 0.25 is possible."
    )
    assert permutation_test([1], [0]).sentence() == "1 clip: no p below 1 is possible."


def test_rounding_makes_no_difference():
    # 0.3 − (0.1 + 0.2) is not 0 in binary
    found = permutation_test([0.3, 1.0, 2.0], [0.1 + 0.2, 0.0, 0.0])
    assert (found.zeros, found.p) == (1, 0.5)
    # nor do sums that are equal differ: 0.1 + 0.2 − 0.3 and all turned around
    assert permutation_test([0.1, 0.2, -0.3], [0, 0, 0]).p == 1


@pytest.mark.parametrize("n", [9, 13])
def test_it_is_scipy_s(n):
    rng = np.random.default_rng(n)
    a, b = rng.normal(0.5, 1, n), rng.normal(size=n)
    theirs = stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=2**n, vectorized=True
    )
    assert permutation_test(a, b).p == pytest.approx(theirs.pvalue, abs=1e-12)


def test_more_clips_have_drawn_signs():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0.4, 1, 16), rng.normal(size=16)
    d = a - b
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    exact = np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-12)
    found = permutation_test(a, b)
    assert not found.exact
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / RESAMPLES))
    assert permutation_test(a, b) == found
    far = permutation_test(a + 100, b)
    assert far.p == far.smallest_p == 1 / (RESAMPLES + 1)


def test_smallest_p_falls_with_the_number_of_pairs():
    found = [smallest_p(n) for n in range(1, 30)]
    assert found == sorted(found, reverse=True)
    assert smallest_p(EXACT_PAIRS) > smallest_p(EXACT_PAIRS + 1) == smallest_p(1000)


def test_pairs_with_an_undefined_value_are_left_out():
    found = permutation_test([1, NAN, 3, 4], [0, 0, NAN, 1])
    assert (found.n, found.missing, found.difference) == (2, 2, 2)
    assert found.smallest_p == 0.5


@given(arrays.arrays(np.float64, st.integers(1, 10), elements=st.floats(-5, 5, width=16)))
def test_a_unit_makes_no_difference(differences):
    zeros = np.zeros(len(differences))
    plain = permutation_test(differences, zeros)
    assert permutation_test(1000 * differences, zeros).p == plain.p
    assert permutation_test(-differences, zeros).p == plain.p


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            [1, 2, 3],
            [1, 2],
            "a has 3 values and b has 2. Pairs need one value of each clip",
        ),
        ([1, float("inf")], [1, 2], "a: found inf"),
        ([1, 2], ["x", "y"], "b: not all are numbers"),
    ],
)
def test_what_are_no_pairs_is_refused(a, b, said):
    with pytest.raises(InputError, match=said):
        permutation_test(a, b)
