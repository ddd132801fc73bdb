"""The transforms of phase scrambling over time: of clips in place, in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import copy
from typing import Self

import torch
from torch import Tensor

from stst.engine.phases import (
    PhaseFields,
    factors,
    own_partners,
    signs_only,
)

# numbers that are scrambled at once in time; more would only need more memory
_BLOCK = 1 << 20


class HeldClip(ABC):
    """A clip whose phases are scrambled over time, and so is held as a whole.

    Parameters
    ----------
    shape
        (T, H, W).
    dtype
        float64 or float32, of the arithmetic.
    device
        Where it is held.
    channels
        1 of a grey clip, else 3.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: torch.dtype,
        device: torch.device,
        channels: int = 3,
    ) -> None:
        self.shape = shape
        size = self.held_shape(shape, channels)
        self._values = torch.empty(size, dtype=self.held(dtype), device=device)

    @classmethod
    @abstractmethod
    def held_shape(cls, shape: tuple[int, int, int], channels: int) -> tuple[int, int, int, int]:
        """Give the shape of what is held, (T, C, H, bins)."""

    @staticmethod
    @abstractmethod
    def held(dtype: torch.dtype) -> torch.dtype:
        """Give the kind of number that is held."""

    @classmethod
    def nbytes(
        cls, shape: tuple[int, int, int], dtype: torch.dtype, channels: int
    ) -> tuple[int, int]:
        """Say how many bytes one takes, and how many more while it is being scrambled."""
        frames, _, height, bins = cls.held_shape(shape, channels)
        row = frames * channels * bins
        block = min(row * height, max(_BLOCK, row))
        # the field in turns, its angles, cosines, factors, and the transformed block and copies
        return row * height * cls.held(dtype).itemsize, block * 128

    @abstractmethod
    def put(self, frame: int, picture: Tensor) -> None:
        """Take in one frame, (C, H, W)."""

    @abstractmethod
    def picture(self, frame: int) -> Tensor:
        """Give one frame back, (C, H, W)."""

    @abstractmethod
    def scramble(self, fields: PhaseFields, coherence: float) -> Iterator[float]:
        """Scramble in place; gives the share that is done."""

    def copy(self) -> Self:
        """Give a second one with the same content."""
        other = copy(self)
        other._values = self._values.clone()
        return other

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Share out the rows, so that what a step needs on the way is bounded."""
        frames, channels, height, bins = self._values.shape
        step = max(1, _BLOCK // (frames * channels * bins))
        for start in range(0, height, step):
            yield start, min(start + step, height)


class SpaceTime(HeldClip):
    """Scrambled in space and time: the three-dimensional field, if wanted after the spatial one.

    Attributes
    ----------
    both
        Whether the two-dimensional field that all frames share is applied first. As fields add,
        the result has the same distribution with it and without.
    """

    both = False

    @classmethod
    def held_shape(cls, shape: tuple[int, int, int], channels: int) -> tuple[int, int, int, int]:
        """Give the shape of the frames' half spectra."""
        frames, height, width = shape
        return frames, channels, height, width // 2 + 1

    @staticmethod
    def held(dtype: torch.dtype) -> torch.dtype:
        """Give the complex kind of the same precision."""
        return torch.complex128 if dtype == torch.float64 else torch.complex64

    def put(self, frame: int, picture: Tensor) -> None:
        """Take in one frame, (C, H, W)."""
        self._values[frame] = torch.fft.rfft2(picture)

    def picture(self, frame: int) -> Tensor:
        """Give one frame back, (C, H, W)."""
        real: Tensor = torch.fft.irfft2(self._values[frame], s=self.shape[1:])
        return real

    def scramble(self, fields: PhaseFields, coherence: float) -> Iterator[float]:
        """Scramble in place; gives the share that is done."""
        own = own_partners(self.shape)[:, None]
        spatial = signs_only(fields.spatial(), own_partners(self.shape[1:])) if self.both else None
        for start, stop in self._blocks():
            turns = fields.spatiotemporal(start, stop)
            if spatial is not None:
                turns = (turns + spatial[:, start:stop]) % 1
            field = factors(turns, own[:, :, start:stop], coherence)
            block = torch.fft.fft(self._values[:, :, start:stop], dim=0)
            block *= field.to(device=block.device, dtype=block.dtype)
            self._values[:, :, start:stop] = torch.fft.ifft(block, dim=0)
            yield stop / self.shape[1]


class BothSteps(SpaceTime):
    """The spatial step, then the spatiotemporal one (Greco & Siegel 2024)."""

    both = True


class TimeOnly(HeldClip):
    """Scrambled in time: one phase for each temporal frequency, shared by all pixels."""

    @classmethod
    def held_shape(cls, shape: tuple[int, int, int], channels: int) -> tuple[int, int, int, int]:
        """Give the shape of the frames, which are held as they are."""
        frames, height, width = shape
        return frames, channels, height, width

    @staticmethod
    def held(dtype: torch.dtype) -> torch.dtype:
        """Give the same kind: there is nothing complex in it."""
        return dtype

    def put(self, frame: int, picture: Tensor) -> None:
        """Take in one frame, (C, H, W)."""
        self._values[frame] = picture

    def picture(self, frame: int) -> Tensor:
        """Give one frame back, (C, H, W)."""
        return self._values[frame]

    def scramble(self, fields: PhaseFields, coherence: float) -> Iterator[float]:
        """Scramble in place; gives the share that is done."""
        frames = self.shape[0]
        own = own_partners((frames,))
        field = factors(fields.temporal()[: len(own)], own[:, None], coherence)[..., None, None]
        for start, stop in self._blocks():
            block = torch.fft.rfft(self._values[:, :, start:stop], dim=0)
            block *= field.to(device=block.device, dtype=block.dtype)
            self._values[:, :, start:stop] = torch.fft.irfft(block, n=frames, dim=0)
            yield stop / self.shape[1]
