"""Clips for training, and the sequences that are drawn from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stst.analysis.images import Fit, fit_frame
from stst.errors import InputError
from stst.types import Frames
from stst.utils.files import sha256_of
from stst.utils.machine import available_memory
from stst.utils.noise import uniform_noise
from stst.video import AS_STORED, LazyVideo, Levels


def load_clip(
    path: Path, size: tuple[int, int], fit: Fit, shortest: int, levels: Levels = AS_STORED
) -> Frames:
    """Read a clip at the size of training.

    Parameters
    ----------
    path
        The clip.
    size
        Height and width in pixels.
    fit
        How frames of another shape come to it, see `stst.analysis.images.fit_frame`.
    shortest
        The fewest frames that will do.
    levels
        How values of more than 8 bits, or of high dynamic range, become 8 bits.

    Returns
    -------
    ndarray
        (T, H, W, 3) uint8 RGB, rounded to grey levels.

    Raises
    ------
    InputError
        If the clip cannot be read, is too short or does not fit into memory.
    """
    video = LazyVideo(path, levels=levels)
    if len(video) < shortest:
        raise InputError(
            f"{path}: {len(video)} frames; a sequence takes {shortest}. Give longer clips, or a "
            "shorter `sequence` or `skip`."
        )
    free, needed = available_memory(), len(video) * size[0] * size[1] * 3
    if free is not None and needed > free:
        raise InputError(
            f"{path}: {len(video)} frames of {size[0]}x{size[1]} px take "
            f"{needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free. Cut it, or give a "
            "smaller `size`."
        )
    held = np.empty((len(video), *size, 3), np.uint8)
    for number, frame in enumerate(video.frames):
        image = fit_frame(frame, size, fit)
        held[number] = (255 * image).round().clamp(0, 255).permute(1, 2, 0).byte().numpy()
    return held


def describe_clip(path: Path, levels: Levels = AS_STORED) -> dict[str, Any]:
    """Say which clip it is and how it was read, but not where it lies."""
    video = LazyVideo(path, levels=levels)
    return {
        "name": path.name,
        "sha256": sha256_of(path),
        "frames": len(video),
        "fps": str(video.fps),
        **video.levels.as_dict(),
    }


class Sequences:
    """Sequences that begin anywhere in any of the clips, all starts being equally probable.

    Parameters
    ----------
    clips
        (T, H, W, 3) uint8 each, all of one size.
    length
        Frames of a sequence.
    skip
        Frames left out between two of a sequence.
    flip
        Mirror every second one, at random.
    seed
        Of the draws, which depend on it and the number of the step only.
    """

    def __init__(
        self, clips: Sequence[Frames], length: int, skip: int, flip: bool, seed: int
    ) -> None:
        self._clips, self._every, self._flip, self._seed = list(clips), skip + 1, flip, seed
        self._span = span(length, skip)
        starts = [len(clip) - self._span + 1 for clip in clips]
        self._ends = np.cumsum(starts)

    def batch(self, step: int, size: int) -> Tensor:
        """Draw `size` sequences for a step: (size, length, 3, H, W) float32 in [0, 1]."""
        draws = uniform_noise(self._seed, step, "prednet/sequences", (size, 2)).double()
        drawn = [self._sequence(float(place), float(side)) for place, side in draws]
        return as_batch(drawn)

    def _sequence(self, place: float, side: float) -> Frames:
        number = int(place * self._ends[-1])
        clip = int(np.searchsorted(self._ends, number, side="right"))
        start = number - (int(self._ends[clip - 1]) if clip else 0)
        frames = self._clips[clip][start : start + self._span : self._every]
        return frames[:, :, ::-1] if self._flip and side < 0.5 else frames


def span(length: int, skip: int) -> int:
    """Count the frames of a clip that a sequence covers."""
    return (length - 1) * (skip + 1) + 1


def windows(frames: Frames, length: int, skip: int) -> Iterator[Tensor]:
    """Cut a clip into neighbouring sequences (1, length, 3, H, W); what remains is left out."""
    covered = span(length, skip)
    for start in range(0, len(frames) - covered + 1, covered):
        yield as_batch([frames[start : start + covered : skip + 1]])


def as_batch(sequences: Sequence[Frames]) -> Tensor:
    """Turn uint8 sequences (T, H, W, 3) into (B, T, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.stack(sequences)).permute(0, 1, 4, 2, 3).contiguous().float() / 255
