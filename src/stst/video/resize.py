"""Shrinking by area interpolation, the one resizing there is."""

from __future__ import annotations

import numpy as np

from stst.errors import InputError
from stst.types import Frames


def fit_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Give the size of a frame whose longer side is limited.

    Parameters
    ----------
    width, height
        Pixels.
    max_side
        Limit in pixels, or None for no limit.

    Returns
    -------
    tuple of int
        Width and height times ``max_side / max(width, height)``, both rounded down; unchanged
        if they fit already.

    Raises
    ------
    InputError
        If `max_side` is not a positive whole number or a side would vanish.
    """
    if max_side is None:
        return width, height
    if not isinstance(max_side, int) or isinstance(max_side, bool) or max_side < 1:
        raise InputError(f"`max_side` {max_side}: it must be a whole number of pixels, at least 1.")
    longest = max(width, height)
    if longest <= max_side:
        return width, height
    # in integers: a float scale can lose a pixel
    fitted = width * max_side // longest, height * max_side // longest
    if 0 in fitted:
        raise InputError(
            f"`max_side` {max_side}: frames of {width}x{height} would become "
            f"{fitted[0]}x{fitted[1]}. Choose a larger limit."
        )
    return fitted


def shrunk(frame: Frames, size: tuple[int, int]) -> Frames:
    """Shrink one frame (H, W, 3) to `size` (width, height) by area interpolation."""
    if size == (frame.shape[1], frame.shape[0]):
        return frame
    import cv2

    small = cv2.resize(np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)
