"""Exact frame rates: parsing, snapping and checking against time stamps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from stst.errors import InputError
from stst.plain import found_value

#: FFmpeg holds both parts of a rate in signed 32-bit integers.
MAX_PART = 2**31 - 1
#: NTSC rates whose fraction Matroska cannot hold (it stores whole nanoseconds per frame).
NTSC = tuple(Fraction(base * 1000, 1001) for base in (12, 15, 24, 30, 48, 60, 90, 120, 240))
#: 60000/1001 comes back from Matroska as 19001/317, 5e-8 away; 59.94 exactly is 1e-6 away.
SNAP = Fraction(5, 10_000_000)
#: Of text that stands for no rate; 1e999999999 has more digits than there is memory.
_TOO_LONG = re.compile(r".{60}|[eE][+-]?[\d_]{3}", re.DOTALL)
#: Time stamps may stray from an even grid by one tick and this part of a frame.
JITTER = Fraction(1, 10)


def parse_rate(value: Fraction | str | int | float, name: str = "fps") -> Fraction:
    """Read a frame rate without rounding it.

    Parameters
    ----------
    value
        Frames per second in Hz: a fraction, an integer, or text such as ``60000/1001``, ``25``
        or ``29.97``. A decimal is taken at its word: 29.97 is 2997/100, not 30000/1001.
    name
        How to call the value in an error.

    Returns
    -------
    Fraction
        The rate.

    Raises
    ------
    InputError
        If it is no positive number or its parts exceed 32 bits.
    """
    try:
        if isinstance(value, bool):
            raise TypeError("not a number")
        if isinstance(value, (str, float)):
            value = str(value).strip()
            if _TOO_LONG.search(value):
                raise ValueError("too many digits")
        rate = Fraction(value)
    except (ValueError, ZeroDivisionError, TypeError) as error:
        raise InputError(
            f"{name} is {found_value(value)}; it must be a rate in Hz such as 25 or 60000/1001."
        ) from error
    if rate <= 0 or max(rate.numerator, rate.denominator) > MAX_PART:
        raise InputError(
            f"{name} is {value}; it must be positive, with both parts below 2**31, such as 25 or "
            "60000/1001."
        )
    return rate


def snapped(rate: Fraction) -> Fraction:
    """Give the NTSC rate that Matroska's whole nanoseconds stand for, else the rate itself."""
    for exact in NTSC:
        if abs(rate - exact) <= exact * SNAP:
            return exact
    return rate


def fits(stamps: Sequence[int], time_base: Fraction, rate: Fraction) -> bool:
    """Tell whether time stamps lie on the even grid of a rate.

    Parameters
    ----------
    stamps
        Presentation times in ticks, rising.
    time_base
        Seconds per tick.
    rate
        Hz.

    Returns
    -------
    bool
        Whether every stamp is within one tick and a tenth of a frame of its place.
    """
    period = 1 / (rate * time_base)
    tolerance = 1 + period * JITTER
    # in integers, because a film has 200 000 frames
    scale = math.lcm(period.denominator, tolerance.denominator)
    step, limit = int(period * scale), int(tolerance * scale)
    first = stamps[0]
    return all(
        abs((stamp - first) * scale - place * step) <= limit for place, stamp in enumerate(stamps)
    )


def even_rate(
    stamps: Sequence[int], time_base: Fraction, candidates: Sequence[Fraction]
) -> Fraction | None:
    """Find the rate of evenly spaced time stamps.

    Parameters
    ----------
    stamps
        Presentation times in ticks, rising; at least one.
    time_base
        Seconds per tick.
    candidates
        Rates in Hz to try first, in order of trust.

    Returns
    -------
    Fraction or None
        The first candidate that fits, else the mean rate if that fits, else None: the rate
        varies.
    """
    tried = list(candidates)
    if len(stamps) > 1 and stamps[-1] > stamps[0]:
        mean = (len(stamps) - 1) / ((stamps[-1] - stamps[0]) * time_base)
        tried.append(mean.limit_denominator(1001))
        if mean.numerator <= MAX_PART and mean.denominator <= MAX_PART:
            tried.append(mean)
    for rate in tried:
        if rate > 0 and fits(stamps, time_base, rate):
            return rate
    return None


def nearest_frames(times: Sequence[Fraction], duration: Fraction, rate: Fraction) -> list[int]:
    """Choose, for every frame of an even grid, the frame nearest in time.

    Parameters
    ----------
    times
        Seconds of every frame from the first, rising.
    duration
        Seconds from the first frame to the end of the last.
    rate
        Hz of the new grid.

    Returns
    -------
    list of int
        One index into `times` for every k with k / rate < duration. Of two equally near frames
        the earlier is taken.
    """
    picks = []
    near = 0
    for place in range(max(1, math.ceil(duration * rate))):
        moment = place / rate
        while near + 1 < len(times) and times[near + 1] - moment < moment - times[near]:
            near += 1
        picks.append(near)
    return picks
