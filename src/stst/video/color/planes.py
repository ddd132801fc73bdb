"""The values of decoded frames as whole numbers, with chroma brought to the size of luma.

Chroma is enlarged by linear interpolation between its samples, which lie where the file says
(ITU-T H.273, figure 1); beyond the border the outermost sample goes on. Weights are quarters, so
that what is enlarged is exact in whole numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame

Integers = NDArray[np.int64]

#: Where chroma samples lie between luma samples, in luma samples right of and below the first one
#: of each group; by FFmpeg's names.
SITINGS: Mapping[str, tuple[float, float]] = {
    "left": (0.0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
    "top": (0.5, 0.0),
    "bottomleft": (0.0, 1.0),
    "bottom": (0.5, 1.0),
}
_PLANAR = re.compile(r"yuv([aj]?)(420|422|440|444)p(\d+)?(le|be)?")
_SEMIPLANAR = re.compile(r"p([024])(10|12|16)(le|be)")
_RGB_PLANES = re.compile(r"gbr(a?)p(\d+)?(le|be)?")
_GRAY = re.compile(r"(?:gray|y)(a?)(8|\d+)?(le|be)?")
_PACKED = re.compile(r"(rgba?|bgra?)(24|48|64)?(le|be)?")
_NV = {"nv12": "0", "nv16": "2", "nv24": "4"}
# log2 of how many luma samples share a chroma sample, across and down
_SHARED = {"420": (1, 1), "422": (1, 0), "440": (0, 1), "444": (0, 0)}
_OF_SEMIPLANAR = {"0": (1, 1), "2": (1, 0), "4": (0, 0)}


@dataclass(frozen=True)
class Layout:
    """Where the values of a pixel format are.

    Attributes
    ----------
    bits
        Of a value.
    places
        Of every component: number of the plane, values of a pixel there, which of them.
    shared
        Chroma samples are shared by two to this power luma samples, across and down.
    dtype
        Of a stored value.
    shift
        Bits below a value's last.
    alpha
        Whether the last component is one.
    """

    bits: int
    places: tuple[tuple[int, int, int], ...]
    shared: tuple[int, int] = (0, 0)
    dtype: str = "<u2"
    shift: int = 0
    alpha: bool = False


def layout_of(name: str) -> Layout | None:
    """Say where the values of a pixel format are; None of one that is not read.

    Parameters
    ----------
    name
        FFmpeg's, with any number of bits up to 16.
    """
    if found := _PLANAR.fullmatch(name):
        alpha = found[1] == "a"
        bits = int(found[3] or 8)
        planes = tuple((number, 1, 0) for number in range(4 if alpha else 3))
        return Layout(bits, planes, _SHARED[found[2]], _dtype(bits, found[4]), alpha=alpha)
    if found := _SEMIPLANAR.fullmatch(name):
        bits, places = int(found[2]), ((0, 1, 0), (1, 2, 0), (1, 2, 1))
        return Layout(bits, places, _OF_SEMIPLANAR[found[1]], _dtype(16, found[3]), 16 - bits)
    if name in _NV:
        return Layout(8, ((0, 1, 0), (1, 2, 0), (1, 2, 1)), _OF_SEMIPLANAR[_NV[name]], "u1")
    if found := _RGB_PLANES.fullmatch(name):
        bits, alpha = int(found[2] or 8), bool(found[1])
        planes = tuple((number, 1, 0) for number in ((2, 0, 1, 3) if alpha else (2, 0, 1)))
        return Layout(bits, planes, dtype=_dtype(bits, found[3]), alpha=alpha)
    if found := _GRAY.fullmatch(name):
        bits, alpha = int(found[2] or 8), bool(found[1])
        count = 2 if alpha else 1
        grey = tuple((0, count, place) for place in range(count))
        return Layout(bits, grey, dtype=_dtype(bits, found[3]), alpha=alpha)
    if found := _PACKED.fullmatch(name):
        count = len(found[1])
        bits = int(found[2] or 8 * count) // count
        order = (2, 1, 0, 3) if found[1].startswith("bgr") else (0, 1, 2, 3)
        packed = tuple((0, count, place) for place in order[:count])
        return Layout(bits, packed, dtype=_dtype(bits, found[3]), alpha=count == 4)
    return None


def _dtype(bits: int, order: str | None) -> str:
    if bits == 8:
        return "u1"
    return ">u2" if order == "be" else "<u2"


def components(frame: VideoFrame, layout: Layout, siting: str) -> tuple[list[Integers], int]:
    """Take the values out of a frame.

    Parameters
    ----------
    frame
        Decoded.
    layout
        Of its pixel format.
    siting
        Where chroma samples lie, a key of `SITINGS`.

    Returns
    -------
    list of ndarray
        (H, W) int64 of every component: grey; or red, green and blue; or luma and the two chroma
        components, these times the second value; then alpha, if there is any.
    int
        What chroma is multiplied by.
    """
    height, width = frame.height, frame.width
    across, down = layout.shared
    found, factor = [], 1
    for number, place in enumerate(layout.places):
        chroma = number in (1, 2) and layout.shared != (0, 0)
        size = (-(-height >> down), -(-width >> across)) if chroma else (height, width)
        values = _store(frame, layout, place, size)
        if chroma:
            right, below = SITINGS[siting]
            factor = 1
            if across:
                values, factor = _enlarge(values, right, width), 4
            if down:
                values, factor = _enlarge(values.T, below, height).T, factor * 4
        found.append(values)
    return found, factor


def _store(
    frame: VideoFrame, layout: Layout, place: tuple[int, int, int], size: tuple[int, int]
) -> Integers:
    plane, count, which = place
    stored = frame.planes[plane]
    kind = np.dtype(layout.dtype)
    rows = np.frombuffer(memoryview(stored), np.uint8)[: size[0] * stored.line_size]
    values = rows.reshape(size[0], stored.line_size)[:, : size[1] * count * kind.itemsize]
    of_pixel = np.ascontiguousarray(values).view(kind)[:, which::count]
    return of_pixel.astype(np.int64) >> layout.shift


def _enlarge(values: Integers, first: float, length: int) -> Integers:
    """Interpolate to twice as many columns; give four times the values.

    Column k of `values` lies at ``2 k + first`` of the new ones.
    """
    before = np.concatenate([values[:, :1], values[:, :-1]], axis=1)
    after = np.concatenate([values[:, 1:], values[:, -1:]], axis=1)
    out = np.empty((len(values), 2 * values.shape[1]), np.int64)
    if first == 0:
        out[:, 0::2], out[:, 1::2] = 4 * values, 2 * (values + after)
    elif first == 1:
        out[:, 0::2], out[:, 1::2] = 2 * (before + values), 4 * values
    else:
        out[:, 0::2], out[:, 1::2] = before + 3 * values, 3 * values + after
    return out[:, :length]
