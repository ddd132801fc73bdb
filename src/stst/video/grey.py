"""Clips without colour: how they are recognised, and made of coloured ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stst.types import GREY, Frames

#: What a user is told where a clip has no colour.
GREY_NOTE = "the clip is grey in every pixel: one channel is made, so that the stimulus is grey too"

# in whole numbers, so that halves are rounded alike on every machine
_THOUSANDTHS = np.rint(1000 * GREY).astype(np.int32)


def grey_values(frame: Frames) -> NDArray[np.float64]:
    """Give the grey values of a frame, 0.299 R + 0.587 G + 0.114 B.

    Parameters
    ----------
    frame
        (H, W, 3) uint8 RGB.

    Returns
    -------
    ndarray
        (H, W) in [0, 255], multiples of 1/1000.
    """
    values: NDArray[np.float64] = frame.astype(np.int32) @ _THOUSANDTHS / 1000
    return values


def as_grey(frame: Frames) -> Frames:
    """Replace red, green and blue by the grey value, rounded with halves to even.

    Parameters
    ----------
    frame
        (H, W, 3) uint8 RGB.

    Returns
    -------
    Frames
        (H, W, 3) uint8, three times the same. A grey frame stays as it is.
    """
    grey = np.rint(grey_values(frame)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def is_grey(frames: Iterable[Frames]) -> bool:
    """Say whether red, green and blue are the same in every pixel of every frame.

    Parameters
    ----------
    frames
        (H, W, 3) uint8 RGB each; read up to the first one with colour.

    Returns
    -------
    bool
        Whether they are.
    """
    return all(bool((frame[..., 1:] == frame[..., :1]).all()) for frame in frames)
