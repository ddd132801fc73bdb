"""Low-level features of a clip, frame by frame (Greco & Siegel 2024, figure 2b)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.measures.flow import PAPER_FLOW, Farneback, dense_flow
from stst.types import Frames
from stst.video import Clip, first_frame, grey_values

#: A frame whose optical flow has a smaller mean magnitude, in pixels per frame, has no angle: where
#: nothing moves Farnebäck's flow points anywhere. It has up to 0.005 px/frame in a frame that is
#: repeated exactly, up to 0.06 with noise of one grey level, and up to 0.09 with noise of two, or
#: where a repeated frame was coded anew. A picture that moves by 0.25 px/frame has 0.23.
MIN_MOTION = 0.1

#: A mean direction with a smaller resultant length is none: opposite directions cancel. Of halves
#: that move against each other at equal speed, errors of the flow leave 0.00 to 0.04, and up to
#: 0.11 at worst.
MIN_RESULTANT = 0.05


@dataclass(frozen=True)
class Measure:
    """One number per frame.

    Attributes
    ----------
    name
        As in tables.
    title
        As in figures.
    unit
        ``"1"`` for shares of the pixel range [0, 1] and other pure numbers, ``"px/frame"``,
        ``"rad"``.
    circular
        Whether the values are angles in [0, 2π).
    """

    name: str
    title: str
    unit: str
    circular: bool = False


MEASURES = (
    Measure("pixel_intensity", "Pixel intensity", "1"),
    Measure("contrast", "Contrast", "1"),
    Measure("pixel_change", "Pixel change", "1"),
    Measure("flow_magnitude", "Optical flow magnitude", "px/frame"),
    Measure("flow_angle_weighted_mean", "Optical flow angle (weighted mean)", "rad", circular=True),
    Measure("flow_angle_weighted_resultant", "Optical flow angle (weighted resultant length)", "1"),
    Measure("flow_angle_circular_mean", "Optical flow angle (circular mean)", "rad", circular=True),
    Measure("flow_angle_resultant", "Optical flow angle (resultant length)", "1"),
    Measure("flow_angle_plain_mean", "Optical flow angle (plain mean)", "rad"),
)

# the last of the measures, which a frame without motion does not have
_ANGLES = 5


@dataclass(frozen=True, eq=False)
class Features:
    """The measures of one clip.

    Attributes
    ----------
    values
        By the name of the measure: (T,) float64. NaN where undefined: the first frame has no
        pixel change and no flow, and a frame without motion has no angle, see `features`.
    fps
        Rate in Hz.
    start
        Number of the first frame in the clip's own numbering.
    """

    values: Mapping[str, NDArray[np.float64]]
    fps: Fraction
    start: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def rows(self, clip: str) -> Iterator[dict[str, Any]]:
        """Give the rows of a tidy table, see `stst.analysis.tables`.

        Parameters
        ----------
        clip
            What the column ``clip`` holds.

        Yields
        ------
        dict
            A row for each frame and measure; none for what the first frame cannot have, and NaN
            for an angle that a later one does not have.
        """
        for measure in MEASURES:
            for place, value in enumerate(self.values[measure.name]):
                if place == 0 and np.isnan(value):
                    continue
                frame = self.start + place
                yield {
                    "clip": clip,
                    "frame": frame,
                    "time_s": float(frame / self.fps),
                    "measure": measure.name,
                    "value": float(value),
                    "unit": measure.unit,
                }


def features(
    clip: Clip,
    flow: Farneback = PAPER_FLOW,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> Features:
    """Measure the low-level features of a clip.

    Parameters
    ----------
    clip
        A `stst.Video` or `stst.video.LazyVideo`; read once, two frames are held at a time.
    flow
        Parameters of the optical flow.
    on_frame
        Called with the 0-based number of every measured frame; raising in it cancels.

    Returns
    -------
    Features
        Pixel intensity: mean over height, width and channels, in [0, 1]. Contrast: population
        standard deviation of the grey values, in [0, 1]. Pixel change: mean absolute difference
        from the frame before, in [0, 1]. Optical flow from the frame before: mean magnitude in
        pixels per frame, and mean angles in radians in [0, 2π), 0 to the right and π/2 down. Flow
        is found in grey values that are rounded to 0 to 255, halves to even.

    Notes
    -----
    With the flow of pixel p as a complex number, ``v_p = right + i·down``:

    * weighted mean, the direction in which the frame moves on the whole: ``arg Σ v_p``, with the
      resultant length ``|Σ v_p| / Σ |v_p|``;
    * circular mean: ``arg Σ v_p / |v_p|``, with the resultant length ``|Σ v_p / |v_p|| / N``. Here
      what stands still counts as much as what moves, with whatever direction it seems to have;
    * plain mean of the angles, which is what the paper's text says, and which depends on where the
      circle is cut.

    Resultant lengths are in [0, 1], 1 where all directions are alike. In the last two a pixel
    without any flow has angle 0. A frame whose mean magnitude is below `MIN_MOTION` has no angles
    and no resultant lengths, and a mean whose resultant length is below `MIN_RESULTANT` has no
    direction: NaN.

    Examples
    --------
    >>> import stst
    >>> from stst.analysis.features import features
    >>> found = features(stst.read_video("sample_data/cat.mkv", frames="0:3"))
    >>> found.values["pixel_intensity"].round(3)
    array([0.439, 0.438, 0.438])
    >>> float(found.values["flow_magnitude"][1].round(1))
    1.2
    """
    rows: list[tuple[float, ...]] = []
    for row in measure_frames(clip.frames, flow):
        on_frame(len(rows))
        rows.append(row)
    start = first_frame(clip)
    columns = np.array(rows, np.float64).reshape(-1, len(MEASURES)).T
    values = {one.name: column for one, column in zip(MEASURES, columns, strict=True)}
    return Features(values, clip.fps, start)


def measure_frames(
    frames: Iterable[Frames], flow: Farneback = PAPER_FLOW
) -> Iterator[tuple[float, ...]]:
    """Measure frame after frame.

    Parameters
    ----------
    frames
        (H, W, 3) uint8 RGB each, of one size.
    flow
        Parameters of the optical flow.

    Yields
    ------
    tuple of float
        In the order of `MEASURES`; NaN where undefined, see `features`.
    """
    before: Frames | None = None
    grey_before: Frames | None = None
    for frame in frames:
        grey = grey_values(frame)
        grey_now = np.rint(grey).astype(np.uint8)
        still = float(frame.mean(dtype=np.float64)) / 255, float(grey.std()) / 255
        if before is None or grey_before is None:
            yield (*still, *[np.nan] * (len(MEASURES) - len(still)))
        else:
            change = np.abs(frame.astype(np.int16) - before).mean(dtype=np.float64) / 255
            yield (*still, float(change), *_flow_measures(grey_before, grey_now, flow))
        before, grey_before = frame, grey_now


def _flow_measures(before: Frames, now: Frames, flow: Farneback) -> tuple[float, ...]:
    field = dense_flow(before, now, flow)
    right, down = field[..., 0].astype(np.float64), field[..., 1].astype(np.float64)
    magnitude = float(np.hypot(right, down).mean())
    if magnitude < MIN_MOTION:
        return (magnitude, *[np.nan] * _ANGLES)
    angle = in_circle(np.arctan2(down, right))
    return (
        magnitude,
        *_direction(right.mean() / magnitude, down.mean() / magnitude),
        *_direction(np.cos(angle).mean(), np.sin(angle).mean()),
        float(angle.mean()),
    )


def _direction(right: np.float64, down: np.float64) -> tuple[float, float]:
    """Give angle and length of a resultant; NaN for the angle where directions cancel."""
    length = float(np.hypot(right, down))
    angle = float(in_circle(np.arctan2(down, right))) if length >= MIN_RESULTANT else np.nan
    # all alike, they can be longer than 1 by rounding
    return angle, min(length, 1.0)


def in_circle(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring angles in radians to [0, 2π)."""
    turned = np.mod(angle, 2 * np.pi)
    # a tiny negative angle is rounded up to a whole turn
    return np.where(turned >= 2 * np.pi, 0.0, turned)
