"""Names of what a batch makes, safe on any system."""

from __future__ import annotations

import unicodedata

# as a part of a path, a name may take 255 bytes on most systems
_LONGEST, _LONGEST_BYTES = 100, 200
_PUNCTUATION = "._- "
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"
}


def label_problem(label: str) -> str | None:
    """Say why a label cannot name a folder, on any system and inside the one it is meant for.

    Returns
    -------
    str or None
        The end of a sentence that began with the label; None for a good one.
    """
    if not label:
        return "is empty."
    odd = sorted({char for char in label if not _is_plain(char)})
    if odd:
        return (
            f"holds {' '.join(map(repr, odd))}. It names a folder: letters, digits, '.', '_', "
            "'-' and spaces are allowed."
        )
    if label[0] in ". " or label[-1] in ". ":
        return "begins or ends with a dot or a space. It names a folder."
    if len(label) > _LONGEST or len(label.encode()) > _LONGEST_BYTES:
        return (
            f"is too long ({len(label)} characters). At most {_LONGEST} are allowed "
            f"({_LONGEST_BYTES} bytes in UTF-8)."
        )
    if label.split(".")[0].strip().upper() in _DEVICES:
        return "is a name that Windows reserves for a device. Choose another."
    return None


def label_key(label: str) -> str:
    """Give what labels that name the same folder on some system have in common."""
    return unicodedata.normalize("NFC", label).casefold()


def usable(name: str) -> str:
    """Make a label of a name that nobody chose as one."""
    composed = unicodedata.normalize("NFC", name)
    return "".join(char if _is_plain(char) else "_" for char in composed).strip(". ")


def _is_plain(char: str) -> bool:
    # marks are parts of words in many scripts
    return char in _PUNCTUATION or unicodedata.category(char)[0] in "LMN"
