"""The page and the tables of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.analysis.manifest import NamedPair
from stst.analysis.measures.likeness import Likeness, describe_confounds, pixel_likeness
from stst.analysis.measures.naming import NamedStimulus, naming_trials, write_trials
from stst.analysis.measures.recognition import Nameability
from stst.analysis.pairs import NaturalClip
from stst.analysis.tables import table, write_table
from stst.figures.style import picture
from stst.report.page import page
from stst.study.figures import draw_findings, draw_likeness
from stst.study.findings import Finding, find_all
from stst.study.outliers import Outlier, find_outliers
from stst.study.run import Study
from stst.study.sections import GROUPS, all_sections, headline, lead
from stst.study.values import Key, Value
from stst.utils.files import as_text, write_whole
from stst.utils.names import usable
from stst.video import Clip

PAGE, FINDINGS, LIKENESS, TRIALS = "index.html", "study.csv", "likeness.csv", "trials.csv"
_SHARP = 200  # dots per inch


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that the page shows.

    Attributes
    ----------
    study
        What it is of.
    values
        By label, of those that were measured.
    problems
        By label, of the others.
    naturals
        What judges call the natural clips.
    findings, outliers
        What the values say.
    likeness
        Of all clips; None of fewer than two that could be read.
    confounds
        Clips that are alike without a reason, a sentence each.
    """

    study: Study
    values: Mapping[str, Mapping[Key, Value]]
    problems: Mapping[str, str]
    naturals: Mapping[Path, Nameability]
    findings: Sequence[Finding]
    outliers: Sequence[Outlier]
    likeness: Likeness | None
    confounds: Sequence[str]


def evaluate(study: Study) -> Results:
    """Test what was measured, and compare all clips with each other.

    Parameters
    ----------
    study
        That was run.

    Returns
    -------
    Results
        For `write_study`.
    """
    values, problems = study.values()
    entries = [one for one in study.stimuli.entries if one.pair.label in values]
    naturals = study.naturals(values)
    nameable = [path for path, one in naturals.items() if one.nameable]
    findings = find_all(entries, values, study.settings.margins, nameable)
    clips, made_of = _open_all(study, entries)
    likeness = pixel_likeness(clips) if len(clips) > 1 else None
    confounds = describe_confounds(likeness, made_of) if likeness is not None else []
    return Results(
        study,
        values,
        problems,
        naturals,
        findings,
        find_outliers(entries, values),
        likeness,
        confounds,
    )


def _open_all(study: Study, entries: Iterable[Any]) -> tuple[dict[str, Clip], dict[str, str]]:
    """Open all clips by name, natural ones first; and name each stimulus's natural clip."""
    naturals: dict[str, Clip] = {}
    stimuli: dict[str, Clip] = {}
    made_of: dict[str, str] = {}
    for one in entries:
        pair = NaturalClip(one.pair.natural_path, levels=study.measuring.levels).pair(
            one.pair.other_path
        )
        name = f"natural {usable(one.pair.natural_path.stem)} {pair.alignment}".strip()
        naturals.setdefault(name, pair.natural)
        stimuli[one.pair.label], made_of[one.pair.label] = pair.other, name
    return {**naturals, **stimuli}, made_of


def write_study(results: Results, command: str = "") -> tuple[Path, ...]:
    """Write the page, its figures and its tables, in place of those of an earlier run.

    Parameters
    ----------
    results
        Of `evaluate`.
    command
        What the user typed, for the page.

    Returns
    -------
    tuple of Path
        The files, the page first.

    Raises
    ------
    StstError
        If writing fails.
    """
    folder = results.study.folder
    tables = {FINDINGS: [one.row() for one in results.findings]}
    if results.likeness is not None:
        tables[LIKENESS] = list(results.likeness.rows())
    names = []
    for name, rows in tables.items():
        if rows:
            names += [name, name.replace(".csv", ".parquet")]
            for each in names[-2:]:
                write_table(table(rows), folder / each, overwrite=True)
    names += _write_figures(results, folder)
    names.append(_write_trials(results, folder))
    sections = all_sections(results)
    content = page(_title(results), lead(results, names), sections, command)
    with write_whole(folder / PAGE, overwrite=True) as part:
        part.write_bytes(content)
    return tuple(folder / name for name in (PAGE, *names))


def _title(results: Results) -> str:
    count, clips = len(results.study.stimuli.entries), len(results.study.stimuli.naturals)
    return f"{count} stimuli of {clips} natural clip{'s' if clips != 1 else ''}"


def _write_figures(results: Results, folder: Path) -> list[str]:
    conditions = results.study.stimuli.conditions
    figures = {}
    for name, findings in {
        "headline": headline(results),
        **{group: [f for f in results.findings if f.quantity.group == group] for group in GROUPS},
    }.items():
        if findings:
            figures[name] = draw_findings(findings, conditions)
    if results.likeness is not None:
        figures["likeness"] = draw_likeness(results.likeness)
    names = []
    for name, figure in figures.items():
        for kind in ("png", "svg"):
            names.append(f"{name}.{kind}")
            with write_whole(folder / names[-1], overwrite=True) as part:
                part.write_bytes(picture(figure, kind, _SHARP))
    return names


def _named(results: Results, pair: NamedPair) -> NamedStimulus:
    judged = results.naturals.get(pair.natural_path)
    labels = dict.fromkeys(label for label, _ in judged.names.values()) if judged else {}
    return NamedStimulus(
        as_text(str(pair.other_path)), as_text(str(pair.natural_path)), tuple(labels)
    )


def _write_trials(results: Results, folder: Path) -> str:
    """Write the list of a naming experiment, for networks are no observers."""
    stimuli = [
        _named(results, one.pair)
        for one in results.study.stimuli.entries
        if one.pair.label in results.values
    ]
    write_trials(naming_trials(stimuli), folder / TRIALS, overwrite=True)
    return TRIALS
