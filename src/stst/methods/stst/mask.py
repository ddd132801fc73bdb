"""Masks: where they come from, and whether they fit the clip."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.methods.stst.region import Regions
from stst.video import INSIDE_FROM, Clip, Video, check_mask
from stst.video.remedies import mask_remedy

#: A mask in memory: bool, or uint8 that is inside from 128 on; (H, W) or (T, H, W).
MaskArray = NDArray[np.bool_] | NDArray[np.uint8]

_IN_PYTHON = "If they number regions, give labels > 0 for all, or labels == 3 for one."
COVERS_ALL = "The mask covers all of every frame: the result is the same as without one."


def mask_video(mask: Video | MaskArray, fps: Fraction) -> Video:
    """Bring a mask in memory to a clip of white (inside) and black.

    Parameters
    ----------
    mask
        Bool or uint8, (H, W) or (T, H, W); a clip is left as it is.
    fps
        Rate in Hz of the natural clip.

    Raises
    ------
    InputError
        If it is neither, or not of black and white; see `check_mask`.
    """
    if isinstance(mask, Video):
        check_mask(mask.frames, _name(mask), _IN_PYTHON)
        return mask
    fine = isinstance(mask, np.ndarray) and mask.dtype in (np.bool_, np.uint8)
    if not fine or mask.ndim not in (2, 3) or 0 in mask.shape:
        kind = type(mask).__name__
        found = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else kind
        raise InputError(
            "mask: expected a stst.Video, or an array of bool or uint8 (inside from "
            f"{INSIDE_FROM} on) of shape (H, W) or (T, H, W); found {found}."
        )
    values = np.where(mask, 255, 0).astype(np.uint8) if mask.dtype == np.bool_ else mask
    frames = values if values.ndim == 3 else values[None]
    video = Video(np.broadcast_to(frames[..., None], (*frames.shape, 3)), fps)
    check_mask(video.frames, _name(video), _IN_PYTHON)
    return video


def regions_of(clips: Mapping[str, Clip]) -> tuple[Regions | None, list[str]]:
    """Check the clip ``"mask"`` against ``"natural"``.

    Parameters
    ----------
    clips
        By their roles.

    Returns
    -------
    Regions or None
        None without a mask, or where it covers everything.
    list of str
        What a user should know.

    Raises
    ------
    InputError
        If the mask has another size or length than the natural clip, or is empty.
    """
    if "mask" not in clips:
        return None, []
    natural, mask = clips["natural"].frames, clips["mask"].frames
    name, whose = _name(clips["mask"]), _name(clips["natural"])
    if mask.shape[1:3] != natural.shape[1:3]:
        raise InputError(
            f"the mask ({name}) has {_size(mask.shape)} px (height x width), and the frames to be "
            f"made have {_size(natural.shape)} px. Draw it at that size, or at the full size of "
            f"the natural clip ({whose})."
        )
    if len(mask) not in (1, len(natural)):
        raise InputError(
            f"the mask ({name}) has {len(mask)} frames, and the clip to be made has "
            f"{len(natural)}. Give 1 frame for all, one for each of those, or one for each frame "
            f"of the natural clip ({whose})."
        )
    regions = Regions(natural, mask)
    if not any(regions.pixels):
        raise InputError(
            f"the mask ({name}) is empty: no pixel is inside, where the mean of red, green and "
            f"blue is {INSIDE_FROM} of 255 or more; the brightest has {regions.brightest:.4g}. "
            f"Draw what is to be replaced in white.{_numbers_hint(clips['mask'], regions)}"
        )
    return (None, [COVERS_ALL]) if regions.whole else (regions, [])


def _numbers_hint(mask: Clip, regions: Regions) -> str:
    """Say what to do where small numbers, as of labels, are all that there is."""
    if regions.brightest == 0:
        return ""
    return " " + (mask_remedy(mask.source.path) if mask.source else _IN_PYTHON)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[2]}"


def _name(clip: Clip) -> str:
    return str(clip.source.path) if clip.source else "an array"
