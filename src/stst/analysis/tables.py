"""Tidy tables: one value per row, the same columns everywhere."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stst.errors import InputError
from stst.utils.files import as_text, check_output, write_whole

if TYPE_CHECKING:
    import pandas as pd

#: In this order; those that do not apply to a table are left out.
COLUMNS = (
    "condition", "clip", "reference", "frame", "iteration", "time_s", "model", "layer", "measure",
    "value", "unit", "low", "high", "clips", "natural", "null_value", "null_low", "null_high",
    "null_kind", "null_clips", "null_pairs", "against", "p", "smallest_p", "verdict",
)  # fmt: skip
# whole numbers, also where some rows have none
_COUNTS = ("frame", "iteration", "clips", "null_clips", "null_pairs")
SUFFIXES = (".csv", ".parquet", ".json")


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a table of rows.

    Parameters
    ----------
    rows
        Each with some of `COLUMNS`. An undefined value is NaN.

    Returns
    -------
    pandas.DataFrame
        With the columns that any row has, in the order of `COLUMNS`. Bytes of a file name that
        are no text become ``�``, for no table could hold them.
    """
    import pandas as pd

    listed = [{key: _text(value) for key, value in row.items()} for row in rows]
    data = pd.DataFrame(listed, columns=_columns(listed) or list(COLUMNS))
    counts = [name for name in _COUNTS if name in data and data[name].dtype == float]
    return data.astype(dict.fromkeys(counts, "Int64"))


def check_table_output(path: Path, overwrite: bool = False) -> None:
    """Refuse a name that no table can be written to, before any work.

    Raises
    ------
    InputError
        If the suffix is none of `SUFFIXES`, or see `stst.utils.files.check_output`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path}: a table is written as {', '.join(SUFFIXES)}; found "
            f"{path.suffix or 'no suffix'!r}."
        )
    check_output(path, overwrite)


def write_table(data: pd.DataFrame, path: Path, overwrite: bool = False) -> None:
    """Write a table as its suffix says; it appears whole or not at all.

    Parameters
    ----------
    data
        Of `table`.
    path
        ``.csv`` (empty where undefined), ``.parquet``, or ``.json`` (a list of rows, null where
        undefined). Numbers keep all their digits.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        See `check_table_output`.
    """
    check_table_output(path, overwrite)
    suffix = path.suffix.lower()
    with write_whole(path, overwrite) as part:
        if suffix == ".parquet":
            data.to_parquet(part, index=False, engine="pyarrow")
        else:
            text = as_csv(data) if suffix == ".csv" else as_json(data)
            part.write_text(text, "utf-8", newline="\n")


def _text(value: object) -> object:
    return as_text(value) if isinstance(value, str) else value


def as_csv(data: pd.DataFrame) -> str:
    """Give a table as comma-separated values with a header."""
    text: str = data.to_csv(index=False, lineterminator="\n")
    return text


def rows_as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Give rows as `as_csv` gives their table, without the time that pandas takes to load."""
    listed = list(rows)
    columns = _columns(listed)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in listed:
        cells = [row.get(column, "") for column in columns]
        writer.writerow("" if cell != cell else cell for cell in cells)
    return text.getvalue()


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the columns that any row has, in order."""
    return [column for column in COLUMNS if any(column in row for row in rows)]


def as_json(data: pd.DataFrame) -> str:
    """Give a table as a JSON list of rows."""
    import pandas as pd

    # pandas would round to 15 digits; JSON has no word for what is infinite or not there
    rows = [
        {
            key: None
            if pd.isna(value) or (isinstance(value, float) and math.isinf(value))
            else value
            for key, value in row.items()
        }
        for row in data.to_dict("records")
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
