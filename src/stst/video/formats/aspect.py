"""Pixels that are not square: their aspect is said, and the frames stay as they are."""

from __future__ import annotations

from fractions import Fraction
from math import inf

SQUARE = Fraction(1)


def aspect_note(aspect: Fraction, width: int, height: int) -> str | None:
    """Say that pixels are not square, and how large they are meant to be shown.

    Parameters
    ----------
    aspect
        Width of a pixel over its height.
    width, height
        Of the frames, in pixels.

    Returns
    -------
    str or None
        One sentence; None if the pixels are square.
    """
    if aspect == SQUARE:
        return None
    shown = max(1, round(width * aspect))
    ratio = f"{aspect.numerator}:{aspect.denominator}"
    return f"Pixels are {ratio}; shown {shown}x{height}; not resized."


def density_aspect(across: float, down: float) -> Fraction:
    """Give the aspect of a picture's pixels from how densely they lie.

    Parameters
    ----------
    across, down
        Pixels per unit of length along a row and along a column.

    Returns
    -------
    Fraction
        Width of a pixel over its height; 1 where the file holds no densities, or they differ by
        no more than programs' rounding of them (half a per cent).
    """
    if not (0 < across < inf and 0 < down < inf):
        return SQUARE
    aspect = Fraction(down) / Fraction(across)
    if abs(aspect - 1) <= Fraction(1, 200):
        return SQUARE
    # of damaged densities it can be next to nothing, which is no width of a pixel
    return aspect.limit_denominator(1000) or SQUARE
