"""The buttons below the clips, and how far the work is."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QProgressBar, QPushButton, QWidget

from napari_stst.widgets.labels import MessageLabel

_COLUMNS = 12  # so that rows of three and of four buttons are as wide


class Actions(QWidget):
    """Buttons that measure, save and cancel, with a bar."""

    def __init__(self) -> None:
        super().__init__()
        self.measure = _button("Measure", "Low-level features, frame by frame")
        self.nulls = _button(
            "Statistics…",
            "Energy, coherence of motion and light, beside unrelated clips, the natural clip "
            "scrambled, and noise",
        )
        self.cka = _button(
            "CKA…", "How alike layers of a vision model find the clips, beside unrelated ones"
        )
        self.prednet = _button("PredNet…", "How well a network foresees the frames")
        self.save = _button("Save table…", "Write the numbers of the shown courses")
        self.report = _button("Report…", "Write a page with frames, courses and tables")
        self.open = _button("Open report", "Open the page that was written")
        self.cancel = _button("Cancel", "End what is being measured")
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        rows = (
            (self.measure, self.nulls, self.cka, self.prednet),
            (self.save, self.report, self.open),
        )
        for row, buttons in enumerate(rows):
            span = _COLUMNS // len(buttons)
            for column, button in enumerate(buttons):
                layout.addWidget(button, row, column * span, 1, span)
        layout.addWidget(self.bar, 2, 0, 1, _COLUMNS * 2 // 3)
        layout.addWidget(self.cancel, 2, _COLUMNS * 2 // 3, 1, _COLUMNS // 3)
        self.message = MessageLabel()
        layout.addWidget(self.message, 3, 0, 1, _COLUMNS)
        self.open.setEnabled(False)
        self.set_busy(False)

    def set_ready(self, clips: bool, measured: bool) -> None:
        """Say whether there are clips that can be compared, and numbers that can be saved."""
        for button in (self.measure, self.nulls, self.cka, self.prednet, self.report):
            button.setEnabled(clips)
        self.save.setEnabled(measured)

    def set_progress(self, title: str, what: str, share: float) -> None:
        """Say what is being done, and the share that is done."""
        words = f"{title}: {what}" if what else title
        self.bar.setValue(round(100 * share))
        room = self.bar.width() - 2 * self.bar.fontMetrics().horizontalAdvance("…")
        shown = self.bar.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
        self.bar.setFormat(shown.replace("%", "%%"))
        self.bar.setToolTip(words)

    def set_busy(self, busy: bool) -> None:
        """Say whether something is being done."""
        self.cancel.setEnabled(busy)
        if not busy:
            self.set_progress("", "", 0.0)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button
