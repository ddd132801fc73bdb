"""Figures of a study: conditions beside their nulls, and how alike all clips are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stst.analysis.measures.likeness import Likeness
from stst.figures.nulls import NullPanel, NullRow, draw_null_panels
from stst.figures.style import new_figure, shorten_label, use_style
from stst.study.findings import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        See `stst.figures.nulls.draw_null_panels`. A point is the mean over natural clips, small
        strokes are the clips, the line is the interval.
    """
    panels = []
    for key, title in dict.fromkeys((one.key, one.title) for one in findings):
        own = {one.condition: one for one in findings if one.key == key}
        rows = {
            place: _row_of(own[condition], place)
            for place, condition in enumerate(conditions)
            if condition in own
        }
        panels.append(NullPanel(title, next(iter(own.values())).quantity, rows, key.where))
    return draw_null_panels(panels, conditions)


def _row_of(finding: Finding, place: int) -> NullRow:
    interval = finding.interval
    clips = list(finding.by_clip.values())
    ends = (interval.low, interval.high)
    return NullRow(interval.mean, finding.natural, finding.nulls, place + 1, clips, ends)


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
