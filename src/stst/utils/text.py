"""Foreign text made fit to be shown: names of files, and what files say, may hold anything."""

from __future__ import annotations

import datetime
import re

#: Control characters, halves of characters, and what turns the direction of writing; line breaks
#: and tabs among them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str, longest: int | None = None) -> str:
    r"""Write text in one line that does nothing to a terminal.

    Parameters
    ----------
    text
        Anything.
    longest
        In characters; of more, the middle is left out. None for no limit.

    Returns
    -------
    str
        With ``\n`` for a line break and ``\u001b`` and the like for what cannot be printed, as JSON
        has them.
    """
    shown = UNPRINTABLE.sub(_escaped, text)
    if longest is None or len(shown) <= longest:
        return shown
    return f"{shown[: longest * 2 // 3]} … {shown[-(longest // 3) :]}"


def found_value(value: object, longest: int = 200) -> str:
    """Write a value as TOML and JSON files have it, not as Python does, for a message.

    Parameters
    ----------
    value
        What a file, an option or a caller gave.
    longest
        In characters; of more, the end is left out.

    Returns
    -------
    str
        One line: text in quotes, ``true``, ``nothing`` for None, ``the time 00:04:00``.
    """
    shown = _written(value)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def _written(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime | datetime.date):
        return f"the date {value.isoformat()}"
    if isinstance(value, datetime.time):
        return f"the time {value.isoformat()}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_written(one)}" for key, one in value.items()) + "}"
    return repr(value)


def _escaped(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"
