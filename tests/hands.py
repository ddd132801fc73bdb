"""What a person does with mouse and keys, as events that Qt sends on as it does real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_stst.viewer.closing import main_window
from patience import patience

LEFT = Qt.MouseButton.LeftButton


def wait_for(condition: Callable[[], bool]) -> None:
    """Let events come until something is so."""
    for _ in range(round(50 * patience(10))):
        if condition():
            return
        QTest.qWait(20)
    raise AssertionError("waited in vain")


def choose_from_menu(viewer: Any, *titles: str) -> None:
    """Click through the menus of a viewer's window; a title's first words do."""
    place: Any = main_window(viewer).menuBar()
    for title in titles:
        wait_for(place.isVisible)
        actions = [one for one in place.actions() if one.text().replace("&", "").startswith(title)]
        assert actions, [one.text() for one in place.actions()]
        where = place.actionGeometry(actions[0]).center()
        QTest.mouseMove(place, where)
        QTest.mouseClick(place, LEFT, pos=where)
        place = actions[0].menu()
    wait_for(lambda: QApplication.activePopupWidget() is None)


def roll(widget: QWidget, notches: int = -1) -> None:
    """Turn the mouse wheel over the middle of a widget; a negative number scrolls down."""
    window = widget.window()
    middle = widget.mapTo(window, widget.rect().center())
    there = window.childAt(middle)
    while there is not None:
        event = QWheelEvent(
            QPointF(there.mapFrom(window, middle)), QPointF(window.mapToGlobal(middle)),
            QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(there, event)
        if event.isAccepted():
            break
        # Qt hands only the system's own events on to what lies around
        there = there.parentWidget()
    QApplication.processEvents()


def click(widget: QWidget) -> None:
    """Press and release the mouse over the middle of a widget, whatever lies there."""
    window = widget.window()
    middle = widget.mapTo(window, widget.rect().center())
    QTest.mouseClick(window.windowHandle(), LEFT, pos=middle)
    QApplication.processEvents()


def press(key: Any, times: int = 1) -> None:
    """Press a key where the focus is."""
    for _ in range(times):
        QTest.keyClick(QApplication.focusWidget(), key)
        QApplication.processEvents()
