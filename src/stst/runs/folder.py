"""The folder that a run lives in while it is under way: ``X.run/``."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from stst.errors import InputError, StstError
from stst.runs.checkpoint import Checkpoints
from stst.runs.record import RunRecord
from stst.runs.sidecar import with_readable_keys
from stst.utils.diagnosis import json_fault
from stst.utils.files import check_output, explain_error, is_full, sync_folder, write_whole
from stst.utils.locks import LOCK, check_unlocked, hold_lock
from stst.utils.text import decode_text

_FORMAT = 1
# what a run folder holds
_OURS = re.compile(r"job\.json|state\.npz|interim\.npz|frames|group\d+|" + re.escape(LOCK))


class RunFolder:
    """What a run keeps on disk until its outputs are in place: ``X.run/``.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, record: RunRecord, overwrite: bool) -> None:
        """Start afresh.

        Parameters
        ----------
        record
            What the run is made of.
        overwrite
            Whether an unfinished run may be replaced.

        Raises
        ------
        InputError
            See `check_free`; also if the folder cannot be made.
        StstError
            If the disk is full.
        """
        self.check_free(overwrite)
        try:
            self.path.mkdir(exist_ok=True)
            self._clear()
            for one in self.checkpoints(record.seeds):
                (one.path / "frames").mkdir(parents=True)
            # the job comes last: with it the run can be continued
            content = {"format": _FORMAT, **record.as_dict()}
            with write_whole(self.path / "job.json") as part:
                part.write_text(json.dumps(content, indent=1), "utf-8")
            sync_folder(self.path.parent)
        except BaseException as error:
            with suppress(OSError):
                self._clear()
                self.path.rmdir()
            if isinstance(error, OSError):
                raise self._unmakeable(error) from error
            raise

    @contextmanager
    def hold(self) -> Iterator[bool]:
        """Keep other processes out of the folder, which is made where it is missing.

        Yields
        ------
        bool
            Whether that is possible; False on a file system without locks.

        Raises
        ------
        InputError
            If another process makes this output; also see `begin`.
        """
        self.check_free(overwrite=True)
        with ExitStack() as stack:
            try:
                alone = stack.enter_context(hold_lock(self.path))
            except OSError as error:
                raise self._unmakeable(error) from error
            if alone:
                self._remove_parts()
            yield alone

    def check_idle(self) -> None:
        """Refuse an output that another process is making.

        Raises
        ------
        InputError
            Naming the process.
        """
        check_unlocked(self.path)

    def begun(self) -> bool:
        """Say whether there is a run that can be continued."""
        return (self.path / "job.json").exists()

    def _unmakeable(self, error: OSError) -> StstError:
        if is_full(error):
            return explain_error(self.path, error)
        return InputError(f"{self.path}: cannot be made ({error.strerror}). Choose another output.")

    def _clear(self) -> None:
        """Delete everything but the lock; first the job, for the rest is worth nothing in part."""
        (self.path / "job.json").unlink(missing_ok=True)
        sync_folder(self.path)
        for entry in self.path.iterdir():
            if entry.name == LOCK:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _remove_parts(self) -> None:
        """Delete what a killed process was just writing."""
        for entry in self.path.rglob(".*.part*"):
            with suppress(OSError):
                entry.unlink()

    def check_free(self, overwrite: bool) -> None:
        """Refuse a place where no run can be started.

        Parameters
        ----------
        overwrite
            Whether an unfinished run may be replaced.

        Raises
        ------
        InputError
            If an unfinished run is there and may not be replaced, or anything else is.
        """
        check_output(self.path, overwrite=True)
        if not os.path.lexists(self.path):
            return
        names = set(os.listdir(self.path)) if self.path.is_dir() else {"a file"}
        if not all(name.startswith(".") or _OURS.fullmatch(name) for name in names):
            raise InputError(
                f"{self.path} exists and is not the folder of an unfinished run. The run needs "
                "that name: move it away, or choose another output."
            )
        # without its job nothing can be continued: such a run was cut off as it began
        if "job.json" in names and not overwrite:
            raise InputError(
                f"{self.path} exists: an earlier run was not finished. Give `resume=True` to "
                "continue it, or `overwrite=True` to start anew."
            )

    def record(self) -> RunRecord:
        """Read what the run was started with.

        Raises
        ------
        InputError
            If there is no run to continue, or another version wrote it.
        """
        path = self.path / "job.json"
        try:
            content = json.loads(
                decode_text(path.read_bytes()), object_pairs_hook=with_readable_keys
            )
        except FileNotFoundError:
            raise InputError(f"{self.path}: there is no unfinished run to continue.") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}).") from error
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path} cannot be read as JSON ({json_fault(error)}). Start anew with "
                "`overwrite=True`."
            ) from error
        if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
            raise InputError(
                f"{self.path} was written by another version of this program and cannot be "
                "continued here. Start anew with `overwrite=True`."
            )
        try:
            record = RunRecord.model_validate(content)
        except ValidationError as error:
            raise InputError(
                f"{path} is damaged ({_fault(error)}). Start anew with `overwrite=True`."
            ) from error
        if not all(one.path.is_dir() for one in self.checkpoints(record.seeds)):
            raise InputError(
                f"{self.path} was begun by another version of this program, which made groups of "
                "samples in turn. Start anew with `overwrite=True`."
            )
        return record

    def checkpoints(self, groups: Sequence[Sequence[int]] | None = None) -> list[Checkpoints]:
        """Give what there is of the samples: one for each group that is made side by side.

        Parameters
        ----------
        groups
            Their seeds; None for those that the run is recorded with.

        Raises
        ------
        InputError
            If they are to be read, and cannot; see `record`.
        """
        groups = self.record().seeds if groups is None else groups
        if len(groups) == 1:
            return [Checkpoints(self.path, groups[0])]
        return [
            Checkpoints(self.path / f"group{index}", seeds) for index, seeds in enumerate(groups)
        ]

    def remove(self) -> None:
        """Delete the folder; the outputs are in place.

        Raises
        ------
        StstError
            If the disk refuses.
        """
        try:
            self._clear()
        except OSError as error:
            raise StstError(
                f"{self.path}: cannot be removed ({error.strerror or error}). The outputs are in "
                "place; delete it yourself."
            ) from error
        with suppress(OSError):  # while it is held, the lock is there, and goes at the end
            self.path.rmdir()


def _fault(error: ValidationError) -> str:
    """Say in words what is wrong with a record."""
    where = error.errors(include_url=False)[0]["loc"]
    if not where:
        return "its rate or its groups cannot be"
    return f"the entry {'.'.join(map(str, where))!r} is missing or of the wrong kind"
