"""The row that says whether weights are here, fetches them, and takes files that the user has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_stst.background.messages import Failed, Message, Result, Step, Stopped
from napari_stst.background.task import Task
from napari_stst.viewer.closing import OnClose, main_window
from napari_stst.widgets.dialogs import ask
from napari_stst.widgets.wording import word_for_form

if TYPE_CHECKING:
    from napari import Viewer

_WORDS = {
    "verified": "here, verified",
    "unverified": "here",
    "mismatch": "not the published file",
    "unusable": "unusable",
    "missing": "missing",
}
_HAVE = "I have the file…"
#: How weights come here, for messages.
WAYS = f"Press Download; or, without a network, press “{_HAVE}”."
_FILTER = "Weights (*.h5 *.hdf5 *.npz *.pth *.pt *.safetensors);;All files (*)"


class WeightsRow(QWidget):
    """Says of some weights whether they are on this machine, with buttons to get them.

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
        self._trouble, self._working = "", False
        self.task: Task | None = None
        self.label = QLabel("looking …")
        self.label.setWordWrap(True)
        self.button = QPushButton("Download")
        self.button.clicked.connect(self.download_or_cancel)
        self.have = QPushButton(_HAVE)
        self.have.setToolTip("Take weights from files on this machine; needs no network.")
        self.have.clicked.connect(lambda _: self.choose_files())
        buttons = QHBoxLayout()
        for button in (self.button, self.have):
            button.hide()
            buttons.addWidget(button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.label)
        layout.addLayout(buttons)

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
        self._names, self._states, self._trouble = tuple(names), [], ""
        self.label.setText("looking …")
        self.button.hide()
        self.have.hide()
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
        if self.task is not None and self._working:
            self.task.stop()
            return
        self._start_working("connecting …")
        self._run(Task("fetch", self, names=self.missing()))

    def choose_files(self) -> None:
        """Ask for files, and take them as what is missing."""
        missing = self.missing()
        title = f"Weights of {' and '.join(missing)}"
        paths, _ = QFileDialog.getOpenFileNames(self, title, "", _FILTER)
        if paths:
            self.take(paths)

    def take(self, paths: Sequence[str], anyway: bool = False) -> None:
        """Import files as what is missing.

        Parameters
        ----------
        paths
            Of the files.
        anyway
            Whether a file is taken that is not the published one.
        """
        self._start_working("reading …")
        task = Task("import", self, paths=list(paths), names=self.missing(), anyway=anyway)
        self._run(task)

    def ask(self, question: str, answers: Sequence[str]) -> str:
        """Ask the user; the last answer is the one that does nothing."""
        return ask(self, "Weights", question, answers)

    def _start_working(self, words: str) -> None:
        self._close_task()  # it may just be looking
        self._trouble, self._working = "", True
        self.button.setText("Cancel")
        self.have.setEnabled(False)
        self.label.setText(words)

    def _close_task(self) -> None:
        if self.task is not None:
            self.task.message.disconnect()
            self.task.close()
            self.task = None

    def _run(self, task: Task) -> None:
        self.task = task
        task.message.connect(self._on_message)

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Step):
            self.label.setText(f"{message.what} ({message.progress:.0%})")
            return
        self.task, self._working = None, False
        self.have.setEnabled(True)
        if isinstance(message, Result) and isinstance(message.value, list):
            self._show(message.value)
            return
        if isinstance(message, Failed):
            self._tell_trouble("That did not work", [message.text])
        elif isinstance(message, Result) and "failed" in message.value:
            self._on_fetched(**message.value)
        elif isinstance(message, Result) and self._on_imported(**message.value):
            return
        if isinstance(message, Result | Stopped) or self._states:
            self.look()
        else:
            self.label.setText(self._trouble or "unknown")

    def _on_fetched(self, paths: Mapping[str, str], failed: Mapping[str, str]) -> None:
        if paths:
            show_info(f"Downloaded: {', '.join(paths)}")
        if failed:
            self._tell_trouble(f"Not downloaded: {', '.join(failed)}", list(failed.values()))

    def _on_imported(self, imported: Mapping[str, str], other: Mapping[str, str]) -> bool:
        """Tell what was taken; say whether the user wants the rest, too, which is under way."""
        if imported:
            show_info(f"Imported: {', '.join(imported)}")
        if not other:
            return False
        words = " ".join(other.values())
        if self.ask(f"{words} Results with it may differ.", ("Use it", "Cancel")) == "Use it":
            self.take(list(other), anyway=True)
            return True
        self._tell_trouble("Not imported", list(other.values()))
        return False

    def _tell_trouble(self, verdict: str, reasons: Sequence[str]) -> None:
        """Say what failed, the verdict first; it stays in the row."""
        reasons = [word_for_form(reason) for reason in reasons]
        self._trouble = "\n".join((f"{verdict}.", *reasons))
        show_error(f"{verdict}. {' '.join(reasons)}")

    def _show(self, states: list[Mapping[str, Any]]) -> None:
        self._states = states
        missing = [one for one in states if not one["usable"]]
        if not missing:
            self._trouble = ""
        words = [f"{one['name']}: {_WORDS[one['state']]}" for one in states]
        self.label.setText("\n".join(filter(None, (self._trouble, *words))))
        tips = [
            "\n".join(filter(None, (one["name"], one["path"], one["message"], one["licence"])))
            for one in states
        ]
        self.label.setToolTip("\n\n".join(tips))
        size = sum(one["download_size"] or 0 for one in missing)
        download = "Download again" if self._trouble else "Download"
        self.button.setText(f"{download} ({size / 1e6:.0f} MB)" if size else download)
        self.button.setToolTip("\n".join(one["url"] for one in missing))
        for button in (self.button, self.have):
            button.setVisible(bool(missing))
