"""The sidecar: how a stimulus was made, in enough detail to make it again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from stst.errors import InputError
from stst.runs.record import SCHEMA_VERSION, Environment, InputRecord, Lenient, RunRecord, Table
from stst.utils.diagnosis import json_fault, read_text
from stst.utils.files import write_whole
from stst.utils.text import format_value
from stst.video.sidecar import sidecar_path

#: What is read. Bytes are promised within `SCHEMA_VERSION` alone: version 1, of napari-stst 0.1,
#: drew the same noise for all clips.
READABLE = (1, SCHEMA_VERSION)

_INPUT = "an entry of 'inputs' lacks role, path or frames_sha256."


class OutputRecord(Table):
    """A clip that was written.

    Attributes
    ----------
    frames_sha256
        Of its frames.
    path
        Its name beside the sidecar; whoever uses it checks that it is one.
    sha256
        Of the file.
    """

    frames_sha256: str
    path: Any = None
    sha256: Annotated[str | None, Lenient] = None


class Sidecar(Table):
    """What the JSON file beside a stimulus says of how it was made.

    Attributes
    ----------
    schema_version
        See `SCHEMA_VERSION`.
    method
        A name of `stst.config.METHODS`.
    config
        Resolved; paths are relative to the sidecar.
    inputs
        The clips that went in.
    environment
        Where it was computed.
    output
        The master.
    seed
        Of this sample; None where there was one.
    weights
        Names and hashes of pretrained weights.
    per_frame
        Losses and statistics of every frame.
    warnings
        What a user should know, a sentence each.
    beside
        Other clips by name, of methods that write some.
    """

    schema_version: int
    method: str
    config: dict[str, Any]
    inputs: list[InputRecord]
    environment: Environment
    output: OutputRecord
    seed: Any = None
    weights: Annotated[list[dict[str, Any]] | None, Lenient] = None
    per_frame: Annotated[list[Any] | None, Lenient] = None
    warnings: Annotated[list[Any] | None, Lenient] = None
    beside: Annotated[dict[str, OutputRecord] | None, Lenient] = None


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

    def describe(self, folder: Path) -> dict[str, Any]:
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
    with write_whole(path, overwrite) as part:
        part.write_text(text + "\n", "utf-8")


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Parameters
    ----------
    path
        Of the sidecar.

    Returns
    -------
    Sidecar
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
        # names that are no text, as a damaged file may have them, are told by nobody
        content = json.loads(text, object_pairs_hook=with_readable_keys)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({json_fault(error)}).") from error
    if not isinstance(content, dict) or "schema_version" not in content:
        raise InputError(f"{path}: not a sidecar of this program (no schema_version).")
    if content["schema_version"] not in READABLE:
        raise InputError(
            f"{path}: schema_version {format_value(content['schema_version'])}; this version reads "
            f"{' and '.join(map(str, READABLE))}. Update napari-stst."
        )
    try:
        return Sidecar.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {_fault(error)}") from error


def with_readable_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON, with names that are no text, as damaged files have, made readable."""
    return {key.encode("utf-8", "replace").decode(): value for key, value in pairs}


def _fault(error: ValidationError) -> str:
    """Say in words which entry is damaged."""
    places = [one["loc"] for one in error.errors(include_url=False)]
    whole = next((place for place in places if len(place) == 1), None)
    if whole is not None:
        return f"the entry {str(whole[0])!r} is missing or of the wrong kind."
    if places[0][0] == "output":
        return "output.frames_sha256 is missing."
    return _INPUT if places[0][0] == "inputs" else f"the entry {places[0][0]!r} is damaged."


def other_version(record: Sidecar | RunRecord) -> str:
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
    if record.schema_version == SCHEMA_VERSION:
        return ""
    versions = record.environment.versions or {}
    found = re.match(r"([0-9]{1,4}\.[0-9]{1,4})[0-9a-z.+]{0,40}", str(versions.get("napari-stst")))
    name, series = (found[0], found[1]) if found else ("0.1", "0.1")
    return (
        f"napari-stst {name} made it, and this version would make other bytes of the same "
        f'settings; that one still can (pip install "napari-stst=={series}.*", in an environment '
        "of its own)"
    )
