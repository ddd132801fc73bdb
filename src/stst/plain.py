"""Foreign text made fit to be shown: names of files, and what files say, may hold anything."""

from __future__ import annotations

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


def _escaped(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"
