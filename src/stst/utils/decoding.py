"""Text files that people and other programs wrote, read in one way."""

from __future__ import annotations

import codecs
import re

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# in Latin letters of UTF-16, every other byte is 0
_WIDE_LETTERS = re.compile(rb"(?:[\t\n\r -\x7e]\0){2,}|(?:\0[\t\n\r -\x7e]){2,}")
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")


def decoded_text(data: bytes) -> str:
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
