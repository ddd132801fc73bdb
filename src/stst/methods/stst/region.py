"""The part of a clip that a metamer replaces; everything else stays natural."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stst.engine.losses import weigh_activation
from stst.engine.pixels import as_tensor, average_mask, shrink_mask
from stst.methods.stst.octaves import through_octaves
from stst.models.activations import Activation, Multiscale, Window
from stst.video import FrameSequence, inside_of


@dataclass(frozen=True, eq=False)
class Region:
    """The region of one frame, at one octave.

    Attributes
    ----------
    natural
        (1, 3, h, w) the natural frame, in [0, 1].
    inside
        (1, 1, h, w) bool, the pixels that are made.
    mask
        (1, 1, H, W) float32, 1 inside and 0 outside at full resolution.
    """

    natural: Tensor
    inside: Tensor
    mask: Tensor
    _weights: dict[tuple[int, int], Tensor] = field(default_factory=dict, repr=False)
    _windows: dict[tuple[int, int], Window] = field(default_factory=dict, repr=False)

    def compose(self, images: Tensor) -> Tensor:
        """Take (B, 3, h, w) images inside and the natural frame outside."""
        return torch.where(self.inside, images, self.natural)

    def weigh(self, activation: Activation) -> Tensor:
        """Weight a layer's positions by how much of each lies inside.

        See `stst.engine.losses.weigh_activation`.

        Parameters
        ----------
        activation
            (B, N, h, w), or several scales standing for such a map.

        Returns
        -------
        Tensor
            (B, N, rows, columns) of the smallest window that holds the region.
        """
        finest = activation.maps[0] if isinstance(activation, Multiscale) else activation
        weights = self.weights((finest.shape[-2], finest.shape[-1]))
        rows, columns = window = self._window(weights)
        if isinstance(activation, Multiscale):
            activation = activation.concatenate(window)
        else:
            activation = activation[..., rows, columns]
        return weigh_activation(activation, weights[..., rows, columns])

    def _window(self, weights: Tensor) -> Window:
        size = weights.shape[-2], weights.shape[-1]
        if size not in self._windows:
            places = weights[0, 0].nonzero()
            top, left = places.amin(0).tolist()
            bottom, right = (places.amax(0) + 1).tolist()
            self._windows[size] = slice(top, bottom), slice(left, right)
        return self._windows[size]

    def weights(self, size: tuple[int, int]) -> Tensor:
        """Average the mask over the cells of a grid.

        Parameters
        ----------
        size
            Height and width of the grid.

        Returns
        -------
        Tensor
            (1, 1, *size) in [0, 1]: the share of each cell that is inside.
        """
        if size not in self._weights:
            self._weights[size] = average_mask(self.mask, size)
        return self._weights[size]

    def through(self, sizes: Sequence[tuple[int, int]], chained: bool) -> list[Region]:
        """Give the region at every octave; `sizes` and `chained` as in `through_octaves`."""
        naturals = through_octaves(self.natural, sizes, chained)
        return [
            replace(self, natural=natural, inside=shrink_mask(self.inside, size))
            for natural, size in zip(naturals, sizes, strict=True)
        ]


class Regions:
    """The regions of all frames of a clip.

    Parameters
    ----------
    natural
        Frames of the natural clip.
    mask
        As many frames of the same size, or one that holds for all; see `inside_of`.

    Attributes
    ----------
    pixels
        Number of pixels inside, for each frame of the mask.
    brightest
        The largest mean of red, green and blue in the mask, 0 to 255.
    """

    def __init__(self, natural: FrameSequence, mask: FrameSequence) -> None:
        self.natural = natural
        self.mask = mask
        self.pixels: list[int] = []
        self.brightest = 0.0
        for frame in mask:
            self.pixels.append(int(inside_of(frame).sum()))
            self.brightest = max(self.brightest, float(frame.mean(axis=2).max()))

    @property
    def whole(self) -> bool:
        """Whether every pixel of every frame is inside."""
        return min(self.pixels) == self._all

    def is_empty(self, frame: int) -> bool:
        """Say whether a frame stays natural as a whole."""
        return self.pixels[self._place(frame)] == 0

    def inside(self, frame: int) -> NDArray[np.bool_]:
        """Give the pixels of a frame that are inside, (H, W) bool."""
        return inside_of(self.mask[self._place(frame)])

    def find_entered(self, before: int, now: int) -> NDArray[np.bool_]:
        """Say which pixels (H, W) are inside in a frame and were not in another one."""
        return self.inside(now) & ~self.inside(before)

    def at(self, frame: int, device: torch.device) -> Region | None:
        """Give the region of a frame at full resolution; None where that is the whole frame."""
        if self.pixels[self._place(frame)] == self._all:
            return None
        inside = torch.from_numpy(self.inside(frame)).to(device)[None, None]
        return Region(as_tensor(self.natural[frame], device), inside, inside.float())

    @property
    def _all(self) -> int:
        return self.mask.shape[1] * self.mask.shape[2]

    def _place(self, frame: int) -> int:
        return frame if len(self.mask) > 1 else 0
