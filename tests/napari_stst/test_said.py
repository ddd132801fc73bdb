from __future__ import annotations

import pytest
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stst.said import Said

PATH = "/a/very" + "/long" * 30 + "/path.mkv: there is no such file."


@pytest.fixture
def said(qtbot):
    outer = QWidget()
    qtbot.addWidget(outer)
    said = Said()
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
