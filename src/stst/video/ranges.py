"""Frame ranges such as ``10:50``."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np

from stst.errors import InputError
from stst.utils.text import format_value

FrameRange: TypeAlias = str | slice | tuple[int | None, int | None] | None


def parse_range(frames: FrameRange, length: int, name: str) -> tuple[int, int]:
    """Read a frame range and check it against a clip.

    Parameters
    ----------
    frames
        ``"A:B"`` (half-open, 0-based; A or B may be left out), a slice, a pair, or None for all.
    length
        Number of frames of the clip.
    name
        How to call the clip in an error.

    Returns
    -------
    tuple of int
        First frame and the one after the last; 0 <= start < stop <= length.

    Raises
    ------
    InputError
        If the range is malformed, negative, stepped, empty or not inside the clip.

    Examples
    --------
    >>> from stst.video import parse_range
    >>> parse_range("2:", 10, "clip.mp4")
    (2, 10)
    """
    start, stop = _ends(frames)
    start, end = start or 0, length if stop is None else stop
    asked = f"{start}:{'' if stop is None else stop}"
    if start < 0 or end < 0:
        raise InputError(
            f"`frames` {asked}: negative numbers are not allowed. Count from 0; {name} has frames "
            f"0 to {length - 1}."
        )
    if start >= length or end > length:
        raise InputError(
            f"`frames` {asked} is not inside {name}, which has {length} frames (0:{length})."
        )
    if start >= end:
        raise InputError(
            f"`frames` {asked} is empty. The end is not included: 0:1 is the first frame."
        )
    return start, end


def _ends(frames: FrameRange) -> tuple[int | None, int | None]:
    if frames is None:
        return None, None
    if isinstance(frames, str):
        match = re.fullmatch(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*", frames)
        if match is None or "-" in match.groups():
            raise InputError(
                f"`frames` {frames!r} is not a range. Write A:B, A: or :B with whole numbers; B "
                "is not included."
            )
        first, last = match.groups()
        return int(first) if first else None, int(last) if last else None
    if isinstance(frames, slice):
        if frames.step not in (None, 1):
            raise InputError(f"`frames` with step {frames.step}: only consecutive frames are read.")
        return _whole(frames.start), _whole(frames.stop)
    if len(frames) != 2:
        raise InputError(
            f"`frames` {format_value(frames)}: a range is a pair of first frame and end."
        )
    return _whole(frames[0]), _whole(frames[1])


def _whole(end: object) -> int | None:
    if end is None or (isinstance(end, int) and not isinstance(end, bool)):
        return end
    raise InputError(f"`frames` {format_value(end)}: the ends of a range must be whole numbers.")


def spread(length: int, count: int) -> list[int]:
    """Choose frames, evenly spread from the first to the last of `length`; at most `count`.

    Parameters
    ----------
    length
        Of the clip in frames.
    count
        How many at most.

    Returns
    -------
    list of int
        Numbers of frames.
    """
    places = np.linspace(0, length - 1, min(count, length)).round().astype(int)
    return [int(place) for place in np.unique(places)]
