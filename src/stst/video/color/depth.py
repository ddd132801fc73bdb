"""Values of any number of bits to 8 bits of RGB, rounded exactly.

All of it is arithmetic in whole numbers: the result is the real number that the equations of
ITU-T H.273 give, clipped to 0 to 255 and rounded to the nearest whole number, halves to even.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.types import Frames
from stst.video.color.planes import Integers

#: Shares of red and blue in luma, by the name of the matrix.
LUMA: dict[str, tuple[Fraction, Fraction]] = {
    "bt601": (Fraction(299, 1000), Fraction(114, 1000)),
    "bt709": (Fraction(2126, 10000), Fraction(722, 10000)),
    "fcc": (Fraction(30, 100), Fraction(11, 100)),
    "smpte240m": (Fraction(212, 1000), Fraction(87, 1000)),
    "bt2020nc": (Fraction(2627, 10000), Fraction(593, 10000)),
}

#: What is assumed of pictures and arrays of 16 bits, which do not say it.
FULL_RANGE = "Rounded from 16 to 8 bits per channel, exactly; 16 bits are taken for full range."
# the largest value of 12 bits
_MOST_OF_12 = 4095

# of one channel: what luma and the two chroma components are multiplied by, what is added
_Row = tuple[Fraction, Fraction, Fraction, Fraction]


def round_grey(values: Integers, bits: int, limited: bool) -> Integers:
    """Bring luma alone, or one channel of RGB, to 0 to 255.

    Parameters
    ----------
    values
        Any shape.
    bits
        Of a value.
    limited
        Whether they are in limited range, else in full range.

    Returns
    -------
    ndarray
        int64 of the same shape.
    """
    weight, added = grey_row(bits, limited)
    return _round([values], [255 * weight], 255 * added)


def grey_row(bits: int, limited: bool) -> tuple[Fraction, Fraction]:
    """Give what luma alone is multiplied by, and what is added, to be in [0, 1]."""
    weight, black = _luma(bits, limited)
    return weight, -weight * black


def from_16_bits(values: NDArray[np.uint16]) -> Frames:
    """Round values of full range, 0 to 65535, to 8 bits: v · 255 / 65535.

    Parameters
    ----------
    values
        Any shape.

    Returns
    -------
    Frames
        uint8 of the same shape.
    """
    # v / 257, which no whole number has halves of
    out: Frames = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return out


def check_full_range(pictures: Iterable[NDArray[np.uint16]], name: str) -> None:
    """Refuse values of 10 or 12 bits that are stored in 16, which nothing else tells.

    Parameters
    ----------
    pictures
        (H, W) or (H, W, C); looked at up to the first one with larger values.
    name
        Of the clip, for the message.

    Raises
    ------
    InputError
        If no value is above 4095, and not all are 0.
    """
    most = 0
    for picture in pictures:
        colours = picture[..., :3] if picture.ndim == 3 else picture
        most = max(most, int(colours.max()))
        if most > _MOST_OF_12:
            return
    if most:
        whole = 1023 if most <= 1023 else _MOST_OF_12
        raise InputError(
            f"{name} has 16 bits per channel, and no value above {most}, as of "
            f"{whole.bit_length()} bits: taken for full range, 0 to 65535, it would be nearly "
            f"black. Save it as 8 bits: np.rint(frames * (255 / {whole})).astype(np.uint8)."
        )


def round_rgb(
    values: Sequence[Integers], bits: int, matrix: str, limited: bool, factor: int
) -> Frames:
    """Bring luma and chroma to 8 bits of RGB.

    Parameters
    ----------
    values
        Luma and the two chroma components, (H, W) each.
    bits
        Of a value.
    matrix
        A key of `LUMA`.
    limited
        Whether they are in limited range, else in full range.
    factor
        What chroma was multiplied by.

    Returns
    -------
    Frames
        (H, W, 3) uint8 RGB.
    """
    out = np.empty((*values[0].shape, 3), np.uint8)
    for place, (*weights, added) in enumerate(rgb_rows(bits, matrix, limited, factor)):
        out[..., place] = _round(values, [255 * one for one in weights], 255 * added)
    return out


@cache
def rgb_rows(bits: int, matrix: str, limited: bool, factor: int) -> tuple[_Row, _Row, _Row]:
    """Give the equations of red, green and blue in [0, 1], exactly.

    Parameters
    ----------
    bits, matrix, limited, factor
        As in `round_rgb`.

    Returns
    -------
    tuple
        Of each channel, what luma and chroma are multiplied by, and what is added.
    """
    luma, black = _luma(bits, limited)
    span = 224 * 2 ** (bits - 8) if limited else 2**bits - 1
    chroma, middle = Fraction(1, span * factor), Fraction(factor * 2 ** (bits - 1))
    of_red, of_blue = LUMA[matrix]
    of_green = 1 - of_red - of_blue
    from_red, from_blue = 2 * (1 - of_red), 2 * (1 - of_blue)
    pairs = (
        (Fraction(0), from_red),
        (-of_blue * from_blue / of_green, -of_red * from_red / of_green),
        (from_blue, Fraction(0)),
    )
    red, green, blue = (
        (luma, cb * chroma, cr * chroma, -luma * black - (cb + cr) * chroma * middle)
        for cb, cr in pairs
    )
    return red, green, blue


def _luma(bits: int, limited: bool) -> tuple[Fraction, int]:
    """Give what luma is multiplied by after its black is subtracted, and that black."""
    unit = 2 ** (bits - 8)
    return (Fraction(1, 219 * unit), 16 * unit) if limited else (Fraction(1, 2**bits - 1), 0)


def _round(values: Sequence[Integers], weights: Sequence[Fraction], added: Fraction) -> Integers:
    """Round a weighted sum to the nearest whole number from 0 to 255, halves to even."""
    below = math.lcm(added.denominator, *(one.denominator for one in weights))
    above = np.full(values[0].shape, int(added * below), np.int64)
    for one, weight in zip(values, weights, strict=True):
        if weight:
            above += one * int(weight * below)
    whole, rest = np.divmod(above.clip(0, 255 * below), below)
    out: Integers = whole + ((2 * rest > below) | ((2 * rest == below) & (whole % 2 == 1)))
    return out
