"""The row that says whether weights are here, and fetches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_stst.background.messages import Failed, Message, Result, Step, Stopped
from napari_stst.background.task import Task
from napari_stst.closing import OnClose, main_window

if TYPE_CHECKING:
    from napari import Viewer

_WORDS = {
    "verified": "here, verified",
    "unverified": "here",
    "mismatch": "not the published file",
    "unusable": "unusable",
    "missing": "missing",
}


class WeightsRow(QWidget):
    """Says of some weights whether they are on this machine, with a button to download them.

    Parameters
    ----------
    viewer
        The viewer.
    names
        Of entries of the registry.
    """

    def __init__(self, viewer: Viewer, names: Sequence[str]) -> None:
        super().__init__()
        OnClose(main_window(viewer), self._close_task)
        self._names = tuple(names)
        self._states: list[Mapping[str, Any]] = []
        self.task: Task | None = None
        self.label = QLabel("looking …")
        self.label.setWordWrap(True)
        self.button = QPushButton("Download")
        self.button.clicked.connect(self.download_or_cancel)
        self.button.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.label, stretch=1)
        layout.addWidget(self.button)

    def showEvent(self, event: Any) -> None:
        """Look when it is first seen."""
        super().showEvent(event)
        if self.task is None and not self._states:
            self.look()

    def set_names(self, names: Sequence[str]) -> None:
        """Speak of other weights."""
        if tuple(names) == self._names:
            return
        self._close_task()
        self._names, self._states = tuple(names), []
        self.label.setText("looking …")
        self.button.hide()
        if self.isVisible() and self._names:
            self.look()

    def missing(self) -> list[str]:
        """Name the weights that are known not to be here, or not to be usable."""
        return [str(one["name"]) for one in self._states if not one["usable"]]

    def look(self) -> None:
        """Find out what is here; hashing large files takes a moment, so not in this process."""
        self._run(Task("weights", self, names=list(self._names)))

    def download_or_cancel(self) -> None:
        """Fetch what is missing, or stop fetching."""
        if self.task is not None:
            self.task.stop()
            return
        missing = self.missing()
        self.button.setText("Cancel")
        self.label.setText("connecting …")
        self._run(Task("fetch", self, names=missing))

    def _close_task(self) -> None:
        if self.task is not None:
            self.task.message.disconnect()
            self.task.close()
            self.task = None

    def _run(self, task: Task) -> None:
        self.task = task
        task.message.connect(self._heard)

    def _heard(self, message: Message) -> None:
        if isinstance(message, Step):
            self.label.setText(f"{message.what} ({message.progress:.0%})")
            return
        self.task = None
        if isinstance(message, Result) and isinstance(message.value, list):
            self._show(message.value)
            return
        if isinstance(message, Failed):
            show_error(message.text)
        elif isinstance(message, Result):
            show_info("Downloaded: " + ", ".join(message.value.values()))
        if isinstance(message, Result | Stopped) or self._states:
            self.look()
        else:
            self.label.setText("unknown")

    def _show(self, states: list[Mapping[str, Any]]) -> None:
        self._states = states
        words = [f"{one['name']}: {_WORDS[one['state']]}" for one in states]
        self.label.setText("\n".join(words))
        tips = [
            "\n".join(filter(None, (one["name"], one["path"], one["message"], one["licence"])))
            for one in states
        ]
        self.label.setToolTip("\n\n".join(tips))
        missing = [one for one in states if not one["usable"]]
        size = sum(one["download_size"] or 0 for one in missing)
        self.button.setText(f"Download ({size / 1e6:.0f} MB)" if size else "Download")
        self.button.setToolTip("\n".join(one["url"] for one in missing))
        self.button.setVisible(bool(missing))
