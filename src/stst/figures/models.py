"""What models make of clips: courses over time, and bars of clip means (figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Course:
    """One measure of one clip.

    Attributes
    ----------
    place
        Of the clip: 0 for the natural one; decides the colour.
    time
        (T,) seconds from the first frame of the clip.
    values
        (T,); NaN where undefined.
    band
        Ends of what the values are compared with, e.g. of unrelated clips; shaded. None without
        one, NaN where undefined.
    """

    place: int
    time: NDArray[np.float64]
    values: NDArray[np.float64]
    band: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """One measure of several clips.

    Attributes
    ----------
    title
        Above the panel.
    label
        At the axis of the values, with the unit.
    courses
        One for each clip.
    limits
        Of the values, where they have ends.
    words
        Stand below the panel; what the bands are.
    """

    title: str
    label: str
    courses: Sequence[Course]
    limits: tuple[float, float] | None = None
    words: str = ""


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
    shown = sorted({course.place for panel in panels for course in panel.courses})
    with styled():
        figure, axes = new_panels(len(panels), columns, 4.6, 2.1, legend_height(len(shown)))
        for axis, panel in zip(axes, panels, strict=True):
            for course in panel.courses:
                draw_course(axis, course.place, course.time, course.values, marked=False)
                if course.band is not None and np.isfinite(course.band).all():
                    axis.axhspan(*course.band, color=clip_color(course.place), alpha=SHADE, lw=0)
            add_title(axis, panel.title)
            axis.set_ylabel(panel.label)
            axis.set_xlabel(_with_words("Time (s)", panel))
            _limit(axis, panel)
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
    with styled():
        most = max(len(panel.courses) for panel in panels)
        figure, axes = new_panels(len(panels), columns, 4.6, 0.9 + 0.22 * most)
        for axis, panel in zip(axes, panels, strict=True):
            for row, course in enumerate(panel.courses):
                draw_bar(axis, row, course.values, clip_color(course.place), course.band)
            name_rows(axis, [labels[course.place] for course in panel.courses], 0.6)
            add_title(axis, panel.title)
            axis.set_xlabel(_with_words(f"Mean {panel.label}", panel))
            if panel.limits is not None:
                axis.set_xlim(*panel.limits)
        return figure


def _with_words(label: str, panel: Panel) -> str:
    """Say below a panel what is shaded in it."""
    return f"{label}   ({panel.words})" if panel.words else label


def _limit(axis: Axes, panel: Panel) -> None:
    if panel.limits is not None:
        axis.set_ylim(*panel.limits)
        return
    lowest, highest = axis.dataLim.intervaly
    if np.isfinite([lowest, highest]).all():
        axis.set_ylim(min(0.0, lowest), highest * 1.08 or 1.0)
