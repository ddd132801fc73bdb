"""The page and the tables of a study."""

from __future__ import annotations

import csv
from pathlib import Path

from stst.analysis.evidence.quantities import GROUPS
from stst.analysis.measures.naming import NamedStimulus, naming_trials, write_trials
from stst.analysis.tables import table, write_table
from stst.figures.style import picture
from stst.report.page import page
from stst.study.entries import StudyEntry
from stst.study.figures import draw_findings, draw_likeness
from stst.study.findings import Finding
from stst.study.results import Results
from stst.study.sections import all_sections, headline, lead
from stst.utils.files import as_text, write_whole
from stst.utils.text import decode_text

PAGE, FINDINGS, LIKENESS, TRIALS = "index.html", "study.csv", "likeness.csv", "trials.csv"
_TABLES = tuple(
    str(Path(name).with_suffix(suffix))
    for name in (FINDINGS, LIKENESS)
    for suffix in (".csv", ".parquet")
)
_FIGURES = tuple(
    f"{name}.{kind}"
    for name in ("headline", *GROUPS, "likeness_pixels", "likeness_energy")
    for kind in ("png", "svg")
)
_SHARP = 200  # dots per inch


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
        The files, the page first. A list of trials that someone has begun to fill in stays.

    Raises
    ------
    StstError
        If writing fails.
    """
    folder = results.study.folder
    names = [*_write_tables(results, folder), *_write_figures(results, folder)]
    names.append(_write_trials(results, folder))
    for name in {*_TABLES, *_FIGURES} - {*names}:
        (folder / name).unlink(missing_ok=True)
    content = page(results.title, lead(results, names), all_sections(results), command)
    with write_whole(folder / PAGE, overwrite=True) as part:
        part.write_bytes(content)
    return tuple(folder / name for name in (PAGE, *names))


def _write_tables(results: Results, folder: Path) -> list[str]:
    tables = {
        FINDINGS: [one.row() for one in results.findings],
        LIKENESS: [row for one in results.likeness for row in one.rows()],
    }
    names = []
    for name in _TABLES:
        rows = tables.get(str(Path(name).with_suffix(".csv")))
        if rows:
            write_table(table(rows), folder / name, overwrite=True)
            names.append(name)
    return names


def _write_figures(results: Results, folder: Path) -> list[str]:
    conditions = results.study.stimuli.conditions
    shown: dict[str, list[Finding]] = {"headline": headline(results)}
    for group in GROUPS:
        shown[group] = [one for one in results.findings if one.quantity.group == group]
    figures = {
        name: draw_findings(findings, conditions) for name, findings in shown.items() if findings
    }
    for one in results.likeness:
        figures[one.measure.replace(".", "_")] = draw_likeness(one)
    names = []
    for name in _FIGURES:
        stem, _, kind = name.partition(".")
        if stem in figures:
            with write_whole(folder / name, overwrite=True) as part:
                part.write_bytes(picture(figures[stem], kind, _SHARP))
            names.append(name)
    return names


def _named(results: Results, entry: StudyEntry) -> NamedStimulus:
    judged = results.naturals.get(entry.natural)
    labels = dict.fromkeys(label for label, _ in judged.names.values()) if judged else {}
    return NamedStimulus(
        as_text(str(entry.pair.other_path)), as_text(str(entry.natural)), tuple(labels)
    )


def _write_trials(results: Results, folder: Path) -> str:
    """Write the list of a naming experiment, for networks are no observers."""
    path = folder / TRIALS
    if path.exists() and _is_filled(path):
        return TRIALS
    stimuli = [
        _named(results, one)
        for one in results.study.stimuli.entries
        if one.pair.label in results.values
    ]
    write_trials(naming_trials(stimuli), path, overwrite=True)
    return TRIALS


def _is_filled(path: Path) -> bool:
    """Say whether a list of trials holds what somebody wrote."""
    try:
        rows = list(csv.DictReader(decode_text(path.read_bytes()).splitlines()))
        return any(row.get("response") or row.get("correct") for row in rows)
    except (ValueError, csv.Error):
        return True
