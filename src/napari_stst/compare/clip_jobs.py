"""Measuring in the background: one task after the other, on files."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stst.background.measurements import ClipSet
from napari_stst.background.messages import Failed, Message, Result, Step
from napari_stst.background.task import Task
from napari_stst.viewer.layers import file_of, save_clip
from stst.errors import StstError

if TYPE_CHECKING:
    from napari.layers import Image


class ClipFiles:
    """Files of layers; frames that are nowhere on disk are written to a temporary folder."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._written: dict[Path, Any] = {}
        self._times = 0
        self._lock = threading.Lock()
        self._closed = False

    def paths(self, layers: Sequence[Image]) -> list[str]:
        """Give the file of every layer; may take seconds where one must be written.

        Raises
        ------
        StstError
            If a layer cannot be a clip, or cannot be written.
        """
        with self._lock:
            return [str(file_of(layer) or self._save_layer(layer)) for layer in layers]

    def forget(self) -> None:
        """Write frames anew when they are asked for, for they may have been changed in place."""
        with self._lock:
            # what a task reads just now stays as it is
            self._times += 1
            self._written.clear()

    def close(self) -> None:
        """Remove what was written."""
        with self._lock:
            self._closed = True
            if self._folder is not None:
                self._folder.cleanup()

    def _save_layer(self, layer: Image) -> Path:
        for path, data in self._written.items():
            if data is layer.data:
                return path
        if self._closed:
            raise StstError("the widget was closed.")
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="napari-stst-", ignore_cleanup_errors=True)
        # tables and reports have this name
        name = re.sub(r"[^\w.-]+", "_", layer.name).strip("._") or "clip"
        folder = Path(self._folder.name) / str(self._times)
        folder.mkdir(exist_ok=True)
        paths = (folder / f"{name}{'_' * one}.mkv" for one in range(10_000))
        path = next(one for one in paths if one not in self._written)
        save_clip(layer, path, overwrite=True)
        self._written[path] = layer.data
        return path


@dataclass(eq=False)
class ClipJob:
    """One thing to do with clips.

    Attributes
    ----------
    task
        A name in `napari_stst.background.tasks`.
    title
        In a word or two, for the progress bar.
    layers
        The natural clip, then the others.
    part
        ``frames``, ``max_side`` and ``levels`` of a `ClipSet`.
    arguments
        Of the task, but for ``clips``.
    on_result
        Called with the paths of the clips and the task's result.
    automatic
        Whether it goes when other clips are chosen.
    """

    task: str
    title: str
    layers: tuple[Image, ...]
    part: Mapping[str, Any]
    arguments: Mapping[str, Any]
    on_result: Callable[[list[str], Any], None]
    automatic: bool = False
    dropped: bool = field(default=False, init=False)


class ClipJobRunner(QObject):
    """Does jobs one after the other, in worker processes.

    Parameters
    ----------
    files
        Where the clips are.
    parent
        Owns the object.
    """

    #: Title, what is being done, and the share that is done.
    progressed = Signal(str, str, float)
    #: What went wrong: the verdict, then why, in the words of the command line.
    failed = Signal(str)
    #: Whether a job is being done; it was the other way before.
    busy_changed = Signal(bool)
    # the files of a job's clips, or why there are none, as text
    _located = Signal(object, object)

    def __init__(self, files: ClipFiles, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.files = files
        self.job: ClipJob | None = None
        self.task: Task | None = None
        self._waiting: list[ClipJob] = []
        # tasks that were asked to stop, and tasks that have ended
        self._leaving: list[Task] = []
        self._past: list[Task] = []
        self._closed = False
        self._located.connect(self._start)

    def add(self, job: ClipJob) -> None:
        """Do a job as soon as those before it are done; one that was asked for comes first."""
        asked = [one for one in self._waiting if not one.automatic]
        self._waiting.insert(len(self._waiting) if job.automatic else len(asked), job)
        if self.job is None:
            self._start_next()

    def drop_automatic(self) -> bool:
        """Forget what was not asked for; say whether there was anything."""
        asked = [one for one in self._waiting if not one.automatic]
        dropped = len(asked) < len(self._waiting)
        self._waiting = asked
        if self.job is not None and self.job.automatic:
            self._drop(self.job)
            dropped = True
        return dropped

    def cancel(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        if self.job is not None:
            self._drop(self.job)

    def close(self) -> None:
        """End everything now; no process stays."""
        self._closed = True
        self._waiting.clear()
        self.job = None
        if self.task is not None:
            self._leaving.append(self.task)
            self.task = None
        self._past += self._leaving
        self._leaving.clear()
        for task in self._past:
            task.blockSignals(True)
        self._close_past_tasks()

    def _close_past_tasks(self) -> None:
        while self._past:
            task = self._past.pop()
            task.close()
            task.deleteLater()

    def _drop(self, job: ClipJob) -> None:
        """Leave the job that is being done to end by itself; it may be loading a model."""
        job.dropped = True
        task, self.task = self.task, None
        if task is not None:
            self._leaving.append(task)
            task.stop()
        self._start_next()

    def _start_next(self) -> None:
        job = self._waiting.pop(0) if self._waiting and not self._closed else None
        changed, self.job = (self.job is None) != (job is None), job
        if changed:
            self.busy_changed.emit(job is not None)
        if job is None:
            return
        self.progressed.emit(job.title, "", 0.0)
        if all(file_of(layer) is not None for layer in job.layers):
            self._locate(job)
        else:
            # encoding may take seconds; the viewer goes on
            threading.Thread(target=self._locate, args=(job,), daemon=True).start()

    def _locate(self, job: ClipJob) -> None:
        found: list[str] | str
        try:
            found = self.files.paths(job.layers)
        except (StstError, OSError, MemoryError) as error:
            found = str(error)
        try:
            self._located.emit(job, found)
        except RuntimeError:  # the widget is gone
            return

    def _start(self, job: ClipJob, found: list[str] | str) -> None:
        if self._closed or job is not self.job:
            return
        if isinstance(found, str):
            self._end(job, Failed(found), [])
            return
        natural, *others = found
        clips = ClipSet(natural, tuple(others), **job.part)
        task = Task(job.task, self, clips=clips, **job.arguments)
        task.message.connect(lambda message: self._on_message(job, task, message, found))
        self.task = task

    def _on_message(self, job: ClipJob, task: Task, message: Message, paths: list[str]) -> None:
        if isinstance(message, Step):
            if not job.dropped:
                self.progressed.emit(job.title, message.what, message.progress)
            return
        # its process is about to end, and cannot be waited for while it speaks
        self._past.append(task)
        QTimer.singleShot(0, self._close_past_tasks)
        if job.dropped:
            self._leaving.remove(task)
        elif job is self.job:
            self.task = None
            self._end(job, message, paths)

    def _end(self, job: ClipJob, message: Message, paths: list[str]) -> None:
        if isinstance(message, Result):
            job.on_result(paths, message.value)
        elif isinstance(message, Failed):
            verdict = f"{job.title} failed" if job.title else "The clips cannot be compared"
            self.failed.emit(f"{verdict}: {message.text}")
        self._start_next()
