"""The sections of a study's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.analysis.evidence.baseline import LAGS, UNRELATED
from stst.analysis.evidence.quantities import GROUPS
from stst.analysis.features import MIN_MOTION
from stst.analysis.inference import BOOTSTRAP_FROM, RESAMPLES, smallest_p
from stst.analysis.measures.flow import PAPER_FLOW
from stst.analysis.measures.recognition import NAMED, NO_OBSERVERS
from stst.analysis.nulls import NULL_LENGTH
from stst.figures.style import clip_color
from stst.report.formatting import number
from stst.report.page import Section, data_uri, part
from stst.report.sections import picture_size, png_of, svg_of
from stst.study.figures import draw_findings, draw_likeness
from stst.study.findings import ALPHA, Finding
from stst.study.making import describe_making
from stst.study.outliers import FAR, FEWEST, Outlier
from stst.version import __version__
from stst.video import LazyVideo, first_frame

if TYPE_CHECKING:
    from markupsafe import Markup

    from stst.analysis.settings import Settings
    from stst.study.results import Results

_PICTURES = 12  # of outliers
_LISTED = 30
_WIDTH = 160


def headline(results: Results) -> list[Finding]:
    """Choose the measures that a reader sees first."""
    return [one for one in results.findings if one.quantity.headline]


def lead(results: Results, files: Sequence[str]) -> Markup:
    """Say what the set is, and what has to be known before anything is read."""
    notes = [
        _unit_note(results), *results.study.notes, *_untested(results), *results.confounds
    ]  # fmt: skip
    missing = [f"{label}: {problem}" for label, problem in results.problems.items()]
    conditions = [
        {"label": name, "color": clip_color(place)}
        for place, name in enumerate(results.study.stimuli.conditions, 1)
    ]
    return part(
        "study_lead.html", key=conditions, notes=notes, missing=missing, files=files,
        observers=NO_OBSERVERS,
    )  # fmt: skip


def _unit_note(results: Results) -> str:
    clips = results.clips
    if clips < 1:
        return "No stimulus could be measured."
    if clips == 1:
        return "One natural clip: everything here describes it, and nothing is tested."
    few = min([clips, *(one.interval.n for one in results.findings if one.test is not None)])
    beside = f" Where only {few} count, none below {smallest_p(few):.3g}." if few < clips else ""
    return (
        f"The clip is the unit: with {clips} natural clips no permutation test can give a p "
        f"below {smallest_p(clips):.3g}.{beside}"
    )


def _untested(results: Results) -> list[str]:
    known = {one.key.measure for one in results.findings}
    return [
        f"The margin of {name} was not tested, for no stimulus that counts has this measure."
        for name in results.study.settings.margins
        if name not in known
    ]


def all_sections(results: Results) -> list[Section]:
    """Lay out everything, in the order of the page."""
    made = [
        _findings_section(results, "At a glance", "glance", headline(results), ""),
        *(
            _findings_section(
                results, title, group, [f for f in results.findings if f.quantity.group == group],
                words, _judged(results) if group == "lost" else (),
            )
            for group, (title, words) in GROUPS.items()
        ),
        _likeness_section(results),
        _outliers_section(results),
        _stimuli_section(results),
        _methods_section(results),
    ]  # fmt: skip
    return [one for one in made if one is not None]


def _findings_section(
    results: Results,
    title: str,
    anchor: str,
    findings: Sequence[Finding],
    words: str,
    notes: Sequence[str] = (),
) -> Section | None:
    if not findings and not notes:
        return None
    conditions = results.study.stimuli.conditions
    body = part(
        "study_findings.html",
        words=words,
        notes=notes,
        figure=svg_of(draw_findings(findings, conditions)) if findings else None,
        title=title,
        rows=_rows(findings, conditions),
    )
    return Section(title, anchor, body)


def _judged(results: Results) -> list[str]:
    """Say what judges call every natural clip; those that are not nameable are left out by name."""
    if not results.naturals:
        return ["No judge was asked what the stimuli show; give two or more."]
    return [one.sentence() for one in results.naturals.values()]


def _rows(findings: Sequence[Finding], conditions: Sequence[str]) -> list[dict[str, Any]]:
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in findings:
        row = rows.setdefault(one.key, {"title": one.title, "unit": one.key.where, "clips": []})
        row["clips"].append(
            {
                "label": one.condition,
                "color": clip_color(1 + conditions.index(one.condition)),
                "cells": _cells(one),
            }
        )
    return list(rows.values())


def _cells(finding: Finding) -> list[str]:
    interval, test = finding.interval, finding.test
    unrelated, scrambled = finding.nulls.get("unrelated"), finding.nulls.get("scrambled")
    ends = (interval.low, interval.high)
    return [
        number(interval.mean),
        f"{number(ends[0])} to {number(ends[1])}" if np.isfinite(ends).all() else "–",
        str(interval.n),
        number(finding.natural),
        "–" if unrelated is None else f"{number(unrelated.low)} to {number(unrelated.high)}",
        "–" if scrambled is None else number(scrambled.mean),
        "–" if test is None else f"{test.p:.3g} ({finding.against})",
        finding.verdict or "–",
    ]


def _likeness_section(results: Results) -> Section | None:
    if not results.likeness:
        return None
    shown = {one.measure: svg_of(draw_likeness(one)) for one in results.likeness}
    body = part(
        "study_likeness.html", pixels=shown["likeness.pixels"], energy=shown["likeness.energy"],
        notes=[note for one in results.likeness for note in one.notes],
        confounds=results.confounds,
    )  # fmt: skip
    return Section("Likeness within the set", "likeness", body)


def _outliers_section(results: Results) -> Section:
    # the furthest of each stimulus
    furthest = {
        one.entry.pair.label: one for one in reversed(results.outliers) if one.frame is not None
    }
    shown = [_show_outlier(one, results) for one in list(furthest.values())[::-1][:_PICTURES]]
    rows = [
        {
            "label": one.entry.pair.label,
            "cells": [
                one.entry.condition, f"{one.title} {one.key.where}".strip(), number(one.value),
                number(one.median), number(one.distance),
                "–" if one.frame is None else str(one.frame),
            ],
        }
        for one in results.outliers[:_LISTED]
    ]  # fmt: skip
    body = part(
        "study_outliers.html", rows=rows, pictures=shown, more=len(results.outliers) - len(rows),
        far=FAR, fewest=FEWEST,
    )  # fmt: skip
    return Section("Outliers", "outliers", body)


def _show_outlier(one: Outlier, results: Results) -> dict[str, Any]:
    video = LazyVideo(one.entry.pair.other_path, levels=results.study.measuring.levels)
    place = (one.frame or 0) - first_frame(video)
    frame = video.frames[place if 0 <= place < len(video) else 0]
    return {
        "source": data_uri("image/png", png_of(frame)),
        "label": one.entry.pair.label,
        "what": f"frame {one.frame}: {one.title}",
        **picture_size(frame.shape[1], _WIDTH),
    }


def _stimuli_section(results: Results) -> Section:
    rows = [
        {
            "label": one.pair.label,
            "cells": [
                one.condition,
                one.pair.natural_path.name,
                results.problems.get(one.pair.label, "measured"),
            ],
        }
        for one in results.study.stimuli.entries
    ]
    left_out = [
        {"label": label, "cells": ["", "", problem]}
        for label, problem in results.study.stimuli.problems.items()
    ]
    return Section("Stimuli", "stimuli", part("study_stimuli.html", rows=[*rows, *left_out]))


def _methods_section(results: Results) -> Section:
    body = part(
        "study_methods.html",
        version=__version__,
        stimuli=len(results.values),
        clips=results.clips,
        conditions=results.study.stimuli.conditions,
        bootstrap=BOOTSTRAP_FROM,
        resamples=RESAMPLES,
        alpha=ALPHA,
        margins=[f"{name} {margin:g}" for name, margin in results.study.settings.margins.items()],
        making=describe_making(
            [one for one in results.study.stimuli.entries if one.pair.label in results.values]
        ),
        given=bool(results.study.settings.measuring.null),
        **_measured_words(results.study.measuring),
    )
    return Section("Methods, in words", "methods", body)


def _measured_words(measuring: Settings) -> dict[str, Any]:
    """Say how everything was measured."""
    return {
        "flow": PAPER_FLOW,
        "lags": LAGS,
        "min_motion": MIN_MOTION,
        "null_length": NULL_LENGTH,
        "unrelated": UNRELATED,
        "judges": [one.model for one in measuring.judges],
        "named": NAMED,
        "streams": [
            f"{one.model} ({', '.join(one.texture_layers or ()) or 'its layers'})"
            for _, one in measuring.streams
        ],
        "models": [one.model for one in measuring.models],
        "cka": measuring.cka,
        "prediction": measuring.prediction is not None,
    }
