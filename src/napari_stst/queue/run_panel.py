"""How a run goes: progress, time left, losses; pause, cancel, resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_stst.make.cost import Cost
from napari_stst.queue.job import ACTIVE, ENDED_EARLY, UNFINISHED, Making
from napari_stst.queue.losses import LossPlot
from napari_stst.queue.queue import Queue
from napari_stst.queue.result_row import ResultRow
from napari_stst.queue.unfinished import CameBack
from napari_stst.widgets.boxes import SteadyButton
from napari_stst.widgets.theme import colors_of
from stst.config import METHODS

#: Pixels, at least: what an ended run says below them must not make the window grow.
_PLOT_HEIGHT = 100


class RunPanel(QWidget):
    """Shows the latest of the makings it was given, and steers it.

    Parameters
    ----------
    viewer
        The viewer.
    queue
        Where makings go.
    method
        Of the makings that are shown.
    before
        Widgets that stand before the buttons.
    asked
        What the form asks for, see `napari_stst.make.cost.Cost`.
    """

    def __init__(
        self,
        viewer: Viewer,
        queue: Queue,
        method: str,
        before: Sequence[QWidget],
        asked: Callable[[], tuple[Mapping[str, Any], Path] | None],
    ) -> None:
        super().__init__()
        self.viewer, self.queue, self.method = viewer, queue, method
        self._attached: list[Making] = []
        self.making: Making | None = None
        self.pause_button = SteadyButton("Pause", "Go on", "Resume")
        self.pause_button.clicked.connect(self.pause_or_go)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop after this step; what is finished is kept.")
        self.cancel_button.clicked.connect(self.cancel)
        self.follow = QCheckBox("follow")
        self.follow.setChecked(True)
        self.follow.setToolTip("Move the time slider to the frame that is being made.")
        self.follow.toggled.connect(self._set_follow)
        if METHODS[method].whole_clip:
            self.follow.hide()
        row = QHBoxLayout()
        row.setSpacing(2)
        for place, widget in enumerate((*before, self.pause_button, self.cancel_button)):
            row.addWidget(widget, stretch=int(place == 0))
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        progress = QHBoxLayout()
        progress.addWidget(self.bar, stretch=1)
        progress.addWidget(self.follow)
        self.status = QLabel("")
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.losses = LossPlot(colors_of(viewer))
        self.losses.setMinimumHeight(_PLOT_HEIGHT)
        self.probabilities = LossPlot(colors_of(viewer), "probability", (0.0, 1.0))
        self.probabilities.setMinimumHeight(_PLOT_HEIGHT * 3 // 4)
        for plot in self._plots:
            plot.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(CameBack(queue, self))
        self.cost = Cost(queue, asked)
        layout.addWidget(self.cost)
        layout.addLayout(progress)
        self.result = ResultRow(viewer, self)
        self.result.told.connect(self.status.setText)
        for widget in (self.status, self.result):
            layout.addWidget(widget)
        for stretch, plot in enumerate(self._plots, start=1):
            layout.addWidget(plot, stretch=stretch)
        # at the bottom: whatever comes, goes or takes more lines above, the buttons stay in place
        layout.addLayout(row)
        viewer.events.theme.connect(self._on_theme)
        queue.changed.connect(self._on_queue)
        self._on_queue()

    @property
    def _plots(self) -> tuple[LossPlot, ...]:
        return (self.probabilities, self.losses)

    def watch(self, making: Making) -> None:
        """Queue a making and show how it goes, once it is its turn."""
        self._attach(making)
        self.queue.add(making)

    def _on_queue(self) -> None:
        """Show what waits or runs, also if it was queued elsewhere."""
        for making in self.queue.makings:
            if making.state in UNFINISHED and making.order.config["method"] == self.method:
                self._attach(making)
        if self.making is not None and self.making.state in ACTIVE:
            self._say_status(self.making)
        self.update_buttons()

    def _attach(self, making: Making) -> None:
        if making in self._attached:
            return
        self._attached.append(making)
        making.follow = self.follow.isChecked()
        making.changed.connect(lambda: self._progressed(making))
        for told, plot in (
            (making.losses, self.losses),
            (making.probabilities, self.probabilities),
        ):
            told.connect(partial(self._draw, making, plot))
        if self.making is None or self.making.state not in ACTIVE:
            self._show(making)
            self._progressed(making)

    def pause_or_go(self) -> None:
        """Pause, go on, or take up what was stopped."""
        making = self.making
        if making is None:
            return
        if making.can_go_on:
            self.queue.resume(making)
        else:
            making.pause_or_go()

    def cancel(self) -> None:
        """Stop after this step."""
        if self.making is not None:
            self.making.cancel()

    def update_buttons(self) -> None:
        """Offer what can be done now."""
        making = self.making
        state = making.state if making is not None else None
        resumable = making is not None and making.can_go_on
        words = "Go on" if state == "paused" else "Resume" if resumable else "Pause"
        self.pause_button.setText(words)
        self.pause_button.setEnabled(state in ACTIVE or resumable)
        self.cancel_button.setEnabled(state in UNFINISHED)
        self.result.show_for(making)

    def _show(self, making: Making) -> None:
        self.making = making
        for plot in self._plots:
            plot.clear()
        first = self.losses.isHidden()
        self.losses.setVisible(METHODS[self.method].has_losses)
        self.probabilities.setVisible(METHODS[self.method].has_probabilities)
        if first and not self.losses.isHidden():
            self._make_room()
        for step in making.course:
            self.losses.add(step.losses, step.progress)
            self.probabilities.add(step.probabilities, step.progress)

    def _make_room(self) -> None:
        """Let the plots be as high as they like to be, where the form above can do with less."""
        parts = self.parentWidget()
        if isinstance(parts, QSplitter):
            above, here = parts.sizes()
            wanted = max(here, self.sizeHint().height())
            parts.setSizes([above + here - wanted, wanted])

    def _progressed(self, making: Making) -> None:
        if making is not self.making:
            if making.state != "running" or (self.making and self.making.state in ACTIVE):
                return
            self._show(making)
        self.bar.setEnabled(making.state != "waiting")
        self.bar.setValue(round(1000 * making.progress))
        self._say_status(making)
        self._fit_status()
        self.update_buttons()

    def _say_status(self, making: Making) -> None:
        words = [making.text]
        if making.state == "running":
            words.append(f"{making.time_left} left")
        waiting = sum(one.state == "waiting" for one in self.queue.makings)
        if waiting and making.state in ACTIVE:
            words.append(f"{waiting} waiting")
        self.status.setText("  ·  ".join(words))
        self.status.setToolTip("\n\n".join([making.text, *making.notes]))

    def _draw(
        self, making: Making, plot: LossPlot, values: Mapping[str, float], share: float
    ) -> None:
        if making is self.making:
            plot.add(values, share)

    def _fit_status(self) -> None:
        """Keep all of a verdict in sight; while a run goes on, nothing moves."""
        ended = self.making is not None and self.making.state in ("done", *ENDED_EARLY)
        # what it wants is never below its minimum
        self.status.setMinimumHeight(0)
        height = self.status.heightForWidth(max(1, self.status.width())) if ended else 0
        self.status.setMinimumHeight(max(0, height))

    def resizeEvent(self, event: Any) -> None:
        """Words take other lines."""
        super().resizeEvent(event)
        self._fit_status()

    def _set_follow(self, on: bool) -> None:
        if self.making is not None:
            self.making.follow = on

    def _on_theme(self, event: object) -> None:
        for plot in self._plots:
            plot.set_colors(colors_of(self.viewer))
