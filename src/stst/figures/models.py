"""What models make of clips: courses over time, and bars of clip means (figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from stst.figures.curves import TURN, Panel, axis_limits
from stst.figures.style import (
    SHADE,
    add_legend,
    add_title,
    clip_color,
    draw_bar,
    draw_course,
    legend_height,
    name_rows,
    new_panels,
    use_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def panel_courses(panels: Sequence[Panel], labels: Sequence[str], columns: int = 2) -> Figure:
    """Draw measures over time.

    Parameters
    ----------
    panels
        What is shown.
    labels
        Of all clips by their place; only those with a course are named.
    columns
        How many panels lie beside each other.

    Returns
    -------
    matplotlib.figure.Figure
        Time in seconds.
    """
    shown = sorted({one.place for panel in panels for one in panel.series})
    with use_style():
        figure, axes = new_panels(len(panels), columns, 4.6, 2.1, legend_height(len(shown)))
        for axis, panel in zip(axes, panels, strict=True):
            draw_curves(axis, panel)
            add_title(axis, panel.title)
            axis.set_xlabel(_with_words("Time (s)", panel))
        add_legend(figure, {place: labels[place] for place in shown})
        return figure


def panel_bars(panels: Sequence[Panel], labels: Sequence[str], columns: int = 2) -> Figure:
    """Draw the mean of measures over a clip as bars.

    Parameters
    ----------
    panels, labels, columns
        As in `panel_courses`.

    Returns
    -------
    matplotlib.figure.Figure
        A line gives one standard deviation over the frames to either side.
    """
    with use_style():
        most = max(len(panel.series) for panel in panels)
        figure, axes = new_panels(len(panels), columns, 4.6, 0.9 + 0.22 * most)
        for axis, panel in zip(axes, panels, strict=True):
            for row, course in enumerate(panel.series):
                draw_bar(axis, row, course.values, clip_color(course.place), course.band)
            name_rows(axis, [labels[course.place] for course in panel.series], 0.6)
            add_title(axis, panel.title)
            axis.set_xlabel(_with_words(f"Mean {panel.label}", panel))
            if panel.limits is not None:
                axis.set_xlim(*panel.limits)
        return figure


def _with_words(label: str, panel: Panel) -> str:
    """Say below a panel what is shaded in it."""
    return f"{label}   ({panel.words})" if panel.words else label


def draw_curves(axis: Axes, panel: Panel) -> None:
    """Draw the curves of a panel over time, a line for each clip; the natural one lies below."""
    for one in panel.series:
        drawn = one.break_at_wraps() if panel.circular else one
        draw_course(axis, one.place, drawn.time, drawn.values, marked=panel.circular)
        if one.band is not None and np.isfinite(one.band).all():
            axis.axhspan(*one.band, color=clip_color(one.place), alpha=SHADE, lw=0)
    axis.set_ylabel(panel.label)
    axis.set_xlabel("Time (s)")
    scale(axis, panel.value_limits(), panel.circular, "y")


def scale(
    axis: Axes, limits: tuple[float, float] | None, circular: bool, which: Literal["x", "y"]
) -> None:
    """Give an axis of values its ends; None where there are no values."""
    if limits is None:  # a clip of one frame does not move
        axis.text(0.5, 0.5, "undefined", transform=axis.transAxes, ha="center", va="center")
        limits = axis_limits(0.0, 0.0, circular)
    (axis.set_ylim if which == "y" else axis.set_xlim)(*limits)
    if circular:
        places, words = [place for place, _ in TURN], [word for _, word in TURN]
        (axis.set_yticks if which == "y" else axis.set_xticks)(places, words)
    else:
        axis.locator_params(axis=which, nbins=6)
