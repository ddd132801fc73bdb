"""What a worker process says to the viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: So many samples of a run are shown, the first ones; more would take the viewer for minutes.
SHOWN = 8


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
