"""Energy, coherence of motion and light of the clips beside their nulls: a section of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stst.analysis.evidence.baseline import (
    LAGS,
    MeasuredClips,
    choose_unrelated,
    count_frames,
    make_baseline,
    measure_clips,
)
from stst.analysis.evidence.listing import ListedMeasure, ListedValue, list_measures
from stst.analysis.evidence.quantities import GROUPS, HEADINGS
from stst.analysis.features import MIN_MOTION
from stst.analysis.nulls import NULL_LENGTH, NullKind
from stst.analysis.settings import MEASURES
from stst.figures.nulls import draw_null_panels, listed_panels
from stst.figures.style import clip_color
from stst.report.clips import Clip
from stst.report.content import Begin
from stst.report.formatting import number
from stst.report.page import Section, part
from stst.report.parts import Added, LeftOut, leaving_out
from stst.report.sections import svg_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stst.analysis.cka.unrelated import UnrelatedClips
    from stst.video import Clip as AnyClip

#: How it is measured.
_HOW = {
    "energy": (
        "Spectra are of grey values of whole frames, without a window. Directions and speeds are "
        f"weighted by motion, without frames below {MIN_MOTION:g} px/frame, and their distances "
        "are earth mover’s.",
    ),
    "coherence": (
        f"At lags of {', '.join(map(str, LAGS))} frames, by two optical flows, Farnebäck’s (2003) "
        "and DIS (Kroeger et al. 2016). Beside it the same without pixels that are occluded, and "
        "the share of pixels that this leaves out: it can be low because little is left.",
    ),
    "photometry": "",
}
_NAMES = "Unrelated", "Scrambled", "Noise"
_OCCLUSIONS = "Without occlusions", "Left out"
_MADE: tuple[NullKind, ...] = ("scrambled", "noise")


class MeasuresPart:
    """Measures of whole clips, which need no model, beside their nulls.

    Parameters
    ----------
    measures
        Names of `stst.analysis.settings.MEASURES`.
    unrelated
        Clips to choose nulls from.
    """

    def __init__(self, measures: Sequence[str], unrelated: UnrelatedClips) -> None:
        self.measures = tuple(one for one in MEASURES if one in measures)
        self.unrelated = unrelated

    def steps(self, clips: tuple[Clip, ...]) -> int:
        """Count the frames that are measured.

        Raises
        ------
        InputError
            If no clip has nothing to do with the natural one.
        """
        unrelated = len(choose_unrelated(clips[0].video, self.unrelated))
        return sum(_count(measure, clips, unrelated) for measure in self.measures)

    def add(self, clips: tuple[Clip, ...], begin: Begin) -> Added:
        """Measure all clips; a measure that fails is left out."""
        left_out: list[LeftOut] = []
        measured: dict[str, MeasuredClips] = {}
        chosen: list[tuple[str, AnyClip]] = []
        with leaving_out(name_measures(self.measures), left_out):
            chosen = choose_unrelated(clips[0].video, self.unrelated)
            baseline = make_baseline(clips[0].video, chosen)
        others = [(place, one.name, one.video) for place, one in enumerate(clips[1:], 1)]
        for measure in () if left_out else self.measures:
            with leaving_out(HEADINGS[measure][0], left_out):
                on_frame = begin(measure, _count(measure, clips, len(chosen)))
                measured[measure] = measure_clips(
                    measure, baseline, clips[0].name, others, on_frame
                )
        if not measured:
            return Added(None, {}, {}, left_out)
        section, figures = _lay_out(measured, clips, [name for name, _ in chosen])
        tables = {MEASURES[measure]: one.rows for measure, one in measured.items()}
        return Added(section, figures, tables, left_out)


def name_measures(measures: Sequence[str]) -> str:
    """Name measures in words.

    Parameters
    ----------
    measures
        Names of `stst.analysis.settings.MEASURES`, at least one.
    """
    first, *others = (HEADINGS[one][0] for one in HEADINGS if one in measures)
    return ", ".join([first, *map(str.lower, others)])


def value_heads(listed: Sequence[ListedMeasure]) -> list[str]:
    """Give the headings of what `value_cells` gives.

    Parameters
    ----------
    listed
        All measures of a table.
    """
    occlusions = any(one.has_occlusions for one in listed)
    return ["Value", *(_OCCLUSIONS if occlusions else ()), *_NAMES]


def value_cells(listed: ListedMeasure, value: ListedValue) -> list[str]:
    """Write a value beside its nulls.

    Parameters
    ----------
    listed
        The measure.
    value
        Of one clip.

    Returns
    -------
    list of str
        A cell for each of `value_heads`.
    """
    unrelated = value.nulls.get("unrelated")
    means = (value.nulls.get(kind) for kind in _MADE)
    occlusions = (value.visible, value.occluded) if listed.has_occlusions else ()
    return [
        *map(number, (value.value, *occlusions)),
        "–" if unrelated is None else f"{number(unrelated.low)} to {number(unrelated.high)}",
        *("–" if one is None else number(one.mean) for one in means),
    ]


def _count(measure: str, clips: tuple[Clip, ...], unrelated: int) -> int:
    natural, *others = (len(one.video) for one in clips)
    return count_frames(measure, natural, others, unrelated)


def _lay_out(
    measured: Mapping[str, MeasuredClips], clips: tuple[Clip, ...], unrelated: Sequence[str]
) -> tuple[Section, dict[str, Figure]]:
    groups: list[dict[str, Any]] = []
    figures: dict[str, Figure] = {}
    labels = [clip.label for clip in clips]
    for measure, one in measured.items():
        title, group = HEADINGS[measure]
        listed = list_measures(MEASURES[measure], [one])
        if listed:
            figures[measure] = draw_null_panels(listed_panels(listed), labels[1:] or labels)
        groups.append(
            {
                "title": title,
                "words": GROUPS[group][1],
                "how": _HOW[measure],
                "figure": svg_of(figures[measure]) if listed else None,
                "file": MEASURES[measure],
                "heads": ["Measure", "Clip", *value_heads(listed)],
                "rows": [_row(one, labels) for one in listed],
            }
        )
    names = [Path(name).name for name in unrelated]
    body = part("measures.html", groups=groups, unrelated=names, null_length=NULL_LENGTH)
    return Section(name_measures(list(measured)), "measures", body), figures


def _row(listed: ListedMeasure, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "title": listed.title,
        "clips": [
            {
                "label": labels[one.place],
                "color": clip_color(one.place),
                "cells": value_cells(listed, one),
            }
            for one in listed.values
        ],
    }
