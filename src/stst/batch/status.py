"""What is on disk of a job: nothing, a run that was begun, the stimulus, or something else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stst.batch.plan import BatchJob
from stst.errors import InputError
from stst.runs.fingerprint import ELSEWHERE, config_difference
from stst.runs.folder import RunFolder
from stst.runs.record import InputRecord, RunInput, RunRecord
from stst.runs.sidecar import Sidecar, other_version, read_sidecar
from stst.utils.text import format_value

Kind = Literal["free", "begun", "done", "changed"]
#: Hashes a file; the same one is asked for again and again.
Hash = Callable[[Path], str]


@dataclass(frozen=True)
class JobStatus:
    """What is on disk of a job.

    Attributes
    ----------
    kind
        ``"done"``: made of this config and these clips. ``"begun"``: likewise, not whole yet.
        ``"changed"``: something else has the name, or was made otherwise. ``"free"``: nothing.
    why
        What is different.
    """

    kind: Kind
    why: str = ""


def job_status(job: BatchJob, hashed: Hash, asked: str | None = None) -> JobStatus:
    """Look at what is on disk.

    Parameters
    ----------
    job
        The job.
    hashed
        SHA-256 of a file or folder, see `stst.utils.files.sha256_of`.
    asked
        `asked_for` of the job when it was begun, as far as that is known.

    Raises
    ------
    InputError
        If an input cannot be read, or one of the names is a link, which could lead elsewhere.
    """
    files = job.files.files()
    for path in (*files.values(), job.run_folder):
        if path.is_symlink():
            raise InputError(f"{path} is a link. Outputs stay in the folder: move it away.")
    before = asked is not None and asked != describe_request(job)
    if (job.run_folder / "job.json").exists():
        found = run_differs(job, job.run_folder, hashed)
        if found is None and before:
            found = "it was asked for with other settings"
        what = f"{job.run_folder} is of an unfinished run"
        return JobStatus("begun") if found is None else JobStatus("changed", f"{what}: {found}")
    found = _files_differ(job, hashed)
    if found is None and before:
        found = f"{files['master']} was asked for with other settings"
    if found is None:
        return JobStatus("done")
    group = job.group_folder
    begun = group is not None and (group / "job.json").exists() and not before
    # made side by side with other seeds, whose files may be in place already
    if group is not None and begun and run_differs(job, group, hashed) is None:
        return JobStatus("begun")
    there = any(path.exists() for path in files.values())
    return JobStatus("changed", found) if there else JobStatus("free")


def _files_differ(job: BatchJob, hashed: Hash) -> str | None:
    """Say why files that are in place, if they are, are not those of a job."""
    files = job.files.files()
    there = [path for path in files.values() if path.exists()]
    if not there:
        return "there is nothing"
    if len(there) < len(files):
        return f"{there[0]} exists, and not all that belongs to it"
    try:
        sidecar = read_sidecar(files["sidecar"])
    except InputError as error:
        return str(error)
    found = _differs(job, sidecar, hashed)
    if found is None and sidecar.seed != job.seed:
        found = f"seed was {format_value(sidecar.seed)} and is {job.seed} now"
    return None if found is None else f"{files['master']} was made otherwise: {found}"


def run_differs(job: BatchJob, folder: Path, hashed: Hash) -> str | None:
    """Say in what an unfinished run differs from a job; None where it does not."""
    try:
        record = RunFolder(folder).record()
    except InputError as error:
        return str(error)
    seeds = record.environment.batch
    if job.seed not in seeds:
        return f"seed was {', '.join(map(str, seeds))} and is {job.seed} now"
    return _differs(job, record, hashed)


def describe_request(job: BatchJob) -> str:
    """Describe what is asked for, apart from where it is computed and from what files."""
    dump = job.config.model_dump(mode="json", exclude=set(ELSEWHERE - {"seed"}))
    return json.dumps(dump, sort_keys=True)


def _differs(job: BatchJob, record: RunRecord | Sidecar, hashed: Hash) -> str | None:
    if another := other_version(record):
        return another
    if record.method != job.config.method:
        return f"method was {format_value(record.method)} and is {job.config.method!r} now"
    found = config_difference(job.config.model_dump(mode="json"), record.config)
    return found or _inputs_differ(job, record.inputs, hashed)


def _inputs_differ(
    job: BatchJob, recorded: Sequence[RunInput | InputRecord], hashed: Hash
) -> str | None:
    inputs = {str(one.role): one.sha256 for one in recorded}
    paths = job.inputs()
    if set(paths) != set(inputs):
        return f"inputs were {', '.join(sorted(inputs))} and are {', '.join(sorted(paths))} now"
    for role, path in paths.items():
        if inputs[role] != hashed(path):
            return f"{path}, its {role}, is not the file that it was"
    return None


def refusal(found: JobStatus) -> str:
    """Say what to do about something that was made otherwise."""
    return f"{found.why}. Give `overwrite=True` to make it anew, or another folder."
