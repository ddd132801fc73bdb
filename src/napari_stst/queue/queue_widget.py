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

from napari_stst.queue.job import ACTIVE, ENDED_EARLY, UNFINISHED, Making
from napari_stst.queue.queue import queue_of
from napari_stst.queue.unfinished import CameBack
from napari_stst.viewer.docks import FirstPlace, unwrapped
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
        self.viewer: Viewer = unwrapped(napari_viewer)
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
        layout.addWidget(CameBack(self.queue, self))
        layout.addWidget(self.table)
        layout.addLayout(self._buttons())
        order_tabs(self)
        self.queue.changed.connect(self.update_rows)
        self.update_rows()

    def showEvent(self, event: Any) -> None:
        """Find a place below the canvas."""
        super().showEvent(event)
        self._place.shown()

    def _buttons(self) -> QHBoxLayout:
        self.buttons: dict[str, tuple[QPushButton, Callable[[Making], bool]]] = {}
        row = QHBoxLayout()
        row.addWidget(self.summary, stretch=1)
        for name, tip, call, fits in (
            ("Show", "Natural clip and result beside each other.", Making.show_layers,
             lambda one: any(layer in self.viewer.layers for layer in one.layers)),
            ("Pause", "Wait after this step, or go on.", Making.pause_or_go,
             lambda one: one.state in ACTIVE),
            ("Cancel", "Stop after this step; what is finished is kept.", Making.cancel,
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

    def chosen(self) -> list[Making]:
        """Give the makings whose rows are selected."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()})
        return [self.queue.makings[row] for row in rows if row < len(self.queue.makings)]

    def update_rows(self) -> None:
        """Show how everything stands."""
        makings = self.queue.makings
        if self.table.rowCount() != len(makings):
            self.table.setRowCount(len(makings))
        for row, making in enumerate(makings):
            for column, text in enumerate(_texts(making)):
                item = self.table.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    self.table.setItem(row, column, item)
                if item.text() != text:
                    item.setText(text)
                    item.setToolTip(making.text if _COLUMNS[column] == "state" else text)
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
                    )
        counts = {state: sum(one.state == state for one in makings) for state in _ORDER}
        words = [f"{count} {state}" for state, count in counts.items() if count]
        self.summary.setText(
            ", ".join(words) or "Nothing is queued; Generate, Scramble and Invert add to it."
        )
        self._update_buttons()

    def _update_buttons(self) -> None:
        chosen = self.chosen()
        for button, fits in self.buttons.values():
            button.setEnabled(any(fits(one) for one in chosen))
        paused = any(one.state == "paused" for one in chosen)
        self.buttons["Pause"][0].setText("Go on" if paused else "Pause")

    def _apply(self, call: Callable[[Making], object], fits: Callable[[Making], bool]) -> None:
        for making in self.chosen():
            if fits(making):
                call(making)
        self.update_rows()


_ORDER = ("running", "paused", "waiting", "done", "stopped", "failed")


def _clip(making: Making) -> str:
    if making.natural is not None:
        return str(making.natural.name)
    return "none" if making.order.natural is None else making.order.natural.name


def _texts(making: Making) -> tuple[str, ...]:
    config = making.order.config
    seed, samples = config["seed"], config["samples"]
    return (
        _clip(making),
        METHODS.titles()[config["method"]],
        str(seed) if samples == 1 else f"{seed} to {seed + samples - 1}",
        Path(making.order.output).name,
        making.state,
        f"{making.progress:.0%}",
        making.time_left if making.state == "running" else "",
    )
