"""The JSON file beside a clip, as far as reading and converting clips needs it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from stst.diagnosis import json_fault, read_text, there
from stst.errors import InputError
from stst.video.rates import parse_rate


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
    path = Path(path)
    if path.is_dir() or not path.suffix:
        return path.with_name(path.name + ".json")
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


def sidecar_rate(path: Path | str) -> Fraction | None:
    """Give the rate in Hz that a clip's sidecar records, or None."""
    content = sidecar_of(path)
    output = content.get("output") if content else None
    if not isinstance(output, dict) or "fps" not in output:
        return None
    return parse_rate(output["fps"], f"{sidecar_path(path)}: output.fps")
