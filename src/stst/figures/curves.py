"""Curves over time: what is measured of clips, frame by frame, ready to be drawn anywhere.

The figures here and the viewer draw the same panels; nothing here needs torch or Matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.cka.verdicts import band_words, cka_limits, is_null, layers_of
from stst.analysis.features import MEASURES, Features, Measure

if TYPE_CHECKING:
    from stst.analysis.prediction import Predictions

Values = NDArray[np.float64]
_ANGLE = "flow_angle_weighted_mean"
#: What figure 2b of Greco & Siegel (2024) shows, the angle of the flow weighted by its magnitude.
SHOWN = tuple(
    one for one in MEASURES if one.name == _ANGLE or not one.name.startswith("flow_angle_")
)
#: Where the axis of an angle has ticks, and their words.
TURN = ((0.0, "0"), (np.pi / 2, "π/2"), (np.pi, "π"), (3 * np.pi / 2, "3π/2"), (2 * np.pi, "2π"))
_UNITS = {"1": "0–1"}
_SHORT = {"flow_magnitude": "Flow magnitude", _ANGLE: "Flow angle"}
_PREDICTED = {"ssim": "SSIM", "cssim": "cSSIM", "mse": "mean squared error"}


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """One measure of one clip.

    Attributes
    ----------
    place
        Of the clip: 0 for the natural one; decides the colour.
    frames
        (T,) numbers of frames.
    values
        (T,); NaN where undefined.
    fps
        Rate in Hz.
    band
        Ends of what the values are compared with, e.g. of unrelated clips; shaded. None without
        one, NaN where undefined.
    note
        Which of several alignments of the natural clip it is, where there are more than one.
    """

    place: int
    frames: Values
    values: Values
    fps: float = 1.0
    band: tuple[float, float] | None = None
    note: str = ""

    @property
    def time(self) -> Values:
        """(T,) seconds from frame 0."""
        return self.frames / self.fps

    def break_at_wraps(self) -> TimeSeries:
        """Interrupt angles where it is shorter to go across 0 and 2π."""
        with np.errstate(invalid="ignore"):
            jumps = np.flatnonzero(np.abs(np.diff(self.values)) > np.pi) + 1
        frames, values = (np.insert(one, jumps, np.nan) for one in (self.frames, self.values))
        return replace(self, frames=frames, values=values)


@dataclass(frozen=True, eq=False)
class Panel:
    """One measure of several clips.

    Attributes
    ----------
    name, unit
        Of the measure; "" for a unit that goes without saying.
    series
        One for each clip; the natural one first.
    title
        Above the panel, where the name does not say it all.
    limits
        Of the values, where they have ends.
    circular
        Whether the values are angles in [0, 2π).
    words
        Stand below the panel; what the bands are.
    """

    name: str
    unit: str
    series: Sequence[TimeSeries]
    title: str = ""
    limits: tuple[float, float] | None = None
    circular: bool = False
    words: str = ""

    @property
    def label(self) -> str:
        """Name and unit, as at an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def heading(self) -> str:
        """Title, or else name and unit: what stands above a panel without an axis label."""
        return self.title or self.label

    def value_limits(self) -> tuple[float, float] | None:
        """Give the ends of the axis of the values; None where no value is defined."""
        known = [one.values[~np.isnan(one.values)] for one in self.series]
        values = np.concatenate(known) if known else np.empty(0)
        if not len(values):
            return None
        return self.limits or axis_limits(values.min(), values.max(), self.circular)


@dataclass(frozen=True)
class FrameNumbers:
    """How the frames of a clip are counted on the axis of all clips.

    Attributes
    ----------
    place
        Of the clip: 0 for the natural one.
    fps
        Rate of the axis in Hz.
    first
        Number of the clip's first frame in its file.
    start
        Its number on the axis, before steps are counted.
    step
        Frames of the axis from one frame to the next.
    note
        Of all its series.
    """

    place: int
    fps: float = 1.0
    first: int = 0
    start: int = 0
    step: float = 1.0
    note: str = ""

    def series(self, values: Values) -> TimeSeries:
        """Give the series of values of all frames.

        Parameters
        ----------
        values
            (T,), one for each frame of the clip.

        Returns
        -------
        TimeSeries
            At the numbers of the frames on the axis.
        """
        frames = (self.start + np.arange(len(values))) * self.step
        return TimeSeries(self.place, frames.astype(float), values, self.fps, note=self.note)

    def series_of_rows(
        self, rows: Iterable[Mapping[str, Any]], band: tuple[float, float] | None
    ) -> TimeSeries:
        """Give the series of rows of a table; a row of a whole clip counts as its first frame.

        Parameters
        ----------
        rows
            Of one clip and measure, see `stst.analysis.tables`.
        band
            What the values are compared with; None without one.

        Returns
        -------
        TimeSeries
            At the numbers of the frames on the axis.
        """
        listed = list(rows)
        numbers = [row.get("frame", self.first) - self.first + self.start for row in listed]
        values = np.array([row["value"] for row in listed], float)
        frames = np.array(numbers, float) * self.step
        return TimeSeries(self.place, frames, values, self.fps, band, self.note)


def axis_limits(low: float, high: float, circular: bool) -> tuple[float, float]:
    """Give an angle its whole circle; any other axis begins at zero, where a measure has its end.

    Parameters
    ----------
    low, high
        Of what is drawn.
    circular
        Whether it is an angle.
    """
    return (0.0, 2 * np.pi) if circular else (min(0.0, float(low)), float(high) * 1.08 or 1.0)


def axis_label(measure: Measure) -> str:
    """Name a measure and its unit, as on an axis.

    Parameters
    ----------
    measure
        One of `stst.analysis.features.MEASURES`.

    Returns
    -------
    str
        With its unit.
    """
    return _feature_panel(measure, ()).label


def feature_panels(
    clips: Sequence[tuple[FrameNumbers, Features]], measures: Sequence[Measure] = SHOWN
) -> list[Panel]:
    """Give the curves of low-level features.

    Parameters
    ----------
    clips
        How frames are counted, and what was measured.
    measures
        What is shown.

    Returns
    -------
    list of Panel
        One for each measure, with a series for each clip.
    """
    return [
        _feature_panel(one, [frames.series(found.values[one.name]) for frames, found in clips])
        for one in measures
    ]


def _feature_panel(measure: Measure, series: Sequence[TimeSeries]) -> Panel:
    name, unit = _SHORT.get(measure.name, measure.title), _UNITS.get(measure.unit, measure.unit)
    return Panel(name, unit, series, circular=measure.circular)


def cka_panels(
    rows: Sequence[Mapping[str, Any]], clips: Mapping[str, FrameNumbers], heading: str
) -> list[Panel]:
    """Give the curves of CKA in the layers of one model, a panel each.

    Parameters
    ----------
    rows
        Of `stst.analysis.cka.models.cka_rows`, of that model.
    clips
        How frames are counted, by the clips of the rows.
    heading
        Of all titles; the layer follows.

    Returns
    -------
    list of Panel
        In the order of the layers, with a series and its band for each clip.
    """
    layers: dict[str, list[Any]] = {}
    for one in layers_of(rows):
        layers.setdefault(one.layer, []).append(one)
    panels = []
    for layer, found in layers.items():
        bands = {one.clip: one.band for one in found}
        series = [
            frames.series_of_rows(
                (r for r in rows if (r["layer"], r["clip"]) == (layer, clip) and not is_null(r)),
                bands[clip],
            )
            for clip, frames in clips.items()
        ]
        words = f"shaded: {band_words({one.clips for one in found})}"
        title = f"{heading}, {layer}"
        panels.append(Panel("CKA", "", series, title, cka_limits(found), words=words))
    return panels


def prediction_panels(clips: Sequence[tuple[FrameNumbers, Predictions]]) -> list[Panel]:
    """Give the curves of next-frame prediction: a panel for each measure, then for each level.

    Parameters
    ----------
    clips
        How frames are counted, and how well they were predicted.

    Returns
    -------
    list of Panel
        With a series for each clip.
    """
    from stst.analysis.prediction import MEASURES as PREDICTED
    from stst.analysis.prediction import PREDICTION_ERROR

    panels = []
    for one in PREDICTED:
        kind = one.name.split(".")[-1]
        series = [frames.series(found.values[one.name]) for frames, found in clips]
        limits = (0.0, 1.0) if kind == "ssim" else None
        panels.append(Panel(_PREDICTED[kind], "", series, one.title, limits))
    for level in range(clips[0][1].errors.shape[1]):
        series = [frames.series(found.errors[:, level]) for frames, found in clips]
        title = f"{PREDICTION_ERROR.title}, level {level}"
        panels.append(Panel("prediction error", "", series, title))
    return panels
