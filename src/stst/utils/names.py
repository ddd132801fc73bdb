"""Names of what a batch makes, safe on any system; and which entries of a folder are clips."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from stst.video.formats.arrays import ARRAY_SUFFIXES
from stst.video.formats.ffmpeg import VIDEO_SUFFIXES
from stst.video.formats.pictures import PICTURE_SUFFIXES

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


def clip_stem(entry: Path) -> str | None:
    """Give the stem of an entry of a folder that is a clip, in Unicode's form NFC; else None.

    Clips are video files, arrays, and folders of pictures. Hidden files, previews, unfinished
    runs and sidecars are none.
    """
    name = entry.name
    if name.startswith(".") or name.lower().endswith((".preview.mp4", ".run")):
        return None
    if entry.is_dir():
        return unicodedata.normalize("NFC", name) if _has_pictures(entry) else None
    if entry.suffix.lower() not in (*VIDEO_SUFFIXES, *ARRAY_SUFFIXES):
        return None
    return unicodedata.normalize("NFC", entry.stem)


def _has_pictures(folder: Path) -> bool:
    return any(
        entry.suffix.lower() in PICTURE_SUFFIXES and not entry.name.startswith(".")
        for entry in folder.iterdir()
    )
