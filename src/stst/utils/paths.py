"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(name: str) -> str:
    """Write a name that begins with ``~``, for the home folder, in full.

    Parameters
    ----------
    name
        Of a file or folder; a slash at its end stays.

    Returns
    -------
    str
        The same where there is no such user, or something is really called so.
    """
    begins = name.startswith("~") and not os.path.lexists(name)
    return os.path.expanduser(name) if begins else name


def written_path(name: Path | str, folder: Path = Path()) -> Path:
    r"""Give the input that somebody wrote in a file, an option or a field.

    Parameters
    ----------
    name
        As it was written: ``~/clip.mkv`` lies in the home folder, and ``sub\clip.mkv`` of Windows
        is ``sub/clip.mkv`` elsewhere if that exists. What is really called so goes first.
    folder
        What relative names are relative to.

    Returns
    -------
    Path
        It need not exist.
    """
    literal = folder / name
    if os.path.lexists(literal):
        return literal
    full = folder / at_home(str(name))
    if os.sep != "\\" and "\\" in str(name):
        other = folder / at_home(str(name).replace("\\", "/"))
        if os.path.lexists(other):
            return other
    return full
