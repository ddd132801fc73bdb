"""Rows of text, as manifests list them: CSV, TSV or TOML. Nothing in them is executed.

What spreadsheets make of what is typed into them is told from what they have written.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.utils.diagnosis import read_text
from stst.utils.files import as_text
from stst.utils.text import format_value
from stst.utils.toml import toml_tree

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
    others: Callable[[str], str | None] | None = None,
) -> list[Row]:
    """Read a manifest.

    Parameters
    ----------
    path
        A CSV file with a header, the same separated by tabs, or TOML with tables ``[[table]]``;
        in UTF-8. CSV may be separated by semicolons, too, as spreadsheets write it where numbers
        have decimal commas.
    table
        What the rows are, in the plural, and how the tables are called in TOML.
    required
        Fields that every row has.
    optional
        Fields that a row may have; in CSV an empty cell stands for none.
    others
        Asked about names of other fields, which are keys of a config: gives None where a row may
        have it, and else a hint, or nothing.

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
    check_suffix(path)
    fields = _Fields(required, optional, others)
    if path.suffix.lower() == ".toml":
        rows = list(_toml_rows(path, table, fields))
    else:
        rows = list(_csv_rows(path, read_text(path, "manifest"), fields))
    if not rows:
        raise InputError(f"{path} lists no {table}. {fields}")
    return rows


def check_suffix(path: Path) -> None:
    """Refuse what cannot be a manifest by its name.

    Raises
    ------
    InputError
        Saying what to do.
    """
    suffix = path.suffix.lower()
    if suffix in SHEET_SUFFIXES:
        raise InputError(
            f"{path}: a {suffix} file is not read here. Save the sheet as 'CSV UTF-8' (.csv)."
        )
    if suffix not in MANIFEST_SUFFIXES:
        raise InputError(
            f"{path}: a manifest is a {', '.join(MANIFEST_SUFFIXES)} file; found "
            f"{suffix or 'no suffix'!r}."
        )


class _Fields:
    """Which fields there may be."""

    def __init__(
        self,
        required: Collection[str],
        optional: Collection[str],
        others: Callable[[str], str | None] | None,
    ) -> None:
        self.required, self.known = list(required), [*required, *optional]
        self.others = others

    def __str__(self) -> str:
        needs = f"needs {_list_items(self.required)}" if self.required else ""
        may = self.known[len(self.required) :]
        if self.others is not None:
            may = [*may, "any key of a config"]
        has = f"may have {_list_items(may)}" if may else ""
        return f"A row {', and '.join(part for part in (needs, has) if part)}."

    def allowed(self, name: str) -> bool:
        return name in self.known or (self.others is not None and self.others(name) is None)

    def check_names(self, where: str, names: Collection[str], kind: str) -> None:
        for name in names:
            if not self.allowed(name):
                raise InputError(f"{where}: unknown {kind} {name!r}{self._meant(name)}. {self}")
        for name in self.required:
            if name not in names:
                raise InputError(f"{where}: the {kind} {name!r} is missing. {self}")

    def _meant(self, name: str) -> str:
        lower = name.lower().replace(" ", "_")
        if lower != name and self.allowed(lower):
            return f" (it is written {lower!r}, in lower case)"
        close = difflib.get_close_matches(lower, self.known, n=1)
        if close:
            return f" (did you mean {close[0]!r}?)"
        hint = self.others(lower) if self.others is not None else None
        return f" ({hint})" if hint else ""

    def check_header(self, where: str, header: Sequence[str]) -> None:
        """Check the names of columns, or say that there are none."""
        if "" in header:
            place = header.index("") + 1
            pandas = (
                "; pandas writes its index so: write the table with index=False"
                if place == 1
                else ""
            )
            raise InputError(
                f"{where}: column {place} has no name{pandas}. Name it, or delete it. {self}"
            )
        if header[:1] == ["Unnamed: 0"]:
            raise InputError(
                f"{where}: the first column is an index that pandas wrote. Write the table with "
                "index=False, or delete the column."
            )
        lower = [name.lower().replace(" ", "_") for name in header]
        if header and not any(map(self.allowed, lower)) and re.search(r"[./\\]", header[0]):
            raise InputError(
                f"{where}: there is no header line; {header[0]!r} is no name of a column. Begin "
                f"the file with a line of names. {self}"
            )
        self.check_names(where, header, "column")
        if len(set(header)) < len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise InputError(f"{where}: the column {twice!r} comes twice.")

    def row(self, where: str, fields: Mapping[str, str]) -> Row:
        """Check the values; leave out empty ones."""
        for name, value in fields.items():
            odd = next((char for char in value if ord(char) < 32 or ord(char) == 127), None)
            if odd is not None:
                raise InputError(f"{where}: {name} holds the control character {odd!r}.")
            if not value and name in self.required:
                raise InputError(f"{where}: {name} is empty.")
        return Row(where, {name: value for name, value in fields.items() if value})


def _list_items(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _csv_rows(path: Path, text: str, fields: _Fields) -> Iterator[Row]:
    separator, start = _separator(path, text)
    numbered = list(_csv_lines(path, text, separator, start))
    if not numbered:
        raise InputError(f"{path} is empty. It begins with a line of names of columns. {fields}")
    (where, header), *rows = numbered
    # a separator at the end of each line, or of the header alone
    lines = [header, *(cells for _, cells in rows)]
    while len(header) > 1 and not any(any(cells[len(header) - 1 :]) for cells in lines):
        header.pop()
    fields.check_header(where, header)
    for where, cells in rows:
        if len(cells) > len(header) and not any(cells[len(header) :]):
            cells = cells[: len(header)]
        if len(cells) != len(header):
            raise InputError(
                f"{where}: the header has {len(header)} cells ({', '.join(header)}), this line "
                f"{len(cells)}. A cell with {separator!r} in it goes in quotes."
            )
        yield fields.row(where, dict(zip(header, cells, strict=True)))


def _separator(path: Path, text: str) -> tuple[str, int]:
    """Tell what separates cells, and how many characters a line takes up that only says so."""
    said = re.match(r'"?sep=([,;\t|])"?[ \t]*\r?\n', text)  # for Excel
    if said:
        return said[1], said.end()
    usual = "," if path.suffix.lower() == ".csv" else "\t"
    header = next((line for line in text.splitlines() if line.strip()), "")
    return next((one for one in (usual, ";", "\t", ",") if one in header), usual), 0


def _csv_lines(
    path: Path, text: str, separator: str, start: int
) -> Iterator[tuple[str, list[str]]]:
    """Split lines into cells; skip those that are empty throughout."""
    before = 1 if start else 0
    reader = csv.reader(
        io.StringIO(text[start:], newline=""), delimiter=separator, strict=True,
        skipinitialspace=True,
    )  # fmt: skip
    try:
        for line in reader:
            cells = [cell.strip() for cell in line]
            if any(cells):
                yield f"{path}, line {before + reader.line_num}", cells
    except csv.Error as error:
        number = before + reader.line_num
        raise InputError(f"{path}, line {number}: {_trouble(str(error))}") from error


def _trouble(said: str) -> str:
    """Say what is wrong with a line that the csv module refuses in words of its own."""
    if said.startswith("field larger"):
        return (
            f"a cell holds more than {csv.field_size_limit()} characters. Is a quotation mark "
            "not closed?"
        )
    if said.startswith("unexpected end"):
        return (
            "a cell that begins with a quotation mark, here or in a line above, does not end "
            "with one. Close it, or leave the mark out."
        )
    return (
        "a cell goes on after its closing quotation mark. Within quotes a quotation mark is "
        'written twice: "".'
    )


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
    tables : list of tuple of str and dict
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
            raise InputError(f"{where}: found {format_value(entry)}; it must be a table.")
        found.append((where, entry))
    return found, tree


def _toml_rows(path: Path, table: str, fields: _Fields) -> Iterator[Row]:
    for where, entry in read_toml_tables(path, table)[0]:
        fields.check_names(where, entry, "key")
        for name, value in entry.items():
            if not isinstance(value, str):
                raise InputError(
                    f"{where}: {name} is {format_value(value)}; every field is text, in quotes."
                )
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


#: Files of spreadsheets themselves.
SHEET_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")

_AGAIN = "format its column as text there, and type it again"
_SPOILED = (
    (
        re.compile(r"\d{1,3}:\d\d(:\d\d([.,]\d+)?)?( ?[AaPp][Mm])?"),
        f"a spreadsheet makes a time of what is like 0:4; {_AGAIN}",
    ),
    (
        re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ].*)?|\d{1,2}[-. ][^\W\d_]{3,9}\.?"
                   r"|[^\W\d_]{3,9}\.?[- ]\d{1,4}"),
        f"a spreadsheet makes a date of what is like 1-2; {_AGAIN}",
    ),
    (
        re.compile(r"[+-]?\d+[.,]\d+[Ee]\+\d+"),
        f"a spreadsheet shortens long numbers; {_AGAIN}",
    ),
    (
        re.compile(r"[+-]?\d[\d.,'’ \u00a0\u202f]*[,'’ \u00a0\u202f][\d.,'’ \u00a0\u202f]*\d"),
        "decimals are written with a point, and thousands without separators",
    ),
)  # fmt: skip


def spreadsheet_hint(value: object) -> str:
    """Say what a spreadsheet may have done to a value that is not as it should be.

    Parameters
    ----------
    value
        As it was found.

    Returns
    -------
    str
        Half a sentence with what to do; empty where nothing of the kind is to be seen.
    """
    text = value.strip() if isinstance(value, str) else ""
    return next((hint for pattern, hint in _SPOILED if pattern.fullmatch(text)), "")
