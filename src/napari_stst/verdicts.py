"""What went wrong with a run: the verdict first, in the words of the form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# what the command line offers, and what it is called here
_REMEDIES = {
    "Give --resume to continue it, or --overwrite to start anew.": "Name the same output again: "
    "resuming it, and starting anew, are offered.",
    "Give everything as it was, or start anew with --overwrite.": "Name the same output again and "
    "choose to start anew.",
    "Start anew with --overwrite.": "Name the same output again and choose to start anew.",
    "Give --overwrite to replace it, or choose another name.": "Choose another output.",
    "--resume continues it": "Resume continues it",
    "--max-side": "the longest side",
    "--target": "the class",
}


def in_form_words(text: str) -> str:
    """Say in words of the form what the command line says with its options.

    Parameters
    ----------
    text
        A message of the engine.

    Returns
    -------
    str
        The same without options: ``--set a.b=c`` becomes ``a.b = c``, ``--frames`` ``frames``.
    """
    for words, ours in _REMEDIES.items():
        text = text.replace(words, ours)
    text = re.sub(r"--set '?([\w.]+)=", r"\1 = ", text)
    return re.sub(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)", lambda m: m[1].replace("-", " "), text)


def shortened(text: str, paths: Iterable[Path | None]) -> str:
    """Leave the folders out of the names of files, for where there is little room.

    Parameters
    ----------
    text
        A message.
    paths
        Files whose folders are known to the user.
    """
    folders = {str(path.absolute().parent) for path in paths if path is not None}
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(f"{folder.rstrip('/')}/", "")
    return text
