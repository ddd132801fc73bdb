"""Many pairs of clips: measured side by side, each result kept, and all in one table."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from stst.analysis.comparison import compare, comparison_rows
from stst.analysis.features import Features, features
from stst.analysis.manifest import NamedPair
from stst.analysis.pairs import Alignment, NaturalClip
from stst.analysis.settings import COMPARISON, FEATURES, TABLES, Settings
from stst.analysis.tables import rows_as_csv
from stst.batch.local import run_local
from stst.batch.states import JobEnd, JobProgress, States, write_shared_table
from stst.errors import InputError, in_words
from stst.runs.fingerprint import Fingerprint
from stst.utils.files import (
    as_text,
    check_output,
    sha256_of,
    sha256_of_file,
    write_whole,
)
from stst.utils.manifests import rows_as_text
from stst.utils.names import label_key
from stst.utils.processes import compute_alone, hold_signals
from stst.utils.text import decode_text
from stst.version import __version__
from stst.video import sidecar_path
from stst.video.ranges import parse_range
from stst.video.resize import fit_size
from stst.video.samples import sample_clips

#: Of the whole batch: labels of the clips that tables name; and what failed, if anything did.
PAIRS, ERRORS = "pairs.csv", "errors.csv"
#: Written last, so that a pair that has it is done.
RECORD = "record.json"
# says that a folder is one of ours
_MARK = "batch.json"
_OF_A_BATCH = {*TABLES, PAIRS, ERRORS, _MARK}
_OF_A_PAIR = {*TABLES, RECORD}
# what says which pair a row is of
_NAMES = ("label", "natural", "other")
# to be raised when a record or a table changes its meaning: everything is measured again
_FORMAT = 2


_FEATURES_ALONE = Settings()


@dataclass(frozen=True)
class Measured:
    """What is kept of a pair.

    Attributes
    ----------
    tables
        CSV by the name of the file.
    record
        What was measured, and how.
    """

    tables: Mapping[str, str]
    record: Mapping[str, Any]


Measure = Callable[[NamedPair, Settings], Measured]


def measure_pair(pair: NamedPair, settings: Settings) -> Measured:
    """Measure and compare two clips.

    Parameters
    ----------
    pair
        The clips.
    settings
        For the natural one.

    Raises
    ------
    InputError
        If a clip cannot be read, or they cannot be compared.
    """
    clip = NaturalClip(pair.natural_path, settings.frames, settings.max_side, settings.levels)
    opened = clip.pair(pair.other_path)
    identity = _identity(pair, settings, sha256_of)
    natural = _natural_features(pair.natural_path, identity["natural"]["sha256"], opened.alignment)
    other = features(opened.other)
    name = as_text(pair.other)
    reference = as_text(f"{pair.natural} {opened.alignment}".strip())
    rows: dict[str, Iterable[Mapping[str, Any]]] = {
        FEATURES: [*natural.rows(reference), *other.rows(name)],
        COMPARISON: comparison_rows(compare(natural, other), name, reference),
    }
    if settings.models or settings.prediction is not None or settings.beside_nulls:
        # needs torch, which takes its time to load
        from stst.batch.pair_measures import measure_further

        rows |= measure_further(settings, opened, reference, name)
    return Measured(
        {table: rows_as_csv(content) for table, content in rows.items()},
        {
            **identity,
            "notes": [as_text(note) for note in opened.notes],
            "versions": _versions(),
        },
    )


def _versions() -> dict[str, str]:
    import cv2

    return {"napari-stst": __version__, "opencv": cv2.__version__}


class PairBatch:
    """Pairs that are measured side by side; what an earlier run has measured is kept.

    Parameters
    ----------
    pairs
        In the order of the tables.
    folder
        Where results go; made if it does not exist. Each pair gets a folder ``<label>`` with
        its tables and its record; it appears whole or not at all. Tables of all pairs that are
        done, and of errors if there are any, are written at the end.
    settings
        What is measured, and for natural clips without a sidecar what is taken of them.

    Raises
    ------
    InputError
        If labels are not different, the folder holds something else, or a setting is wrong.
    """

    def __init__(
        self, pairs: Sequence[NamedPair], folder: Path, settings: Settings = _FEATURES_ALONE
    ) -> None:
        self.pairs, self.folder, self.settings = tuple(pairs), folder, settings
        self.states = States(folder)
        _check(pairs, folder, settings)
        hashed = cache(sha256_of)
        self._current = {
            pair.label for pair in pairs if _is_current(folder / pair.label, pair, settings, hashed)
        }

    @property
    def left(self) -> list[str]:
        """Labels of the pairs that are to be measured."""
        return [pair.label for pair in self.pairs if pair.label not in self._current]

    def run(
        self, processes: int = 1, measure: Measure = measure_pair
    ) -> Generator[JobProgress | JobEnd, None, None]:
        """Measure what is left.

        Parameters
        ----------
        processes
            How many. A script that calls this needs the guard ``if __name__ == "__main__":``, as
            the processes import it.
        measure
            What is done with each pair, found by its name in the processes.

        Yields
        ------
        JobProgress or JobEnd
            That a pair is begun; and the end of every pair, as soon as it is known: first of those
            that are ``"up to date"``. One that fails, even by a crash, does not keep others from
            being done. Closing the generator ends the processes and keeps what is done.

        Raises
        ------
        StstError
            If results cannot be written.
        """
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / _MARK).exists():
            with write_whole(self.folder / _MARK) as part:
                part.write_text(json.dumps({"format": _FORMAT}) + "\n", "utf-8")
        self.states.begin()
        errors: dict[str, str] = {}
        for one in self._outcomes(processes, measure):
            if isinstance(one, JobEnd) and one.error is not None:
                errors[one.label] = one.error
            yield one
        _write_tables(self.pairs, self.folder, self.settings.tables, errors)

    def _outcomes(
        self, processes: int, measure: Measure
    ) -> Generator[JobProgress | JobEnd, None, None]:
        todo = []
        for pair in self.pairs:
            error = _why_not_ours(self.folder / pair.label)
            if pair.label in self._current:
                end = JobEnd(pair.label, "up to date")
                if self.states.state(pair.label) != "done":
                    self.states.put(pair.label, "done")
            elif error is not None:
                end = JobEnd(pair.label, "failed", error=error)
                self.states.put(pair.label, "failed", error=error)
            else:
                todo.append(pair)
                continue
            yield end
        do = partial(_measure_and_keep, self.folder, self.settings, measure)
        yield from run_local(
            do, self._groups(todo), processes, self.states, self._write_pairs, compute_alone
        )

    def _groups(self, pairs: Sequence[NamedPair]) -> list[tuple[NamedPair, ...]]:
        """Leave pairs of a natural clip to one process, where its nulls are measured, too."""
        if not self.settings.beside_nulls:
            return [(pair,) for pair in pairs]
        groups: dict[Path, list[NamedPair]] = {}
        # a crash takes the rest of its group with it, so what has failed before comes last
        for pair in sorted(pairs, key=lambda pair: "error" in self.states.get(pair.label)):
            groups.setdefault(pair.natural_path, []).append(pair)
        return [tuple(group) for group in groups.values()]

    def _write_pairs(self) -> None:
        """Write which label is which clip, and how each pair stands."""
        write_shared_table(
            self.folder / PAIRS,
            (*_NAMES, "state"),
            lambda: (
                {**_name_parts(one), "state": self.states.state(one.label)} for one in self.pairs
            ),
        )


def _measure_and_keep(
    folder: Path, settings: Settings, measure: Measure, pairs: Sequence[NamedPair]
) -> Generator[JobProgress | JobEnd, None, None]:
    states = States(folder)
    for pair in pairs:
        began = time.monotonic()
        with hold_signals():
            states.put(pair.label, "running")
        yield JobProgress((pair.label,), 0.0)
        try:
            result = measure(pair, settings)
        except Exception as error:
            # the others of the group are not to be lost with it
            message = in_words(error)
            states.put(pair.label, "failed", error=message)
            yield JobEnd(pair.label, "failed", error=message)
            continue
        seconds = time.monotonic() - began
        with hold_signals():
            _write(folder / pair.label, result)
            states.put(pair.label, "done", seconds=seconds)
        yield JobEnd(pair.label, "done", seconds, notes=tuple(result.record["notes"]))


def _name_parts(pair: NamedPair) -> dict[str, str]:
    return {name: getattr(pair, name) for name in _NAMES}


@lru_cache(maxsize=1)
def _natural_features(path: Path, sha256: str, alignment: Alignment) -> Features:
    """Measure a natural clip; samples that were made of it follow each other."""
    return features(alignment.open(path))


def _identity(pair: NamedPair, settings: Settings, hashed: Callable[[Path], str]) -> dict[str, Any]:
    """Describe all that a result depends on."""

    def clip(name: str, path: Path) -> dict[str, Any]:
        sidecar = sidecar_path(path)
        return {
            "path": name,
            "sha256": hashed(path),
            "sidecar_sha256": sha256_of_file(sidecar) if sidecar.is_file() else None,
        }

    return {
        "format": _FORMAT,
        "label": pair.label,
        "natural": clip(pair.natural, pair.natural_path),
        "other": clip(pair.other, pair.other_path),
        "settings": _describe(settings, hashed),
    }


def _describe(settings: Settings, hashed: Callable[[Path], str]) -> dict[str, Any]:
    """Write settings as JSON has them, with the hashes of files of weights."""
    described: dict[str, Any] = {"frames": settings.frames, "max_side": settings.max_side}
    described |= settings.levels.as_dict()
    named = [one.weights for one in (*settings.models, *settings.judges)]
    if settings.models:
        described["models"] = [asdict(one) for one in settings.models]
        described["cka"] = asdict(settings.cka)
    if settings.beside_nulls:
        described["measures"] = list(settings.measures)
        described["judges"] = [asdict(one) for one in settings.judges]
        described["streams"] = [
            [kind, one.model_dump(mode="json")] for kind, one in settings.streams
        ]
        named += [one.weights for _, one in settings.streams if one.weights]
    if settings.models or settings.beside_nulls:
        nulls = (*sample_clips(), *settings.null)
        described["null"] = [hashed(path) for path in nulls if path.exists()]
    if settings.prediction is not None:
        described["prediction"] = asdict(settings.prediction)
        named.append(settings.prediction.weights)
    if named:
        files = {name: Path(name) for name in named}
        described["weights"] = {name: hashed(p) for name, p in files.items() if p.is_file()}
        described["device"] = settings.device
    return dict(json.loads(json.dumps(described)))


def _is_current(
    place: Path, pair: NamedPair, settings: Settings, hashed: Callable[[Path], str]
) -> bool:
    """Say whether measuring now would give what is there."""
    try:
        record = json.loads(decode_text((place / RECORD).read_bytes()))
        # hashing takes a while, so only where there is something to compare with
        identity = _identity(pair, settings, hashed)
    except (OSError, ValueError, RecursionError):
        return False
    wanted = (*settings.tables, RECORD)
    if not isinstance(record, dict) or not all((place / name).is_file() for name in wanted):
        return False
    return not Fingerprint(identity).difference(record)


def _check(pairs: Sequence[NamedPair], folder: Path, settings: Settings) -> None:
    if settings.frames is not None:
        parse_range(settings.frames, 2**62, "the clips")
    fit_size(2**31, 2**31, settings.max_side)
    seen = {label_key(name): f"a file of the batch, {name}" for name in _OF_A_BATCH}
    for pair in pairs:
        key = label_key(pair.label)
        if key in seen:
            raise InputError(f"the label {pair.label!r} is that of {seen[key]}. Choose another.")
        seen[key] = f"{pair.natural} and {pair.other}"
    if not folder.exists():
        check_output(folder, overwrite=True)
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; results go to a folder. Choose another name.")
    check_output(folder / _MARK, overwrite=True)
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    ours = _OF_A_BATCH if _MARK in names else set()
    for name in names:
        if name not in ours and not (ours and (folder / name / RECORD).is_file()):
            raise InputError(
                f"{folder} holds {name!r}, which is no result of an earlier batch. Choose another "
                "folder, or move it away."
            )


def _why_not_ours(place: Path) -> str | None:
    """Say what would be lost if a pair's folder were replaced."""
    if not place.is_dir():
        return None
    others = sorted(e.name for e in place.iterdir() if e.name not in _OF_A_PAIR)
    foreign = [name for name in others if not name.startswith(".")]
    if not foreign:
        return None
    return f"{place} holds {foreign[0]!r}, which would be deleted. Move it away."


def _write(place: Path, measured: Measured) -> None:
    with write_whole(place, overwrite=True) as part:
        part.mkdir()
        for name, table in measured.tables.items():
            (part / name).write_text(table, "utf-8", newline="\n")
        text = json.dumps(measured.record, indent=1) + "\n"
        (part / RECORD).write_text(text, "utf-8", newline="\n")


def _write_tables(
    pairs: Sequence[NamedPair], folder: Path, wanted: Sequence[str], errors: Mapping[str, str]
) -> None:
    done = [folder / pair.label for pair in pairs if pair.label not in errors]
    # where every pair failed, what an earlier run has found stays as it is
    for name in TABLES if done else ():
        if name in wanted:
            _join([place / name for place in done], folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    if not errors:
        (folder / ERRORS).unlink(missing_ok=True)
        return
    failed = [
        {**_name_parts(one), "error": errors[one.label]} for one in pairs if one.label in errors
    ]
    with write_whole(folder / ERRORS, overwrite=True) as part:
        text = rows_as_text((*_NAMES, "error"), failed)
        part.write_text(text, "utf-8", newline="\n")


def _join(parts: Iterable[Path], path: Path) -> None:
    """Put tables of the same columns one after another; what two of them hold, once."""
    names: set[tuple[str, ...]] = set()
    columns: list[str] = []
    with write_whole(path, overwrite=True) as beside, _open(beside, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        for one in parts:
            header, *rows = _read_table(one)
            if not columns:
                columns = header
                writer.writerow(header)
            if header != columns:
                raise _damage_error(one, "its columns are not those of the others")
            places = [header.index(name) for name in ("clip", "reference") if name in header]
            new = set()
            for row in rows:
                name = tuple(row[place] for place in places)
                if name not in names:
                    new.add(name)
                    writer.writerow(row)
            names |= new


def _read_table(path: Path) -> list[list[str]]:
    """Read a table of a pair, its header first."""
    try:
        with _open(path, "r") as source:
            rows = list(csv.reader(source))
    except (ValueError, csv.Error) as error:
        raise _damage_error(path, str(error)) from error
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise _damage_error(path, "its rows are not as long as its header")
    return rows


def _damage_error(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} is damaged ({why}). Delete {path.parent}: the same command measures the pair anew."
    )


def _open(path: Path, mode: str) -> Any:
    encoding = "utf-8-sig" if mode == "r" else "utf-8"
    return open(path, mode, encoding=encoding, newline="")
