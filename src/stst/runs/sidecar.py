"""The sidecar: how a stimulus was made, in enough detail to make it again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.utils.diagnosis import json_fault, read_text
from stst.utils.files import written_whole
from stst.utils.text import found_value
from stst.video.sidecar import sidecar_path

#: To be raised when a record changes, or the same record means other bytes.
SCHEMA_VERSION = 2
#: What is read. Bytes are promised within `SCHEMA_VERSION` alone: version 1, of napari-stst 0.1,
#: drew the same noise for all clips.
READABLE = (1, SCHEMA_VERSION)

# what making a stimulus again looks up
_KINDS = {"method": str, "config": dict, "inputs": list, "environment": dict, "output": dict}


@dataclass(frozen=True)
class Input:
    """One clip that went into a stimulus.

    Attributes
    ----------
    role
        ``"natural"``, a loss term, ``"color"`` or ``"mask"``.
    path
        The file or folder.
    record
        Hashes, frame range, size, rate and how it was decoded, as the sidecar has them.
    """

    role: str
    path: Path
    record: Mapping[str, Any]

    def described(self, folder: Path) -> dict[str, Any]:
        """Give the sidecar's entry, the path relative to `folder`."""
        return {"role": self.role, "path": relative(self.path, folder), **self.record}


def relative(path: Path, folder: Path) -> str:
    """Write a path relative to a folder, with forward slashes; absolute across Windows drives."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return path.absolute().as_posix()


def write_sidecar(path: Path, content: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a sidecar whole, or not at all.

    Parameters
    ----------
    path
        Of the sidecar.
    content
        What it holds.
    overwrite
        Whether an existing file may be replaced.
    """
    text = json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2, allow_nan=False)
    with written_whole(path, overwrite) as part:
        part.write_text(text + "\n", "utf-8")


def read_sidecar(path: Path) -> dict[str, Any]:
    """Read a sidecar.

    Parameters
    ----------
    path
        Of the sidecar.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    InputError
        If it cannot be read, is none, or belongs to a newer version.
    """
    try:
        text = read_text(path, "sidecar")
    except InputError as error:
        beside = sidecar_path(path)
        if beside == path or not beside.is_file():
            raise
        raise InputError(f"{error} Its sidecar is {beside}.") from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({json_fault(error)}).") from error
    if not isinstance(content, dict) or "schema_version" not in content:
        raise InputError(f"{path}: not a sidecar of this program (no schema_version).")
    if content["schema_version"] not in READABLE:
        raise InputError(
            f"{path}: schema_version {found_value(content['schema_version'])}; this version reads "
            f"{' and '.join(map(str, READABLE))}. Update napari-stst."
        )
    for key, kind in _KINDS.items():
        if not isinstance(content.get(key), kind):
            raise InputError(f"{path}: the entry {key!r} is missing or of the wrong kind.")
    if not isinstance(content["output"].get("frames_sha256"), str):
        raise InputError(f"{path}: output.frames_sha256 is missing.")
    return content


def other_version(record: Mapping[str, Any]) -> str:
    """Say which version of the program made something that this one cannot make again.

    Parameters
    ----------
    record
        A sidecar, or what a run folder was begun with.

    Returns
    -------
    str
        For a message; empty where this version makes the same bytes of the same settings.
    """
    # run folders of schema 1 do not name it
    if record.get("schema_version", 1) == SCHEMA_VERSION:
        return ""
    environment = record.get("environment")
    versions = environment.get("versions") if isinstance(environment, dict) else None
    said = str(versions.get("napari-stst")) if isinstance(versions, dict) else ""
    found = re.match(r"([0-9]{1,4}\.[0-9]{1,4})[0-9a-z.+]{0,40}", said)
    name, series = (found[0], found[1]) if found else ("0.1", "0.1")
    return (
        f"napari-stst {name} made it, and this version would make other bytes of the same "
        f'settings; that one still can (pip install "napari-stst=={series}.*", in an environment '
        "of its own)"
    )
