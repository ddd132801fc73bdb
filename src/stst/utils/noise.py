"""Noise that depends on the seed, the clip, the frame and its purpose, not on the order of draws.

With the clip left out, stimuli of different clips with one seed would begin alike, and stay so:
their pixels correlate, which no difference of the clips explains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import torch
from torch import Tensor

Purpose = Literal["previous", "start", "blend", "phases"]
# of clips that are made as a whole: what they start from, and how a step sees them
ClipPurpose = Literal["clip", "jitter"]
#: Gives (B, 3, H, W) noise in [0, 1) for a frame (negative: padding) and a purpose.
NoiseSource = Callable[[int, Purpose], Tensor]
#: Gives what tells the noise of a clip from that of others; "" where all clips share it.
ClipKey = Callable[[], str]


def clip_key(noise: Literal["per_clip", "shared"], whose: ClipKey) -> ClipKey:
    """Choose the key of a clip's noise.

    Parameters
    ----------
    noise
        Whether clips share it, see `stst.config.RunConfig`.
    whose
        Gives the hash of the natural clip's frames, see `stst.Clip.sha256`. It is asked when noise
        is first drawn, and once: hashing decodes the whole clip, and estimates need no hash.

    Returns
    -------
    ClipKey
        What the functions below take, once it is called.
    """
    return no_clip if noise == "shared" else cache(whose)


def no_clip() -> str:
    """Give the key of noise that belongs to no clip."""
    return ""


def uniform_noise(
    seed: int, frame: int, purpose: str, shape: Sequence[int], clip: str = ""
) -> Tensor:
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
    clip
        Key of the clip, see `clip_key`; "" for noise that belongs to none.

    Returns
    -------
    Tensor
        float32 in [0, 1).
    """
    generator = _generator(seed, frame, purpose, clip)
    return torch.rand(*shape, generator=generator, dtype=torch.float32, device="cpu")


def normal_noise(
    seed: int, place: int, purpose: ClipPurpose, shape: Sequence[int], clip: str = ""
) -> Tensor:
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
    clip
        Key of the clip, see `clip_key`; "" for noise that belongs to none.

    Returns
    -------
    Tensor
        float32.
    """
    generator = _generator(seed, place, purpose, clip)
    return torch.randn(*shape, generator=generator, dtype=torch.float32, device="cpu")


def noise_of_seeds(seeds: Sequence[int], size: tuple[int, int], clip: ClipKey) -> NoiseSource:
    """Make a source that gives every sample the noise of its own seed."""

    def draw(frame: int, purpose: Purpose) -> Tensor:
        drawn = [uniform_noise(seed, frame, purpose, (3, *size), clip()) for seed in seeds]
        return torch.stack(drawn)

    return draw


def _generator(seed: int, place: int, purpose: str, clip: str) -> torch.Generator:
    words = f"{seed}/{place}/{purpose}" + (f"/{clip}" if clip else "")
    key = hashlib.sha256(words.encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(key[:8], "big") >> 1)
