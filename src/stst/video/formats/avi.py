"""The chunks of an AVI file, as far as FFmpeg does not tell of them."""

from __future__ import annotations

import struct
from pathlib import Path

_OPENED = {b"movi", b"rec "}


def empty_chunks(path: Path, stream: int) -> int:
    """Count the empty chunks of a video stream, with which capture programs mark dropped frames.

    FFmpeg leaves them out, although the header counts them among the frames.

    Parameters
    ----------
    path
        An AVI file, whole or cut short.
    stream
        Number of the stream in the file.

    Returns
    -------
    int
        How many there are.
    """
    names = {b"%02ddc" % stream, b"%02ddb" % stream}
    size = path.stat().st_size
    found = place = 0
    with open(path, "rb") as file:
        while place + 8 <= size:
            file.seek(place)
            name, length, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
            if name == b"RIFF" or (name == b"LIST" and kind in _OPENED):
                place += 12
                continue
            found += name in names and length == 0
            place += 8 + length + length % 2
    return found
