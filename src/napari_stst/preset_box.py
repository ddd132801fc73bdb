"""The choice of a preset."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from napari_stst.settings import nearest_preset
from stst.config import RunConfig, preset_method, preset_names, preset_text


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
        self._names = [name for name in preset_names() if preset_method(name) == method]
        for place, name in enumerate(self._names):
            self.addItem(name)
            words = preset_text(name).partition("\n")[0].removeprefix("# ")
            self.setItemData(place, words, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentText(chosen)
        self.setToolTip("Choosing one sets everything below but clip, seed and output.")

    def show_nearest(self, config: RunConfig) -> None:
        """Show the preset that a config is nearest to, by the length of the command."""
        self.setCurrentText(nearest_preset(config, self._names))
