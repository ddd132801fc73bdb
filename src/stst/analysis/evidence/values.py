"""What was measured of a stimulus, gathered from the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from stst.analysis.nulls import NULL
from stst.analysis.settings import CKA, PREDICTION, RECOGNITION

_Row = Mapping[str, Any]


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


def collect_values(rows: Iterable[_Row], table: str, other: str) -> dict[Key, Value]:
    """Gather what the rows of a table say of a stimulus.

    Parameters
    ----------
    rows
        Of a natural clip, of one stimulus made of it, and of the nulls beside that; as measures
        give them, or as they were read from a file.
    table
        Where they stand.
    other
        The stimulus, as rows name it. Where it has none, the nulls stand beside the natural clip.

    Returns
    -------
    dict
        Of every measure.
    """
    values: dict[Key, Value] = {}
    natural_frames: dict[Key, list[float]] = {}
    for row in rows:
        base = row["measure"].removesuffix(NULL)
        key = _key_of(row, base, table)
        value = values.setdefault(key, Value())
        value.unit = row["unit"]
        number = read_number(row["value"])
        if row["measure"] != base:
            ends = (read_number(row.get(column)) for column in ("null_low", "null_high"))
            value.nulls[row["null_kind"]] = Null(number, *ends)
            continue
        of_natural, of_other = _whose(row, other)
        frame = row.get("frame")
        of_frame = frame is not None and frame != ""
        if of_frame and of_natural:
            natural_frames.setdefault(key, []).append(number)
        elif of_natural:
            value.natural = number
        if of_frame and of_other:
            mean_of = values.setdefault(key._replace(measure=_mean_name(base, table)), Value())
            mean_of.frames[int(row["frame"])] = number
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


def read_number(cell: Any) -> float:
    """Read a cell of a table; an empty one is NaN."""
    return float("nan") if cell is None or cell == "" else float(cell)


def _mean(values: Iterable[float]) -> float:
    known = [one for one in values if not np.isnan(one)]
    return float(np.mean(known)) if known else float("nan")
