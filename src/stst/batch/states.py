"""What became of each job: a file each, so that several programs can write; and their table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stst.utils.files import check_output, write_whole
from stst.utils.manifests import rows_as_text
from stst.utils.text import decode_text

#: Where states of jobs and logs lie.
HIDDEN = ".stst-batch"


@dataclass(frozen=True)
class JobEnd:
    """What became of a job.

    Attributes
    ----------
    label
        Of the job.
    state
        ``"done"``, ``"failed"`` or ``"stopped"``; ``"running"`` where another process does it.
    seconds
        It took, continued runs included; None where it was done already, or failed.
    error
        Why it failed, one line.
    notes
        What a user should know of the stimulus.
    """

    label: str
    state: str
    seconds: float | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobProgress:
    """How far jobs are that one process does.

    Attributes
    ----------
    labels
        Of the jobs that are being done.
    progress
        Share of all that the process was given that is done, 0 to 1.
    """

    labels: tuple[str, ...]
    progress: float


class States:
    """What is known of the jobs in a folder, by label.

    Every job has a file of its own, written whole.

    Parameters
    ----------
    folder
        Where the batch's outputs go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / HIDDEN / "jobs"
        self._read: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}

    def begin(self) -> None:
        """Make the folders.

        Raises
        ------
        InputError
            If that is not possible.
        """
        for path in (self.folder, self.folder / HIDDEN, self.path):
            if not path.is_dir():
                check_output(path, overwrite=True)  # another shard may make it meanwhile
                path.mkdir(exist_ok=True)

    def put(self, label: str, state: str, **more: Any) -> None:
        """Keep what is known of a job.

        Parameters
        ----------
        label
            Of the job.
        state
            In the order of a job's life: ``waiting``, ``submitted`` (to a cluster), ``running``,
            ``stopped`` (begun, and not going on), ``done`` or ``failed``.
        more
            ``seconds``, ``error``, ``asked`` (see `stst.batch.status`), ``slurm`` (where it was
            submitted). What is not given stays as it was, apart from ``error``.
        """
        before = {key: value for key, value in self.get(label).items() if key != "error"}
        record = {**before, "state": state, **more, "time": time.time()}
        with write_whole(self._path(label), overwrite=True) as part:
            part.write_text(json.dumps(record), "utf-8")

    def get(self, label: str) -> dict[str, Any]:
        """Read what is known of a job; nothing where that is nothing, or not readable."""
        path = self._path(label)
        try:
            found = os.stat(path)
            stamp = (found.st_mtime_ns, found.st_ino)
            known = self._read.get(label)
            if known is None or known[0] != stamp:
                record = json.loads(decode_text(path.read_bytes()))
                known = (stamp, record if isinstance(record, dict) else {})
                self._read[label] = known
        except (OSError, ValueError, RecursionError):
            return {}
        return dict(known[1])

    def state(self, label: str) -> str:
        """Say how a job stands, see `put`."""
        return str(self.get(label).get("state", "waiting"))

    def _path(self, label: str) -> Path:
        return self.path / f"{label}.json"


def write_shared_table(
    path: Path, columns: Sequence[str], rows: Callable[[], Iterable[Mapping[str, Any]]]
) -> None:
    """Write a table that other programs may write at the same time; the newer one stays.

    Parameters
    ----------
    path
        A CSV file.
    columns
        Their names.
    rows
        Gives what is known now.
    """
    text = rows_as_text(columns, rows())
    while True:
        with write_whole(path, overwrite=True) as part:
            part.write_text(text, "utf-8", newline="\n")
        # another program may have written the table meanwhile, knowing more or less
        now = rows_as_text(columns, rows())
        if now == text:
            return
        text = now
