"""Whether paired values of a few clips differ, and how small p can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stst.analysis.inference.values import (
    DECIMALS,
    RESAMPLES,
    SEED,
    STEADY,
    Values,
    average,
    check_numbers,
    drop_missing,
)
from stst.errors import InputError

#: Up to so many pairs, all signs are tried: with more, drawn signs reach a smaller p than 2 / 2^n.
EXACT_PAIRS = 14


@dataclass(frozen=True)
class PermutationTest:
    """Whether paired values differ.

    Attributes
    ----------
    difference
        Mean of a − b; NaN without pairs.
    p
        Two-sided, in (0, 1].
    smallest_p
        No p below this was possible with so many pairs, whatever their values.
    n
        Number of pairs.
    zeros
        Pairs without any difference, of which signs say nothing.
    exact
        Whether all signs were tried, and not some drawn.
    missing
        Pairs of which a value was NaN, left out.
    """

    difference: float
    p: float
    smallest_p: float
    n: int
    zeros: int
    exact: bool
    missing: int = 0

    def sentence(self) -> str:
        """Say how small p could be, and why."""
        clips = f"{self.n} clip{'s' if self.n != 1 else ''}"
        same = f", {self.zeros} of them without a difference" if self.zeros else ""
        return f"{clips}{same}: no p below {self.smallest_p:.3g} is possible."


def smallest_p(pairs: int) -> float:
    """Give the smallest p that `permutation_test` can find.

    Parameters
    ----------
    pairs
        Number of pairs that differ.

    Returns
    -------
    float
        2 / 2^n where all signs are tried: those found, all turned around, and no others can be as
        extreme. 1 / (`RESAMPLES` + 1) where signs are drawn.
    """
    if pairs > EXACT_PAIRS:
        return 1 / (RESAMPLES + 1)
    return 1.0 if pairs < 1 else 2.0 ** (1 - pairs)


def permutation_test(a: ArrayLike, b: ArrayLike) -> PermutationTest:
    """Test whether paired values differ, by turning signs of their differences around.

    Parameters
    ----------
    a, b
        (n,) one number for each clip, in the same order; a pair with a NaN is left out.

    Returns
    -------
    PermutationTest
        Of the mean difference, two-sided: the share of signs that make a mean of the same size or
        more. All 2^n are tried up to `EXACT_PAIRS` pairs that differ; with more, `RESAMPLES` are
        drawn with a fixed seed, and those found are counted with them (Phipson & Smyth 2010).

    Raises
    ------
    InputError
        If a and b are no plain lists of finite numbers and NaN of the same length.

    Notes
    -----
    The null is that a clip's difference is as likely as its negative: of values with the same
    mean but differences that are skewed it is not true.
    """
    here, there = check_numbers("a", a), check_numbers("b", b)
    if len(here) != len(there):
        raise InputError(
            f"a has {len(here)} values and b has {len(there)}. "
            "Pairs need one value of each clip in both, in the same order."
        )
    differences, missing = drop_missing(here - there)
    n, difference = len(differences), average(differences)
    size = max(np.abs(here).max(initial=0, where=~np.isnan(here)),
               np.abs(there).max(initial=0, where=~np.isnan(there)))  # fmt: skip
    moved = differences[np.abs(differences) > STEADY * size]
    exact = len(moved) <= EXACT_PAIRS
    smallest, zeros = smallest_p(len(moved)), n - len(moved)
    p = _share_of_signs(moved / np.abs(moved).max(), exact) if len(moved) else 1.0
    return PermutationTest(difference, p, smallest, n, zeros, exact, missing)


def _share_of_signs(unit: Values, exact: bool) -> float:
    """Give the share of signs with which the sum is at least as large as it is."""
    n = len(unit)
    if exact:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = np.random.default_rng(SEED).integers(0, 2, (RESAMPLES, n))
    sums = np.round((1.0 - 2.0 * bits) @ unit, DECIMALS)
    as_large = int(np.count_nonzero(np.abs(sums) >= abs(np.round(unit.sum(), DECIMALS))))
    return as_large / 2**n if exact else (as_large + 1) / (RESAMPLES + 1)
