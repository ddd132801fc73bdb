"""Whether a mean was shown to be within margins, which a lack of significance never shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from stst.analysis.inference.intervals import t_interval
from stst.analysis.inference.values import (
    STEADY,
    Values,
    average,
    check_numbers,
    check_share,
    drop_missing,
    standard_error,
    standardize,
)
from stst.errors import InputError

EquivalenceVerdict = Literal["equivalent", "not equivalent", "undecided", "descriptive"]
NullVerdict = Literal["at its null", "above its null", "undecided", "descriptive"]


@dataclass(frozen=True)
class Equivalence:
    """Whether a mean difference was shown to be within margins.

    Attributes
    ----------
    mean
        Mean difference; of ratios, the geometric mean.
    low, high
        Ends of the 1 − 2 alpha interval; NaN where it is ``"descriptive"``.
    p
        The larger one of the two tests; NaN where it is ``"descriptive"``.
    margin
        What was asked for.
    alpha
        Of each of the two tests.
    n
        Number of clips.
    verdict
        ``"equivalent"``: shown to be within the margins; ``"not equivalent"``: shown to be beyond
        one of them; ``"undecided"``: neither; ``"descriptive"``: fewer than two clips.
    missing
        Values that were NaN and left out.
    """

    mean: float
    low: float
    high: float
    p: float
    margin: tuple[float, float]
    alpha: float
    n: int
    verdict: EquivalenceVerdict
    missing: int = 0


@dataclass(frozen=True)
class NullComparison:
    """How far values are above their null.

    Attributes
    ----------
    difference
        Mean of value − null; NaN without values.
    low, high
        One-sided confidence bounds of it, each with 1 − alpha; NaN where it is ``"descriptive"``.
    margin
        What was asked for.
    alpha
        Of each bound.
    n
        Number of clips.
    verdict
        ``"at its null"``: the upper bound is below the margin; ``"above its null"``: it is not,
        and the lower bound is above 0; ``"undecided"``; ``"descriptive"``: fewer than two clips.
    missing
        Clips without a value or a null, left out.
    """

    difference: float
    low: float
    high: float
    margin: float
    alpha: float
    n: int
    verdict: NullVerdict
    missing: int = 0


def equivalence_test(
    differences: ArrayLike,
    margin_low: float,
    margin_high: float,
    alpha: float = 0.05,
    ratios: bool = False,
) -> Equivalence:
    """Test whether the mean difference is within margins: two one-sided t tests (TOST).

    Parameters
    ----------
    differences
        (n,) one number for each clip; NaN where it is undefined.
    margin_low, margin_high
        Between them a difference does not matter, which only who asks can know; 0 lies between.
    alpha
        Of each test, in (0, 0.5); 0.05 goes with an interval of 90 %.
    ratios
        Whether `differences` and margins are ratios instead, such as margins 0.9 and 1.1. Then 1
        lies between the margins, and the test is that of the logarithms.

    Returns
    -------
    Equivalence
        Equivalent where p, the larger one of both, is below alpha, that is where the interval lies
        between the margins (Schuirmann 1987); not equivalent where all of it lies beyond one.

    Raises
    ------
    InputError
        If margins do not enclose "no difference", ratios are not above 0, or see `mean_interval`.
    """
    check_share("alpha", alpha, 0.5)
    values = check_numbers("differences", differences)
    margins = _checked_margins(margin_low, margin_high, ratios)
    margin = (float(margin_low), float(margin_high))
    if ratios:
        if (values <= 0).any():
            raise InputError(
                f"differences: a ratio is above 0; found {values[values <= 0][0]:g}. "
                "Leave out what has none, or compare differences (ratios=False)."
            )
        values = np.log(values)
    known, missing = drop_missing(values)
    n, mean = len(known), average(known)
    back = math.exp if ratios else float
    if n < 2:
        nan = math.nan
        return Equivalence(back(mean), nan, nan, nan, margin, alpha, n, "descriptive", missing)
    low, high = t_interval(known, 1 - 2 * alpha)
    p = max(_p_above(known, margins[0]), _p_above(-known, -margins[1]))
    verdict: EquivalenceVerdict = "equivalent" if p < alpha else "undecided"
    if low >= margins[1] or high <= margins[0]:
        verdict = "not equivalent"
    return Equivalence(back(mean), back(low), back(high), p, margin, alpha, n, verdict, missing)


def at_null(
    values: ArrayLike, null_values: ArrayLike, margin: float, alpha: float = 0.05
) -> NullComparison:
    """Say whether values are at their null, which a lack of significance never shows.

    Parameters
    ----------
    values
        (n,) one number for each clip, larger where there is more; NaN where it is undefined.
    null_values
        What is found where there is nothing: (n,) a number for each clip, (n, k) values for each
        clip, of which the mean is taken (NaN left out), or one number, such as a chance level.
    margin
        How far above the null does not matter, which only who asks can know; above 0.
    alpha
        Of each bound, in (0, 0.5).

    Returns
    -------
    NullComparison
        Bounds are Student's t, as of `equivalence_test`. What is below its null is at it.

    Raises
    ------
    InputError
        If the margin is not above 0, there is not a null for each value, or see `mean_interval`.
    """
    check_share("alpha", alpha, 0.5)
    if not (math.isfinite(margin) and margin > 0):
        raise InputError(
            f"margin: {margin:g}; it has to be above 0. Give how far above its null a value may "
            "be and not matter."
        )
    listed = check_numbers("values", values)
    known, missing = drop_missing(listed - _null_means(null_values, len(listed)))
    n, difference = len(known), average(known)
    if n < 2:
        nan = math.nan
        return NullComparison(difference, nan, nan, margin, alpha, n, "descriptive", missing)
    low, high = t_interval(known, 1 - 2 * alpha)
    verdict: NullVerdict = "undecided"
    if high < margin:
        verdict = "at its null"
    elif low > 0:
        verdict = "above its null"
    return NullComparison(difference, low, high, margin, alpha, n, verdict, missing)


def _p_above(known: Values, margin: float) -> float:
    """Test whether the mean is above a margin, one-sided."""
    from scipy import stats

    mean = average(known)
    unit, scale = standardize(known, mean)
    if not scale:
        on_it = abs(mean - margin) <= STEADY * abs(margin)
        return 0.5 if on_it else float(mean < margin)
    t = (mean - margin) / (scale * standard_error(unit))
    return float(stats.t.sf(t, len(known) - 1))


def _null_means(null_values: ArrayLike, n: int) -> Values:
    null = check_numbers("null_values", null_values, (0, 1, 2))
    if null.ndim and len(null) != n:
        raise InputError(
            f"null_values has {len(null)} and values has {n} clips. Give a null for each clip, or "
            "one number for all."
        )
    if null.ndim < 2:
        return null
    return np.array([average(drop_missing(row)[0]) for row in null])


def _checked_margins(low: float, high: float, ratios: bool) -> tuple[float, float]:
    """Give the margins, of ratios as logarithms."""
    none, kind = (1, "ratio") if ratios else (0, "difference")
    sound = math.isfinite(low) and math.isfinite(high) and low < none < high
    if not sound or (ratios and low <= 0):
        above = "0 < " if ratios else ""
        raise InputError(
            f"margin_low, margin_high: {low:g} and {high:g}; between them has to lie what is no "
            f"{kind}: {above}margin_low < {none} < margin_high, both finite. Give what does not "
            "matter to the study."
        )
    return (math.log(low), math.log(high)) if ratios else (low, high)
