"""Which file native code is reading: a crash there ends the process, and another one tells of it.

FFmpeg, OpenCV, HDF5 and torch read files of others in C. Damage that they do not expect can end the
process without a word of Python's. Whoever watches over the process shares a note with it, in which
the file stands for as long as it is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmap import mmap

_SIZE = 4096  # bytes; the first two are the length of what follows
_note: mmap | None = None


def share_note() -> None:
    """Begin a note that this process shares with those that it forks."""
    from mmap import mmap

    global _note
    _note = mmap(-1, _SIZE)


def read_note() -> str:
    """Give the file that native code is reading, here or in a forked process; empty for none."""
    if _note is None:
        return ""
    return os.fsdecode(_note[2 : 2 + int.from_bytes(_note[:2], "little")])


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Note a file for as long as native code reads it."""
    if _note is None:
        yield
        return
    before = _note[:]
    name = os.fsencode(path)[: _SIZE - 2]
    _note[: 2 + len(name)] = len(name).to_bytes(2, "little") + name
    try:
        yield
    finally:
        _note[:] = before
