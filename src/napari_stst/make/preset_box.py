"""The choice of a preset."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QWidget

from napari_stst.make.settings import nearest_preset
from napari_stst.widgets.boxes import SmallButton, narrow
from stst.config import RunConfig, preset_method, preset_names, preset_text

_NARROWEST = 60  # pixels


class PresetBox(QComboBox):
    """A box with the presets of a method, each with the words that describe it.

    Parameters
    ----------
    method
        As configs call it.
    chosen
        The preset that is shown first.
    """

    def __init__(self, method: str, chosen: str) -> None:
        super().__init__()
        narrow(self)
        # beside it there is to be room for what tells of changes
        self.setMinimumWidth(_NARROWEST)
        self._names = [name for name in preset_names() if preset_method(name) == method]
        for place, name in enumerate(self._names):
            self.addItem(name)
            words = preset_text(name).partition("\n")[0].removeprefix("# ")
            self.setItemData(place, words, Qt.ItemDataRole.ToolTipRole)
        #: The preset whose settings the form has, apart from what the user has changed.
        self.taken = chosen
        self.setCurrentText(chosen)
        self.setToolTip("Choosing one sets everything below but clip, seed and output.")

    def setCurrentText(self, name: str) -> None:
        """Show a preset as the one that the form has."""
        self.taken = name
        super().setCurrentText(name)

    def show_nearest(self, config: RunConfig) -> None:
        """Show the preset that a config is nearest to, by the length of the command."""
        if self._names:
            self.setCurrentText(nearest_preset(config, self._names))


class PresetRow(QWidget):
    """A box of presets, and beside it whether the form still holds what the preset says.

    Parameters
    ----------
    box
        The box.
    """

    #: The preset's settings are wanted back.
    reset = Signal()

    def __init__(self, box: PresetBox) -> None:
        super().__init__()
        self.button = SmallButton("changed: reset")
        self.button.clicked.connect(self.reset)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(box, stretch=1)
        row.addWidget(self.button)
        self.show_changes(())

    def show_changes(self, changes: Sequence[str]) -> None:
        """Say which settings are others than the preset's.

        Parameters
        ----------
        changes
            Their labels.
        """
        self.button.setVisible(bool(changes))
        words = f"Not as in the preset: {', '.join(changes)}. A click sets it back."
        self.button.setToolTip(words)
