"""Low-level features over time, and their means (Greco & Siegel 2024, figure 2b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stst.analysis.comparison import mean_of
from stst.analysis.features import Features, Measure
from stst.figures.curves import SHOWN, FrameNumbers, axis_label, axis_limits, feature_panels
from stst.figures.models import draw_curves, scale
from stst.figures.style import (
    MARKERS,
    add_legend,
    clip_color,
    legend_height,
    name_rows,
    new_panels,
    use_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    with use_style():
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
    with use_style():
        height = 0.6 + 0.19 * len(clips)
        figure, panels = new_panels(len(measures), columns, 4.6, height)
        for panel, measure in zip(panels, measures, strict=True):
            draw_means(panel, clips, measure)
        return figure


def draw_courses(panel: Axes, clips: Mapping[str, Features], measure: Measure) -> None:
    """Draw one measure over time into a panel, a line for each clip; see `feature_courses`."""
    counted = [
        (FrameNumbers(place, float(one.fps)), one) for place, one in enumerate(clips.values())
    ]
    (curves,) = feature_panels(counted, (measure,))
    draw_curves(panel, curves)
    last = max(float((len(one) - 1) / one.fps) for one in clips.values())
    panel.set_xlim(*((0.0, last) if last > 0 else (-0.5, 0.5)))


def draw_means(panel: Axes, clips: Mapping[str, Features], measure: Measure) -> None:
    """Draw the mean of one measure into a panel, a point for each clip; see `feature_means`."""
    for place, features in enumerate(clips.values()):
        _mean(panel, features, measure, place)
    name_rows(panel, clips, 0.5)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel(f"Mean {axis_label(measure)[0].lower()}{axis_label(measure)[1:]}")
    low, high = panel.dataLim.intervalx
    known = np.isfinite([low, high]).all()
    limits = axis_limits(low, high, measure.circular) if known else None
    scale(panel, limits, measure.circular, "x")


def _mean(panel: Axes, features: Features, measure: Measure, place: int) -> None:
    mean = mean_of(features, measure)
    if np.isnan(mean):
        return
    color = clip_color(place)
    if not measure.circular:
        spread = np.nanstd(features.values[measure.name])
        panel.plot([mean - spread, mean + spread], [place, place], color=color, linewidth=1.2)
    panel.plot([mean], [place], MARKERS[place % len(MARKERS)], color=color, markersize=5)
