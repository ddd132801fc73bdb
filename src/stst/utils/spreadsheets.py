"""What spreadsheets make of what is typed into them, told from what they have written."""

from __future__ import annotations

import re

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
