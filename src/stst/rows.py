"""Rows of text, as manifests list them: CSV, TSV or TOML. Nothing in them is executed."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stst.diagnosis import read_text
from stst.errors import InputError
from stst.files import as_text
from stst.toml import toml_tree

#: Of manifests.
MANIFEST_SUFFIXES = (".csv", ".tsv", ".toml")


class Row(dict[str, str]):
    """The fields of one row that are not empty.

    Attributes
    ----------
    where
        The file and the place in it, for messages.
    """

    def __init__(self, where: str, fields: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.where = where


def read_rows(
    path: Path,
    table: str,
    required: Collection[str],
    optional: Collection[str],
    others: bool = False,
) -> list[Row]:
    """Read a manifest.

    Parameters
    ----------
    path
        A CSV file with a header, the same separated by tabs, or TOML with tables ``[[table]]``;
        in UTF-8.
    table
        What the rows are, in the plural, and how the tables are called in TOML.
    required
        Fields that every row has.
    optional
        Fields that a row may have; in CSV an empty cell stands for none.
    others
        Whether a row may have other fields as well.

    Returns
    -------
    list of Row
        At least one. Space around a field is left out.

    Raises
    ------
    InputError
        If the file cannot be read, a field is unknown, missing, empty or no text, or there are no
        rows. Names the file, the line (in TOML the number of the table, from 1) and the field.
    """
    suffix = path.suffix.lower()
    if suffix not in MANIFEST_SUFFIXES:
        raise InputError(
            f"{path}: a manifest is a {', '.join(MANIFEST_SUFFIXES)} file; found "
            f"{suffix or 'no suffix'!r}."
        )
    fields = _Fields(required, optional, others)
    if suffix == ".toml":
        rows = list(_toml_rows(path, table, fields))
    else:
        rows = list(
            _csv_rows(path, read_text(path, "manifest"), "," if suffix == ".csv" else "\t", fields)
        )
    if not rows:
        raise InputError(f"{path} lists no {table}. It needs {fields}.")
    return rows


class _Fields:
    """Which fields there may be."""

    def __init__(self, required: Collection[str], optional: Collection[str], others: bool) -> None:
        self.required, self.known = list(required), [*required, *optional]
        self.others = others

    def __str__(self) -> str:
        optional = self.known[len(self.required) :]
        extra = f"; optional: {', '.join(optional)}" if optional else ""
        return f"{', '.join(self.required)}{extra}"

    def check_names(self, where: str, names: Collection[str], kind: str) -> None:
        for name in names:
            if name not in self.known and not (self.others and name):
                close = difflib.get_close_matches(name.lower(), self.known, n=1)
                meant = f" (did you mean {close[0]!r}?)" if close else ""
                raise InputError(f"{where}: unknown {kind} {name!r}{meant}. Allowed are {self}.")
        for name in self.required:
            if name not in names:
                raise InputError(f"{where}: the {kind} {name!r} is missing. Needed are {self}.")

    def row(self, where: str, fields: Mapping[str, str]) -> Row:
        """Check the values; leave out empty ones."""
        for name, value in fields.items():
            odd = next((char for char in value if ord(char) < 32 or ord(char) == 127), None)
            if odd is not None:
                raise InputError(f"{where}: {name} holds the control character {odd!r}.")
            if not value and name in self.required:
                raise InputError(f"{where}: {name} is empty.")
        return Row(where, {name: value for name, value in fields.items() if value})


def _csv_rows(path: Path, text: str, separator: str, fields: _Fields) -> Iterator[Row]:
    lines = _csv_lines(path, text, separator)
    where, header = next(lines, (f"{path}, line 1", []))
    if len(header) == 1:
        other = next((one for one in (",", ";", "\t") if one in header[0]), None)
        if other is not None:
            raise InputError(
                f"{where}: the columns are separated by {other!r}. A .csv file has commas, a .tsv "
                "file has tabs."
            )
    fields.check_names(where, header, "column")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(f"{where}: the column {twice!r} comes twice.")
    for where, cells in lines:
        if len(cells) != len(header):
            raise InputError(
                f"{where}: the header has {len(header)} cells ({', '.join(header)}), this line "
                f"{len(cells)}. A cell with {separator!r} in it goes in quotes."
            )
        yield fields.row(where, dict(zip(header, cells, strict=True)))


def _csv_lines(path: Path, text: str, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Split lines into cells; skip those that are empty throughout."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    try:
        for line in reader:
            cells = [cell.strip() for cell in line]
            if any(cells):
                yield f"{path}, line {reader.line_num}", cells
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not readable ({error}).") from error


def read_toml_tables(
    path: Path, table: str, others: Collection[str] = ()
) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, Any]]:
    """Read a manifest in TOML, values as they are.

    Parameters
    ----------
    path
        A TOML file in UTF-8.
    table
        What tables ``[[table]]`` are called.
    others
        Further keys that may stand at the top level.

    Returns
    -------
    tables : list of (str, dict)
        Where each is, for messages, and what it holds.
    rest : dict
        What stands under the further keys.

    Raises
    ------
    InputError
        If the file cannot be read, is no TOML, or holds another key.
    """
    text = read_text(path, "manifest")
    try:
        tree = toml_tree(text)
    except ValueError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    further = "".join(f" and [{key}]" for key in others)
    for key in tree:
        if key != table and key not in others:
            raise InputError(
                f"{path}: unknown key {key!r}; allowed are tables [[{table}]]{further}."
            )
    entries = tree.pop(table, [])
    if not isinstance(entries, list):
        raise InputError(f"{path}: {table} must be written as tables [[{table}]].")
    found = []
    for number, entry in enumerate(entries, 1):
        where = f"{path}, [[{table}]] {number}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: found {entry!r}; it must be a table.")
        found.append((where, entry))
    return found, tree


def _toml_rows(path: Path, table: str, fields: _Fields) -> Iterator[Row]:
    for where, entry in read_toml_tables(path, table)[0]:
        fields.check_names(where, entry, "key")
        for name, value in entry.items():
            if not isinstance(value, str):
                raise InputError(f"{where}: {name} is {value!r}; every field is text, in quotes.")
            if not value.strip():
                raise InputError(f"{where}: {name} is empty.")
        yield fields.row(where, {name: value.strip() for name, value in entry.items()})


def rows_as_text(
    columns: Collection[str], rows: Iterable[Mapping[str, Any]], separator: str = ","
) -> str:
    """Write a table, as `read_rows` reads it.

    Parameters
    ----------
    columns
        The header.
    rows
        By column; cells that a row does not have stay empty.
    separator
        Between cells.

    Returns
    -------
    str
        With a line for each row.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        writer.writerow([as_text(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()
