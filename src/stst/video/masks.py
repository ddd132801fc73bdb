"""Which pixels of a clip are inside a region, as the frames of a mask say it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.types import Frames

#: Mean of red, green and blue from which on a pixel of a mask is inside.
INSIDE_FROM = 128
#: How far every channel of a pixel may be from 0 or 255 that is black or white.
NEARLY = 16
#: Pixels from an edge within which values may lie between: a block of JPEG or H.264.
REACH = 8
# values that a message names
_NAMED = 6


def inside_of(frame: Frames) -> NDArray[np.bool_]:
    """Say which pixels of a mask's frame (H, W, 3) uint8 are inside, as (H, W) bool.

    Parameters
    ----------
    frame
        (H, W, 3) uint8.

    Returns
    -------
    ndarray
        (H, W) bool.
    """
    inside: NDArray[np.bool_] = frame.sum(axis=2, dtype=np.uint16) >= 3 * INSIDE_FROM
    return inside


def find_undecided(frame: Frames) -> NDArray[np.bool_]:
    """Say which pixels of a frame are no part of a mask of black and white.

    What lies between is the rule at the edges of drawn and of compressed masks: there `inside_of`
    cuts it in the middle. Elsewhere it has another meaning, as in an image of labels.

    Parameters
    ----------
    frame
        (H, W, 3) uint8, at full size.

    Returns
    -------
    ndarray
        (H, W) bool: neither within `NEARLY` of black or white, nor within `REACH` px (in rows and
        in columns) of both a black and a white pixel.
    """
    black = frame.max(axis=2) <= NEARLY
    white = frame.min(axis=2) >= 255 - NEARLY
    between: NDArray[np.bool_] = ~(black | white)
    if between.any():
        between &= ~(_around(black) & _around(white))
    return between


def check_mask(frames: Iterable[Frames], name: str, remedy: str) -> None:
    """Refuse a mask that is not of black and white, such as an image of labels.

    Parameters
    ----------
    frames
        (H, W, 3) uint8 each, at full size.
    name
        How the message calls it.
    remedy
        How a mask is made of it, for the message.

    Raises
    ------
    InputError
        Naming the frame, the share of its pixels that are neither, and their values.
    """
    for number, frame in enumerate(frames):
        neither = find_undecided(frame)
        if neither.any():
            share = 100 * neither.mean()
            raise InputError(
                f"the mask ({name}) is not black and white: in frame {number}, "
                f"{max(share, 0.1):.1f} % of the pixels are neither (values "
                f"{_values(frame[neither])}), nor at an edge between both. {remedy}"
            )


def _around(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    square = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    return np.asarray(cv2.dilate(pixels.astype(np.uint8), square), bool)


def _values(pixels: Frames) -> str:
    """Name the different values of (N, 3) pixels: grey ones by one number."""
    found = np.unique(pixels, axis=0)
    words = [
        str(one[0]) if one[0] == one[1] == one[2] else "({}, {}, {})".format(*one)
        for one in found[:_NAMED].tolist()
    ]
    more = len(found) - len(words)
    return ", ".join(words) + (f" and {more} more" if more else "")
