"""The offer to go on with what a viewer that was closed had to make."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_stst.queue.queue import Queue
from napari_stst.widgets.labels import WholeLabel

_NAMED = 2  # all of them are in the tip


class ResumeOffer(QWidget):
    """A line with two buttons, which is there as long as there is something to offer.

    Parameters
    ----------
    queue
        That the jobs came back to.
    parent
        Owns the widget.
    """

    def __init__(self, queue: Queue, parent: QWidget) -> None:
        super().__init__(parent)
        self._queue = queue
        self.words = WholeLabel()
        self.go_on = QPushButton("Continue")
        self.go_on.setToolTip("Make the rest, with the settings that each was begun with.")
        self.go_on.clicked.connect(self._go_on)
        self.forget = QPushButton("Forget")
        self.forget.setToolTip("Offer it no more. Files and run folders stay.")
        self.forget.clicked.connect(self._forget)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.words, stretch=1)
        row.addWidget(self.go_on)
        row.addWidget(self.forget)
        queue.changed.connect(self._update)
        self._update()

    def _update(self) -> None:
        jobs = self._queue.restored
        self.setVisible(bool(jobs))
        names = ", ".join(one.name for one in jobs[:_NAMED])
        more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
        self.words.setText(f"Not finished when the viewer was closed: {names}{more}")
        self.words.setToolTip("\n".join(f"{one.request.output}: {one.text}" for one in jobs))

    def _go_on(self) -> None:
        for job in self._queue.restored:
            self._queue.resume(job)

    def _forget(self) -> None:
        for job in self._queue.restored:
            self._queue.remove(job)
