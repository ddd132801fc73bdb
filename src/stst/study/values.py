"""What was measured of every stimulus, read from the tables of a set."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stst.analysis.nulls import NULL
from stst.analysis.settings import CKA, COMPARISON, PREDICTION, RECOGNITION, TABLES
from stst.errors import InputError
from stst.study.quantities import quantity_of
from stst.utils.files import as_text
from stst.utils.text import decode_text

#: Features whose mean over frames a study compares as a ratio.
_RATIOS = ("pixel_intensity", "contrast", "pixel_change", "flow_magnitude")

#: What a judge calls a clip: number of the class, and its probability.
NAMES = ("prediction.class.clip", "prediction.probability.clip")

_Row = Mapping[str, str]


class Key(NamedTuple):
    """Which measure, in which layer of which model; these are empty where there is none."""

    table: str
    measure: str
    model: str = ""
    layer: str = ""

    @property
    def where(self) -> str:
        """Name layer and model, without how the latter was set up."""
        return f"{self.layer} {self.model.partition(' [')[0]}".strip()


class Null(NamedTuple):
    """Where a null of one kind lies."""

    mean: float
    low: float
    high: float


@dataclass
class Value:
    """A measure of one stimulus.

    Attributes
    ----------
    value
        NaN where it is undefined.
    natural
        That of the natural clip; NaN where a measure is one of two clips.
    nulls
        By kind.
    frames
        By number of the frame, where frames have values.
    unit
        As in tables.
    """

    value: float = float("nan")
    natural: float = float("nan")
    nulls: dict[str, Null] = field(default_factory=dict)
    frames: dict[int, float] = field(default_factory=dict)
    unit: str = "1"


def read_values(folder: Path, other: str) -> dict[Key, Value]:
    """Read the tables of a pair.

    Parameters
    ----------
    folder
        Of the pair.
    other
        The stimulus, as it was named.

    Returns
    -------
    dict
        Of all measures that a study asks for, see `stst.study.quantities`, and `NAMES`.

    Raises
    ------
    InputError
        If a table is damaged.
    """
    values: dict[Key, Value] = {}
    for table in TABLES:
        path = folder / table
        if path.is_file():
            for key, value in _read_table(path, table, as_text(other)).items():
                if key.measure in NAMES or quantity_of(table, key.measure) is not None:
                    values[key] = value
    return values


def _read_table(path: Path, table: str, other: str) -> dict[Key, Value]:
    try:
        rows = list(csv.DictReader(decode_text(path.read_bytes()).splitlines()))
        if table == COMPARISON:
            return dict(_ratios(rows))
        return _collect(rows, table, other)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{path} is damaged ({error}). Delete {path.parent}: the same command measures the "
            "stimulus anew."
        ) from error


def _ratios(rows: Iterable[_Row]) -> Iterator[tuple[Key, Value]]:
    """Divide means of features, over frames that both clips have."""
    known = {row["measure"]: _number(row["value"]) for row in rows}
    for name in _RATIOS:
        natural, value = known[f"{name}.natural_mean"], known[f"{name}.other_mean"]
        ratio = value / natural if natural else float("nan")
        yield Key(COMPARISON, f"{name}.ratio"), Value(ratio)


def _collect(rows: Iterable[_Row], table: str, other: str) -> dict[Key, Value]:
    values: dict[Key, Value] = {}
    natural_frames: dict[Key, list[float]] = {}
    for row in rows:
        base = row["measure"].removesuffix(NULL)
        key = _key_of(row, base, table)
        value = values.setdefault(key, Value())
        value.unit = row["unit"]
        number = _number(row["value"])
        if row["measure"] != base:
            ends = (_number(row.get(column)) for column in ("null_low", "null_high"))
            value.nulls[row["null_kind"]] = Null(number, *ends)
            continue
        of_natural, of_other = _whose(row, other)
        frame = row.get("frame")
        if frame and of_natural:
            natural_frames.setdefault(key, []).append(number)
        elif of_natural:
            value.natural = number
        if frame and of_other:
            mean_of = values.setdefault(key._replace(measure=_mean_name(base, table)), Value())
            mean_of.frames[int(frame)] = number
        elif of_other:
            value.value = number
    if _in_frames(table):
        _average_frames(values, natural_frames)
    return values


def _key_of(row: _Row, base: str, table: str) -> Key:
    # measures of frames alone have no row for the clip
    name = f"{base}.mean" if _in_frames(table) else base
    return Key(table, name, row.get("model") or "", row.get("layer") or "")


def _whose(row: _Row, other: str) -> tuple[bool, bool]:
    """Say whether a row is the natural clip's, and the stimulus's; both, where they are one."""
    clip, reference = row["clip"], row.get("reference")
    return not reference or clip == reference, clip == other and bool(reference)


def _average_frames(values: Mapping[Key, Value], natural_frames: Mapping[Key, list[float]]) -> None:
    """Fill in means over frames, where the table has no row for the clip."""
    for key, one in values.items():
        if one.frames:
            one.value = _mean(one.frames.values())
            one.natural = _mean(natural_frames.get(key, ()))


def _in_frames(table: str) -> bool:
    return table in (CKA, PREDICTION)


def _mean_name(measure: str, table: str) -> str:
    """Name the row of the clip that belongs to a measure of frames."""
    return f"{measure}.clip" if table == RECOGNITION else f"{measure}.mean"


def _number(text: str | None) -> float:
    return float(text) if text else float("nan")


def _mean(values: Iterable[float]) -> float:
    known = [one for one in values if not np.isnan(one)]
    return float(np.mean(known)) if known else float("nan")
