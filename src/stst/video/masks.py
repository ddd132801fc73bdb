"""Which pixels of a clip are inside a region, as the frames of a mask say it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stst.types import Frames

#: Mean of red, green and blue from which on a pixel of a mask is inside.
INSIDE_FROM = 128


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
