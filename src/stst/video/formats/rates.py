"""Exact frame rates: parsing, snapping and checking against time stamps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from stst.errors import InputError
from stst.utils.text import format_value

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

#: In Hz; what `parse_rate` takes.
Rate = Fraction | str | int | float


def parse_rate(value: Rate, name: str = "fps") -> Fraction:
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
            f"{name} is {format_value(value)}; it must be a rate in Hz such as 25 or 60000/1001."
        ) from error
    if rate <= 0 or max(rate.numerator, rate.denominator) > MAX_PART:
        raise InputError(
            f"{name} is {value}; it must be positive, with both parts below 2**31, such as 25 or "
            "60000/1001."
        )
    return rate


def snap_rate(rate: Fraction) -> Fraction:
    """Give the NTSC rate that Matroska's whole nanoseconds stand for, else the rate itself."""
    for exact in NTSC:
        if abs(rate - exact) <= exact * SNAP:
            return exact
    return rate


def place_stamps(stamps: Sequence[int | None]) -> list[tuple[int, int]] | None:
    """Give the place and time stamp of every frame that has one.

    Parameters
    ----------
    stamps
        Presentation times in ticks, in the order of the frames; None where one is missing.

    Returns
    -------
    list of tuple or None
        None if the stamps cannot be used: there is none, or they run backwards.
    """
    known = [(place, stamp) for place, stamp in enumerate(stamps) if stamp is not None]
    backwards = any(one > two for (_, one), (_, two) in pairwise(known))
    return known if known and not backwards else None


def exact_rate(known: Sequence[tuple[int, int]], time_base: Fraction) -> Fraction | None:
    """Find the rate of time stamps that are equally far apart, to the tick.

    Parameters
    ----------
    known
        Place and time stamp in ticks, both rising; see `place_stamps`.
    time_base
        Seconds per tick.

    Returns
    -------
    Fraction or None
        Hz; None if they are not, or if there is only one.
    """
    (start, first), (stop, last) = known[0], known[-1]
    if last <= first:
        return None
    span, count = last - first, stop - start
    even = all((stamp - first) * count == (place - start) * span for place, stamp in known)
    rate = count / (span * time_base)
    return rate if even and max(rate.numerator, rate.denominator) <= MAX_PART else None


def strays(
    known: Sequence[tuple[int, int]], time_base: Fraction, rate: Fraction
) -> tuple[Fraction, Fraction]:
    """Measure how far time stamps stray from the even grid of a rate.

    Parameters
    ----------
    known
        Place and time stamp in ticks; see `place_stamps`.
    time_base
        Seconds per tick.
    rate
        Hz.

    Returns
    -------
    tuple of Fraction
        In ticks: the most that one is early or late against the first, and the span between the
        earliest and the latest. Stamps that are only rounded to whole ticks span less than 1.
    """
    period = 1 / (rate * time_base)
    # in integers, because a film has 200 000 frames
    scale, step = period.denominator, period.numerator
    start, first = known[0]
    off = [(stamp - first) * scale - (place - start) * step for place, stamp in known]
    low, high = min(off), max(off)
    return Fraction(max(-low, high), scale), Fraction(high - low, scale)


def even_rate(
    stamps: Sequence[int | None],
    time_base: Fraction,
    stated: Sequence[Fraction],
    guessed: Sequence[Fraction] = (),
) -> Fraction | None:
    """Find the rate of evenly spaced time stamps.

    Parameters
    ----------
    stamps
        Presentation times in ticks, in the order of the frames; see `place_stamps`. Equal ones
        count: a repeated stamp is an uneven one.
    time_base
        Seconds per tick.
    stated
        Rates in Hz that the file itself states, in order of trust.
    guessed
        Rates in Hz that another program derived from the stamps, in order of trust.

    Returns
    -------
    Fraction or None
        The first rate that explains the stamps up to their rounding to whole ticks: a stated one,
        an NTSC rate that was guessed, the rate of stamps that are equally far apart to the tick,
        a guessed one, the mean. Else the first stated, guessed or mean rate that they stray from
        by no more than a tick and a tenth of a frame. Else None: the rate varies, or nothing is
        known.
    """
    known = place_stamps(stamps)
    if known is None:
        return None
    exact = exact_rate(known, time_base)
    # ticks may be too coarse for an NTSC rate to be told by a few stamps
    ntsc = [rate for rate in guessed if rate in NTSC]
    means = list(_means(known, time_base))
    for rate in (*stated, *ntsc, exact, *guessed, *means):
        if rate and strays(known, time_base, rate)[1] < 1:
            return rate
    for rate in (*stated, *guessed, *means):
        if rate > 0 and _jitters(known, time_base, rate):
            return rate
    return None


def rate_note(
    stamps: Sequence[int | None],
    time_base: Fraction,
    rate: Fraction,
    stated: Sequence[Fraction],
    guessed: Sequence[Fraction] = (),
) -> str | None:
    """Say how far a rate that was found is an estimate.

    Parameters
    ----------
    stamps, time_base, stated, guessed
        As in `even_rate`.
    rate
        Hz, what was found.

    Returns
    -------
    str or None
        One sentence; None if the time stamps prove the rate, or a rate that is given explains
        them up to their rounding.
    """
    known = place_stamps(stamps)
    if known is None:
        return f"The time stamps cannot be used; {rate} Hz is {_origin(rate, stated, guessed)}."
    if rate * time_base > 1:
        return (
            f"Time stamps in steps of {_milliseconds(time_base)} ms cannot show every frame at "
            f"{rate} Hz; that rate is {_origin(rate, stated, guessed)}."
        )
    most, span = strays(known, time_base, rate)
    if span < 1 and rate in (*stated, *guessed, exact_rate(known, time_base)):
        return None
    origin = _origin(rate, stated, guessed)
    if span < 1:
        return f"The rate of {rate} Hz is {origin}: the file states none that fits them."
    return (
        f"The time stamps stray by up to {_milliseconds(most * time_base)} ms from even ones at "
        f"{rate} Hz; they are taken as even. The rate is {origin}."
    )


def _origin(rate: Fraction, stated: Sequence[Fraction], guessed: Sequence[Fraction]) -> str:
    if rate in stated:
        return "what the header says"
    return "a guess of FFmpeg's" if rate in guessed else "estimated from the time stamps"


def _milliseconds(seconds: Fraction) -> str:
    return f"{float(seconds * 1000):.3g}"


def _means(known: Sequence[tuple[int, int]], time_base: Fraction) -> Iterator[Fraction]:
    (start, first), (stop, last) = known[0], known[-1]
    # where a frame lasts few ticks, the mean of a clip with a lost one explains its stamps as well
    if last - first >= 4 * (stop - start) > 0:
        mean = (stop - start) / ((last - first) * time_base)
        yield mean.limit_denominator(1001)
        if max(mean.numerator, mean.denominator) <= MAX_PART:
            yield mean


def _jitters(known: Sequence[tuple[int, int]], time_base: Fraction, rate: Fraction) -> bool:
    period = 1 / (rate * time_base)
    most, span = strays(known, time_base, rate)
    # a frame that is missing moves all later ones by a whole period
    return most <= 1 + period * JITTER and span < min(1 + 2 * period * JITTER, period)


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
