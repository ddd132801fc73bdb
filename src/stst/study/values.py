"""What was measured of every stimulus, read from the tables of a set."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stst.analysis.evidence.quantities import quantity_of
from stst.analysis.evidence.values import Key, Value, collect_values, read_number
from stst.analysis.settings import COMPARISON, TABLES
from stst.errors import InputError
from stst.utils.files import as_text
from stst.utils.text import decode_text

#: Features whose mean over frames a study compares as a ratio.
_RATIOS = ("pixel_intensity", "contrast", "pixel_change", "flow_magnitude")

#: What a judge calls a clip: number of the class, and its probability.
NAMES = ("prediction.class.clip", "prediction.probability.clip")

_Row = Mapping[str, str]


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
        Of all measures that a study asks for, see `stst.analysis.evidence.quantities`, and `NAMES`.

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
        return collect_values(rows, table, other)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        raise InputError(
            f"{path} is damaged ({error}). Delete {path.parent}: the same command measures the "
            "stimulus anew."
        ) from error


def _ratios(rows: Iterable[_Row]) -> Iterator[tuple[Key, Value]]:
    """Divide means of features, over frames that both clips have."""
    known = {row["measure"]: read_number(row["value"]) for row in rows}
    for name in _RATIOS:
        natural, value = known[f"{name}.natural_mean"], known[f"{name}.other_mean"]
        ratio = value / natural if natural else float("nan")
        yield Key(COMPARISON, f"{name}.ratio"), Value(ratio)
