"""The choice of a clip's frames: in words, by a slider with two ends, and from the viewer's."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget
from superqt import QRangeSlider

from napari_stst.widgets.boxes import SmallButton
from stst.errors import InputError
from stst.video import parse_range


class FramesRow(QWidget):
    """A line with a range ``A:B``, and a slider and buttons that write it.

    What is written stays as it is, for instance ``3:``, until the slider is moved.
    """

    #: Another range was written or chosen.
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        #: Gives the frame of the clip that the viewer shows; None where it shows none.
        self.here: Callable[[], int | None] = lambda: None
        self._length = 0
        self.line = QLineEdit()
        self.line.setPlaceholderText("all")
        self.line.setMinimumWidth(50)
        self.slider = QRangeSlider(Qt.Orientation.Horizontal)  # type: ignore[no-untyped-call]
        self.slider.setMinimumHeight(18)
        self.from_here, self.to_here = SmallButton("from here"), SmallButton("to here")
        self.from_here.setToolTip("The frame that is seen becomes the first one.")
        self.to_here.setToolTip("The frame that is seen becomes the last one.")
        row = QHBoxLayout()
        row.addWidget(self.line, stretch=1)
        row.addWidget(self.from_here)
        row.addWidget(self.to_here)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.slider)
        self.line.textChanged.connect(self._on_text)
        self.slider.valueChanged.connect(self._on_slider)
        self.from_here.clicked.connect(self._begin_here)
        self.to_here.clicked.connect(self._end_here)
        self.set_length(None)

    def text(self) -> str:
        """Give what is written."""
        return str(self.line.text()).strip()

    def set_text(self, text: str) -> None:
        """Write a range; "" is all frames."""
        self.line.setText(text)

    def set_length(self, length: int | None) -> None:
        """Offer the frames of a clip; None where none is chosen.

        Parameters
        ----------
        length
            How many frames the clip has.
        """
        self._length = length or 0
        for one in (self.slider, self.from_here, self.to_here):
            one.setEnabled(self._length > 1)
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(self._length - 1, 1))
        self.slider.blockSignals(False)
        self._show()

    def _read_ends(self) -> tuple[int, int]:
        """Give the first and the last frame; those of the clip where what is written is no range.

        Returns
        -------
        tuple of int
            0-based, both included.
        """
        try:
            first, stop = parse_range(self.text() or None, self._length, "the clip")
        except InputError:
            return 0, self._length - 1
        return first, stop - 1

    def _show(self) -> None:
        if self._length > 1:
            self.slider.blockSignals(True)
            self.slider.setValue(self._read_ends())
            self.slider.blockSignals(False)

    def _on_text(self) -> None:
        self._show()
        self.changed.emit()

    def _on_slider(self, ends: tuple[int, int]) -> None:
        self._choose(*ends)

    def _choose(self, first: int, last: int) -> None:
        whole = (first, last) == (0, self._length - 1)
        self.set_text("" if whole else f"{first}:{last + 1}")

    def _frame_shown(self) -> int | None:
        frame = self.here()
        return None if frame is None else min(max(frame, 0), self._length - 1)

    def _begin_here(self) -> None:
        first, (_, last) = self._frame_shown(), self._read_ends()
        if first is not None:
            self._choose(first, last if last >= first else self._length - 1)

    def _end_here(self) -> None:
        last, (first, _) = self._frame_shown(), self._read_ends()
        if last is not None:
            self._choose(first if first <= last else 0, last)
