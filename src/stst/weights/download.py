"""Download weights from their publishers into the cache, whole or not at all.

Not by pooch, which begins a broken download anew, and needs the whole of a hash where torchvision
publishes the first digits.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stst.errors import StstError
from stst.weights.locate import FoundWeights, digest, examine, find, write_record
from stst.weights.registry import Entry, get_entry, how_to_get
from stst.weights.store import writable_cache

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and those there will be, if the server says."""

_CHUNK = 1 << 18
_ATTEMPTS = 4
# bytes; sizes of entries are estimates
_LARGEST, _MORE = 16 << 30, 16 << 20
_PAUSE = 1.0  # seconds before a retry
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and without a byte


def fetch(name: str, progress: Progress | None = None, overwrite: bool = False) -> FoundWeights:
    """Download weights unless the published file is already on this machine.

    The download goes to a name of its own beside its place, so that two processes cannot mix
    theirs; a broken connection is taken up where it broke.

    Parameters
    ----------
    name
        A name in the registry.
    progress
        Called while bytes come in.
    overwrite
        Download even if the file is there.

    Returns
    -------
    FoundWeights
        The file. ``unverified`` if its publisher gives no hash; its SHA-256 is then recorded
        beside it.

    Raises
    ------
    InputError
        If there is no such entry.
    StstError
        If the publisher cannot be reached, refuses, or sends something else, or the cache cannot
        be written.
    """
    entry = get_entry(name)
    if not overwrite:
        here = find(name)
        if here is not None and _serves(here):
            return here
    target = writable_cache() / entry.file
    part = target.with_name(f"{target.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part")
    try:
        _download(entry, part, progress)
        _check(entry, part)
        os.replace(part, target)
    except OSError as error:
        raise StstError(
            f"{target}: could not be written ({error.strerror or error}). Free space, or set "
            "STST_CACHE_DIR to another folder."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    if entry.hash is None:
        record = {"name": entry.name, "url": entry.url, "verified": False}
        write_record(target, {**record, "sha256": digest(target, "sha256")})
    return examine(entry, target, "cache")


def _serves(here: FoundWeights) -> bool:
    """Tell the published file, or any when nothing is published to compare with, from the rest."""
    if here.entry.hash is None:
        return here.hash_state != "mismatch" and here.path.name == here.entry.file
    return here.hash_state == "verified"


def _check(entry: Entry, part: Path) -> None:
    if entry.hash is None:
        return
    found = digest(part, entry.hash.algorithm)
    if not entry.hash.agrees(found):
        size = part.stat().st_size
        raise StstError(
            f"{entry.url} sent something else than {entry.name}: expected {entry.hash}, found "
            f"{entry.hash.algorithm}:{found} ({size} bytes); it was removed. A proxy or a login "
            f"page may have answered. {how_to_get(entry)}"
        )


def _download(entry: Entry, part: Path, progress: Progress | None) -> None:
    import requests

    trouble: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        try:
            _receive(entry, part, progress)
            return
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            raise StstError(
                f"{entry.name}: the server refused {entry.url} ({status}). {how_to_get(entry)}"
            ) from error
        except requests.ConnectionError as error:
            trouble = error
            if not part.exists():  # nothing ever came: offline, or the name is not resolved
                break
        except requests.RequestException as error:
            trouble = error
    raise StstError(
        f"{entry.name}: {entry.url} could not be fetched ({_reason(trouble)}). {how_to_get(entry)}"
    ) from trouble


def _receive(entry: Entry, part: Path, progress: Progress | None) -> None:
    """Ask for what is not in `part` yet, and add it."""
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(entry.url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        response.raise_for_status()
        if not _continues(response, have):
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with open(part, "ab" if have else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                _check_end(entry, have)
                if progress is not None:
                    progress(have, total)
        if total is not None and have != total:
            raise requests.ConnectionError(f"{have} of {total} bytes came")


def _check_end(entry: Entry, have: int) -> None:
    """Refuse what does not end: a server in between may send anything for ever."""
    limit = _LARGEST if entry.size is None else 2 * entry.size + _MORE
    if have > limit:
        raise StstError(
            f"{entry.url} sent more than {limit >> 20} MiB for {entry.name}; it was removed. A "
            f"proxy or a login page may have answered. {how_to_get(entry)}"
        )


def _continues(response: requests.Response, have: int) -> bool:
    """Tell whether the answer goes on where `part` ends; servers may ignore the request to."""
    answered = response.headers.get("Content-Range", "")
    return response.status_code == 206 and answered.startswith(f"bytes {have}-")


def _reason(trouble: Exception | None) -> str:
    """Give the innermost cause: what lies around it are library names."""
    cause: BaseException | None = trouble
    while cause is not None and (cause.__cause__ or cause.__context__) is not None:
        cause = cause.__cause__ or cause.__context__
    return str(cause) or type(cause).__name__
