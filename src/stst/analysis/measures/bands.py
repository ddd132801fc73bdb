"""Power of a clip in bands of spatial frequency, orientation and temporal frequency at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stst.analysis.measures.spectra import NO_POWER, ORIENTATIONS, ClipSpectrum, FrameSpectrum
from stst.video import Clip, grey_values

Values = NDArray[np.float64]

# NTSC's rates differ by less from the whole ones beside them
_SAME_RATE = Fraction(1, 100)


@dataclass(frozen=True, eq=False)
class BandPower:
    """Power of a clip.

    Attributes
    ----------
    uniform
        (K + 1,) of frames' means: static, which is 0, and in temporal octaves.
    bands
        (S, 8, K + 1) in spatial octaves by orientations by static and temporal octaves, see
        `stst.analysis.measures.energy.Energy`.
    fps
        Rate in Hz.
    """

    uniform: Values
    bands: Values
    fps: Fraction

    def shares(self, count: int) -> Values:
        """Give the share of the power that each band has.

        Parameters
        ----------
        count
            Number of spatial bands, S or less; the lowest ones are taken together.

        Returns
        -------
        ndarray
            (1 + 8 count, K + 1), uniform power first, of sum 1; NaN of a uniform clip.
        """
        first = len(self.bands) - count + 1
        lowest = self.bands[:first].sum(0)
        power = np.concatenate([self.uniform[None], lowest, *self.bands[first:]])
        total = float(power.sum())
        return power / total if total > NO_POWER else np.full(power.shape, np.nan)


def measure_bands(clip: Clip, segment: int, on_frame: Callable[[], None]) -> BandPower:
    """Measure the power of a clip.

    Parameters
    ----------
    clip
        Read once.
    segment
        At most so many frames are transformed over time at once.
    on_frame
        Called for every frame; raising in it cancels.

    Returns
    -------
    BandPower
        Of grey values in [0, 1] under Hann windows.
    """
    frames, height, width, _ = clip.frames.shape
    space = FrameSpectrum(height, width)
    time = ClipSpectrum(space, frames, segment, oriented=True)
    for frame in clip.frames:
        on_frame()
        time.add(*space.transform(grey_values(frame) / 255))
    uniform, *bands = time.power()
    return BandPower(uniform, np.reshape(bands, (-1, ORIENTATIONS, len(uniform))), clip.fps)


def overlap(x: BandPower, y: BandPower) -> float:
    """Give the share of their power that two clips have in the same bands.

    Parameters
    ----------
    x, y
        Of segments of one length.

    Returns
    -------
    float
        In [0, 1]; NaN where rates differ or a clip is uniform.
    """
    if not is_same_rate(x.fps, y.fps):
        return float("nan")
    count = min(len(x.bands), len(y.bands))
    return float(np.minimum(x.shares(count), y.shares(count)).sum())


def is_same_rate(one: Fraction, other: Fraction) -> bool:
    """Say whether the bands of two clips are the same in Hz, to 1 %.

    Parameters
    ----------
    one, other
        Rates in Hz.

    Returns
    -------
    bool
        Whether they are.
    """
    return abs(one - other) <= _SAME_RATE * max(one, other)
