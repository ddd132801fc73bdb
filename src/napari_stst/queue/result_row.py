"""What can be done with a stimulus once it is made, a click each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QPushButton, QWidget

from napari_stst.background.exporting import GAP
from napari_stst.background.messages import Failed, Message, Result, Step
from napari_stst.background.task import Task
from napari_stst.contrib.menus import open_compare
from napari_stst.queue.job import QueuedJob
from napari_stst.viewer.closing import main_window
from napari_stst.viewer.docks import dock_of
from napari_stst.viewer.system_programs import open_in_system_program
from napari_stst.widgets.wording import word_for_form
from stst.errors import InputError, StstError
from stst.video import check_video_output, convert, sidecar_path

if TYPE_CHECKING:
    from napari import Viewer

#: File types of a copy, with the suffix that a name without one gets.
_COPIES = {
    "Lossless master (*.mkv)": ".mkv",
    "Arrays (*.npz)": ".npz",
    "Preview, lossy (*.mp4)": ".mp4",
}


class ResultRow(QWidget):
    """Four buttons for the stimulus that was made last.

    Parameters
    ----------
    viewer
        That shows it.
    parent
        Owns the widget.
    """

    #: What a click has led to, in words.
    status_changed = Signal(str)

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.job: QueuedJob | None = None
        self.task: Task | None = None
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        self.compare, self.folder, self.copy, self.export = (
            _button(words, tip, act)
            for words, tip, act in (
                ("Compare now", "Natural clip and result, with their features.", self.compare_now),
                ("Open folder", "Where the files are.", self.open_folder),
                ("Save a copy…", "Frames and sidecar, elsewhere.", lambda: self.save_copy()),
                (
                    "Export side-by-side video…",
                    "An mp4 for looking at, not for experiments: the natural clip at the left, "
                    f"the result at the right, {GAP} grey pixels between, at the clip's rate.",
                    lambda: self.export_video(),
                ),
            )
        )
        for place, button in enumerate((self.compare, self.folder, self.copy, self.export)):
            grid.addWidget(button, place // 2, place % 2)
        self.hide()

    def show_for(self, job: QueuedJob | None) -> None:
        """Offer what can be done with a job, if it is done."""
        done = job is not None and job.state == "done"
        self.job = job if done else None
        natural = done and job is not None and job.request.natural is not None
        self.compare.setEnabled(natural)
        self.export.setEnabled(natural and (self.task is None or self.task.ended))
        self.setVisible(done)

    def compare_now(self) -> None:
        """Open Compare with the natural clip and the result."""
        from napari_stst.compare.compare_widget import CompareWidget

        job = self.job
        if job is None or job.beside is None:
            return
        window = main_window(self.viewer)
        if not any(one.isVisible() for one in window.findChildren(CompareWidget)):
            open_compare(self.viewer)
        widget = window.findChildren(CompareWidget)[-1]
        dock = dock_of(widget)
        if dock is not None:
            dock.raise_()
        choice = widget.choice
        choice.update_clips()
        if job.beside in choice.clips:
            choice.choose_natural(job.beside)
        for layer in job.layers:
            choice.tick(layer)

    def open_folder(self) -> None:
        """Show the files in the system's own program."""
        if self.job is not None:
            open_in_system_program(Path(self.job.files[0]["master"]).absolute().parent)

    def save_copy(self, path: str = "") -> None:
        """Write the result, and how it was made, under another name.

        Parameters
        ----------
        path
            Of the copy; the user is asked where it is empty.
        """
        if self.job is None:
            return
        master = self._master()
        if not path:
            suggested = str(master.with_name(f"{master.stem}_copy"))
            path, kind = QFileDialog.getSaveFileName(
                self, "Save a copy", suggested, ";;".join(_COPIES)
            )
            if path and not Path(path).suffix:
                path += _COPIES[kind]
        if not path:
            return
        worker = create_worker(_copy_clip, master, path, _start_thread=False)
        worker.returned.connect(partial(self._report_copy, path))
        worker.start()

    def export_video(self, path: str = "") -> None:
        """Write natural clip and result in one video.

        Parameters
        ----------
        path
            Of the mp4 file; the user is asked where it is empty.
        """
        job = self.job
        if job is None or job.request.natural is None:
            return
        master = self._master()
        if not path:
            suggested = str(master.with_name(f"{master.stem}_beside.mp4"))
            path, _ = QFileDialog.getSaveFileName(
                self, "Export side-by-side video", suggested, "Video for looking at (*.mp4)"
            )
            if path and not Path(path).suffix:
                path += ".mp4"
        if not path:
            return
        natural = str(job.request.natural)
        # it may outlast this widget, not the window
        self.task = Task("beside", job, natural=natural, other=str(master), output=path)
        self.task.message.connect(self._on_message)
        self.export.setEnabled(False)

    def _master(self) -> Path:
        """Name the file of the sample whose layer is selected, else of the first one."""
        assert self.job is not None
        layers, active = self.job.layers, self.viewer.layers.selection.active
        place = layers.index(active) if active in layers else 0
        return Path(self.job.files[place]["master"])

    def _report_copy(self, path: str, errors: list[StstError]) -> None:
        for error in errors:
            text = f"No copy was saved: {word_for_form(str(error))}"
            show_error(text)
            self.status_changed.emit(text)
        if not errors:
            self.status_changed.emit(f"Saved a copy: {path}")

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Step):
            self.status_changed.emit(f"Side-by-side video: {message.what}")
            return
        self.show_for(self.job)
        if isinstance(message, Result):
            value = message.value
            self.status_changed.emit(
                f"Side-by-side video, {value['gap']} px of grey between, {value['fps']} Hz: "
                f"{value['path']}"
            )
        elif isinstance(message, Failed):
            text = f"No video was written: {word_for_form(message.text)}"
            show_error(text)
            self.status_changed.emit(text)


def _copy_clip(master: Path, path: str) -> list[StstError]:
    """Copy a clip with its sidecar; an error is returned, for the viewer's thread to tell."""
    try:
        target = check_video_output(path, overwrite=True)
        beside = sidecar_path(target)
        if beside.exists() and not target.exists():
            raise InputError(f"{beside} is there already, of another clip. Choose another name.")
        convert(master, path, overwrite=True)
    except StstError as error:
        return [error]
    return []


def _button(words: str, tip: str, act: Callable[[], None]) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    # a clicked button says whether it is checked; nothing here asks for that
    button.clicked.connect(lambda _=False: act())
    return button
