"""Clips that are computed of two others, frame by frame, when they are shown."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_stst.viewer.layers import FrameArray
from napari_stst.viewer.lazy_frames import LazyFrames
from stst.video import AS_STORED, LazyVideo

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image

    from napari_stst.background.measurements import Match
    from stst.types import Frames

Source = Callable[[int], "Frames"]
Sign = Literal["absolute", "signed"]

_GREY = 128
_LINE = 400  # the curtain's edge is one pixel wide in so many


class Composed(LazyFrames):
    """Two clips made into one, as an array (T, H, W, 3) uint8 that napari can slice.

    Parameters
    ----------
    natural, other
        Give frame t, (H, W, 3) uint8.
    shape
        (T, H, W, 3).
    compose
        Makes one frame of two.
    """

    def __init__(
        self,
        natural: Source,
        other: Source,
        shape: tuple[int, ...],
        compose: Callable[[Frames, Frames], Frames],
    ) -> None:
        super().__init__(shape)
        self._natural, self._other, self.compose = natural, other, compose

    def _frame(self, index: int) -> Frames:
        return self.compose(self._natural(index), self._other(index))


def compose_frame(
    natural: Image,
    other: Image,
    match: Match,
    path: Path,
    compose: Callable[[Frames, Frames], Frames],
) -> Composed:
    """Bring the frames of two layers together.

    Parameters
    ----------
    natural, other
        Layers of clips.
    match
        Which frames of the natural clip the other one shows.
    path
        The natural clip on disk; read anew where it is shrunk, resampled or without its colour.
    compose
        Makes one frame of two.
    """
    length, height, width = other.data.shape[:3]
    shown = natural.data.video.levels if isinstance(natural.data, FrameArray) else AS_STORED
    same = match.levels == shown and not match.grey
    if match.max_side is None and match.resample_fps is None and same:
        here = _frames(natural.data, match.start)
    else:
        rate = None if match.resample_fps is None else Fraction(match.resample_fps)
        span = (match.start, match.stop)
        video = LazyVideo(
            path, span, match.max_side, resample_fps=rate, grey=match.grey, levels=match.levels
        )
        here = _frames(FrameArray(video), 0)
    return Composed(here, _frames(other.data, 0), (length, height, width, 3), compose)


def _frames(data: Any, start: int) -> Source:
    def frame(index: int) -> Frames:
        one: Frames = np.asarray(data[start + index])
        return np.repeat(one[..., None], 3, axis=2) if one.ndim == 2 else one[..., :3]

    return frame


def difference(sign: Sign, gain: float) -> Callable[[Frames, Frames], Frames]:
    """Make a function that shows how a frame differs from the natural one.

    Parameters
    ----------
    sign
        ``"absolute"``: ``gain · |other − natural|``. ``"signed"``: ``128 + gain · (other −
        natural) / 2``, so that mid-grey is no difference, and every one fits in at gain 1.
    gain
        Above 0. Values are rounded, halves to even, and clipped to 0 to 255.
    """
    steps = np.arange(-255, 256)
    values = gain * np.abs(steps) if sign == "absolute" else _GREY + gain * steps / 2
    table: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)

    def compose(natural: Frames, other: Frames) -> Frames:
        out: Frames = table.take(np.subtract(other, natural, dtype=np.int16) + 255)
        return out

    return compose


def curtain(split: int, line: bool = True) -> Callable[[Frames, Frames], Frames]:
    """Make a function that shows the natural frame on the left and the other on the right.

    Parameters
    ----------
    split
        The first column of the other frame.
    line
        Whether white pixels mark the edge.
    """

    def compose(natural: Frames, other: Frames) -> Frames:
        out: Frames = np.array(other)
        out[:, :split] = natural[:, :split]
        width = out.shape[1]
        if line and 0 < split < width:
            out[:, split : split + max(1, width // _LINE)] = 255
        return out

    return compose
