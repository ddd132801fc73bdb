"""Noise that depends on the seed, the frame and its purpose, not on the order of draws."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

Purpose = Literal["previous", "start", "blend", "phases"]
# of clips that are made as a whole: what they start from, and how a step sees them
ClipPurpose = Literal["clip", "jitter"]
#: Gives (B, 3, H, W) noise in [0, 1) for a frame (negative: padding) and a purpose.
NoiseSource = Callable[[int, Purpose], Tensor]


def uniform_noise(seed: int, frame: int, purpose: str, shape: Sequence[int]) -> Tensor:
    """Draw uniform noise on the CPU from a generator of its own.

    Parameters
    ----------
    seed
        Of the sample.
    frame
        0-based in the generated clip; negative for padding.
    purpose
        What the noise is for.
    shape
        Of the result.

    Returns
    -------
    Tensor
        float32 in [0, 1).
    """
    return torch.rand(*shape, generator=_generator(seed, frame, purpose))


def normal_noise(seed: int, place: int, purpose: ClipPurpose, shape: Sequence[int]) -> Tensor:
    """Draw Gaussian noise of mean 0 and deviation 1, likewise.

    Parameters
    ----------
    seed
        Of the sample.
    place
        The frame or the iteration, 0-based.
    purpose
        What the noise is for.
    shape
        Of the result.

    Returns
    -------
    Tensor
        float32.
    """
    return torch.randn(*shape, generator=_generator(seed, place, purpose))


def noise_of_seeds(seeds: Sequence[int], size: tuple[int, int]) -> NoiseSource:
    """Make a source that gives every sample the noise of its own seed."""

    def draw(frame: int, purpose: Purpose) -> Tensor:
        return torch.stack([uniform_noise(seed, frame, purpose, (3, *size)) for seed in seeds])

    return draw


def _generator(seed: int, place: int, purpose: str) -> torch.Generator:
    key = hashlib.sha256(f"{seed}/{place}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)
