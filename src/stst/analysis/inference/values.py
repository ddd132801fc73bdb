"""Numbers of clips, one each: checked, without those that are undefined, on a common scale."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stst.errors import InputError

Values = NDArray[np.float64]

#: Drawn sets of clips, of blocks, or of signs.
RESAMPLES = 9999
#: Of everything that is drawn.
SEED = 20241
#: Values that differ by less than this, as a share of the largest, are equal up to rounding.
STEADY = 1e-12
#: Of sums of values in [−1, 1], so that those which are equal are, whatever the order of adding.
DECIMALS = 12


def check_numbers(name: str, values: ArrayLike, dimensions: tuple[int, ...] = (1,)) -> Values:
    """Take numbers, or say what is wrong with them.

    Parameters
    ----------
    name
        Of the argument.
    values
        Finite numbers, and NaN where undefined.
    dimensions
        How many there may be.

    Returns
    -------
    numpy.ndarray
        As float64.

    Raises
    ------
    InputError
        Naming the argument and what was found.
    """
    try:
        listed = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: not all are numbers. Give a number for each clip.") from None
    if listed.ndim not in dimensions:
        raise InputError(
            f"{name}: an array of {listed.ndim} dimensions. Give a list, a number for each clip."
        )
    if np.isinf(listed).any():
        raise InputError(f"{name}: found inf. Numbers are finite, or NaN where undefined.")
    return listed


def check_share(name: str, value: float, end: float) -> None:
    """Refuse a level or an alpha that is none.

    Raises
    ------
    InputError
        If it is not between 0 and the end.
    """
    if not 0 < value < end:
        usual = 0.95 if end == 1 else 0.05
        raise InputError(f"{name}: {value:g}; it lies between 0 and {end:g}, such as {usual}.")


def drop_missing(values: Values) -> tuple[Values, int]:
    """Give the values that are defined, (n,), and how many are not."""
    known = values[~np.isnan(values)]
    return known, len(values) - len(known)


def average(known: Values) -> float:
    """Give the mean, which is the same in every order; NaN where there is nothing."""
    return math.fsum(known) / len(known) if len(known) else math.nan


def standardize(known: Values, mean: float) -> tuple[Values, float]:
    """Sort, and bring into [−1, 1] around the mean.

    Parameters
    ----------
    known
        (n,) without NaN.
    mean
        Of `average`.

    Returns
    -------
    unit : numpy.ndarray
        (n,)
    scale : float
        By which they were divided; 0 where all values are equal up to rounding.
    """
    centred = np.sort(known) - mean
    scale = float(np.abs(centred).max())
    if scale <= STEADY * np.abs(known).max():
        return np.zeros_like(known), 0.0
    return centred / scale, scale


def standard_error(unit: Values) -> float:
    """Give the standard error of the mean of two values or more."""
    return float(unit.std(ddof=1)) / math.sqrt(len(unit))
