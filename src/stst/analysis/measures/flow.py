"""Dense optical flow between two frames, by two methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.types import Frames
from stst.video import grey_values

#: (H, W, 2) float32: to the right and down, in pixels.
Field = NDArray[np.float32]

# DIS reads memory that is not its own where a side of its coarsest level is shorter than a patch
_DIS_SIDE = 16


@dataclass(frozen=True)
class Farneback:
    """Parameters of Farnebäck's (2003) dense optical flow, as the paper has them.

    Attributes
    ----------
    pyr_scale, levels
        Scale between the levels of the pyramid, and their number.
    winsize
        Averaging window in pixels.
    iterations
        Per level.
    poly_n, poly_sigma
        Neighbourhood of the polynomial expansion in pixels, and the width of its Gaussian.
    """

    pyr_scale: float = 0.5
    levels: int = 5
    winsize: int = 13
    iterations: int = 10
    poly_n: int = 5
    poly_sigma: float = 1.1

    @property
    def name(self) -> str:
        """``"farneback"``, as in tables."""
        return "farneback"


@dataclass(frozen=True)
class Dis:
    """Dense inverse search (Kroeger et al. 2016), as OpenCV has it.

    Attributes
    ----------
    preset
        One of OpenCV's.
    """

    preset: Literal["ultrafast", "fast", "medium"] = "medium"

    @property
    def name(self) -> str:
        """``"dis"``, as in tables."""
        return "dis"


FlowMethod = Farneback | Dis

PAPER_FLOW = Farneback()
#: Takes no part in the making of anything, nor in the other measures.
SECOND_FLOW = Dis()


def dense_flow(before: Frames, now: Frames, method: FlowMethod = PAPER_FLOW) -> Field:
    """Estimate where every pixel of a frame is in another one.

    Parameters
    ----------
    before, now
        (H, W) uint8 grey values, see `flow_grey`. On values in [0, 1] the methods find no motion.
    method
        Which, and its parameters.

    Returns
    -------
    ndarray
        (H, W, 2) float32, to the right and down in pixels: what is at p in `before` is at
        p + field(p) in `now`.

    Raises
    ------
    InputError
        If frames are too small for the method; DIS needs 16 pixels each way.
    """
    import cv2

    if isinstance(method, Farneback):
        field: Field = cv2.calcOpticalFlowFarneback(
            before, now, None, method.pyr_scale, method.levels, method.winsize,  # type: ignore[call-overload]
            method.iterations, method.poly_n, method.poly_sigma, 0,
        )  # fmt: skip
        return field
    if min(now.shape) < _DIS_SIDE:
        raise InputError(
            f"frames of {now.shape[0]}x{now.shape[1]} px; optical flow by DIS needs {_DIS_SIDE} px "
            "on the short side. Choose larger frames, or leave that flow out."
        )
    preset = getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{method.preset.upper()}")
    # a new one each time: what it was given before must not matter
    field = cv2.DISOpticalFlow.create(preset).calc(before, now, None)  # type: ignore[call-overload]
    return field


def flow_grey(frame: Frames) -> Frames:
    """Round the grey values of a frame, halves to even: what flow is found in.

    Parameters
    ----------
    frame
        (H, W, 3) uint8 RGB.

    Returns
    -------
    Frames
        (H, W) uint8.
    """
    return np.rint(grey_values(frame)).astype(np.uint8)
