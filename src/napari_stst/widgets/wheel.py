"""The mouse wheel scrolls forms, and changes no setting on its way."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

_TURNED = (QComboBox, QAbstractSpinBox, QAbstractSlider)


class _Guard(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hand the wheel on to what lies around a box, unless the box has the focus."""
        if (
            event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False


def leave_wheel(root: QWidget) -> None:
    """Let all boxes and sliders in a widget change by the wheel only where they have the focus.

    Parameters
    ----------
    root
        The widget, with everything in it.
    """
    guard = _Guard(root)
    for one in root.findChildren(QWidget):
        if isinstance(one, _TURNED) and not isinstance(one, QScrollBar):
            # else the wheel itself brings the focus
            one.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            one.installEventFilter(guard)
