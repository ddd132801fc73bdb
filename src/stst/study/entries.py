"""Which stimuli a study is of, what each was made of, and what it is an example of."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stst.analysis.manifest import NamedPair, WantedPair, clips_in, label_pairs
from stst.config import METHODS
from stst.config.methods import BUILT_IN
from stst.errors import InputError, in_words
from stst.utils.files import resolve_path, sha256_of
from stst.utils.manifests import read_rows
from stst.utils.text import decode_text
from stst.video import provenance_of, sidecar_path

#: The table that a batch of stimuli writes beside them.
_JOBS = "jobs.csv"
#: Of stimuli of which nothing says what they are.
_UNKNOWN = "stimuli"


@dataclass(frozen=True)
class StudyEntry:
    """A stimulus of a set.

    Attributes
    ----------
    pair
        It and its natural clip, under a label.
    condition
        What it is an example of, e.g. a preset; stimuli of a condition are averaged over.
    natural
        The natural clip: of files with the same content, the first.
    """

    pair: NamedPair
    condition: str
    natural: Path


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
        return tuple(dict.fromkeys(one.natural for one in self.entries))


def read_set(source: Path, results: Path | None = None) -> StudySet:
    """Find out what a study is of.

    Parameters
    ----------
    source
        A manifest (``.csv``, ``.tsv``, or ``.toml`` with tables ``[[stimuli]]``) with the columns
        ``natural``, ``other`` and, if wanted, ``label`` and ``condition``; or a folder of stimuli,
        whose sidecars say what they were made of.
    results
        A folder that holds no stimuli, though it may lie among them.

    Returns
    -------
    StudySet
        In the order of the manifest or by name, those of a natural clip together. A stimulus that
        is missing, or of which its sidecar does not say what it was made of, is among the problems.

    Raises
    ------
    InputError
        Naming the file and the field, if it cannot be read or names no stimulus; if labels are
        not different.
    """
    found = _read_folder(source, results) if source.is_dir() else _read_manifest(source)
    if not found.entries:
        why = "".join(f" {label}: {problem}." for label, problem in found.problems.items())
        raise InputError(f"{source}: no stimulus of it can be measured.{why}")
    return found


def _read_manifest(path: Path) -> StudySet:
    rows = read_rows(path, "stimuli", ("natural", "other"), ("label", "condition"))
    wanted = [
        WantedPair(row.where, row["natural"], row["other"], row.get("label"), path.parent)
        for row in rows
    ]
    pairs = label_pairs(wanted, f"{path}: give them a label")
    chosen = {pair.label: row.get("condition") for pair, row in zip(pairs, rows, strict=True)}
    return _gather(pairs, chosen, {})


def _read_folder(folder: Path, results: Path | None) -> StudySet:
    presets, problems = _presets(folder), {}
    clips = clips_in(folder)
    if results is not None and results.exists():
        clips = {stem: path for stem, path in clips.items() if not path.samefile(results)}
    wanted, chosen = [], []
    for stem, path in clips.items():
        try:
            natural = _natural_of(path)
        except InputError as error:
            problems[stem] = in_words(error)
            continue
        wanted.append(WantedPair(str(path), str(natural), str(path), None, Path()))
        chosen.append(presets.get(path.name))
    pairs = label_pairs(wanted, "write a manifest that gives them a label")
    return _gather(
        pairs, {pair.label: one for pair, one in zip(pairs, chosen, strict=True)}, problems
    )


def _gather(
    pairs: Sequence[NamedPair], chosen: Mapping[str, str | None], problems: dict[str, str]
) -> StudySet:
    """Put the stimuli of a natural clip one after the other, clips as they first come."""
    hashed, first = cache(sha256_of), dict[str, Path]()
    groups: dict[Path, list[StudyEntry]] = {}
    for pair in pairs:
        missing = [one for one in (pair.natural_path, pair.other_path) if not one.exists()]
        if missing:
            problems[pair.label] = f"{missing[0]} does not exist"
            continue
        try:
            condition = chosen[pair.label] or _method_of(provenance_of(pair.other_path))
            content = hashed(pair.natural_path)
        except (InputError, OSError) as error:
            problems[pair.label] = in_words(error)
            continue
        natural = first.setdefault(content, pair.natural_path)
        groups.setdefault(natural, []).append(StudyEntry(pair, condition or _UNKNOWN, natural))
    return StudySet(tuple(one for group in groups.values() for one in group), problems)


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


def _natural_of(path: Path) -> Path:
    """Find the natural clip that a stimulus's sidecar names; refuse one that names none."""
    sidecar, where = provenance_of(path), sidecar_path(path)
    if sidecar is None:
        raise InputError(f"{path.name} has no sidecar that says what it was made of")
    spec = BUILT_IN.get(str(sidecar.get("method")))
    role = spec.main_role if spec else "natural"
    inputs = sidecar.get("inputs")
    for one in inputs if isinstance(inputs, list) else ():
        if isinstance(one, dict) and one.get("role") == role and isinstance(one.get("path"), str):
            natural = resolve_path(one["path"], where.parent)
            if natural.exists():
                return natural
            raise InputError(
                f"{where.name} says that it was made of {natural}, which does not exist"
            )
    raise InputError(f"{where.name} names no natural clip")
