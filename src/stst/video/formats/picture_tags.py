"""How a picture's file says it lies and how dense its pixels are, read without decoding it."""

from __future__ import annotations

import struct
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from stst.video.formats.aspect import SQUARE, density_aspect
from stst.video.formats.orientation import Orientation, exif_orientation

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 274
_X_RESOLUTION, _Y_RESOLUTION = 282, 283


def orientation_in(picture: Image, file: Path) -> Orientation:
    """Read the orientation that an opened picture asks for, by EXIF's tag or TIFF's own.

    Parameters
    ----------
    picture
        Opened by Pillow, not yet decoded.
    file
        Where it is.

    Returns
    -------
    Orientation
        Upright where nothing is said, or nothing that can be understood.
    """
    from PIL import Image as Pillow

    if picture.format == "TIFF":
        return exif_orientation(picture.tag_v2.get(ORIENTATION))  # type: ignore[attr-defined]
    # not getexif(): of a PNG file it decodes everything, and it heeds what other programs do not
    data = _png_chunk(file, b"eXIf") if picture.format == "PNG" else picture.info.get("exif")
    if not data:
        return Orientation()
    exif = Pillow.Exif()
    try:
        exif.load(data)
        return exif_orientation(exif.get(ORIENTATION))
    # damaged tags make it raise almost anything; the picture itself may be whole
    except Exception:
        return Orientation()


def aspect_in(picture: Image, file: Path) -> Fraction:
    """Read the aspect of an opened picture's pixels: JFIF's densities, PNG's pHYs, TIFF's tags.

    Parameters
    ----------
    picture, file
        As in `orientation_in`.

    Returns
    -------
    Fraction
        Width of a pixel over its height as stored, 1 where nothing is said.
    """
    if picture.format == "PNG":
        chunk = _png_chunk(file, b"pHYs")
        return density_aspect(*struct.unpack(">II", chunk[:8])) if len(chunk) >= 8 else SQUARE
    if picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]
        across, down = tags.get(_X_RESOLUTION), tags.get(_Y_RESOLUTION)
    else:
        across, down = picture.info.get("jfif_density", (None, None))
    if not (isinstance(across, Real) and isinstance(down, Real)):
        return SQUARE
    return density_aspect(float(across), float(down))


def _png_chunk(file: Path, wanted: bytes) -> bytes:
    """Give the content of the first chunk of a name; empty if there is none."""
    size = file.stat().st_size
    place = 8
    with open(file, "rb") as stream:
        while place + 12 <= size:
            stream.seek(place)
            length, name = struct.unpack(">I4s", stream.read(8))
            if name == wanted:
                return stream.read(length)
            place += 12 + length
    return b""
