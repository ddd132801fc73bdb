"""Import files into the cache, and say what is there and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stst.errors import InputError, StstError
from stst.weights.locate import (
    FoundWeights,
    cache_dir,
    digest,
    elsewhere,
    examine,
    find,
    mismatch,
    write_record,
)
from stst.weights.registry import REGISTRY, Entry, get_entry

State = Literal["verified", "unverified", "mismatch", "unusable", "missing"]


@dataclass(frozen=True)
class Status:
    """How one entry of the registry stands on this machine.

    Attributes
    ----------
    entry
        Which.
    state
        ``verified``, ``unverified`` and ``mismatch`` as in `FoundWeights`; ``unusable``: cannot
        be read, holds something else, or must be imported first; ``missing``.
    path, size
        The file and its bytes, or None.
    message
        What is wrong; empty when nothing is.
    """

    entry: Entry
    state: State
    path: Path | None = None
    size: int | None = None
    message: str = ""

    @property
    def usable(self) -> bool:
        """Whether loading can be expected to succeed."""
        return self.state in ("verified", "unverified")

    def as_dict(self) -> dict[str, Any]:
        """Describe it in values that JSON has."""
        published = self.entry.hash
        return {
            "name": self.entry.name,
            "state": self.state,
            "path": None if self.path is None else str(self.path),
            "size": self.size,
            "download_size": self.entry.size,
            "url": self.entry.url,
            "hash": None if published is None else f"{published.algorithm}:{published.digits}",
            "licence": self.entry.licence,
            "message": self.message,
        }


def list_weights() -> list[Status]:
    """Say for every entry where it is and whether its hash matches, without reading tensors."""
    return [_status(entry) for entry in REGISTRY.values()]


def verify(name: str) -> Status:
    """Check one entry's hash, and that its file can be read and holds what it should.

    Parameters
    ----------
    name
        Of an entry.

    Returns
    -------
    Status
        With what was found.

    Raises
    ------
    InputError
        If there is no such entry.
    """
    status = _status(get_entry(name))
    if not status.usable:
        return status
    from stst.weights.load import load_tensors

    try:
        load_tensors(name)
    except InputError as error:
        return Status(status.entry, "unusable", status.path, status.size, str(error))
    return status


def _status(entry: Entry) -> Status:
    try:
        found = find(entry.name)
        if found is None and (link := elsewhere(entry)):
            return Status(entry, "unusable", message=link)
        if found is None:
            return Status(entry, "missing", message=f"{entry.file} is not on this machine")
        size = found.path.stat().st_size
    except (InputError, OSError) as error:
        return Status(entry, "unusable", message=str(error))
    message = mismatch(found) if found.hash_state == "mismatch" else ""
    return Status(entry, found.hash_state, found.path, size, message)


def import_file(path: Path | str, name: str, overwrite: bool = False) -> FoundWeights:
    """Convert a file that the user trusts to safetensors in the cache.

    Parameters
    ----------
    path
        HDF5, npz, safetensors, or a file of torch that holds a state dictionary.
    name
        The entry it holds; decides names, shapes and input convention.
    overwrite
        Whether an earlier import may be replaced.

    Returns
    -------
    FoundWeights
        The file made. ``verified`` if the original was the published one.

    Raises
    ------
    InputError
        If there is no such file or entry, the file is damaged or does not fit the entry, or an
        earlier import would be replaced.
    StstError
        If the cache cannot be written.
    """
    from stst.weights.formats import write_safetensors
    from stst.weights.load import read_as

    entry, path = get_entry(name), Path(path).expanduser()
    tensors, convention = read_as(path, entry)
    original = digest(path, "sha256")
    verified = entry.hash is not None and entry.hash.agrees(digest(path, entry.hash.algorithm))
    described = {
        "name": entry.name,
        "layout": entry.layout,
        "convention": convention,
        "original_file": path.name,
        "original_sha256": original,
    }
    target = writable_cache() / entry.converted
    write_safetensors(target, tensors, described, overwrite)
    write_record(target, {**described, "sha256": digest(target, "sha256"), "verified": verified})
    return examine(entry, target, "cache")


def writable_cache() -> Path:
    """Make the cache folder.

    Raises
    ------
    StstError
        If it cannot be made.
    """
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StstError(
            f"{folder}: the cache folder cannot be made ({error.strerror or error}). Set "
            "STST_CACHE_DIR to a folder that can be written."
        ) from error
    return folder
