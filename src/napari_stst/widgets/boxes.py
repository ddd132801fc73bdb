"""Boxes to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QCompleter,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from napari_stst.widgets.theme import Colors


def fill(box: QComboBox, choices: Sequence[tuple[str, Any]]) -> None:
    """Offer other choices in a box and keep what is chosen, if it is still there."""
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for name, value in choices:
        box.addItem(name, value)
    values = [value for _, value in choices]
    if chosen is not None and any(chosen is one for one in values):
        box.setCurrentIndex(next(i for i, one in enumerate(values) if one is chosen))
    box.blockSignals(False)


def narrow(box: QComboBox, letters: int = 5) -> None:
    """Let a box be narrower than its longest choice.

    Parameters
    ----------
    box
        To choose from.
    letters
        That there is room for at least. In a form they are few, so that the box stays beside its
        label where a scroll bar takes room.
    """
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(letters)


class SteadyButton(QPushButton):
    """A button whose words change, and whose size does not: what stands beside it stays in place.

    Parameters
    ----------
    words
        All that it ever says; the first is said first.
    """

    def __init__(self, *words: str) -> None:
        super().__init__(words[0])
        self._words = words

    def sizeHint(self) -> QSize:
        """Ask for the room that the longest words need."""
        hint, metrics = super().sizeHint(), self.fontMetrics()
        widest = max(metrics.horizontalAdvance(one) for one in self._words)
        hint.setWidth(hint.width() - metrics.horizontalAdvance(self.text()) + widest)
        return hint

    def minimumSizeHint(self) -> QSize:
        """Take no less."""
        return self.sizeHint()


class SmallButton(QPushButton):
    """A button in a row of a form; one that is flat looks like words.

    Parameters
    ----------
    words
        What it says.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setStyleSheet("QPushButton { padding: 3px 4px; }")
        # in a dialog the Enter key is for the button at its bottom
        self.setAutoDefault(False)


class OfferBox(QComboBox):
    """A line to write in that offers words: as a list, and what fits while one writes.

    Parameters
    ----------
    words
        That are offered.
    """

    #: Somebody is about to write or to choose.
    entered = Signal()

    def __init__(self, words: Sequence[str] = ()) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        narrow(self)
        self._opening = self._written = False
        self._style = ""
        self.offer(words)
        self._line().installEventFilter(self)
        self._line().textEdited.connect(self._on_edited)

    def offer(self, words: Sequence[str]) -> None:
        """Offer other words; what is written stays, while it is being written, too."""
        line = self._line()
        text, cursor = line.text(), line.cursorPosition()
        self.blockSignals(True)
        self.clear()
        self.addItems(list(words))
        self.setCurrentIndex(self.findText(text, Qt.MatchFlag.MatchExactly))
        self.setEditText(text)
        line.setCursorPosition(cursor)
        self.blockSignals(False)
        completer = QCompleter(list(words), self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.setCompleter(completer)
        self._dress()
        if self._opening and words and line.hasFocus():
            # what has been written meanwhile filters the words, and is not replaced by one
            self._show_words(text if self._written else "")
        self._opening = self._opening and not words

    def set_colors(self, colors: Colors) -> None:
        """Go with a theme: what fits is shown in a window of its own, which knows none."""
        self._style = (
            f"QListView {{ background: {colors.background}; color: {colors.text}; "
            f"border: 1px solid {colors.lines}; }} "
            f"QListView::item:selected {{ background: {colors.lines}; color: {colors.text}; }}"
        )
        self._dress()

    def _dress(self) -> None:
        completer = self.completer()
        popup = completer.popup() if completer is not None else None
        if popup is not None:
            popup.setStyleSheet(self._style)

    def text(self) -> str:
        """Give what is written."""
        return str(self.currentText()).strip()

    def set_text(self, text: str) -> None:
        """Write something, offered or not."""
        self.setCurrentIndex(self.findText(text, Qt.MatchFlag.MatchExactly))
        self.setEditText(text)
        self._line().setCursorPosition(0)

    def set_hint(self, text: str) -> None:
        """Say what an empty line means."""
        self._line().setPlaceholderText(text)

    def showPopup(self) -> None:
        """Show the words, or those that come to be offered soon.

        The keyboard stays in the line: what is written there filters the words.
        """
        line = self._line()
        line.setFocus()
        line.selectAll()
        self._written = False
        self.entered.emit()
        self._opening = not self.count()
        if not self._opening:
            self._show_words("")

    def _show_words(self, beginning: str) -> None:
        completer = self.completer()
        if completer is not None:
            completer.setCompletionPrefix(beginning)
            completer.complete()

    def _on_edited(self, text: str) -> None:
        self._written = True

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the form: a choice does not change by rolling past."""
        event.ignore()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that somebody is about to write."""
        if event.type() == QEvent.Type.FocusIn:
            self.entered.emit()
        return bool(super().eventFilter(watched, event))

    def _line(self) -> Any:
        line = self.lineEdit()
        assert line is not None
        return line


class FileOfferBox(QWidget):
    """An `OfferBox` with a button that asks for a file.

    Parameters
    ----------
    words
        That are offered beside files.
    """

    def __init__(self, words: Sequence[str] = ()) -> None:
        super().__init__()
        self.box = OfferBox(words)
        button = SmallButton("…")
        button.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, stretch=1)
        row.addWidget(button)

    def _browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose a file", self.box.text())
        if name:
            self.box.set_text(name)
