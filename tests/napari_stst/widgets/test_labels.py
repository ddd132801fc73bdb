from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPlainTextEdit, QPushButton, QSplitter, QVBoxLayout, QWidget

from napari_stst.widgets.labels import MessageLabel, WholeLabel

PATH = "/a/very" + "/long" * 30 + "/path.mkv: there is no such file."


@pytest.fixture
def said(qtbot):
    outer = QWidget()
    qtbot.addWidget(outer)
    said = MessageLabel()
    QVBoxLayout(outer).addWidget(said)
    outer.resize(300, 200)
    outer.show()
    said.outer = outer
    return said


def lines(said):
    return round(said.document().size().height())


def test_it_is_there_while_there_is_something_to_say(said):
    assert said.isHidden()
    said.say("Short.")
    assert not said.isHidden()
    assert (said.text(), said.toolTip()) == ("Short.", "Short.")
    said.say("")
    assert said.isHidden()


def test_a_path_is_broken_and_wholly_there(said, qtbot):
    said.say(PATH)
    qtbot.waitUntil(lambda: lines(said) > 1)
    # nothing lies at the right of what is seen
    assert said.horizontalScrollBar().maximum() == 0
    one = said.fontMetrics().lineSpacing()
    assert 4 * one <= said.height() <= 5 * one
    # wider, it takes fewer lines
    said.outer.resize(1000, 200)
    qtbot.waitUntil(lambda: lines(said) == 2)
    assert 2 * one <= said.height() < 3 * one


@pytest.mark.parametrize("more", [0, 200])
def test_a_label_in_a_splitter_is_wholly_there(qtbot, more):
    parts = QSplitter(Qt.Orientation.Vertical)
    qtbot.addWidget(parts)
    form, panel, label = QPlainTextEdit(), QWidget(), WholeLabel()
    column = QVBoxLayout(panel)
    column.addWidget(label)
    column.addWidget(QPushButton("below"))
    parts.addWidget(form)
    parts.addWidget(panel)
    parts.setStretchFactor(0, 1)
    parts.setStretchFactor(1, 0)
    parts.resize(250 + more, 500)
    parts.show()
    label.setText("There are many words to be said here. " * 8)
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()) > 0)
    # narrower, it takes more lines
    parts.resize(150, 500)
    qtbot.waitUntil(lambda: parts.width() == 150)
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()))
    # and wider again, fewer
    high = label.minimumHeight()
    parts.resize(400, 500)
    qtbot.waitUntil(lambda: label.minimumHeight() < high / 2)
    label.setText("Few.")
    assert label.minimumHeight() <= 2 * label.fontMetrics().height()
    label.setText("")
    assert label.minimumHeight() == 0


def test_no_scroll_bar_where_all_is_seen(said, qtbot):
    # a theme may put something around the text
    said.setStyleSheet("QPlainTextEdit { padding: 6px; }")
    said.say("Short.")
    qtbot.waitUntil(said.isVisible)
    qtbot.wait(50)
    assert not said.verticalScrollBar().isVisible()
    assert said.viewport().height() >= said.fontMetrics().lineSpacing()
    said.say(3 * PATH)
    qtbot.waitUntil(said.verticalScrollBar().isVisible)
