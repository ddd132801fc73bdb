"""Values of whole clips beside their nulls, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from napari_stst.background.measurements import ValueTable
    from napari_stst.widgets.theme import Colors

_FIRST = ("Measure", "Clip")


class ValueTableView(QTableWidget):
    """A table that is read, selected and copied from, not written to.

    Parameters
    ----------
    colors
        Of the viewer's theme.
    """

    def __init__(self, colors: Colors) -> None:
        super().__init__()
        self.colors = colors
        self._places: list[int] = []
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # Tab goes on to what is beside it
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        header = self.verticalHeader()
        assert header is not None
        header.hide()

    def show_values(self, values: ValueTable, labels: Sequence[str]) -> None:
        """Show other values.

        Parameters
        ----------
        values
            Of clips.
        labels
            Of the clips by their place.
        """
        heads = (*_FIRST, *values.heads)
        self.setColumnCount(len(heads))
        self.setHorizontalHeaderLabels(heads)
        self.setRowCount(len(values.rows))
        self._places = [one.place for one in values.rows]
        before = ""
        for place, row in enumerate(values.rows):
            # a measure is named once for all its clips
            title = row.title if row.title != before else ""
            before = row.title
            for column, text in enumerate((title, labels[row.place], *row.cells)):
                item = QTableWidgetItem(text)
                item.setToolTip(row.title if column == 0 else text)
                self.setItem(place, column, item)
        self.set_colors(self.colors)
        self.resizeColumnsToContents()
        self.resizeRowsToContents()

    def set_colors(self, colors: Colors) -> None:
        """Follow another theme: clips are named in the colours of their courses."""
        self.colors = colors
        for row, place in enumerate(self._places):
            item = self.item(row, 1)
            if item is not None:
                item.setForeground(QColor(colors.clip(place)))
