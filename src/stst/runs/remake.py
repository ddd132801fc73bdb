"""Make a stimulus again from its sidecar."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from stst.config import METHODS, RunConfig, build
from stst.config.sources import check_trust
from stst.errors import InputError
from stst.runs.job import Job
from stst.runs.outputs import MASTERS
from stst.runs.record import InputRecord
from stst.runs.sidecar import Sidecar, other_version, read_sidecar
from stst.utils.text import format_value


def job_of_sidecar(
    sidecar: Path,
    *,
    output: str | None = None,
    inputs: Mapping[str, Path] | None = None,
    trusted: Collection[str] = (),
    device: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Job:
    """Set up the run that a sidecar describes: same config, device, threads and batch.

    Parameters
    ----------
    sidecar
        ``X.json``.
    output
        Name of the new master; None for the recorded one.
    inputs
        Where input clips lie now, by role; the others are looked for where they were.
    trusted
        Own models ``package.module:factory`` that may be imported.
    device
        Another device than the recorded one; the result may then differ.
    overwrite
        Whether existing outputs may be replaced.
    resume
        Continue an unfinished remake.

    Returns
    -------
    Job
        Ready to run.

    Raises
    ------
    InputError
        If the sidecar is damaged or another version's, an input is missing or holds other frames
        than recorded.
    """
    content = read_sidecar(sidecar)
    if another := other_version(content):
        raise InputError(f"{sidecar}: {another}.")
    method = content.method
    if method not in METHODS:
        raise InputError(
            f"{sidecar}: method {method!r} cannot be remade here; {', '.join(METHODS)} can."
        )
    tree = dict(content.config)
    if tree.setdefault("method", method) != method:
        raise InputError(
            f"{sidecar}: method is {method!r} and config.method is {format_value(tree['method'])}; "
            "they have to be the same."
        )
    check_trust(tree, trusted, str(sidecar))
    main: str = METHODS[method].main_role
    recorded = _by_role(content, sidecar, main)
    paths = _locate(sidecar, recorded, inputs or {})
    others = {role: str(path) for role, path in paths.items() if role != main}
    if "mask" in others:
        tree["mask"] = others.pop("mask")
    if others:
        tree["targets"] = others
    tree["device"] = device or (content.environment.device or "auto").split(" ")[0]
    config = build(tree, METHODS[method].config, str(sidecar))
    seed = content.seed if "seed" in content.model_fields_set else config.seed
    if seed not in config.seeds:
        raise InputError(
            f"{sidecar}: seed {format_value(seed)} is none of the batch's, "
            f"{format_value(config.seeds)}."
        )
    config = _of_batch(config, content.environment.batch, seed)
    if output is None:
        output = _read_output(sidecar, content.output.path)
    job = Job(
        natural=paths.get(main),
        output=output,
        config=config,
        overwrite=overwrite,
        resume=resume,
        threads=content.environment.threads,
        only=(seed,),
    )
    job.check_outputs()
    for one in job.inputs():
        _check_same(one.role, one.path, one.record, recorded[one.role].frames_sha256)
    return job


def _of_batch(config: RunConfig, batch: list[int] | None, seed: int) -> RunConfig:
    """Make what the sample was batched with, where memory allowed only some of the samples."""
    if batch is None or seed not in batch or tuple(batch) == config.seeds:
        return config
    if batch != list(range(batch[0], batch[0] + len(batch))):
        return config
    return config.model_copy(update={"seed": batch[0], "samples": len(batch)})


def differences(before: Sidecar, after: Sidecar) -> list[str]:
    """Compare a remade stimulus with its record.

    Parameters
    ----------
    before, after
        Two sidecars.

    Returns
    -------
    list of str
        Empty where the frames are the same; else what differs in frames and environment.
    """
    if before.output.frames_sha256 == after.output.frames_sha256:
        return []
    out = ["the frames are not the recorded ones"]
    pairs = [
        (before.environment.as_dict(), after.environment.as_dict()),
        (_weights(before), _weights(after)),
    ]
    for old, new in pairs:
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                out.append(f"{key} was {old.get(key)}, is {new.get(key)}")
    return out


def _weights(content: Sidecar) -> dict[str, Any]:
    """Give the hash of every file of weights by its name."""
    return {f"weights {one.get('name')}": one.get("hash") for one in content.weights or ()}


def _read_output(sidecar: Path, name: object) -> str:
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise InputError(
            f"{sidecar}: output.path is {format_value(name)}, not the name of a file beside it."
        )
    path = sidecar.parent / name
    return str(path) if path.suffix in MASTERS else f"{path}/"


def _by_role(content: Sidecar, sidecar: Path, main: str) -> dict[str, InputRecord]:
    out = {one.role: one for one in content.inputs}
    if main == "natural" and main not in out:
        raise InputError(f"{sidecar}: 'inputs' has no natural clip.")
    return out


def _locate(
    sidecar: Path, recorded: Mapping[str, InputRecord], given: Mapping[str, Path]
) -> dict[str, Path]:
    for role in given:
        if role not in recorded:
            raise InputError(
                f"`inputs` {role}: this stimulus has no such input. It has: {', '.join(recorded)}."
            )
    paths = {}
    for role, record in recorded.items():
        path = given.get(role, sidecar.parent / record.path)
        # of names that no file can have, Path.exists raises
        if not os.path.exists(path):
            raise InputError(
                f"{sidecar}: the {_name_of(role)} is not at {path}. Say where it is: "
                f"{_given(role)}."
            )
        paths[role] = path
    return paths


def _check_same(role: str, path: Path, found: Mapping[str, Any], recorded: str) -> None:
    if found["frames_sha256"] != recorded:
        raise InputError(
            f"{path}: its frames are not those of the recorded {_name_of(role)} (recorded sha256 "
            f"{recorded[:12]}…, found {found['frames_sha256'][:12]}…). "
            f"Give the one that was used: {_given(role)}."
        )


def _given(role: str) -> str:
    """Write the setting that says where an input lies."""
    return f"`inputs={ {role: 'PATH'} }`"


def _name_of(role: str) -> str:
    return role if role in ("mask", "stimulus") else f"{role} clip"
