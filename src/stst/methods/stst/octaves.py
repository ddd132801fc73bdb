"""Sizes of the coarse-to-fine octaves, and what becomes of those too small for a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from stst.config import OctaveConfig, StstConfig
from stst.errors import InputError
from stst.models.activations import resize_images


@dataclass(frozen=True)
class Octave:
    """One octave of a run.

    Attributes
    ----------
    config
        Its iterations, learning rate and weight of total variation.
    size
        Height and width in pixels.
    """

    config: OctaveConfig
    size: tuple[int, int]

    @property
    def cost(self) -> int:
        """Work in pixels times iterations, to share out time estimates."""
        return self.size[0] * self.size[1] * self.config.iterations


def octave_size(size: Sequence[int], scale: float, exponent: int) -> tuple[int, int]:
    """Give ⌊H·σ^o⌋ and ⌊W·σ^o⌋, exactly (3 · 1.5⁻¹ is 2, whatever floating point says).

    Parameters
    ----------
    size
        Height and width in pixels.
    scale
        σ.
    exponent
        o.

    Returns
    -------
    tuple of int
        Height and width, rounded down.
    """
    factor = Fraction(str(scale)) ** exponent
    return math.floor(size[0] * factor), math.floor(size[1] * factor)


def octaves_of(
    config: StstConfig, size: tuple[int, int], min_sides: Mapping[str, int]
) -> tuple[list[Octave], list[str]]:
    """Lay out the octaves of one frame.

    Parameters
    ----------
    config
        Gives the octaves, their scale and what becomes of small ones.
    size
        Full height and width in pixels.
    min_sides
        Smallest side in pixels by the name of the model that needs it.

    Returns
    -------
    list of Octave
        Coarse to fine.
    list of str
        A line for each octave that was left out.

    Raises
    ------
    InputError
        If an octave is too small and may not be left out, naming it and the smallest size that
        works.
    """
    kept, left_out = [], []
    model, needed = max(min_sides.items(), key=lambda item: item[1])
    for octave in config.octaves:
        here = octave_size(size, config.octave_scale, octave.exponent)
        if min(here) >= needed:
            kept.append(Octave(octave, here))
            continue
        factor = Fraction(str(config.octave_scale)) ** octave.exponent
        smallest = math.ceil(needed / factor)
        text = (
            f"octave {octave.exponent} is {here[0]}x{here[1]} px (height x width), and {model} "
            f"needs at least {needed} px on the short side"
        )
        if config.small_octaves == "refuse" or octave.exponent == 0:
            raise InputError(
                f"{text}: frames of at least {smallest} px on the short side work, "
                f"these have {min(size)}. Use a larger clip"
                + (
                    "."
                    if octave.exponent == 0
                    else ", leave that octave out, or set small_octaves=skip."
                )
            )
        left_out.append(f"{text}: left out (from {smallest} px on it would be used).")
    return kept, left_out


def through_octaves(image: Tensor, sizes: Sequence[tuple[int, int]], chained: bool) -> list[Tensor]:
    """Resize one batch of images to every octave.

    Parameters
    ----------
    image
        (B, C, H, W) at full resolution.
    sizes
        Height and width of each octave, coarse to fine.
    chained
        Resize from the previous octave's result, as the released code does, rather than from
        `image`: everything after the coarsest octave is then blurred.

    Returns
    -------
    list of Tensor
        One (B, C, h, w) for each octave.
    """
    out: list[Tensor] = []
    for size in sizes:
        out.append(resize_images(out[-1] if chained and out else image, size))
    return out
