from __future__ import annotations

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDialog, QWidget

from napari_stst.viewer.closing import OnClose


class Window(QWidget):
    def __init__(self, answer: bool) -> None:
        super().__init__()
        self.answer = answer

    def closeEvent(self, event) -> None:
        event.setAccepted(self.answer)


@pytest.mark.parametrize("shown", [True, False])
def test_once_when_a_window_is_closed(qtbot, until, shown):
    window, calls = Window(True), []
    OnClose(window, lambda: calls.append(1))
    window.setVisible(shown)
    window.close()
    if shown:
        assert calls == [1]
    until(lambda: calls == [1])
    window.show()
    window.close()
    qtbot.wait(20)
    assert calls == [1]
    window.deleteLater()


def test_not_when_the_user_says_no(qtbot):
    window, calls = Window(False), []
    OnClose(window, lambda: calls.append(1))
    window.show()
    window.close()
    qtbot.wait(20)
    assert calls == []
    window.answer = True
    window.close()
    assert calls == [1]
    window.deleteLater()


def test_not_when_it_is_hidden(qtbot):
    window, calls = Window(True), []
    OnClose(window, lambda: calls.append(1))
    window.show()
    window.hide()
    qtbot.wait(20)
    assert calls == []
    window.deleteLater()


class Asking(Window):
    """Asks in a dialog that stays open for a while, as napari does and the queue."""

    def closeEvent(self, event) -> None:
        dialog = QDialog(self)
        QTimer.singleShot(200, dialog.accept if self.answer else dialog.reject)
        event.setAccepted(dialog.exec() == QDialog.DialogCode.Accepted)


def test_a_question_may_take_its_time(qtbot):
    window, calls = Asking(False), []
    OnClose(window, lambda: calls.append(1))
    window.show()
    # as a click does it, while events are waited for
    QTimer.singleShot(0, window.close)
    qtbot.wait(500)
    # the user has said no, so that this is no closing
    window.hide()
    qtbot.wait(20)
    assert calls == []
    window.show()
    window.answer = True
    QTimer.singleShot(0, window.close)
    qtbot.waitUntil(lambda: calls == [1])
    window.deleteLater()
