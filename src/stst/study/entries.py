"""Which stimuli a study is of, what each was made of, and what it is an example of."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.analysis.manifest import NamedPair, clips_in
from stst.config import METHODS
from stst.config.methods import BUILT_IN
from stst.errors import InputError
from stst.utils.files import resolve_path
from stst.utils.manifests import read_rows
from stst.utils.names import label_key, label_problem, usable
from stst.utils.text import decode_text
from stst.video import provenance_of, sidecar_path

#: The table that a batch of stimuli writes beside them.
_JOBS = "jobs.csv"


@dataclass(frozen=True)
class StudyEntry:
    """A stimulus of a set.

    Attributes
    ----------
    pair
        It and its natural clip, under a label.
    condition
        What it is an example of, e.g. a preset; stimuli of a condition are averaged over.
    """

    pair: NamedPair
    condition: str


@dataclass(frozen=True)
class StudySet:
    """The stimuli of a study.

    Attributes
    ----------
    entries
        Those of a natural clip together.
    problems
        What belongs to the set and cannot be measured, with the reason: by label.
    """

    entries: tuple[StudyEntry, ...]
    problems: Mapping[str, str]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Their names, in the order in which they first come."""
        return tuple(dict.fromkeys(one.condition for one in self.entries))

    @property
    def naturals(self) -> tuple[Path, ...]:
        """The natural clips, each once."""
        return tuple(dict.fromkeys(one.pair.natural_path for one in self.entries))


def read_set(source: Path) -> StudySet:
    """Find out what a study is of.

    Parameters
    ----------
    source
        A manifest (``.csv``, ``.tsv``, or ``.toml`` with tables ``[[stimuli]]``) with the columns
        ``natural``, ``other`` and, if wanted, ``label`` and ``condition``; or a folder of stimuli,
        whose sidecars say what they were made of.

    Returns
    -------
    StudySet
        In the order of the manifest or by name, those of a natural clip together.

    Raises
    ------
    InputError
        Naming the file and the field, if it cannot be read or names no stimulus; if labels are
        not different.
    """
    found = _read_folder(source) if source.is_dir() else _read_manifest(source)
    if not found.entries:
        why = "".join(f" {label}: {problem}" for label, problem in found.problems.items())
        raise InputError(f"{source}: no stimulus of it can be measured.{why}")
    return found


def _read_manifest(path: Path) -> StudySet:
    rows = read_rows(path, "stimuli", ("natural", "other"), ("label", "condition"))
    entries, problems = [], {}
    known: dict[str, str] = {}
    for row in rows:
        label = row.get("label") or usable(Path(row["other"]).stem)
        fault = label_problem(label)
        if fault:
            raise InputError(f"{row.where}: the label {label!r} {fault}")
        if label_key(label) in known:
            raise InputError(
                f"{row.where}: the label {label!r} is that of {known[label_key(label)]}, too. Give "
                "each row a label of its own."
            )
        known[label_key(label)] = row.where
        pair = NamedPair(label, row["natural"], row["other"], path.parent)
        missing = [one for one in (pair.natural_path, pair.other_path) if not one.exists()]
        if missing:
            problems[label] = f"{missing[0]} does not exist"
            continue
        condition = row.get("condition") or _method_of(provenance_of(pair.other_path))
        entries.append(StudyEntry(pair, condition or "stimuli"))
    return StudySet(_together(entries), problems)


def _read_folder(folder: Path) -> StudySet:
    presets = _presets(folder)
    entries, problems = [], {}
    for stem, path in clips_in(folder).items():
        label = usable(stem)
        sidecar = provenance_of(path)
        if sidecar is None:
            problems[label] = f"{path.name} has no sidecar that says what it was made of"
            continue
        natural = _natural_of(sidecar, path)
        if isinstance(natural, str):
            problems[label] = natural
            continue
        method = _method_of(sidecar)
        pair = NamedPair(label, str(natural), str(path))
        entries.append(StudyEntry(pair, presets.get(path.name) or method or "stimuli"))
    return StudySet(_together(entries), problems)


def _together(entries: Sequence[StudyEntry]) -> tuple[StudyEntry, ...]:
    """Put stimuli of a natural clip one after the other, clips as they first come."""
    order: dict[Path, list[StudyEntry]] = {}
    for one in entries:
        order.setdefault(one.pair.natural_path, []).append(one)
    return tuple(one for group in order.values() for one in group)


def _presets(folder: Path) -> dict[str, str]:
    """Read in a batch's table which preset each output was made with."""
    path = folder / _JOBS
    if not path.is_file():
        return {}
    try:
        rows = list(csv.DictReader(decode_text(path.read_bytes()).splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot be read ({error}). Delete it, or write a manifest."
        ) from error
    return {row["output"]: row["preset"] for row in rows if row.get("output") and row.get("preset")}


def _method_of(sidecar: Mapping[str, Any] | None) -> str:
    method = sidecar.get("method") if sidecar else None
    return METHODS.titles().get(method, "") if isinstance(method, str) else ""


def _natural_of(sidecar: Mapping[str, Any], path: Path) -> Path | str:
    """Find the natural clip that a sidecar names; else say why there is none."""
    where = sidecar_path(path)
    spec = BUILT_IN.get(str(sidecar.get("method")))
    role = spec.main_role if spec else "natural"
    inputs = sidecar.get("inputs")
    for one in inputs if isinstance(inputs, list) else ():
        if isinstance(one, dict) and one.get("role") == role and isinstance(one.get("path"), str):
            natural = resolve_path(one["path"], where.parent)
            if natural.exists():
                return natural
            return f"{where.name} says that it was made of {natural}, which does not exist"
    return f"{where.name} names no natural clip"
