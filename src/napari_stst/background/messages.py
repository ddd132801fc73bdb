"""What the viewer and a worker process say to each other, and how it is written.

Both write pickles, each after its length. They go through pipes between the two alone: nothing that
lies on disk is ever read so.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

#: So many samples of a run are shown, the first ones; more would take the viewer for minutes.
SHOWN = 8
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Started:
    """A run begins.

    Attributes
    ----------
    frames, size
        Number of frames that will be kept, their height and width in pixels.
    start, step
        Frame of the clip that it is made of which the first frame shows, counted in the file, and
        how many of its frames pass from one frame to the next.
    whole
        Whether all frames are made together, not one after the other.
    seeds
        One for each sample that is shown, see `SHOWN`.
    fps
        Rate in Hz, an exact fraction as text.
    notes
        What the user should know.
    done
        For each of those samples the frames that an earlier run has finished, (H, W, 3) uint8.
    """

    frames: int
    size: tuple[int, int]
    start: int
    step: float
    whole: bool
    seeds: tuple[int, ...]
    fps: str
    notes: tuple[str, ...]
    done: Sequence[Sequence[np.ndarray]]


@dataclass(frozen=True)
class Step:
    """Work went on.

    Attributes
    ----------
    what
        In a word or two.
    progress
        Share of all work that is done, 0 to 1.
    losses
        Weighted loss of every term, the mean over samples; empty where nothing is optimised.
    probabilities
        Of the class that a clip is made for, the mean over samples, by who looked; empty where
        there is none.
    """

    what: str
    progress: float
    losses: Mapping[str, float]
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A frame, finished or as it looks now.

    Attributes
    ----------
    frame
        0-based; negative for padding.
    images
        (samples, h, w, 3) uint8, of those that are shown; smaller than the clip while a coarse
        octave is worked on.
    finished
        Whether it is what the clip will hold.
    first
        Which sample the first one is.
    """

    frame: int
    images: np.ndarray
    finished: bool
    first: int = 0


@dataclass(frozen=True)
class ClipPicture:
    """All frames, as they look now.

    Attributes
    ----------
    images
        (samples, T, H, W, 3) uint8, of those that are shown.
    first
        Which sample the first one is.
    """

    images: np.ndarray
    first: int = 0


@dataclass(frozen=True)
class Result:
    """A task's result; what it is depends on the task."""

    value: Any


@dataclass(frozen=True)
class Stopped:
    """The task ended because it was asked to."""


@dataclass(frozen=True)
class Failed:
    """The task ended by an error.

    Attributes
    ----------
    text
        In the words that the command line has for it.
    details
        The traceback, where it is not the user's mistake; else empty.
    """

    text: str
    details: str = ""


Message = Started | Step | Picture | ClipPicture | Result | Stopped | Failed
#: The last message of a task is one of these.
ENDS = (Result, Stopped, Failed)


def pack(message: object) -> bytes:
    """Write a message: its length in bytes, then its pickle."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


def receive(stream: BinaryIO) -> Any:
    """Wait for a message; None where the other process has closed the stream, or died in one."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return pickle.loads(data) if len(data) == length else None


def take_messages(received: bytearray) -> Iterator[Any]:
    """Take all whole messages out of what has been received."""
    while len(received) >= _LENGTH.size:
        end = _LENGTH.size + _LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return
        message = pickle.loads(bytes(received[_LENGTH.size : end]))
        del received[:end]
        yield message
