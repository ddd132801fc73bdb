"""Energy of a clip over spatial and temporal frequency, orientation, and motion.

All of grey values in [0, 1], 0.299 R + 0.587 G + 0.114 B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.measures.flow import PAPER_FLOW, FlowMethod, dense_flow, flow_grey
from stst.analysis.measures.motion import (
    DIRECTIONS,
    SPEEDS,
    MotionHistogram,
    direction_distance,
    normalize,
    speed_distance,
)
from stst.analysis.measures.rows import clip_row, frame_rows, labels, mean_over_frames
from stst.analysis.measures.spectra import (
    NO_POWER,
    ORIENTATIONS,
    ClipSpectrum,
    FrameSpectrum,
    Window,
)
from stst.errors import InputError
from stst.types import Frames
from stst.video import Clip, first_frame, grey_values

Values = NDArray[np.float64]
_Statistic = tuple[str, float, str]


@dataclass(frozen=True, eq=False)
class Energy:
    """Energy of one clip.

    Power is in squared grey values, which are in [0, 1].

    Attributes
    ----------
    spatial_edges
        (S + 1,) edges of the spatial bands in cycles per pixel: octaves up to ½, then the corner of
        the spectrum up to √½, where only oblique gratings are. Upper edges belong to a band.
    spatial
        (T, S) power in them; of a frame it sums to the variance of its grey values under the
        squared window.
    orientation
        (T, 8) power in frequencies of 1/32 to ½ cycles per pixel by the orientation of stripes in
        steps of 22.5°, counter-clockwise as it is seen: 0° horizontal stripes, 45° rising to the
        right, 90° vertical. The wave vector is at right angles to that.
    coarse
        (T,) share of the power below 0.03 cycles per pixel; NaN of a uniform frame.
    contrast
        (T,) standard deviation of the grey values, without a window.
    total_variation
        (T,) mean absolute difference of neighbours below each other plus that of neighbours beside
        each other.
    temporal_edges
        (K + 1,) edges of the temporal bands in cycles per frame: octaves up to ½.
    spatiotemporal
        (S + 1, K + 1) power of the clip, or the mean over segments of at most 32 frames. Rows are
        uniform, i.e. of frames' means, and the spatial bands; columns are static, i.e. what stays
        the same for a segment, and the temporal bands. It sums to the variance under the squared
        windows.
    directions
        (16,) share of the optical flow's magnitude that goes to the right, then on in steps of
        22.5° downwards, in frames that have an angle, see `stst.analysis.features.features`; NaN
        where none has.
    speeds
        (10,) share of pixels that are still, then of those that move, in octaves of pixels per
        frame from `stst.analysis.features.MIN_MOTION` on, the last one open; NaN for one frame.
    flicker
        Root mean square, over all frames but the first, of the change of the mean grey value from
        the frame before; NaN for one frame.
    window
        Of the spectra.
    fps
        Rate in Hz.
    start
        Number of the first frame in the clip's own numbering.
    """

    spatial_edges: Values
    spatial: Values
    orientation: Values
    coarse: Values
    contrast: Values
    total_variation: Values
    temporal_edges: Values
    spatiotemporal: Values
    directions: Values
    speeds: Values
    flicker: float
    window: Window
    fps: Fraction
    start: int = 0

    def __len__(self) -> int:
        return len(self.spatial)

    @property
    def temporal(self) -> Values:
        """Static power, then that in temporal bands: (K + 1,), of all spatial frequencies."""
        return np.asarray(self.spatiotemporal.sum(axis=0))

    @property
    def temporal_edges_hz(self) -> Values:
        """Edges of the temporal bands in Hz."""
        return self.temporal_edges * float(self.fps)

    @property
    def fast(self) -> float:
        """Share of the power that is not static above ¼ cycle per frame; NaN where all is."""
        moving = self.temporal[1:]
        return _ratio(float(moving[-1]), float(moving.sum()), NO_POWER)

    def rows(self, clip: str, reference: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Parameters
        ----------
        clip, reference
            What the columns of these names hold; None for no reference.

        Yields
        ------
        dict
            A row for each frame and what it has, the means over frames, and what only the whole
            clip has. Bands are named by their edges in cycles per pixel and per frame;
            ``temporal_band_low`` and ``temporal_band_high`` are these edges in Hz.
        """
        names = labels(clip, reference)
        for measure, values in self._of_frames():
            yield from frame_rows(names, measure, values, "1", self.fps, self.start)
        for statistic in (*self._means(), *self._of_the_clip(), *self._edges_in_hz()):
            yield clip_row(names, *statistic)

    def statistics(self) -> Iterator[tuple[str, float]]:
        """Give everything that a clip has as a number greater than or equal to 0, by name.

        Yields
        ------
        tuple of str and float
            Name and value: means over frames, power, shares, flicker.
        """
        for measure, values in (*self._of_frames(), ("contrast", self.contrast)):
            yield measure, mean_over_frames(values)
        for measure, value, _ in self._of_the_clip():
            yield measure, value

    def _of_frames(self) -> Iterator[tuple[str, Values]]:
        """Give names and (T,) values."""
        for band, column in zip(_names(self.spatial_edges), self.spatial.T, strict=True):
            yield f"spatial_power.{band}", column
        for angle, column in zip(_angles(ORIENTATIONS, 180), self.orientation.T, strict=True):
            yield f"orientation_power.{angle}", column
        yield "coarse_power", self.coarse
        yield "total_variation", self.total_variation

    def _means(self) -> Iterator[_Statistic]:
        return (
            (f"{name}.mean", mean_over_frames(values), "1") for name, values in self._of_frames()
        )

    def _of_the_clip(self) -> Iterator[_Statistic]:
        spatial = ["uniform", *_names(self.spatial_edges)]
        temporal = ["static", *_names(self.temporal_edges)]
        for band, value in zip(temporal, self.temporal, strict=True):
            yield f"temporal_power.{band}", float(value), "1"
        for band, row in zip(spatial, self.spatiotemporal, strict=True):
            for other, value in zip(temporal, row, strict=True):
                yield f"spatiotemporal_power.{band}_{other}", float(value), "1"
        for angle, value in zip(_angles(DIRECTIONS, 360), self.directions, strict=True):
            yield f"direction_share.{angle}", float(value), "1"
        edges = np.array([*SPEEDS, np.inf])
        for band, value in zip(["still", *_names(edges)], self.speeds, strict=True):
            yield f"speed_share.{band}", float(value), "1"
        yield "flicker", self.flicker, "1"
        yield "fast_power", self.fast, "1"

    def _edges_in_hz(self) -> Iterator[_Statistic]:
        ends = pairwise(self.temporal_edges_hz)
        for band, (low, high) in zip(_names(self.temporal_edges), ends, strict=True):
            yield f"temporal_band_low.{band}", float(low), "Hz"
            yield f"temporal_band_high.{band}", float(high), "Hz"


@dataclass(frozen=True, eq=False)
class EnergyComparison:
    """Energy of a clip against that of its natural clip.

    Attributes
    ----------
    ratios
        Other over natural by the names of `Energy.statistics`; NaN where the natural clip has
        nothing.
    direction_distance
        Earth mover's distance between directions of motion in radians, in [0, π].
    speed_distance
        The same between speeds, in octaves.
    """

    ratios: dict[str, float]
    direction_distance: float
    speed_distance: float

    def rows(self, clip: str, reference: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Parameters
        ----------
        clip, reference
            What the columns of these names hold; None for no reference.

        Yields
        ------
        dict
            A row for each ratio, ``….ratio``, and the two distances.
        """
        names = labels(clip, reference)
        for measure, value in self.ratios.items():
            yield clip_row(names, f"{measure}.ratio", value, "1")
        yield clip_row(names, "direction_distance", self.direction_distance, "rad")
        yield clip_row(names, "speed_distance", self.speed_distance, "octave")


def energy(
    clip: Clip,
    flow: FlowMethod = PAPER_FLOW,
    window: Window = "hann",
    on_frame: Callable[[int], None] = lambda frame: None,
) -> Energy:
    """Measure the energy of a clip.

    Parameters
    ----------
    clip
        A `stst.Video` or `stst.video.LazyVideo`; read once. Spectra of at most 32 frames are held
        at a time, 4 bytes a pixel each.
    flow
        Method of the optical flow.
    window
        ``"hann"`` over height, width and time, against power that edges add; what is in the middle
        of the frame and of a segment counts most. ``"none"``: all counts alike, and the frame is
        taken for a tile that repeats.
    on_frame
        Called with the 0-based number of every measured frame; raising in it cancels.

    Returns
    -------
    Energy
        See there.

    Raises
    ------
    InputError
        If frames are too small for the flow.

    Notes
    -----
    With the window w, N pixels and the mean m under w², the power of a frame g at the
    frequency k is ``|Σ w (g − m) exp(−2πi k·x)|² / (N Σ w²)``. Over k it sums to
    ``Σ w² (g − m)² / Σ w²``. Over time likewise, of each of these coefficients, whose mean under
    the squared window over time is the static part.

    Examples
    --------
    >>> import stst
    >>> from stst.analysis.measures.energy import energy
    >>> found = energy(stst.read_video("sample_data/cat.mkv", frames="0:3"))
    >>> found.coarse.round(2)
    array([0.48, 0.48, 0.49])
    """
    frames, height, width, _ = clip.frames.shape
    space, motion = FrameSpectrum(height, width, window), MotionHistogram()
    time = ClipSpectrum(space, frames)
    columns: list[tuple[Values | float, ...]] = []
    before: Frames | None = None
    for number, frame in enumerate(clip.frames):
        on_frame(number)
        grey, now = grey_values(frame) / 255, flow_grey(frame)
        mean, spectrum = space.transform(grey)
        time.add(mean, spectrum)
        columns.append((*_powers(space, space.power(spectrum)), *_plain(grey)))
        if before is not None:
            motion.add(dense_flow(before, now, flow))
        before = now
    *of_frames, means = (np.array(column, np.float64) for column in zip(*columns, strict=True))
    spatial, orientation, coarse, contrast, variation = of_frames
    return Energy(
        space.edges, spatial, orientation, coarse, contrast, variation,
        time.edges, time.power(), normalize(motion.directions), normalize(motion.speeds),
        _root_mean_square(np.diff(means)), window, clip.fps, first_frame(clip),
    )  # fmt: skip


def compare_energy(natural: Energy, other: Energy) -> EnergyComparison:
    """Compare the energy of a clip with that of its natural clip.

    Parameters
    ----------
    natural, other
        Of clips of the same length and size.

    Returns
    -------
    EnergyComparison
        Ratios other over natural, and distances of motion.

    Raises
    ------
    InputError
        If the clips differ in length, or so much in size that their bands do, or the windows
        differ.
    """
    _check_alike(natural, other)
    values = dict(other.statistics())
    ratios = {}
    for name, value in natural.statistics():
        # power is a square of what the others are
        least = NO_POWER if "_power." in name else np.sqrt(NO_POWER)
        ratios[name] = _ratio(values[name], value, least)
    return EnergyComparison(
        ratios,
        direction_distance(natural.directions, other.directions),
        speed_distance(natural.speeds, other.speeds),
    )


def _check_alike(natural: Energy, other: Energy) -> None:
    if natural.window != other.window:
        raise InputError(
            f"energy of the clips was measured with the windows {natural.window} and "
            f"{other.window}. Measure both with the same."
        )
    if len(natural) != len(other):
        raise InputError(
            f"the clips differ in length: {len(natural)} and {len(other)} frames. "
            "Choose frames so that both agree."
        )
    if len(natural.spatial_edges) != len(other.spatial_edges):
        raise InputError(
            "the clips differ in size, so that one has lower spatial frequencies than the other. "
            "Choose sizes so that both agree."
        )


def _powers(space: FrameSpectrum, power: Values) -> tuple[Values, Values, float]:
    return space.in_bands(power), space.in_orientations(power), space.coarse(power)


def _plain(grey: Values) -> tuple[float, float, float]:
    """Give contrast, total variation and mean; a single row has no neighbours below it."""
    steps = (np.abs(np.diff(grey, axis=axis)) for axis in (0, 1))
    variation = sum(float(step.mean()) for step in steps if step.size)
    return float(grey.std()), variation, float(grey.mean())


def _root_mean_square(changes: Values) -> float:
    return float(np.sqrt(np.mean(changes**2))) if len(changes) else float("nan")


def _ratio(value: float, natural: float, least: float) -> float:
    """Divide; NaN where there is nothing but rounding."""
    return value / natural if natural > least else float("nan")


def _names(edges: Values) -> list[str]:
    return [f"{low:g}-{high:g}" for low, high in pairwise(edges)]


def _angles(count: int, turn: int) -> list[str]:
    return [f"{number * turn / count:g}deg" for number in range(count)]
