"""What became of each job: a file each, so that several programs can write; and their table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stst.batch.plan import HIDDEN, JOBS, BatchJob
from stst.utils.files import check_output, written_whole
from stst.utils.manifests import rows_as_text
from stst.utils.text import decoded_text

COLUMNS = (
    "label", "natural", "method", "preset", "config", "seed", "state", "seconds", "error", "output",
)  # fmt: skip


class States:
    """What is known of the jobs in a folder.

    Every job has a file of its own, written whole. The table ``jobs.csv`` joins them, whoever
    wrote them; two programs that write it at once end with the newer one.

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

    def put(self, job: BatchJob, state: str, **more: Any) -> None:
        """Keep what is known of a job.

        Parameters
        ----------
        job
            The job.
        state
            In the order of a job's life: ``waiting``, ``submitted`` (to a cluster), ``running``,
            ``stopped`` (begun, and not going on), ``done`` or ``failed``.
        more
            ``seconds``, ``error``, ``asked`` (see `stst.batch.standing`), ``slurm`` (where it was
            submitted). What is not given stays as it was, apart from ``error``.
        """
        before = {key: value for key, value in self.get(job).items() if key != "error"}
        record = {**before, "state": state, **more, "time": time.time()}
        path = self._path(job)
        with written_whole(path, overwrite=True) as part:
            part.write_text(json.dumps(record), "utf-8")

    def get(self, job: BatchJob) -> dict[str, Any]:
        """Read what is known of a job; nothing where that is nothing, or not readable."""
        path = self._path(job)
        try:
            found = os.stat(path)
            stamp = (found.st_mtime_ns, found.st_ino)
            known = self._read.get(job.label)
            if known is None or known[0] != stamp:
                record = json.loads(decoded_text(path.read_bytes()))
                known = (stamp, record if isinstance(record, dict) else {})
                self._read[job.label] = known
        except (OSError, ValueError, RecursionError):
            return {}
        return dict(known[1])

    def write_table(self, jobs: Sequence[BatchJob]) -> None:
        """Write ``jobs.csv``: every job of the manifest in its order, whoever does it."""
        text = self._table(jobs)
        while True:
            with written_whole(self.folder / JOBS, overwrite=True) as part:
                part.write_text(text, "utf-8", newline="\n")
            # another program may have written the table meanwhile, knowing more or less
            now = self._table(jobs)
            if now == text:
                return
            text = now

    def _table(self, jobs: Iterable[BatchJob]) -> str:
        return rows_as_text(COLUMNS, (self._row(job) for job in jobs))

    def _row(self, job: BatchJob) -> dict[str, Any]:
        known = self.get(job)
        seconds = known.get("seconds")
        return {
            **described(job),
            "state": known.get("state", "waiting"),
            "seconds": round(seconds, 1) if isinstance(seconds, int | float) else "",
            "error": known.get("error") or "",
            "output": job.output,
        }

    def _path(self, job: BatchJob) -> Path:
        return self.path / f"{job.label}.json"


def described(job: BatchJob) -> dict[str, Any]:
    """Give the columns that say what a job is."""
    return {
        "label": job.label,
        "natural": job.named,
        "method": job.config.method,
        "preset": job.preset,
        "config": job.config_name,
        "seed": job.seed,
    }
