"""The display matrix: which way up a camera says its frames are."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.errors import InputError
from stst.types import Frames

if TYPE_CHECKING:
    from av import VideoFrame


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

    @property
    def note(self) -> str | None:
        """One sentence, or None if nothing is done."""
        if self == Orientation():
            return None
        turn = f"turned by {self.degrees} degrees counter-clockwise" if self.degrees else ""
        # a quarter or half turn reverses both axes or exactly one after transposing
        plain = self.mirrored != self.flipped if self.transposed else self.mirrored == self.flipped
        parts = [turn] if turn else []
        if not plain:
            parts.append("mirrored")
        return f"Frames {' and '.join(parts)}, as the file asks."

    def applied(self, frame: Frames) -> Frames:
        """Turn one frame (H, W, 3)."""
        if self.transposed:
            frame = frame.swapaxes(0, 1)
        if self.mirrored:
            frame = frame[:, ::-1]
        if self.flipped:
            frame = frame[::-1]
        return np.ascontiguousarray(frame)


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
