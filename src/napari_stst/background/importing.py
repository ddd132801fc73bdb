"""The task of a worker process that takes files of weights which the user has."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import Stop, StopAskedError, Tell

if TYPE_CHECKING:
    from stst.weights import Entry


def import_weights(
    paths: Sequence[str], names: Sequence[str], tell: Tell, stop: Stop, anyway: bool = False
) -> Result:
    """Import files as weights, as ``stst weights import`` does; needs no network.

    Parameters
    ----------
    paths
        Of the files.
    names
        Entries of the registry that are wanted; which of them a file is, its published hash says,
        else its name, else what it holds.
    tell
        Called with every `Step`.
    stop
        Asked before every file.
    anyway
        Whether a file is taken that is not the published one.

    Returns
    -------
    Result
        ``imported``, a dictionary of paths by name, and ``other``, a dictionary of sentences by
        path: files that were not taken, since their publisher's hash is another.

    Raises
    ------
    InputError
        If a file is none of these weights.
    """
    from stst.weights import get_entry, import_file
    from stst.weights.locate import digest

    imported: dict[str, str] = {}
    other: dict[str, str] = {}
    for place, path in enumerate(map(Path, paths)):
        if stop():
            raise StopAskedError
        tell(Step(f"reading {path.name}", place / len(paths), {}))
        entry = _find_entry(path, [get_entry(name) for name in names])
        published = entry.hash
        if published is not None and not anyway:
            found = digest(path, published.algorithm)
            if not published.agrees(found):
                other[str(path)] = (
                    f"{path.name} is not the {entry.name} that was published: expected "
                    f"{published}, found {published.algorithm}:{found}."
                )
                continue
        imported[entry.name] = str(import_file(path, entry.name, overwrite=True).path)
    return Result({"imported": imported, "other": other})


def _find_entry(path: Path, entries: Sequence[Entry]) -> Entry:
    """Say which weights a file is."""
    from stst.errors import InputError
    from stst.weights.load import read_as
    from stst.weights.locate import digest

    for entry in entries:
        if entry.hash is not None and entry.hash.agrees(digest(path, entry.hash.algorithm)):
            return entry
    for entry in entries:
        if any(fnmatch(path.name, name) for name in (entry.file, entry.converted, *entry.also)):
            return entry
    if len(entries) == 1:
        return entries[0]
    for entry in entries:
        # any tensors would do for weights that are kept as they are
        if entry.layout == "as-is":
            continue
        try:
            read_as(path, entry)
        except InputError:
            continue
        return entry
    files = " or ".join(f"{entry.file} ({entry.name})" for entry in entries)
    raise InputError(
        f"{path.name} is none of the weights that are missing, as far as its hash, its name and "
        f"its tensors tell. Expected {files}."
    )
