"""The JSON file beside a clip, as far as reading and converting clips needs it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.utils.diagnosis import json_fault, read_text, there
from stst.utils.files import resolve_path, write_whole
from stst.video.formats.rates import parse_rate


def sidecar_path(path: Path | str) -> Path:
    """Name the sidecar of a clip: ``X.json`` for ``X.mkv``, ``X.npy`` or the folder ``X``.

    Parameters
    ----------
    path
        Of a clip.

    Returns
    -------
    Path
        Where its sidecar is, or would be.
    """
    path = resolve_path(path)
    if path.name in ("", ".."):
        # the current folder and those above it have names of their own
        path = path.resolve()
    if path.is_dir() or not path.suffix:
        return path.parent / f"{path.name}.json"
    return path.with_suffix(".json")


def sidecar_of(path: Path | str) -> dict[str, Any] | None:
    """Read the sidecar of a clip.

    Parameters
    ----------
    path
        The clip, not the sidecar.

    Returns
    -------
    dict or None
        The content; None if there is no such file. Numbers that are not finite are None.

    Raises
    ------
    InputError
        If the file is there and is not a JSON object.
    """
    beside = sidecar_path(path)
    if beside.is_dir() or not there(beside):
        return None
    text = read_text(beside, "sidecar")
    try:
        # Python would take NaN and Infinity, which are no JSON, and hand them on
        content = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{beside}: the sidecar of {path} is not readable JSON ({json_fault(error)}). Repair "
            "or remove it."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{beside}: the sidecar of {path} holds no JSON object. Remove it.")
    return content


def provenance_of(path: Path | str) -> dict[str, Any] | None:
    """Read the sidecar of a clip, if it says of what and how the clip was made.

    Parameters
    ----------
    path
        The clip.

    Returns
    -------
    dict or None
        As `sidecar_of`; None for a sidecar that only describes the file, such as its rate.

    Raises
    ------
    InputError
        As `sidecar_of`.
    """
    content = sidecar_of(path)
    return None if content is not None and content.keys() <= {"output"} else content


def write_content(path: Path, content: dict[str, Any]) -> None:
    """Write a sidecar as it is, replacing one that is there.

    Parameters
    ----------
    path
        Of the sidecar.
    content
        What it holds.
    """
    text = json.dumps(content, indent=2) + "\n"
    with write_whole(path, overwrite=True) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def sidecar_rate(path: Path | str) -> Fraction | None:
    """Give the rate in Hz that a clip's sidecar records, or None."""
    content = sidecar_of(path)
    output = content.get("output") if content else None
    if not isinstance(output, dict) or "fps" not in output:
        return None
    return parse_rate(output["fps"], f"{sidecar_path(path)}: output.fps")
