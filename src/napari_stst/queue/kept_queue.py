"""The queue on disk: what a viewer has to make outlives it, however it ends."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QStandardPaths

from napari_stst.queue.request import MakeRequest
from stst.errors import InputError, StstError
from stst.utils.files import write_whole
from stst.utils.locks import hold_lock

_FORMAT = 1
_FILE = "queue.json"


@dataclass(frozen=True)
class KeptRequest:
    """One stimulus that is not finished.

    Attributes
    ----------
    request
        What is to be made.
    began
        Whether a run of it has begun, so that its folder, where it is there, is that run's.
    """

    request: MakeRequest
    began: bool


def data_dir() -> Path:
    """Give the folder of what the viewer keeps for its user (it may not exist yet)."""
    named = os.environ.get("STST_DATA_DIR")
    if named:
        return Path(named).expanduser()
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(place) / "napari-stst"


class KeptQueue:
    """One viewer's list of what it has to make, in a folder that is locked while the viewer lives.

    The lock is the operating system's and goes with the process, so that a list without a lock is
    one whose viewer was closed or killed; the next viewer takes it over.
    """

    def __init__(self) -> None:
        self._folder = data_dir() / "queues" / uuid.uuid4().hex
        self._lock = ExitStack()
        self._held = False

    def take_over(self) -> tuple[list[KeptRequest], list[str]]:
        """Take over the lists of viewers that are gone.

        Returns
        -------
        tuple
            What they had to make, and a sentence for everything that cannot be read.

        Raises
        ------
        StstError, OSError
            If the folder cannot be read or written.
        """
        found: list[KeptRequest] = []
        notes: list[str] = []
        with ExitStack() as stack:
            files = []
            for file in sorted(self._folder.parent.glob(f"*/{_FILE}")):
                try:
                    stack.enter_context(hold_lock(file.parent))
                except InputError:
                    continue  # of a viewer that is open
                files.append(file)
                kept, bad = _read(file)
                found += kept
                notes += bad
            # in the own list first: nothing is lost where this process is killed in between
            self.keep(found)
            for file in files:
                file.unlink(missing_ok=True)
        return found, notes

    def keep(self, kept: Sequence[KeptRequest]) -> None:
        """Write the list; nothing is left on disk where it is empty.

        Raises
        ------
        StstError, OSError
            If it cannot be written.
        """
        file = self._folder / _FILE
        if not kept:
            file.unlink(missing_ok=True)
            self.close()
            return
        if not self._held:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._lock.enter_context(hold_lock(self._folder))
            self._held = True
        entries = [{**one.request.as_dict(), "began": one.began} for one in kept]
        with write_whole(file, overwrite=True) as part:
            part.write_text(json.dumps({"format": _FORMAT, "entries": entries}, indent=1), "utf-8")

    def close(self) -> None:
        """Leave the list to the next viewer."""
        self._held = False
        self._lock.close()


def _read(file: Path) -> tuple[list[KeptRequest], list[str]]:
    try:
        content = json.loads(file.read_text("utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']!r}")
        entries = list(content["entries"])
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        return [], [f"The queue of the viewer before cannot be read ({error})."]
    found, notes = [], []
    for entry in entries:
        try:
            found.append(KeptRequest(MakeRequest.from_dict(entry), bool(entry["began"])))
        except (StstError, LookupError, TypeError, ValueError) as error:
            name = entry.get("output") if isinstance(entry, dict) else entry
            notes.append(f"{name}: of the queue of the viewer before, cannot be read ({error}).")
    return found, notes
