"""The way of the Tab key through a widget: as its parts are seen, and only through these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractScrollArea,
    QLayout,
    QScrollArea,
    QSplitter,
    QTableView,
    QWidget,
)
from superqt import QCollapsible


class Section(QCollapsible):
    """A part of a form under a title, which keys reach only while it is open.

    Parameters
    ----------
    title
        Of the button that opens it.
    """

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.setDuration(0)
        self.content().hide()

    def _expand_collapse(self, direction: Any, *words: Any, **named: Any) -> None:
        # only made flat, its widgets would go on taking the focus
        opening = direction == self._animation.Direction.Forward
        self.content().setVisible(opening)
        super()._expand_collapse(direction, *words, **named)


def order_tabs(root: QWidget) -> None:
    """Let the Tab key go through a widget from the top to the bottom, and out of tables.

    Parameters
    ----------
    root
        The widget, once everything is in it.
    """
    before: QWidget | None = None
    for one in _in_order(root):
        if isinstance(one, QTableView):
            # arrows go from cell to cell; Tab would never leave
            one.setTabKeyNavigation(False)
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.focusProxy() is None:
            if before is not None:
                QWidget.setTabOrder(before, one)
            before = one


def _in_order(widget: QWidget) -> Iterator[QWidget]:
    yield widget
    if isinstance(widget, QScrollArea):
        inside = widget.widget()
        if inside is not None:
            yield from _in_order(inside)
    elif isinstance(widget, QSplitter):
        for place in range(widget.count()):
            yield from _in_order(widget.widget(place))
    elif not isinstance(widget, QAbstractScrollArea) and widget.layout() is not None:
        yield from _in_layout(widget.layout())


def _in_layout(layout: QLayout) -> Iterator[QWidget]:
    for place in range(layout.count()):
        item = layout.itemAt(place)
        if item.widget() is not None:
            yield from _in_order(item.widget())
        elif item.layout() is not None:
            yield from _in_layout(item.layout())
