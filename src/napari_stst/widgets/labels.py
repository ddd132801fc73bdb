"""Words that stay, and are wrapped where they are longer than a line."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QTextOption
from qtpy.QtWidgets import QFrame, QLabel, QPlainTextEdit, QWidget

_LINES = 4


class WholeLabel(QLabel):
    """A label that has the height of all its lines, also where what is around it gives it less.

    Splitters, for one, don't ask how high something has to be where it is narrow.
    """

    def __init__(self) -> None:
        super().__init__("")
        self.setWordWrap(True)

    def setText(self, text: str) -> None:
        """Say something else."""
        super().setText(text)
        self._fit()

    def resizeEvent(self, event: Any) -> None:
        """Take as many lines as the width asks for."""
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: Any) -> None:
        """Take them now; before, the width was nobody's choice."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        # the height for a width is never less than the least one that is set
        self.setMinimumHeight(0)
        if self.text() and self.isVisible():
            self.setMinimumHeight(self.heightForWidth(max(1, self.width())))


class MessageLabel(QPlainTextEdit):
    """A message that can be selected, wrapped anywhere, and scrolled where there is no room.

    It is hidden while there is none. A label cannot break a path, so it shows a part of it.

    Parameters
    ----------
    parent
        Owns the widget.
    lines
        That are seen at most.
    """

    def __init__(self, parent: QWidget | None = None, lines: int = _LINES) -> None:
        super().__init__(parent)
        self._most = lines
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.hide()

    def text(self) -> str:
        """Give the message."""
        return str(self.toPlainText())

    def say(self, text: str) -> None:
        """Show a message, or nothing."""
        self.setPlainText(text)
        self.setToolTip(text)
        self.setVisible(bool(text))
        self._fit()

    def resizeEvent(self, event: Any) -> None:
        """Take as many lines as the width asks for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        document = self.document()
        assert document is not None
        # of a plain text, the height of its document is counted in lines
        needed = max(1, round(document.size().height()))
        lines = min(self._most, needed)
        # what a theme puts around the text is known by what is left of the widget for it
        around = max(0, self.height() - self.viewport().height())
        frame = 2 * round(document.documentMargin()) + around
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + frame)
        bar = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            bar.ScrollBarAsNeeded if needed > lines else bar.ScrollBarAlwaysOff
        )
