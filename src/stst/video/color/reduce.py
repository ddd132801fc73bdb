"""Decoded frames of more than 8 bits, or of high dynamic range, to 8-bit RGB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stst.errors import InputError
from stst.types import Frames
from stst.video.color.depth import grey_row, rgb_rows, round_grey, round_rgb
from stst.video.color.planes import Integers, components, layout_of
from stst.video.color.rgb import ColorReading
from stst.video.color.tonemap import Values, tone_map

if TYPE_CHECKING:
    from av import VideoFrame


class ReducingConverter:
    """Turns the frames of one stream into (H, W, 3) uint8 RGB, by our own arithmetic.

    Parameters
    ----------
    path
        For messages.
    reading
        How the stream is read; its `levels` say that its values are brought to 8 bits.
    """

    def __init__(self, path: Path, reading: ColorReading) -> None:
        self._path, self._reading = path, reading

    def __call__(self, frame: VideoFrame, index: int) -> Frames:
        """Convert frame number `index`.

        Raises
        ------
        InputError
            If its pixel format is another than the first frame's, or a pixel is not opaque.
        """
        layout = layout_of(frame.format.name)
        if layout is None or frame.format.name != self._reading.pixel_format:
            raise InputError(
                f"{self._path}: frame {index} is {frame.format.name}, the first "
                f"{self._reading.pixel_format}. All frames must have one pixel format."
            )
        values, factor = components(frame, layout, self._reading.siting or "left")
        if layout.alpha:
            self._check_opaque(values.pop(), layout.bits, index)
        if self._reading.levels.tonemap is None:
            return self._round(values, layout.bits, factor)
        peak = self._reading.levels.peak_nits
        assert peak is not None  # one is always worked out
        return tone_map(
            self._signal(values, layout.bits, factor),
            self._reading.transfer,
            self._reading.primaries,
            peak,
        )

    def _round(self, values: list[Integers], bits: int, factor: int) -> Frames:
        reading = self._reading
        limited = reading.range == "limited"
        if reading.kind == "yuv":
            return round_rgb(values, bits, reading.matrix, limited, factor)
        channels = [round_grey(one, bits, limited).astype(np.uint8) for one in values]
        return np.stack(channels * (3 // len(channels)), axis=2)

    def _signal(self, values: list[Integers], bits: int, factor: int) -> Values:
        """Give R'G'B' (H, W, 3), in [0, 1] but for overshoots."""
        reading = self._reading
        limited = reading.range == "limited"
        if reading.kind == "yuv":
            rows = rgb_rows(bits, reading.matrix, limited, factor)
            channels = [
                float(added)
                + sum(float(weight) * one for weight, one in zip(weights, values, strict=True))
                for *weights, added in rows
            ]
        else:
            weight, added = map(float, grey_row(bits, limited))
            channels = [weight * one + added for one in values]
        return np.stack(channels * (3 // len(channels)), axis=2)

    def _check_opaque(self, alpha: Integers, bits: int, index: int) -> None:
        lowest, full = int(alpha.min()), 2**bits - 1
        if lowest < full:
            raise InputError(
                f"{self._path}: frame {index} is partly transparent (alpha down to {lowest} of "
                f"{full}). Composite it onto a background first."
            )
