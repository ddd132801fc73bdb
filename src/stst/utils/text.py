"""Foreign text: decoded in one way, and made fit to be shown, whatever names and files hold."""

from __future__ import annotations

import ast
import codecs
import datetime
import re
from collections.abc import Callable

#: Control characters, halves of characters, and what turns the direction of writing; line breaks
#: and tabs among them.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_SETTING = re.compile(r"`([a-z_]\w*(?:\.\w+)*)(?:=([^`]+))?`")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def join_lines(text: str, longest: int | None = None) -> str:
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
    shown = UNPRINTABLE.sub(_escape, text)
    if longest is None or len(shown) <= longest:
        return shown
    return f"{shown[: longest * 2 // 3]} … {shown[-(longest // 3) :]}"


def format_value(value: object, longest: int = 200) -> str:
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
    shown = _format(value)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def reword_settings(text: str, reword: Callable[[str, str | None], str | None]) -> str:
    """Put other words for the settings that a message names in backticks, as Python writes them.

    Parameters
    ----------
    text
        A message, with ``name``, ``key.name`` or ``name=value`` in backticks.
    reword
        Takes the name and the value as it is written, None where there is none. Gives what stands
        in place of both and their backticks, or None to leave them.

    Returns
    -------
    str
        The message; whole commands in backticks stay as they are.

    Examples
    --------
    >>> from stst.utils.text import reword_settings
    >>> reword_settings("Give `overwrite=True`.", lambda name, value: f"--{name}")
    'Give --overwrite.'
    """

    def put(found: re.Match[str]) -> str:
        words = reword(found[1], found[2])
        return found[0] if words is None else words

    return _SETTING.sub(put, text)


def setting_value(text: str) -> object:
    """Read the value that a message gives a setting; what Python would not read is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _format(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime | datetime.date):
        return f"the date {value.isoformat()}"
    if isinstance(value, datetime.time):
        return f"the time {value.isoformat()}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_format(one)}" for key, one in value.items()) + "}"
    return repr(value)


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"


_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# in Latin letters of UTF-16, every other byte is 0
_WIDE_LETTERS = re.compile(rb"(?:[\t\n\r -\x7e]\0){2,}|(?:\0[\t\n\r -\x7e]){2,}")
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def decode_text(data: bytes) -> str:
    """Decode a file in UTF-8, with or without the mark that editors of Windows put before it.

    Parameters
    ----------
    data
        All of the file.

    Returns
    -------
    str
        Without the mark; line ends are as they are in the file.

    Raises
    ------
    ValueError
        If it is no text in UTF-8; says in words what it is, and what to do.
    """
    if data.startswith(_WIDE) or _WIDE_LETTERS.match(data):
        raise ValueError(
            "not a text file in UTF-8 but in UTF-16, as Excel's 'Unicode Text', Notepad's "
            "'Unicode' and PowerShell's > write it. Save it as UTF-8 (in Excel 'CSV UTF-8')."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if _BINARY.search(data):
            raise ValueError("not a text file in UTF-8, nor any text.") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"not a text file in UTF-8: line {line} holds the byte {data[error.start]:#04x}, as "
            "in Latin-1 and Windows-1252. Save it as UTF-8 (in Excel 'CSV UTF-8')."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(
            f"not a text file in UTF-8: line {line} holds NUL bytes, as a file does that was cut "
            "off by a crash. Copy or save it again."
        )
    return text
