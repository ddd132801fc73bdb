"""In which directions and how fast a clip moves, and how far two clips differ in that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stst.analysis.features import MIN_MOTION
from stst.analysis.measures.flow import Field

Values = NDArray[np.float64]

#: Number of directions; the first bin is centred on the right, the next ones turn downwards.
DIRECTIONS = 16
#: Lower edges of the bins of speed in pixels per frame, an octave each; what is slower is still.
SPEEDS = tuple(MIN_MOTION * 2.0**octave for octave in range(9))

_BIN = 2 * np.pi / DIRECTIONS


class MotionHistogram:
    """How much of a clip moves in which direction, and at which speed.

    Attributes
    ----------
    directions
        (DIRECTIONS,) sums of magnitudes in pixels per frame, of what moves; not of frames whose
        mean magnitude is below `stst.analysis.features.MIN_MOTION`: flow points somewhere there,
        too.
    speeds
        (1 + len(SPEEDS),) numbers of pixels: still, then rising speeds.
    """

    def __init__(self) -> None:
        self.directions: Values = np.zeros(DIRECTIONS)
        self.speeds: Values = np.zeros(1 + len(SPEEDS))

    def add(self, field: Field) -> None:
        """Count the flow of a frame.

        Parameters
        ----------
        field
            (H, W, 2), see `stst.analysis.measures.flow.dense_flow`.
        """
        right, down = field.reshape(-1, 2).astype(np.float64).T
        speed = np.hypot(right, down)
        if speed.mean() >= MIN_MOTION:
            numbers = np.rint(np.arctan2(down, right) / _BIN).astype(int) % DIRECTIONS
            moving = np.where(speed >= MIN_MOTION, speed, 0.0)
            self.directions += np.bincount(numbers, moving, minlength=DIRECTIONS)
        bins = np.searchsorted(SPEEDS, speed, "right")
        self.speeds += np.bincount(bins, minlength=1 + len(SPEEDS))


def normalize(counts: Values) -> Values:
    """Bring a histogram to a sum of 1.

    Parameters
    ----------
    counts
        (bins,), none negative.

    Returns
    -------
    ndarray
        (bins,); NaN where there is nothing.
    """
    total = counts.sum()
    return counts / total if total > 0 else np.full_like(counts, np.nan)


def direction_distance(here: Values, there: Values) -> float:
    """Give the earth mover's distance between histograms of direction, around the circle.

    Parameters
    ----------
    here, there
        (DIRECTIONS,), each with a sum of 1.

    Returns
    -------
    float
        In radians, in [0, π]: the mean angle by which directions have to turn (Rabin, Delon &
        Gousseau 2011). NaN where nothing moves in either.
    """
    gaps = np.cumsum(here - there)
    return float(np.abs(gaps - np.median(gaps)).sum() * _BIN)


def speed_distance(here: Values, there: Values) -> float:
    """Give the earth mover's distance between histograms of speed.

    Parameters
    ----------
    here, there
        (1 + len(SPEEDS),), each with a sum of 1.

    Returns
    -------
    float
        In octaves: the mean number of bins by which speeds have to move; still counts as an octave
        below the slowest motion. NaN for clips of one frame.
    """
    return float(np.abs(np.cumsum(here - there)).sum())
