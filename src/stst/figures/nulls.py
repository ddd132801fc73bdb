"""Values of whole clips beside their nulls: panels with a row for each clip, or group of clips."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.analysis.evidence.baseline import MeasuredClips
from stst.analysis.evidence.listing import ListedMeasure
from stst.analysis.evidence.quantities import Quantity
from stst.analysis.evidence.values import Null
from stst.figures.curves import FrameNumbers, Panel, TimeSeries, axis_limits
from stst.figures.style import (
    MARKERS,
    NATURAL,
    SHADED,
    add_title,
    clip_color,
    name_rows,
    new_panels,
    shorten_label,
    use_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _WIDTH = 3, 3.1
_WIDE_RANGE = 4  # of ratios, from which powers of ten and halves of them are marked


@dataclass(frozen=True, eq=False)
class NullRow:
    """A row of a panel.

    Attributes
    ----------
    value
        A point; not drawn where it is NaN.
    natural
        What the natural clip has; NaN where that is a value of two clips.
    nulls
        By kind.
    place
        Decides colour and marker; 0 is the natural clip.
    clips
        Small strokes, of what the value is a mean of.
    interval
        Ends of a line; not drawn where one of them is NaN.
    """

    value: float
    natural: float
    nulls: Mapping[str, Null]
    place: int
    clips: Sequence[float] = ()
    interval: tuple[float, float] = (float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class NullPanel:
    """A measure.

    Attributes
    ----------
    title
        In words.
    quantity
        Which one.
    rows
        By number of the row.
    where
        Stands below the panel.
    """

    title: str
    quantity: Quantity
    rows: Mapping[int, NullRow]
    where: str = ""


def draw_null_panels(panels: Sequence[NullPanel], labels: Sequence[str]) -> Figure:
    """Draw measures, a panel each.

    Parameters
    ----------
    panels
        Of any measures.
    labels
        Of all rows.

    Returns
    -------
    matplotlib.figure.Figure
        Shaded is where unrelated clips lie, a dotted line is the scrambled clip, a dashed one the
        natural clip: of each row.
    """
    with use_style():
        height = 0.75 + 0.24 * len(labels)
        figure, axes = new_panels(len(panels), _COLUMNS, _WIDTH, height)
        for axis, panel in zip(axes, panels, strict=True):
            _draw_panel(axis, panel, labels)
            add_title(axis, _wrap(panel.title))
            if panel.where:
                axis.set_xlabel(shorten_label(panel.where), fontsize=7)
        return figure


def listed_panels(listed: Sequence[ListedMeasure]) -> list[NullPanel]:
    """Give the panels of listed measures.

    Parameters
    ----------
    listed
        Of `stst.analysis.evidence.listing.list_measures`, of one natural clip.

    Returns
    -------
    list of NullPanel
        With a row for each clip but the natural one, in their order; of that where it is alone.
    """
    panels = []
    for one in listed:
        natural = next((v.value for v in one.values if not v.place), float("nan"))
        shown = [v for v in one.values if v.place] or one.values
        rows = {
            # the first of the others has place 1
            max(v.place - 1, 0): NullRow(v.value, natural, v.nulls, v.place)
            for v in shown
        }
        panels.append(NullPanel(one.title, one.quantity, rows, one.key.where))
    return panels


def course_panels(
    listed: Sequence[ListedMeasure],
    clips: Sequence[tuple[FrameNumbers, MeasuredClips]],
    others: Mapping[int, FrameNumbers],
) -> list[Panel]:
    """Give the curves of listed measures that are means over frames.

    Parameters
    ----------
    listed
        Of `stst.analysis.evidence.listing.list_measures`.
    clips
        What was measured, and how the frames of the natural clip are counted.
    others
        How those of other clips are counted, by their place.

    Returns
    -------
    list of Panel
        With a series for each clip; that of the natural one has the range of unrelated clips.
    """
    panels = []
    for one in listed:
        name = one.key.measure.removesuffix(".mean")
        series: list[TimeSeries] = []
        for frames, measured in clips:
            places = {other.place for other in measured.others} or {0}
            nulls = next((v.nulls for v in one.values if v.place in places), {})
            unrelated = nulls.get("unrelated")
            band = None if unrelated is None else (unrelated.low, unrelated.high)
            series.append(frames.series_of_rows(_of_frames(measured.natural, name), band))
        for _, measured in clips:
            series += [
                others[c.place].series_of_rows(_of_frames(c.rows, name), None)
                for c in measured.others
            ]
        if any(len(course.values) for course in series):
            series.sort(key=lambda course: course.place)
            words = "shaded: unrelated clips"
            panels.append(Panel(one.title, "", series, limits=_limits(series), words=words))
    return panels


def _limits(series: Sequence[TimeSeries]) -> tuple[float, float] | None:
    """Make room for the bands, too; None where nothing is defined."""
    bands = [course.band for course in series if course.band is not None]
    values = np.concatenate([*(course.values for course in series), *bands])
    known = values[np.isfinite(values)]
    return axis_limits(known.min(), known.max(), False) if len(known) else None


def _of_frames(rows: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["measure"] == name and "frame" in row]


def _draw_panel(axis: Axes, panel: NullPanel, labels: Sequence[str]) -> None:
    for number, row in panel.rows.items():
        _draw_nulls(axis, row, number, panel.quantity)
        _draw_row(axis, row, number)
    if panel.quantity.scale == "ratio":
        _set_log_scale(axis)
    name_rows(axis, labels, 0.6)
    axis.spines["left"].set_visible(False)


def _draw_nulls(axis: Axes, row: NullRow, number: int, quantity: Quantity) -> None:
    """Draw what a row is compared with, for rows may have different natural clips."""
    unrelated, scrambled = (row.nulls.get(kind) for kind in ("unrelated", "scrambled"))
    ends = [number - 0.5, number + 0.5]
    if unrelated is not None and np.isfinite([unrelated.low, unrelated.high]).all():
        axis.fill_betweenx(ends, unrelated.low, unrelated.high, color=SHADED, zorder=0, linewidth=0)
    if scrambled is not None and np.isfinite(scrambled.mean):
        axis.plot([scrambled.mean] * 2, ends, color="#666666", linestyle=":", zorder=1)
    natural = row.natural if np.isnan(quantity.same) else quantity.same
    if np.isfinite(natural):
        axis.plot([natural] * 2, ends, color=NATURAL, linestyle="--", linewidth=0.8, zorder=1)


def _draw_row(axis: Axes, row: NullRow, number: int) -> None:
    color = clip_color(row.place)
    clips = [value for value in row.clips if np.isfinite(value)]
    axis.plot(clips, [number] * len(clips), "|", color=color, markersize=5, alpha=0.6)
    if np.isfinite(row.interval).all():
        axis.plot(row.interval, [number, number], color=color, linewidth=1.6)
    marker = MARKERS[number % len(MARKERS)]
    axis.plot([row.value], [number], marker, color=color, markersize=5)


def _set_log_scale(axis: Axes) -> None:
    """Show ratios as they are averaged, with few plain numbers along the axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axis.set_xscale("log")
    low, high = axis.get_xlim()
    if high / low < _WIDE_RANGE:
        axis.xaxis.set_major_locator(MaxNLocator(4))
    else:
        steps = (1.0, 2.0, 5.0) if high / low < _WIDE_RANGE**3 else (1.0,)
        axis.xaxis.set_major_locator(LogLocator(subs=steps, numticks=9))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axis.xaxis.set_minor_locator(NullLocator())


def _wrap(title: str) -> str:
    return "\n".join(textwrap.wrap(title, 30))
