"""Single frames: brought to a network's size, and compared with each other."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from stst.types import Frames
from stst.utils.devices import guarded

Fit = Literal["stretch", "crop"]
#: (H, W, 3) float64 RGB in [0, 1].
Image = NDArray[np.float64]
#: Of the smallest picture that `ssim` takes, in pixels.
SSIM_SIDE = 7


def ssim(one: Image, other: Image) -> float:
    """Give the structural similarity (Wang et al. 2004) with scikit-image's defaults.

    A 7×7 uniform window, sample covariance, the mean over channels and over all pixels whose window
    lies inside the picture.

    Parameters
    ----------
    one, other
        (H, W, 3) float64 in [0, 1], at least 7 pixels each way.

    Returns
    -------
    float
        In [−1, 1].
    """
    from skimage.metrics import structural_similarity

    value = structural_similarity(one, other, channel_axis=-1, data_range=1.0)  # type: ignore[no-untyped-call]
    return float(value)


@guarded()
def fit_frame(frame: Frames, size: tuple[int, int], fit: Fit = "stretch") -> Tensor:
    """Bring a frame to a network's size.

    Parameters
    ----------
    frame
        (H, W, 3) uint8 RGB.
    size
        Height and width in pixels.
    fit
        ``"stretch"``, or ``"crop"`` to keep shapes: the largest centred part with the aspect ratio
        of `size`, in whole pixels; where it cannot be centred, half a pixel up or left.

    Returns
    -------
    Tensor
        (3, *size) float32 in [0, 1]; resized bilinearly with half-pixel centres and antialiasing,
        and not rounded to grey levels again.
    """
    if fit == "crop":
        frame = _crop(frame, size)
    image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float() / 255
    if image.shape[1:] == size:
        return image
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def _crop(frame: Frames, size: tuple[int, int]) -> Frames:
    height, width = frame.shape[:2]
    tall = min(height, max(1, round(width * size[0] / size[1])))
    wide = min(width, max(1, round(height * size[1] / size[0])))
    top, left = (height - tall) // 2, (width - wide) // 2
    return frame[top : top + tall, left : left + wide]
