"""Figures of a study: conditions beside their nulls, and how alike all clips are."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stst.analysis.measures.likeness import Likeness
from stst.figures.style import (
    MARKERS,
    NATURAL,
    SHADED,
    add_title,
    clip_color,
    name_rows,
    new_figure,
    new_panels,
    shorten_label,
    use_style,
)
from stst.study.findings import Finding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _WIDTH = 3, 3.1
_WIDE_RANGE = 4  # of ratios, from which powers of ten and halves of them are marked
_NAMED = 24  # clips, up to which a matrix names them
# what a matrix holds, colours, and the value of the first colour; the last one is 1
_SCALES = {
    "likeness.pixels": ("Correlation of pixels", "RdBu_r", -1),
    "likeness.energy": ("Share of energy in the same bands", "Reds", 0),
}


def draw_findings(findings: Sequence[Finding], conditions: Sequence[str]) -> Figure:
    """Draw measures, a panel each, a row for each condition.

    Parameters
    ----------
    findings
        Of any measures.
    conditions
        In the order of the rows.

    Returns
    -------
    matplotlib.figure.Figure
        A point is the mean over natural clips, small ones are the clips, the line is the interval.
        Shaded is where unrelated clips lie, a dotted line is the scrambled clip, a dashed one
        the natural clip: of each row's natural clips.
    """
    panels = list(dict.fromkeys((one.key, one.title) for one in findings))
    with use_style():
        height = 0.75 + 0.24 * len(conditions)
        figure, axes = new_panels(len(panels), _COLUMNS, _WIDTH, height)
        for axis, (key, title) in zip(axes, panels, strict=True):
            own = {one.condition: one for one in findings if one.key == key}
            _draw_panel(axis, own, conditions)
            add_title(axis, _wrap(title))
            if key.where:
                axis.set_xlabel(shorten_label(key.where), fontsize=7)
        return figure


def _draw_panel(axis: Axes, own: Mapping[str, Finding], conditions: Sequence[str]) -> None:
    for row, condition in enumerate(conditions):
        if condition in own:
            _draw_nulls(axis, own[condition], row)
            _draw_row(axis, own[condition], row)
    if next(iter(own.values())).quantity.scale == "ratio":
        _set_log_scale(axis)
    name_rows(axis, conditions, 0.6)
    axis.spines["left"].set_visible(False)


def _draw_nulls(axis: Axes, finding: Finding, row: int) -> None:
    """Draw what a row is compared with, for conditions may have different natural clips."""
    unrelated, scrambled = (finding.nulls.get(kind) for kind in ("unrelated", "scrambled"))
    ends = [row - 0.5, row + 0.5]
    if unrelated is not None and np.isfinite([unrelated.low, unrelated.high]).all():
        axis.fill_betweenx(ends, unrelated.low, unrelated.high, color=SHADED, zorder=0, linewidth=0)
    if scrambled is not None and np.isfinite(scrambled.mean):
        axis.plot([scrambled.mean] * 2, ends, color="#666666", linestyle=":", zorder=1)
    same = finding.quantity.same
    natural = finding.natural if np.isnan(same) else same
    if np.isfinite(natural):
        axis.plot([natural] * 2, ends, color=NATURAL, linestyle="--", linewidth=0.8, zorder=1)


def _draw_row(axis: Axes, finding: Finding, row: int) -> None:
    color, interval = clip_color(row + 1), finding.interval
    clips = [value for value in finding.by_clip.values() if np.isfinite(value)]
    axis.plot(clips, [row] * len(clips), "|", color=color, markersize=5, alpha=0.6)
    if np.isfinite([interval.low, interval.high]).all():
        axis.plot([interval.low, interval.high], [row, row], color=color, linewidth=1.6)
    axis.plot([interval.mean], [row], MARKERS[row % len(MARKERS)], color=color, markersize=5)


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
    return "\n".join(textwrap.wrap(title, 38))


def draw_likeness(likeness: Likeness) -> Figure:
    """Draw how alike all clips of a set are.

    Parameters
    ----------
    likeness
        Of stimuli and natural clips, in pixels or energy.

    Returns
    -------
    matplotlib.figure.Figure
        A square for each two clips: red by how alike they are, blue where correlations are below
        0; grey where a pair cannot be compared.
    """
    count = len(likeness.names)
    label, colors, lowest = _SCALES[likeness.measure]
    with use_style():
        side = min(9.0, 1.8 + 0.22 * count)
        figure = new_figure(side + 0.8, side, layout="constrained")
        axis = figure.add_subplot()
        axis.set_facecolor("#BBBBBB")
        shown = axis.imshow(likeness.matrix, colors, vmin=lowest, vmax=1, interpolation="none")
        names = [shorten_label(name) for name in likeness.names]
        places = range(count) if count <= _NAMED * 2 else range(0, count, -(-count // _NAMED))
        axis.set_xticks(list(places), [names[n] for n in places], rotation=90, fontsize=6)
        axis.set_yticks(list(places), [names[n] for n in places], fontsize=6)
        axis.spines[:].set_visible(False)
        figure.colorbar(shown, ax=axis, shrink=0.6, label=label)
        return figure
