"""The row that says where a stimulus is written."""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from napari_stst.widgets.boxes import SmallButton
from stst.errors import InputError
from stst.runs.outputs import MASTERS
from stst.utils.files import at_home
from stst.video import sidecar_path


class OutputRow(QWidget):
    """A line with the name of a master, and a button to browse.

    A name is suggested until the user has written another one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._suggested = ""
        self.line = QLineEdit()
        self.line.setToolTip(
            "The master: X.mkv, X.npy, or X/ for PNG files. Beside it come a preview and X.json, "
            "which says how it was made."
        )
        browse = SmallButton("…")
        browse.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line)
        row.addWidget(browse)

    def text(self) -> str:
        """Give what is written; ``~`` is the home folder."""
        return at_home(str(self.line.text()).strip())

    def name(self) -> str:
        """Give the name of a master.

        Raises
        ------
        InputError
            If there is none, or it is a folder that was there before, which nobody means to
            replace.
        """
        text = self.text()
        if not text:
            raise InputError("There is no output. Give a name such as metamer.mkv.")
        path = Path(os.path.abspath(text))
        if path.is_dir() and not (path.name and sidecar_path(path).exists()):
            raise InputError(
                f"The output {text} is a folder. Give the name of a file in it, such as "
                f"{path / 'metamer.mkv'}."
            )
        return text

    def setText(self, text: str) -> None:
        """Write a name of one's own."""
        self.line.setText(text)

    @property
    def is_suggested(self) -> bool:
        """Whether the user has left the suggestion as it is."""
        return bool(self.line.text() == self._suggested)

    def suggest(self, name: str) -> None:
        """Write a name that may be replaced by the next suggestion."""
        self._suggested = name
        self.line.setText(name)
        self.line.setCursorPosition(len(name))

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Output", self.line.text(), "Lossless master (*.mkv *.npy *.npz)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if name:
            self.line.setText(name if name.lower().endswith(MASTERS) else f"{name}.mkv")
