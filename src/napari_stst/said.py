"""Words that stay: long ones are wrapped anywhere, and scrolled where there is no room."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QTextOption
from qtpy.QtWidgets import QFrame, QPlainTextEdit, QWidget

_LINES = 4


class Said(QPlainTextEdit):
    """A message that can be selected; hidden while there is none.

    A label cannot break a path, so it shows a part of it.

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
        around = self.height() - self.viewport().height()
        frame = 2 * round(document.documentMargin()) + around
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + frame)
        bar = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            bar.ScrollBarAsNeeded if needed > lines else bar.ScrollBarAlwaysOff
        )
