"""Whether a run, or what is there already, is that of a request: same config, clips and weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stst.errors import InputError
from stst.runs.outputs import Output
from stst.runs.sidecar import other_version, read_sidecar
from stst.utils.files import sha256_of
from stst.utils.text import found_value

_SAME = ("method", "config", "weights")
# what an input is, whatever decoded it
_OF_INPUT = ("role", "path", "frames_sha256", "frames", "size", "fps")


def check_continuable(folder: Path, begun: Mapping[str, Any]) -> None:
    """Refuse to go on with what another version began.

    Parameters
    ----------
    folder
        Of the run.
    begun
        What it was begun with.

    Raises
    ------
    InputError
        Naming the version that can.
    """
    if another := other_version(begun):
        raise InputError(
            f"{folder} cannot be continued: {another}. Or start anew with --overwrite in place of "
            "--resume."
        )


def changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say in words what differs first between a run that was begun and a request; "" if nothing.

    Parameters
    ----------
    then, now
        What the runs are made of, as in a run folder.
    """
    then, now = _comparable(then), _comparable(now)
    for key in now:
        if then.get(key) != now[key]:
            return _difference(key, then.get(key), now[key])
    return ""


def check_made(output: Output, files: Mapping[str, Path], record: Mapping[str, Any]) -> None:
    """Refuse outputs that are not whole, or not those of a request.

    Parameters
    ----------
    output
        Of one sample.
    files
        All files that there have to be.
    record
        What the run would be made of.

    Raises
    ------
    InputError
        Saying what is missing, damaged or different.
    """
    for path in files.values():
        if not path.exists():
            raise InputError(f"{path} is missing.")
    content = read_sidecar(output.sidecar)
    if another := other_version(content):
        raise InputError(f"{another}.")
    change = changed(_essence(content), _essence(record))
    if change:
        raise InputError(f"{change.replace('when it was started', 'when it was made')}.")
    hashes = {"master": content["output"], **content.get("beside", {})}
    for name, one in hashes.items():
        if name in files and sha256_of(files[name]) != one.get("sha256"):
            raise InputError(f"{files[name]} is not what {output.sidecar.name} says it is.")


def _essence(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the same stimulus needs; versions and machines may differ."""
    inputs = [{key: clip.get(key) for key in _OF_INPUT} for clip in record["inputs"]]
    return {key: record.get(key) for key in _SAME} | {"inputs": inputs}


def _comparable(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a record as JSON has it, without what changes no bytes."""
    out: dict[str, Any] = json.loads(json.dumps(record))
    if isinstance(out.get("config"), dict):
        out["config"].pop("checkpoint_every", None)
    return out


def _difference(key: str, then: object, now: object, where: str = "") -> str:
    """Say in words where two trees differ first."""
    name = f"{where}.{key}" if where else key
    if isinstance(then, dict) and isinstance(now, dict):
        for one in sorted({*then, *now}):
            if then.get(one) != now.get(one):
                return _difference(one, then.get(one), now.get(one), name)
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, (old, new) in enumerate(zip(then, now, strict=True)):
            if old != new:
                return _difference(str(index), old, new, name)
    return f"{name} was {found_value(then)} when it was started and is {found_value(now)} now"
