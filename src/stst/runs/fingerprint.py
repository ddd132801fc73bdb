"""Whether what is on disk is what is asked for: same config, clips, weights and versions."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.config.methods import BUILT_IN
from stst.errors import InputError
from stst.runs.outputs import Output
from stst.runs.record import RunRecord
from stst.runs.sidecar import other_version, read_sidecar
from stst.utils.files import sha256_of
from stst.utils.text import format_value

_SAME = ("method", "config", "weights")
#: Keys of a config that say where is computed, or whose files are compared by their hashes.
ELSEWHERE = frozenset({"seed", "samples", "device", "targets", "mask"})
# what an input is, whatever decoded it
_OF_INPUT = ("role", "path", "frames_sha256", "frames", "size", "fps")


def check_continuable(folder: Path, begun: RunRecord) -> None:
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
            f"{folder} cannot be continued: {another}. Or start anew with `overwrite=True` in "
            "place of `resume=True`."
        )


@dataclass(frozen=True)
class Fingerprint:
    """All that the bytes of a result depend on: what was asked for, of what, with what.

    The one answer to "is this the same?": for runs and trainings that are continued, for results
    that are there already, for jobs of a batch and for measured pairs.

    Attributes
    ----------
    record
        As it is kept on disk, or would be: ``method``, ``config``, ``inputs`` (a list, or by name)
        with their hashes, ``weights``, ``environment`` with versions, and what else counts.
    """

    record: Mapping[str, Any]

    def difference(self, then: Mapping[str, Any]) -> str:
        """Say in words what differs first from what is on disk.

        Parameters
        ----------
        then
            What is on disk; entries that this record does not have are left alone.

        Returns
        -------
        str
            Half a sentence for a message; empty where nothing differs.
        """
        before, now = _comparable(then), _comparable(self.record)
        if "method" in now and before.get("method") != now["method"]:
            return f"it is a run of {before.get('method')}"
        for key, value in now.items():
            old = before.get(key)
            if old == value:
                continue
            if key == "inputs" and isinstance(old, list) and isinstance(value, list):
                return _inputs_difference(old, value)
            return _difference(key, old, value)
        return ""


def config_difference(now: Mapping[str, Any], then: Mapping[str, Any]) -> str | None:
    """Say in what a config that was asked for differs from one that a run has filled in.

    Parameters
    ----------
    now
        As it is asked for; a run fills in what is left to the model or the device.
    then
        As a run has recorded it.

    Returns
    -------
    str or None
        Half a sentence; None where the recorded one is what comes of the other.
    """
    # what other packages' methods fill in is not known: their code may not be imported
    spec = BUILT_IN.get(str(now.get("method")))
    if spec is None:
        return _config_difference(now, then, frozenset())
    own = {key: value for key, value in now.items() if key not in spec.config.RENAMED}
    return _config_difference(own, then, spec.config.FILLED)


def check_made(output: Output, files: Mapping[str, Path], record: RunRecord) -> None:
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
    change = Fingerprint(_essence(record.as_dict())).difference(_essence(content.as_dict()))
    if change:
        raise InputError(f"{change.replace('when it was started', 'when it was made')}.")
    hashes = {"master": content.output, **(content.beside or {})}
    for name, one in hashes.items():
        if name in files and sha256_of(files[name]) != one.sha256:
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
    return f"{name} was {format_value(then)} when it was started and is {format_value(now)} now"


def _inputs_difference(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """Say in words which clip is another one."""
    before, after = ([_role(one) for one in clips] for clips in (then, now))
    if before != after:
        return f"the clips were {', '.join(before)} and are {', '.join(after)} now"
    for old, new in zip(then, now, strict=True):
        name = _name_of(new)
        if any(old.get(key) != new.get(key) for key in ("sha256", "frames_sha256")):
            return f"the clip {name} is not the one it was when it was started"
        if old != new:
            return _difference(name, old, new)
    return ""


def _role(one: Any) -> str:
    """Say what tells a clip from the others: its role, or in trainings its name."""
    return str(one.get("role") or one.get("name")) if isinstance(one, dict) else format_value(one)


def _name_of(one: Mapping[str, Any]) -> str:
    return f"{Path(one['path']).name} ({one['role']})" if "path" in one else _role(one)


def _config_difference(
    now: Mapping[str, Any], then: Mapping[str, Any], filled: Collection[str], above: str = ""
) -> str | None:
    for key, value in now.items():
        if key in ELSEWHERE or (key in filled and value is None):
            continue
        recorded = then.get(key)
        if value in ("auto", "default") or value == recorded:
            continue
        if isinstance(value, dict) and isinstance(recorded, dict | None):
            found = _config_difference(value, recorded or {}, filled, f"{above}{key}.")
            if found:
                return found
        elif isinstance(value, list) and isinstance(recorded, list):
            if not _same_items(value, recorded, filled):
                return f"{above}{key} was {format_value(recorded)} and is {format_value(value)} now"
        else:
            return f"{above}{key} was {format_value(recorded)} and is {format_value(value)} now"
    return None


def _same_items(now: Sequence[Any], then: Sequence[Any], filled: Collection[str]) -> bool:
    """Compare lists of values and tables, which are recorded without what is None."""
    return len(now) == len(then) and all(
        _config_difference(a, b, filled) is None
        if isinstance(a, dict) and isinstance(b, dict)
        else a == b
        for a, b in zip(now, then, strict=True)
    )
