"""The table of what is made, waits, and was made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_stst.queue.job import ACTIVE, ENDED_EARLY, UNFINISHED, QueuedJob
from napari_stst.queue.queue import queue_of
from napari_stst.queue.resume_offer import ResumeOffer
from napari_stst.viewer.docks import FirstPlace, unwrap
from napari_stst.widgets.boxes import SteadyButton
from napari_stst.widgets.keyboard import order_tabs
from stst.config import METHODS

_HEIGHT = 170  # pixels
_COLUMNS = ("clip", "method", "seed", "output", "state", "done", "left")


class QueueWidget(QWidget):
    """Shows the viewer's queue, a row for each stimulus; they are made one after the other.

    Parameters
    ----------
    napari_viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer: Viewer = unwrap(napari_viewer)
        self.queue = queue_of(self.viewer)
        self._place = FirstPlace(self.viewer, self, "Queue", "bottom", _HEIGHT)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_COLUMNS.index("output"), QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(90)
        self.table.itemSelectionChanged.connect(self._update_buttons)
        self.summary = QLabel("")
        layout = QVBoxLayout(self)
        layout.addWidget(ResumeOffer(self.queue, self))
        layout.addWidget(self.table)
        layout.addLayout(self._buttons())
        order_tabs(self)
        self.queue.changed.connect(self.update_rows)
        self.update_rows()

    def showEvent(self, event: Any) -> None:
        """Find a place below the canvas."""
        super().showEvent(event)
        self._place.on_show()

    def _buttons(self) -> QHBoxLayout:
        self.buttons: dict[str, tuple[QPushButton, Callable[[QueuedJob], bool]]] = {}
        row = QHBoxLayout()
        row.addWidget(self.summary, stretch=1)
        for name, tip, call, fits in (
            ("Show", "Natural clip and result beside each other.", QueuedJob.show_layers,
             lambda one: any(layer in self.viewer.layers for layer in one.layers)),
            ("Pause", "Wait after this step, or go on.", QueuedJob.pause_or_go,
             lambda one: one.state in ACTIVE),
            ("Cancel", "Stop after this step; what is finished is kept.", QueuedJob.cancel,
             lambda one: one.state in UNFINISHED),
            ("Resume", "Continue where it stopped, or begin again.", self.queue.resume,
             lambda one: one.state in ENDED_EARLY),
            ("Remove", "Forget the row; files and layers stay.", self.queue.remove,
             lambda one: one.state not in ACTIVE),
        ):  # fmt: skip
            button = SteadyButton(name, "Go on") if name == "Pause" else QPushButton(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, call=call, fits=fits: self._apply(call, fits))
            self.buttons[name] = (button, fits)
            row.addWidget(button)
        return row

    def selected_jobs(self) -> list[QueuedJob]:
        """Give the jobs whose rows are selected."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self.queue.jobs[row] for row in rows if row < len(self.queue.jobs)]

    def update_rows(self) -> None:
        """Show how everything stands."""
        jobs = self.queue.jobs
        if self.table.rowCount() != len(jobs):
            self.table.setRowCount(len(jobs))
        for row, job in enumerate(jobs):
            for column, text in enumerate(_texts(job)):
                item = self.table.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    self.table.setItem(row, column, item)
                if item.text() != text:
                    item.setText(text)
                    item.setToolTip(job.text if _COLUMNS[column] == "state" else text)
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
                    )
        counts = {state: sum(one.state == state for one in jobs) for state in _ORDER}
        words = [f"{count} {state}" for state, count in counts.items() if count]
        self.summary.setText(
            ", ".join(words) or "Nothing is queued; Generate, Scramble and Invert add to it."
        )
        self._update_buttons()

    def _update_buttons(self) -> None:
        selected_jobs = self.selected_jobs()
        for button, fits in self.buttons.values():
            button.setEnabled(any(fits(one) for one in selected_jobs))
        paused = any(one.state == "paused" for one in selected_jobs)
        self.buttons["Pause"][0].setText("Go on" if paused else "Pause")

    def _apply(
        self, call: Callable[[QueuedJob], object], fits: Callable[[QueuedJob], bool]
    ) -> None:
        for job in self.selected_jobs():
            if fits(job):
                call(job)
        self.update_rows()


_ORDER = ("running", "paused", "waiting", "done", "stopped", "failed")


def _clip(job: QueuedJob) -> str:
    if job.natural is not None:
        return str(job.natural.name)
    return "none" if job.request.natural is None else job.request.natural.name


def _texts(job: QueuedJob) -> tuple[str, ...]:
    config = job.request.tree
    seed, samples = config["seed"], config["samples"]
    return (
        _clip(job),
        METHODS.titles()[config["method"]],
        str(seed) if samples == 1 else f"{seed} to {seed + samples - 1}",
        Path(job.request.output).name,
        job.state,
        f"{job.progress:.0%}",
        job.time_left if job.state == "running" else "",
    )
