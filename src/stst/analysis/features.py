"""Low-level features of a clip, frame by frame (Greco & Siegel 2024, figure 2b)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.types import Frames
from stst.video import Clip, first_frame

# of red, green and blue in a grey value
_THOUSANDTHS = np.array([299, 587, 114], np.int32)


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
    Measure("flow_angle_circular_mean", "Optical flow angle (circular mean)", "rad", circular=True),
    Measure("flow_angle_resultant", "Optical flow angle (resultant length)", "1"),
    Measure("flow_angle_plain_mean", "Optical flow angle (plain mean)", "rad"),
)


@dataclass(frozen=True)
class Farneback:
    """Parameters of Farnebäck's (2003) dense optical flow, as the paper has them.

    Attributes
    ----------
    pyr_scale, levels
        Scale between the levels of the pyramid, and their number.
    winsize
        Averaging window in pixels.
    iterations
        Per level.
    poly_n, poly_sigma
        Neighbourhood of the polynomial expansion in pixels, and the width of its Gaussian.
    """

    pyr_scale: float = 0.5
    levels: int = 5
    winsize: int = 13
    iterations: int = 10
    poly_n: int = 5
    poly_sigma: float = 1.1


PAPER_FLOW = Farneback()


@dataclass(frozen=True, eq=False)
class Features:
    """The measures of one clip.

    Attributes
    ----------
    values
        By the name of the measure: (T,) float64. The first frame has no pixel change and no
        flow: NaN there.
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
        """Give the rows of a tidy table, see `stst.analysis.tables`; none where undefined.

        Parameters
        ----------
        clip
            What the column ``clip`` holds.

        Yields
        ------
        dict
            A row for each frame and measure.
        """
        for measure in MEASURES:
            for place, value in enumerate(self.values[measure.name]):
                if not np.isnan(value):
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
        pixels per frame, and the mean angle in radians in [0, 2π), 0 to the right and π/2 down;
        as a circular mean with its resultant length in [0, 1] (0: all directions alike), and as
        the plain mean of the angles, which is what the paper's text says and which depends on
        where the circle is cut. A pixel without flow has angle 0. Flow is found in grey values
        that are rounded to 0 to 255, halves to even.

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
    for row in measured(clip.frames, flow):
        on_frame(len(rows))
        rows.append(row)
    start = first_frame(clip)
    columns = np.array(rows, np.float64).reshape(-1, len(MEASURES)).T
    values = {one.name: column for one, column in zip(MEASURES, columns, strict=True)}
    return Features(values, clip.fps, start)


def measured(frames: Iterable[Frames], flow: Farneback = PAPER_FLOW) -> Iterator[tuple[float, ...]]:
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
        In the order of `MEASURES`; NaN where the first frame has none.
    """
    before: Frames | None = None
    grey_before: Frames | None = None
    for frame in frames:
        # in whole numbers, so that halves are rounded alike on every machine
        grey = frame.astype(np.int32) @ _THOUSANDTHS / 1000
        grey_now = np.rint(grey).astype(np.uint8)
        still = float(frame.mean(dtype=np.float64)) / 255, float(grey.std()) / 255
        if before is None or grey_before is None:
            yield (*still, *[np.nan] * (len(MEASURES) - len(still)))
        else:
            change = np.abs(frame.astype(np.int16) - before).mean(dtype=np.float64) / 255
            yield (*still, float(change), *_flow_measures(grey_before, grey_now, flow))
        before, grey_before = frame, grey_now


def _flow_measures(before: Frames, now: Frames, flow: Farneback) -> tuple[float, ...]:
    import cv2

    # on values in [0, 1] the method finds no motion: it is made for 0 to 255
    field = cv2.calcOpticalFlowFarneback(
        before, now, None, flow.pyr_scale, flow.levels, flow.winsize, flow.iterations,  # type: ignore[call-overload]
        flow.poly_n, flow.poly_sigma, 0,
    )  # fmt: skip
    right, down = field[..., 0].astype(np.float64), field[..., 1].astype(np.float64)
    angle = in_circle(np.arctan2(down, right))
    mean_cos, mean_sin = np.cos(angle).mean(), np.sin(angle).mean()
    return (
        float(np.hypot(right, down).mean()),
        float(in_circle(np.arctan2(mean_sin, mean_cos))),
        float(np.hypot(mean_sin, mean_cos)),
        float(angle.mean()),
    )


def in_circle(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring angles in radians to [0, 2π)."""
    turned = np.mod(angle, 2 * np.pi)
    # a tiny negative angle is rounded up to a whole turn
    return np.where(turned >= 2 * np.pi, 0.0, turned)
