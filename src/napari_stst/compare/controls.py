"""How clips are looked at: the view, and what can be set of it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QStackedWidget,
    QWidget,
)

from napari_stst.compare.views import CURTAIN, DIFFERENCE, FLICKER, MODES, Views
from napari_stst.widgets.boxes import narrow

_TIPS = (
    "The layers as napari shows them",
    "The natural clip on the left, the others beside it",
    "How the highlighted clip differs from the natural one",
    "The natural clip and the highlighted one in turn, at the same place",
    "The natural clip on the left of an edge, the highlighted one on its right",
)
_SIGNS = {
    "size": ("absolute", "|other − natural|: black is no difference"),
    "signed": ("signed", "other − natural around mid-grey: grey is no difference"),
}
_BETWEEN = 3  # pixels
_STEPS = 1000  # of the slider
_LETTERS = 8  # of a view's name that are seen at least


class ViewControls(QWidget):
    """A box of views, and below it what can be set of the chosen one.

    Parameters
    ----------
    views
        What is set.
    """

    #: Another view was chosen.
    mode_changed = Signal(str)

    def __init__(self, views: Views) -> None:
        super().__init__()
        self.views = views
        self.box = QComboBox()
        self.box.addItems(MODES)
        narrow(self.box, _LETTERS)
        for place, tip in enumerate(_TIPS):
            self.box.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.options = QStackedWidget()
        pages = {DIFFERENCE: self._difference, FLICKER: self._flicker, CURTAIN: self._curtain}
        for mode in MODES:
            self.options.addWidget(pages[mode]() if mode in pages else QWidget())
        # while clips are seen in turn, wherever the mouse is
        self.shortcut = QShortcut(QKeySequence("F"), self)
        self.shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self.shortcut.setEnabled(False)
        self.shortcut.activated.connect(self._swap_by_hand)
        # one row: below the canvas there is little height
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_BETWEEN)
        row.addWidget(self.box, 4)
        row.addWidget(self.options, 7)
        self.box.currentIndexChanged.connect(self._on_view_chosen)
        views.split_changed.connect(self._split_changed)

    @property
    def mode(self) -> str:
        """The chosen one of `compare_views.MODES`."""
        return str(self.box.currentText())

    def choose(self, mode: str) -> None:
        """Choose a view."""
        self.box.setCurrentText(mode)

    def stop(self) -> None:
        """Leave the keyboard alone."""
        self.shortcut.setEnabled(False)

    def go_on(self) -> None:
        """Listen to the keyboard again, where the view has a key."""
        self.shortcut.setEnabled(self.mode == FLICKER)

    def _on_view_chosen(self, place: int) -> None:
        self.options.setCurrentIndex(place)
        self.shortcut.setEnabled(self.mode == FLICKER)
        self.mode_changed.emit(self.mode)

    def _difference(self) -> QWidget:
        self.sign, self.gain = QComboBox(), QDoubleSpinBox()
        narrow(self.sign, _LETTERS)
        for name, (sign, tip) in _SIGNS.items():
            self.sign.addItem(name, sign)
            self.sign.setItemData(self.sign.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.gain.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.gain.setRange(0.1, 50)
        self.gain.setDecimals(1)
        self.gain.setPrefix("× ")
        self.gain.setValue(1)
        self.gain.setToolTip("How much differences are enlarged")
        self.sign.currentIndexChanged.connect(self._set_difference)
        self.gain.valueChanged.connect(self._set_difference)
        return _row(self.sign, self.gain)

    def _set_difference(self, _: float = 0) -> None:
        self.views.set_difference(self.sign.currentData(), self.gain.value())

    def _flicker(self) -> QWidget:
        self.rate = QDoubleSpinBox()
        self.rate.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.rate.setRange(0, 30)
        self.rate.setDecimals(1)
        self.rate.setValue(2)
        self.rate.setSuffix(" per s")
        self.rate.setSpecialValueText("by hand")
        self.rate.setToolTip("Changes from one clip to the other per second; 0 for by hand alone")
        self.rate.valueChanged.connect(self.views.set_rate)
        self.swap = QPushButton("Swap (F)")
        self.swap.clicked.connect(self._swap_by_hand)
        return _row(self.rate, self.swap)

    def _swap_by_hand(self) -> None:
        # by hand means that it stays, too
        self.rate.setValue(0)
        self.views.swap()

    def _curtain(self) -> QWidget:
        self.split = QSlider(Qt.Orientation.Horizontal)
        self.split.setRange(0, _STEPS)
        self.split.setValue(_STEPS // 2)
        self.split.setToolTip("Where the edge is; it can be dragged in the picture as well")
        self.split.valueChanged.connect(lambda value: self.views.set_split(value / _STEPS))
        return _row(QLabel("edge"), self.split)

    def _split_changed(self, share: float) -> None:
        self.split.blockSignals(True)
        self.split.setValue(round(share * _STEPS))
        self.split.blockSignals(False)


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(_BETWEEN)
    for widget in widgets:
        layout.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return row
