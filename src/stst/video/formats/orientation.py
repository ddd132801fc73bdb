"""Which way up a camera says its frames are: display matrices of videos, EXIF of pictures."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from stst.errors import InputError

if TYPE_CHECKING:
    from av import VideoFrame

Pixel = TypeVar("Pixel", bound=np.generic)

#: How every note on an orientation ends.
ASKS = " asks."


@dataclass(frozen=True)
class Orientation:
    """A turn by quarters, with or without a mirror.

    Attributes
    ----------
    transposed
        Whether rows and columns change places (first).
    mirrored, flipped
        Whether columns, rows are then reversed.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @property
    def degrees(self) -> int:
        """The turn counter-clockwise, without the mirror."""
        if self.transposed:
            return 90 if self.flipped else 270
        return 180 if self.flipped else 0

    def note(self, by: str) -> str | None:
        """Say what is done, as `by` asks: one sentence, or None if nothing is."""
        if self == Orientation():
            return None
        turn = f"turned by {self.degrees} degrees counter-clockwise" if self.degrees else ""
        # a quarter or half turn reverses both axes or exactly one after transposing
        plain = self.mirrored != self.flipped if self.transposed else self.mirrored == self.flipped
        parts = [turn] if turn else []
        if not plain:
            parts.append("mirrored")
        return f"Frames {' and '.join(parts)}, as the file's {by}{ASKS}"

    def apply(self, frame: npt.NDArray[Pixel]) -> npt.NDArray[Pixel]:
        """Turn one frame (H, W, 3), or a picture of any channels and depth."""
        if self.transposed:
            frame = frame.swapaxes(0, 1)
        if self.mirrored:
            frame = frame[:, ::-1]
        if self.flipped:
            frame = frame[::-1]
        return np.ascontiguousarray(frame)


#: EXIF's numbers for how the first row and column of a stored picture lie.
_OF_EXIF = {
    2: Orientation(mirrored=True),
    3: Orientation(mirrored=True, flipped=True),
    4: Orientation(flipped=True),
    5: Orientation(transposed=True),
    6: Orientation(transposed=True, mirrored=True),
    7: Orientation(transposed=True, mirrored=True, flipped=True),
    8: Orientation(transposed=True, flipped=True),
}


def exif_orientation(number: object) -> Orientation:
    """Give what EXIF's tag 274 asks for; nothing for 1 and for numbers that mean nothing."""
    return _OF_EXIF.get(number, Orientation()) if isinstance(number, int) else Orientation()


def orientation_of(frame: VideoFrame, path: Path) -> Orientation:
    """Read the display matrix of a stream's first frame.

    Raises
    ------
    InputError
        If it asks for anything but quarter turns and mirrors.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Orientation()
    # x' = a x + c y, y' = b x + d y
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
    if b == c == 0 and abs(a) == abs(d) != 0:
        return Orientation(False, a < 0, d < 0)
    if a == d == 0 and abs(b) == abs(c) != 0:
        return Orientation(True, c < 0, b < 0)
    raise InputError(
        f"{path} asks to be turned by {frame.rotation} degrees or sheared; only quarter turns and "
        "mirrors are done. Render it upright with another program first."
    )
