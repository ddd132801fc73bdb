"""Where the paper and the code released with it part, as two sets of rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Variant:
    """The points on which the paper and the released code differ.

    Attributes
    ----------
    by_channels
        Gram matrices are divided by N·M and total variation by H·W·C; else by M and H·W.
    sum_layers
        Losses of several layers are summed; else averaged.
    half_content
        Content loss carries the ½ of equation 1.
    std_per_channel
        The gradient's standard deviation is taken per channel; else over all channels together.
    chained_resizing
        Targets and the previous frame of an octave are resized from the octave before; else from
        the full resolution.
    mirrored_padding
        Padding frames run ξ−1 … 0; else 1 … ξ, as the released code has it.
    """

    by_channels: bool
    sum_layers: bool
    half_content: bool
    std_per_channel: bool
    chained_resizing: bool
    mirrored_padding: bool


PAPER = Variant(
    by_channels=True,
    sum_layers=True,
    half_content=True,
    std_per_channel=True,
    chained_resizing=False,
    mirrored_padding=True,
)
REFERENCE = Variant(
    by_channels=False,
    sum_layers=False,
    half_content=False,
    std_per_channel=False,
    chained_resizing=True,
    mirrored_padding=False,
)


def get_variant(name: Literal["paper", "reference"]) -> Variant:
    """Give the rules that the config key ``rules`` names."""
    return PAPER if name == "paper" else REFERENCE


def frame_order(frames: int, padding: int, rules: Variant) -> list[int]:
    """List the target frames in the order in which they are matched.

    Parameters
    ----------
    frames
        Length of the clip.
    padding
        ξ, how many frames are put in front and dropped afterwards.
    rules
        Decides how the padding runs.

    Returns
    -------
    list of int
        `padding` + `frames` indices. A clip shorter than the padding continues the reflection.
    """
    if rules.mirrored_padding:
        front = [_reflect(-1 - step, frames) for step in reversed(range(padding))]
    else:
        front = [_reflect(1 + step, frames) for step in range(padding)]
    return front + list(range(frames))


def _reflect(index: int, length: int) -> int:
    """Fold an index into 0 … length−1, repeating the end frames at each turn."""
    place = index % (2 * length)
    return place if place < length else 2 * length - 1 - place
