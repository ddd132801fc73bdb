"""Low-level features over time, and their means (Greco & Siegel 2024, figure 2b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from stst.analysis.comparison import mean_of
from stst.analysis.features import MEASURES, Features, Measure
from stst.figures.style import (
    MARKERS,
    add_legend,
    clip_color,
    draw_course,
    legend_height,
    name_rows,
    new_panels,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ANGLE = "flow_angle_weighted_mean"
#: What figure 2b of Greco & Siegel (2024) shows, the angle of the flow weighted by its magnitude.
SHOWN = tuple(
    one for one in MEASURES if one.name == _ANGLE or not one.name.startswith("flow_angle_")
)
_AXIS = {"1": "0–1", "rad": "rad"}
_SHORT = {"flow_magnitude": "Flow magnitude", _ANGLE: "Flow angle"}
_TURN = ([0, np.pi / 2, np.pi, 3 * np.pi / 2, 2 * np.pi], ["0", "π/2", "π", "3π/2", "2π"])


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
    return f"{_SHORT.get(measure.name, measure.title)} ({_AXIS.get(measure.unit, measure.unit)})"


def feature_courses(
    clips: Mapping[str, Features],
    measures: Sequence[Measure] = SHOWN,
    columns: int = 2,
    legend: bool = True,
) -> Figure:
    """Draw measures over time, one panel each (Greco & Siegel 2024, figure 2b).

    Parameters
    ----------
    clips
        Label to features; the natural clip first, in black.
    measures
        What is shown.
    columns
        How many panels lie beside each other.
    legend
        Whether the labels are named in the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Time in seconds from the first frame. The course of an angle is interrupted where it
        jumps across 0 and 2π, and any course where frames have no value.
    """
    above = legend_height(len(clips)) if legend else 0.0
    with styled():
        figure, panels = new_panels(len(measures), columns, 4.6, 2.0, above)
        for panel, measure in zip(panels, measures, strict=True):
            draw_courses(panel, clips, measure)
        if legend:
            add_legend(figure, dict(enumerate(clips)))
        return figure


def feature_means(
    clips: Mapping[str, Features], measures: Sequence[Measure] = SHOWN, columns: int = 2
) -> Figure:
    """Draw the mean of measures over the frames, a point for each clip.

    Parameters
    ----------
    clips, measures, columns
        As in `feature_courses`.

    Returns
    -------
    matplotlib.figure.Figure
        A line gives one standard deviation over the frames to either side. Angles have their
        circular mean and no line. Frames without a value are left out.
    """
    with styled():
        height = 0.6 + 0.19 * len(clips)
        figure, panels = new_panels(len(measures), columns, 4.6, height)
        for panel, measure in zip(panels, measures, strict=True):
            draw_means(panel, clips, measure)
        return figure


def draw_courses(panel: Axes, clips: Mapping[str, Features], measure: Measure) -> None:
    """Draw one measure over time into a panel, a line for each clip; see `feature_courses`."""
    for place, features in enumerate(clips.values()):
        _course(panel, features, measure, place)
    panel.set_ylabel(axis_label(measure))
    panel.set_xlabel("Time (s)")
    panel.set_xlim(*_span(clips.values()))
    _scale(panel, measure, "y")


def draw_means(panel: Axes, clips: Mapping[str, Features], measure: Measure) -> None:
    """Draw the mean of one measure into a panel, a point for each clip; see `feature_means`."""
    for place, features in enumerate(clips.values()):
        _mean(panel, features, measure, place)
    name_rows(panel, clips, 0.5)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel(f"Mean {axis_label(measure)[0].lower()}{axis_label(measure)[1:]}")
    _scale(panel, measure, "x")


def _span(clips: Any) -> tuple[float, float]:
    last = max(float((len(one) - 1) / one.fps) for one in clips)
    return (0.0, last) if last > 0 else (-0.5, 0.5)


def _course(panel: Axes, features: Features, measure: Measure, place: int) -> None:
    values = features.values[measure.name]
    time = np.arange(len(values)) / float(features.fps)
    if measure.circular:
        time, values = _broken(time, values)
    draw_course(panel, place, time, values, marked=measure.circular)


def _broken(
    time: NDArray[np.float64], angles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interrupt a course where it is shorter to go across 0 and 2π."""
    jumps = np.flatnonzero(np.abs(np.diff(angles)) > np.pi) + 1
    return np.insert(time, jumps, np.nan), np.insert(angles, jumps, np.nan)


def _mean(panel: Axes, features: Features, measure: Measure, place: int) -> None:
    mean = mean_of(features, measure)
    if np.isnan(mean):
        return
    color = clip_color(place)
    if not measure.circular:
        spread = np.nanstd(features.values[measure.name])
        panel.plot([mean - spread, mean + spread], [place, place], color=color, linewidth=1.2)
    panel.plot([mean], [place], MARKERS[place % len(MARKERS)], color=color, markersize=5)


def _scale(panel: Axes, measure: Measure, axis: Literal["x", "y"]) -> None:
    """Show an angle's whole circle; let every other measure begin at zero, where it has its end."""
    set_limits = panel.set_ylim if axis == "y" else panel.set_xlim
    limits = panel.dataLim.intervaly if axis == "y" else panel.dataLim.intervalx
    defined = bool(np.isfinite(limits).all())
    if not defined:  # no values: a clip of one frame does not move
        panel.text(0.5, 0.5, "undefined", transform=panel.transAxes, ha="center", va="center")
    if measure.circular:
        set_limits(0, 2 * np.pi)
        (panel.set_yticks if axis == "y" else panel.set_xticks)(*_TURN)
    elif defined:
        set_limits(min(0.0, limits[0]), limits[1] * 1.08 or 1.0)
        panel.locator_params(axis=axis, nbins=6)
    else:
        set_limits(0, 1)
