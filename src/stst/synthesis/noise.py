"""Noise that depends on the seed, the frame and its purpose, not on the order of draws."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

Purpose = Literal["previous", "start", "blend", "phases"]
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
    key = hashlib.sha256(f"{seed}/{frame}/{purpose}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)
    return torch.rand(*shape, generator=generator)


def noise_of_seeds(seeds: Sequence[int], size: tuple[int, int]) -> NoiseSource:
    """Make a source that gives every sample the noise of its own seed."""

    def draw(frame: int, purpose: Purpose) -> Tensor:
        return torch.stack([uniform_noise(seed, frame, purpose, (3, *size)) for seed in seeds])

    return draw
