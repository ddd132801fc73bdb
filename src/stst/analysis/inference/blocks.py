"""How well one clip's time course determines its mean: frames of a clip depend on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stst.analysis.inference.intervals import Interval
from stst.analysis.inference.values import (
    SEED,
    Values,
    average,
    check_numbers,
    check_share,
    drop_missing,
)
from stst.errors import InputError

#: Fewer frames are described, without band and interval.
FEWEST_FRAMES = 8
#: Drawn courses.
DRAWN_COURSES = 1999

# Residuals are those of a running mean over so many windows. From one over a single window they
# would be too small, for it follows slow noise as well (Härdle & Bowman 1988).
_PILOT = 3
# values that are drawn at a time
_TOGETHER = 10**6


@dataclass(frozen=True, eq=False)
class TimeBand:
    """A time course, smoothed, with its confidence band.

    Attributes
    ----------
    course
        (T,) running mean over `window` frames; NaN where the series is.
    low, high
        (T,) ends of the band at each frame by itself; NaN where there is none.
    mean
        Mean over frames, with its interval.
    block_length
        In frames.
    window
        In frames.
    """

    course: Values
    low: Values
    high: Values
    mean: Interval
    block_length: int
    window: int


def block_bootstrap(
    series: ArrayLike,
    level: float = 0.95,
    block_length: int | None = None,
    window: int | None = None,
) -> TimeBand:
    """Give the time course of one clip a confidence band, and its mean an interval.

    Parameters
    ----------
    series
        (T,) a number for each frame; NaN where it is undefined, such as the first frame's flow.
        Those are left out, as if the frames beside them followed each other.
    level
        Confidence, in (0, 1): of the mean, and of the band at each frame by itself.
    block_length
        Frames that are drawn together, 1 to T; by default T^(1/3), rounded. Longer than what one
        frame still tells of another.
    window
        Frames of the running mean, 3 to T; by default three blocks and at least 3.

    Returns
    -------
    TimeBand
        Of `DRAWN_COURSES` circular block bootstraps (Politis & Romano 1992) with a fixed seed:
        quantiles of their means; and for the band, of the running means of drawn residuals. It is
        that of the running mean itself and not of what it smooths away. Without band and interval
        below `FEWEST_FRAMES` frames.

    Raises
    ------
    InputError
        If the series is no plain list of finite numbers and NaN, or a setting is out of its range.

    Notes
    -----
    It tells of this clip had it gone on in the same way, and nothing of other clips.
    """
    check_share("level", level, 1)
    listed = check_numbers("series", series)
    known, missing = drop_missing(listed)
    n, mean = len(known), average(known)
    block = _in_frames("block_length", block_length, round(n ** (1 / 3)), 1, n)
    width = _in_frames("window", window, max(3, 3 * block), 3, n)
    at = ~np.isnan(listed)
    course, low, high = (np.full(len(listed), math.nan) for _ in range(3))
    course[at] = smooth = _running_mean(known, width)
    if n < FEWEST_FRAMES:
        interval = Interval(mean, math.nan, math.nan, n, "descriptive", level, missing)
        return TimeBand(course, low, high, interval, block, width)
    pilot = _running_mean(known, min(n, _PILOT * width))
    means, courses = _draw(known - pilot, known, block, width)
    ends = (1 - level) / 2, (1 + level) / 2
    below, above = np.quantile(courses, ends, axis=0)
    low[at], high[at] = smooth - above, smooth - below
    first, last = np.quantile(means, ends)
    interval = Interval(mean, float(first), float(last), n, "block", level, missing)
    return TimeBand(course, low, high, interval, block, width)


def _draw(residuals: Values, known: Values, block: int, width: int) -> tuple[Values, Values]:
    """Draw means, and running means of residuals; (drawn,) and (drawn, T)."""
    n = len(known)
    rng = np.random.default_rng(SEED)
    starts = rng.integers(0, n, (DRAWN_COURSES, math.ceil(n / block), 1))
    means, courses = np.empty(DRAWN_COURSES), np.empty((DRAWN_COURSES, n))
    centred = residuals - residuals.mean()
    together = max(1, _TOGETHER // n)
    for first in range(0, DRAWN_COURSES, together):
        some = slice(first, first + together)
        frames = ((starts[some] + np.arange(block)) % n).reshape(-1, starts.shape[1] * block)[:, :n]
        means[some] = known[frames].mean(1)
        courses[some] = _running_mean(centred[frames], width)
    return means, courses


def _running_mean(course: Values, width: int) -> Values:
    """Average over a window around each of the last axis's frames, less of it at both ends."""
    n = course.shape[-1]
    sums = np.zeros((*course.shape[:-1], n + 1))
    course.cumsum(-1, out=sums[..., 1:])
    first = np.arange(n) - width // 2
    begin, end = first.clip(0), (first + width).clip(max=n)
    means: Values = (sums[..., end] - sums[..., begin]) / (end - begin)
    return means


def _in_frames(name: str, asked: int | None, usual: int, least: int, frames: int) -> int:
    if asked is None:
        return usual
    if not least <= asked <= frames:
        raise InputError(
            f"{name}: {asked}; the series has {frames} frames with a value. Choose {least} to "
            f"{frames}, or leave it out."
        )
    return asked
