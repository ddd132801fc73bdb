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

from napari_stst.background.estimating import EstimateRequest
from napari_stst.make.cost import Cost
from napari_stst.queue.job import ACTIVE, ENDED_EARLY, UNFINISHED, QueuedJob
from napari_stst.queue.losses import LossPlot
from napari_stst.queue.queue import Queue
from napari_stst.queue.result_row import ResultRow
from napari_stst.queue.resume_offer import ResumeOffer
from napari_stst.widgets.boxes import SteadyButton
from napari_stst.widgets.theme import colors_of
from stst.config import METHODS

#: Pixels, at least: what an ended run says below them must not make the window grow.
_PLOT_HEIGHT = 100


class RunPanel(QWidget):
    """Shows the latest of the jobs it was given, and steers it.

    Parameters
    ----------
    viewer
        The viewer.
    queue
        Where jobs go.
    method
        Of the jobs that are shown.
    before
        Widgets that stand before the buttons.
    ask_estimate
        What the form asks for, see `napari_stst.make.cost.Cost`.
    """

    def __init__(
        self,
        viewer: Viewer,
        queue: Queue,
        method: str,
        before: Sequence[QWidget],
        ask_estimate: Callable[[], tuple[EstimateRequest, Path] | None],
    ) -> None:
        super().__init__()
        self.viewer, self.queue, self.method = viewer, queue, method
        self._attached: list[QueuedJob] = []
        self.job: QueuedJob | None = None
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
        layout.addWidget(ResumeOffer(queue, self))
        self.cost = Cost(queue, ask_estimate)
        layout.addWidget(self.cost)
        layout.addLayout(progress)
        self.result = ResultRow(viewer, self)
        self.result.status_changed.connect(self.status.setText)
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

    def watch(self, job: QueuedJob) -> None:
        """Queue a job and show how it goes, once it is its turn."""
        self._attach(job)
        self.queue.add(job)

    def _on_queue(self) -> None:
        """Show what waits or runs, also if it was queued elsewhere."""
        for job in self.queue.jobs:
            if job.state in UNFINISHED and job.request.method == self.method:
                self._attach(job)
        if self.job is not None and self.job.state in ACTIVE:
            self._say_status(self.job)
        self.update_buttons()

    def _attach(self, job: QueuedJob) -> None:
        if job in self._attached:
            return
        self._attached.append(job)
        job.follow = self.follow.isChecked()
        job.changed.connect(lambda: self._on_progress(job))
        for signal, plot in (
            (job.losses, self.losses),
            (job.probabilities, self.probabilities),
        ):
            signal.connect(partial(self._draw, job, plot))
        if self.job is None or self.job.state not in ACTIVE:
            self._show(job)
            self._on_progress(job)

    def pause_or_go(self) -> None:
        """Pause, go on, or take up what was stopped."""
        job = self.job
        if job is None:
            return
        if job.can_go_on:
            self.queue.resume(job)
        else:
            job.pause_or_go()

    def cancel(self) -> None:
        """Stop after this step."""
        if self.job is not None:
            self.job.cancel()

    def update_buttons(self) -> None:
        """Offer what can be done now."""
        job = self.job
        state = job.state if job is not None else None
        resumable = job is not None and job.can_go_on
        words = "Go on" if state == "paused" else "Resume" if resumable else "Pause"
        self.pause_button.setText(words)
        self.pause_button.setEnabled(state in ACTIVE or resumable)
        self.cancel_button.setEnabled(state in UNFINISHED)
        self.result.show_for(job)

    def _show(self, job: QueuedJob) -> None:
        self.job = job
        for plot in self._plots:
            plot.clear()
        first = self.losses.isHidden()
        self.losses.setVisible(METHODS[self.method].has_losses)
        self.probabilities.setVisible(METHODS[self.method].has_probabilities)
        if first and not self.losses.isHidden():
            self._make_room()
        for step in job.course:
            self.losses.add(step.losses, step.progress)
            self.probabilities.add(step.probabilities, step.progress)

    def _make_room(self) -> None:
        """Let the plots be as high as they like to be, where the form above can do with less."""
        parts = self.parentWidget()
        if isinstance(parts, QSplitter):
            above, here = parts.sizes()
            wanted = max(here, self.sizeHint().height())
            parts.setSizes([above + here - wanted, wanted])

    def _on_progress(self, job: QueuedJob) -> None:
        if job is not self.job:
            if job.state != "running" or (self.job and self.job.state in ACTIVE):
                return
            self._show(job)
        self.bar.setEnabled(job.state != "waiting")
        self.bar.setValue(round(1000 * job.progress))
        self._say_status(job)
        self._fit_status()
        self.update_buttons()

    def _say_status(self, job: QueuedJob) -> None:
        words = [job.text]
        if job.state == "running":
            words.append(f"{job.time_left} left")
        waiting = sum(one.state == "waiting" for one in self.queue.jobs)
        if waiting and job.state in ACTIVE:
            words.append(f"{waiting} waiting")
        self.status.setText("  ·  ".join(words))
        self.status.setToolTip("\n\n".join([job.text, *job.notes]))

    def _draw(
        self, job: QueuedJob, plot: LossPlot, values: Mapping[str, float], share: float
    ) -> None:
        if job is self.job:
            plot.add(values, share)

    def _fit_status(self) -> None:
        """Keep all of a verdict in sight; while a run goes on, nothing moves."""
        ended = self.job is not None and self.job.state in ("done", *ENDED_EARLY)
        # what it wants is never below its minimum
        self.status.setMinimumHeight(0)
        height = self.status.heightForWidth(max(1, self.status.width())) if ended else 0
        self.status.setMinimumHeight(max(0, height))

    def resizeEvent(self, event: Any) -> None:
        """Words take other lines."""
        super().resizeEvent(event)
        self._fit_status()

    def _set_follow(self, on: bool) -> None:
        if self.job is not None:
            self.job.follow = on

    def _on_theme(self, event: object) -> None:
        for plot in self._plots:
            plot.set_colors(colors_of(self.viewer))
