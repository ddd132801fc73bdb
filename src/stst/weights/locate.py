"""Find weights on this machine: ``STST_WEIGHTS_DIR`` first, then the cache."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stst.errors import InputError
from stst.utils.diagnosis import absent, json_fault, read_text, stand_in, there
from stst.utils.files import write_whole
from stst.weights.registry import REGISTRY, Entry, get_entry, how_to_get

Place = Literal["STST_WEIGHTS_DIR", "cache", "file"]
HashState = Literal["verified", "unverified", "mismatch"]


@dataclass(frozen=True)
class FoundWeights:
    """A file that serves an entry.

    Attributes
    ----------
    entry
        What it serves.
    path
        Where it is.
    place
        How it was found.
    hash_state
        ``verified``: the published bytes, or converted from them and unchanged since.
        ``unverified``: nothing published to compare with.
        ``mismatch``: differs from the published hash, or from what was recorded when it came.
    expected, found
        The two hashes as ``algorithm:digits``; `expected` is empty when there is none.
    """

    entry: Entry
    path: Path
    place: Place
    hash_state: HashState
    expected: str
    found: str


def cache_dir() -> Path:
    """Give the folder of fetched and imported weights (it may not exist yet)."""
    named = os.environ.get("STST_CACHE_DIR")
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("napari-stst"))


def weights_dir() -> Path | None:
    """Give the folder that is looked in first, if the environment names one.

    Raises
    ------
    InputError
        If ``STST_WEIGHTS_DIR`` names something that is not a folder.
    """
    named = os.environ.get("STST_WEIGHTS_DIR")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"STST_WEIGHTS_DIR is {folder}, which is not a folder. Correct or unset it."
        )
    return folder


def find(name: str) -> FoundWeights | None:
    """Look for weights by file name, and compare their hash.

    In each folder the published file goes before an imported one, and that before the other
    names that serve; several that match one pattern go by alphabet.

    Parameters
    ----------
    name
        A name in the registry.

    Returns
    -------
    FoundWeights or None
        None when they are on neither place. A file whose hash differs is given, with that state.

    Raises
    ------
    InputError
        If the name is unknown, or a file or its record cannot be read.
    """
    entry = get_entry(name)
    folder = weights_dir()
    places: list[tuple[Place, Path]] = [("cache", cache_dir())]
    if folder is not None:
        places.insert(0, ("STST_WEIGHTS_DIR", folder))
    for place, where in places:
        for path in _candidates(entry, where):
            if path.is_file():
                return examine(entry, path, place)
    return None


def elsewhere(entry: Entry) -> str:
    """Describe a link that serves an entry and leads nowhere; empty if there is none."""
    folders = [folder for folder in (weights_dir(), cache_dir()) if folder is not None]
    paths = (path for folder in folders for path in _candidates(entry, folder))
    return next((str(absent(path, "")) for path in paths if not path.exists()), "")


def _candidates(entry: Entry, folder: Path) -> Iterator[Path]:
    """Give what has a name that serves, also links that lead nowhere, which a glob leaves out."""
    names = os.listdir(folder) if folder.is_dir() else []
    for pattern in (entry.file, entry.converted, *entry.also):
        # patterns are ours, so a plain name never holds a wildcard by chance
        for name in sorted(fnmatch.filter(names, pattern)):
            yield folder / name


def examine(entry: Entry, path: Path, place: Place) -> FoundWeights:
    """Say how far a file that serves an entry can be trusted."""
    same_bytes = path.suffix == Path(entry.file).suffix and not _only_by_pattern(entry, path)
    if entry.hash is not None and same_bytes:
        found = digest(path, entry.hash.algorithm)
        state: HashState = "verified" if entry.hash.agrees(found) else "mismatch"
        return FoundWeights(
            entry, path, place, state, str(entry.hash), f"{entry.hash.algorithm}:{found}"
        )
    return _by_record(entry, path, place)


def _by_record(entry: Entry, path: Path, place: Place) -> FoundWeights:
    found = digest(path, "sha256")
    record = read_record(path)
    expected = str(record.get("sha256", ""))
    if expected and expected != found:
        state: HashState = "mismatch"
    else:
        state = "verified" if expected and record.get("verified") is True else "unverified"
    prefixed = f"sha256:{expected}" if expected else ""
    return FoundWeights(entry, path, place, state, prefixed, f"sha256:{found}")


def _only_by_pattern(entry: Entry, path: Path) -> bool:
    """Tell names that mean the published file from patterns that mean something made from it."""
    return path.name != entry.file and path.name not in entry.also


def recognise(path: Path) -> FoundWeights | None:
    """Describe a file by what it holds: published bytes under any name, or an imported file.

    Returns
    -------
    FoundWeights or None
        None when neither its hash nor a record beside it connects it with the registry.
    """
    for entry in REGISTRY.values():
        if entry.hash is None:
            continue
        found = digest(path, entry.hash.algorithm)
        if entry.hash.agrees(found):
            prefixed = f"{entry.hash.algorithm}:{found}"
            return FoundWeights(entry, path, "file", "verified", str(entry.hash), prefixed)
    recorded = REGISTRY.get(str(read_record(path).get("name", "")))
    return None if recorded is None else _by_record(recorded, path, "file")


def mismatch(found: FoundWeights) -> str:
    """Say what is wrong with a file in state ``mismatch``, and what to do."""
    entry = found.entry
    if message := stand_in(found.path):
        return message
    again = (
        f"Fetch it again (`stst weights fetch {entry.name}`)"
        if found.place == "cache"
        else "Replace or remove it"
    )
    return (
        f"{found.path}: not the {entry.name} that was published, or damaged: expected "
        f"{found.expected}, found {found.found}. {again}; to use it as it is, give its path."
    )


def missing(entry: Entry) -> str:
    """Say where weights were looked for, and how to get them."""
    if link := elsewhere(entry):
        return link
    folder = weights_dir()
    first = "STST_WEIGHTS_DIR (not set)" if folder is None else str(folder)
    return (
        f"The weights {entry.name} ({entry.file}) are not on this machine; looked in {first} and "
        f"{cache_dir()}. {how_to_get(entry)}"
    )


def digest(path: Path, algorithm: str) -> str:
    """Hash a file; again only when its size, time or inode has changed.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        seen = path.stat()
        return _digest(path, algorithm, (seen.st_size, seen.st_mtime_ns, seen.st_ino))
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror or error})."
        raise absent(path, message) from error


@lru_cache(maxsize=64)
def _digest(path: Path, algorithm: str, version: tuple[int, int, int]) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def record_path(path: Path) -> Path:
    """Name the small JSON beside a file that tells what was got and from where."""
    return path.with_name(f"{path.name}.json")


def read_record(path: Path) -> dict[str, Any]:
    """Read what was recorded when `path` came; empty when nothing was.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    beside = record_path(path)
    if not there(beside):
        return {}
    try:
        record = json.loads(read_text(beside, "record"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{beside}: cannot be read as JSON ({json_fault(error)}). Remove it, then fetch or "
            "import again."
        ) from error
    if not isinstance(record, dict):
        raise InputError(f"{beside}: holds no JSON object. Remove it, then fetch or import again.")
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record beside `path`, replacing an older one."""
    with write_whole(record_path(path), overwrite=True) as beside:
        beside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
