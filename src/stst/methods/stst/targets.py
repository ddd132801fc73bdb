"""The clips that a metamer is to match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stst.config import Term
from stst.video import FrameSequence


@dataclass(frozen=True)
class Targets:
    """The clips that are matched; frames (T, H, W, 3) uint8 of one size and length.

    Attributes
    ----------
    by_term
        One clip for every loss term.
    color
        The clip whose colours are taken.
    grey
        Whether all of them are grey in every pixel.
    """

    by_term: Mapping[Term, FrameSequence]
    color: FrameSequence
    grey: bool = False

    @property
    def frames(self) -> int:
        """Length of the clips."""
        return len(self.color)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.color.shape[1], self.color.shape[2]

    @property
    def channels(self) -> int:
        """How many are optimised: one of clips without colour, else three."""
        return 1 if self.grey else 3
