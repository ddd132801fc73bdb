"""Between frames of 8 bits and tensors in [0, 1]; masks of a region brought to a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stst.errors import DivergedError
from stst.types import GREY, Frames


def as_tensor(
    frame: np.ndarray[Any, Any], device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Bring one (H, W, 3) frame, uint8 or float in [0, 1], to (1, 3, H, W) in [0, 1]."""
    values = torch.from_numpy(np.ascontiguousarray(frame)).to(device).permute(2, 0, 1)[None]
    return values.to(dtype) if values.is_floating_point() else values.to(dtype) / 255


def to_frames(images: Tensor) -> Frames:
    """Round (B, 3, H, W), or (B, 1, H, W) of grey, to (B, H, W, 3) uint8; clips to [0, 1].

    Halves are rounded to even.

    Raises
    ------
    DivergedError
        If a value is not finite: such a picture must never reach a file.
    """
    if not bool(torch.isfinite(images).all()):
        raise DivergedError("a finished picture holds values that are not finite numbers.")
    # on the CPU: not every device has float64
    rounded = (images.cpu().double() * 255).round().clamp(0, 255).to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).expand(-1, -1, -1, 3).contiguous().numpy()


def picture_statistics(
    frames: Frames, clipped: Tensor, inside: Tensor | None = None
) -> list[dict[str, float]]:
    """Describe finished pictures for the sidecar.

    Parameters
    ----------
    frames
        (B, H, W, 3) uint8.
    clipped
        (B, C, H, W) bool, which values were clipped to [0, 1].
    inside
        (1, 1, H, W) bool, the pixels that were made; None for all.

    Returns
    -------
    list of dict
        Per sample: mean luminance and contrast in [0, 1] of the whole picture, and the share of
        clipped values among those that were made, 0 where none was.
    """
    if inside is None:
        shares = clipped.double().mean(dim=(1, 2, 3)).tolist()
    else:
        count = inside.expand_as(clipped[:1]).sum().clamp_min(1)
        shares = ((clipped & inside).sum(dim=(1, 2, 3)).double() / count).tolist()
    out = []
    for frame, share in zip(frames, shares, strict=True):
        grey = (frame @ GREY) / 255
        out.append(
            {"luminance": float(grey.mean()), "contrast": float(grey.std()), "clipped": share}
        )
    return out


def shrink_mask(inside: Tensor, size: Sequence[int]) -> Tensor:
    """Shrink (1, 1, H, W) bool to (1, 1, *size): inside is what touches a pixel inside."""
    return average_mask(inside.float(), size) > 0


def average_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Average (1, 1, H, W) over the cells of a grid; every pixel belongs to at least one."""
    height, width = size
    # on the CPU: not every device does it where the sizes do not divide
    return F.adaptive_avg_pool2d(mask.cpu(), (height, width)).to(mask.device)
