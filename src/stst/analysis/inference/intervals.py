"""The mean over clips, and where the mean of all clips may lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from stst.analysis.inference.values import (
    DECIMALS,
    RESAMPLES,
    SEED,
    Values,
    average,
    check_numbers,
    check_share,
    drop_missing,
    standard_error,
    standardize,
)

Method = Literal["t", "bca", "block", "descriptive"]

#: From so many clips on, intervals are BCa bootstraps; below, there are too few to draw from.
BOOTSTRAP_FROM = 8


@dataclass(frozen=True)
class Interval:
    """A mean, and where the mean of all clips may lie.

    Attributes
    ----------
    mean
        Of the values; NaN where there are none.
    low, high
        Ends of the interval, NaN where it is ``"descriptive"``.
    n
        Number of values: clips, or frames where the method is ``"block"``.
    method
        ``"t"`` (Student), ``"bca"`` (bootstrap), ``"block"`` (bootstrap of frames), or
        ``"descriptive"``: too few values for an interval.
    level
        Confidence, in (0, 1).
    missing
        Values that were NaN and left out.
    """

    mean: float
    low: float
    high: float
    n: int
    method: Method
    level: float
    missing: int = 0


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Give the mean over clips with its confidence interval.

    Parameters
    ----------
    values
        (n,) one number for each clip; NaN where it is undefined.
    level
        Confidence, in (0, 1).

    Returns
    -------
    Interval
        Student's t below `BOOTSTRAP_FROM` clips, else the bias-corrected and accelerated bootstrap
        (BCa; Efron 1987) with `RESAMPLES` drawn sets, at the expanded level by which it holds few
        clips as well (Hesterberg 2015). Values that are all equal have an interval without width.
        The same values give the same bytes, in whatever order they come.

    Raises
    ------
    InputError
        If values are no plain list of finite numbers and NaN, or the level is none.

    Examples
    --------
    >>> from stst.analysis.inference import mean_interval
    >>> found = mean_interval([0.41, 0.44, 0.39, 0.48])
    >>> f"{found.mean:.2f}, {found.low:.2f} to {found.high:.2f}, {found.method}"
    '0.43, 0.37 to 0.49, t'
    """
    check_share("level", level, 1)
    known, missing = drop_missing(check_numbers("values", values))
    n, mean = len(known), average(known)
    if n < 2:
        return Interval(mean, math.nan, math.nan, n, "descriptive", level, missing)
    unit, scale = standardize(known, mean)
    method: Method = "t" if n < BOOTSTRAP_FROM else "bca"
    bounds = _t_bounds if method == "t" else _bca_bounds
    low, high = bounds(unit, level) if scale else (0.0, 0.0)
    return Interval(mean, mean + scale * low, mean + scale * high, n, method, level, missing)


def t_interval(known: Values, level: float) -> tuple[float, float]:
    """Give Student's interval of the mean, that of equal values without width."""
    mean = average(known)
    unit, scale = standardize(known, mean)
    low, high = _t_bounds(unit, level) if scale else (0.0, 0.0)
    return mean + scale * low, mean + scale * high


def _t_bounds(unit: Values, level: float) -> tuple[float, float]:
    from scipy import stats

    half = float(stats.t.ppf((1 + level) / 2, len(unit) - 1)) * standard_error(unit)
    return -half, half


def _bca_bounds(unit: Values, level: float) -> tuple[float, float]:
    from scipy import stats

    found = stats.bootstrap(
        (unit,),
        # equal means have to be so to the last bit, for BCa counts the drawn ones below the own
        lambda drawn, axis: np.round(drawn.mean(axis), DECIMALS),
        n_resamples=RESAMPLES,
        batch=max(1, 10**7 // len(unit)),
        confidence_level=_expand(level, len(unit)),
        method="BCa",
        rng=np.random.default_rng(SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _expand(level: float, n: int) -> float:
    """Give the level at which a bootstrap of few clips has the width of Student's interval.

    What is drawn from n values spreads by √((n − 1) / n) too little, and as a normal distribution.
    """
    from scipy import stats

    student = float(stats.t.ppf((1 + level) / 2, n - 1))
    return 1 - 2 * float(stats.norm.sf(student * math.sqrt(n / (n - 1))))
