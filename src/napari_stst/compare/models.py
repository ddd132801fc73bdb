"""Fields for what clips are shown to: vision models with weights and layers, unrelated clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_stst.background.messages import Failed, Message, Result
from napari_stst.background.task import Task
from napari_stst.widgets.boxes import FileOfferBox, OfferBox
from napari_stst.widgets.theme import Colors
from stst.config.cka import DEFAULT_LAYERS, choice_text, parse_choice, split_layers
from stst.errors import InputError

#: Starts the task that lists the layers of a model.
AskLayers = Callable[[str], Task]

_HEADINGS = ("model", "weights", "layers")
_TICKED = Qt.CheckState.Checked


class LayersEdit(QWidget):
    """A line for names of layers, and a button that shows those that the model has.

    Parameters
    ----------
    model
        Gives the model's name.
    ask
        Asks for its layers.
    """

    #: The model's layers cannot be had, and why.
    failed = Signal(str)

    def __init__(self, model: Callable[[], str], ask: AskLayers) -> None:
        super().__init__()
        self._model, self._ask = model, ask
        self._asked = ""
        self.picker: LayerPicker | None = None
        self.line = QLineEdit()
        self.line.setToolTip("Names of layers, with commas between them")
        self.button = QPushButton("Choose…")
        self.button.setToolTip("Choose from all layers of the model")
        self.button.clicked.connect(lambda _: self.choose())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.show_default()

    def show_default(self) -> None:
        """Say what an empty line means for the model."""
        own = DEFAULT_LAYERS.get(self._model(), ())
        self.line.setPlaceholderText(", ".join(own) if own else "choose some")

    def names(self) -> tuple[str, ...]:
        """Give the names; empty where the model's default is meant."""
        return split_layers([self.line.text()])

    def choose(self) -> None:
        """Ask for the model's layers, and show them when they are there."""
        self._asked = self._model()
        if not self._asked:
            self.failed.emit("There is no model yet. Choose one first.")
            return
        self.button.setEnabled(False)
        self.button.setText("looking …")
        self._ask(self._asked).message.connect(self._on_message)

    def _on_message(self, message: Message) -> None:
        self.button.setEnabled(True)
        self.button.setText("Choose…")
        if isinstance(message, Failed):
            self.failed.emit(f"No list of the layers of {self._asked}: {message.text}")
        elif isinstance(message, Result) and self._asked == self._model():
            ticked = self.names() or DEFAULT_LAYERS.get(self._asked, ())
            self.picker = LayerPicker(self._asked, message.value, ticked, self)
            self.picker.accepted.connect(self._on_picked)
            self.picker.open()

    def _on_picked(self) -> None:
        if self.picker is not None:
            self.line.setText(", ".join(self.picker.names()))


class LayerPicker(QDialog):
    """The layers of a model, to be ticked; what is written above filters them.

    Parameters
    ----------
    model
        Its name.
    layers
        All of them, shallow to deep.
    ticked
        Those that are chosen.
    parent
        Owns the dialog.
    """

    def __init__(
        self,
        model: str,
        layers: Sequence[str],
        ticked: Sequence[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Layers of {model}")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("part of a name")
        self.filter.textChanged.connect(self._narrow)
        self.list = QListWidget()
        for layer in layers:
            item = QListWidgetItem(layer)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_TICKED if layer in ticked else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (self.filter, self.list, buttons):
            column.addWidget(widget)
        self.resize(360, 420)

    def names(self) -> list[str]:
        """Give the ticked ones, shallow to deep."""
        items = [self._item(place) for place in range(self.list.count())]
        return [item.text() for item in items if item.checkState() == _TICKED]

    def _item(self, place: int) -> QListWidgetItem:
        item = self.list.item(place)
        assert item is not None
        return item

    def _narrow(self, text: str) -> None:
        for place in range(self.list.count()):
            item = self._item(place)
            item.setHidden(text.strip().lower() not in item.text().lower())


class ModelRow:
    """The fields of one model.

    Parameters
    ----------
    ask
        Asks for a model's layers.
    colors
        Of the viewer's theme.
    """

    def __init__(self, ask: AskLayers, colors: Colors) -> None:
        self.model = OfferBox(tuple(DEFAULT_LAYERS))
        self.model.setToolTip(
            "A model of torchvision by its name, or your own package.module:factory"
        )
        self.weights = FileOfferBox(("default", "none"))
        self.weights.setToolTip(
            "default: torchvision's, which must be on this machine; none: random; or a file"
        )
        self.weights.box.set_text("default")
        self.layers = LayersEdit(self.model.text, ask)
        self.remove = QToolButton()
        self.remove.setText("✕")
        self.remove.setToolTip("Leave this model out")
        self.model.currentTextChanged.connect(lambda _: self.layers.show_default())
        for box in (self.model, self.weights.box):
            box.set_colors(colors)

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        """All fields, from left to right."""
        return self.model, self.weights, self.layers, self.remove

    def write(self, text: str) -> None:
        """Show a choice, as `stst.config.cka.parse_choice` reads it."""
        choice = parse_choice(text)
        self.model.set_text(choice.model)
        self.weights.box.set_text(choice.weights)
        self.layers.line.setText(", ".join(choice.layers))

    def read(self) -> str:
        """Give the choice as such a text.

        Raises
        ------
        InputError
            If there is no model, or none of its layers is chosen.
        """
        model = self.model.text()
        if not model:
            raise InputError("A row has no model. Choose one, or leave the row out (✕).")
        layers = self.layers.names()
        if not layers and model not in DEFAULT_LAYERS:
            raise InputError(f"{model} has no layers yet. Choose some of its layers.")
        return choice_text(model, self.weights.box.text() or "default", layers)


class ModelRows(QWidget):
    """Rows of models, which can be added and taken out.

    Parameters
    ----------
    ask
        Asks for a model's layers.
    colors
        Of the viewer's theme.
    """

    #: Something cannot be done, and why.
    failed = Signal(str)

    def __init__(self, ask: AskLayers, colors: Colors) -> None:
        super().__init__()
        self._ask, self._colors = ask, colors
        self.rows: list[ModelRow] = []
        self._headings = [QLabel(text) for text in _HEADINGS]
        self.add_button = QPushButton("Add a model")
        self.add_button.clicked.connect(lambda _: self.add())
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(4)
        for column, (heading, stretch) in enumerate(zip(self._headings, (3, 3, 5), strict=True)):
            self._grid.addWidget(heading, 0, column)
            self._grid.setColumnStretch(column, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._grid)
        column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._show_headings()

    def add(self, text: str = "") -> ModelRow:
        """Add a row.

        Parameters
        ----------
        text
            What it shows, as `stst.config.cka.parse_choice` reads it.
        """
        row = ModelRow(self._ask, self._colors)
        if text:
            row.write(text)
        row.remove.clicked.connect(lambda _: self.take_out(row))
        row.layers.failed.connect(self.failed)
        place = self._grid.rowCount()
        for column, widget in enumerate(row.widgets):
            self._grid.addWidget(widget, place, column)
        self.rows.append(row)
        self._show_headings()
        return row

    def take_out(self, row: ModelRow) -> None:
        """Take a row out."""
        self.rows.remove(row)
        for widget in row.widgets:
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._show_headings()

    def texts(self) -> list[str]:
        """Give every choice once, as `stst.config.cka.parse_choice` reads it.

        Raises
        ------
        InputError
            If a row is not complete.
        """
        return list(dict.fromkeys(row.read() for row in self.rows))

    def _show_headings(self) -> None:
        for heading in self._headings:
            heading.setVisible(bool(self.rows))


class ClipList(QWidget):
    """Clips on disk, in a list that can be added to."""

    def __init__(self) -> None:
        super().__init__()
        self.list = QListWidget()
        self.list.setMaximumHeight(3 * self.list.fontMetrics().lineSpacing() + 8)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setToolTip(
            "Natural clips of other content, beside the sample clips. A trained network finds any "
            "two clips alike in its early layers; what unrelated clips get is shown as a band. The "
            "more of them, the firmer it is"
        )
        self.add_button, self.remove_button = QPushButton("Add…"), QPushButton("Remove")
        self.add_button.clicked.connect(lambda _: self._browse())
        self.remove_button.clicked.connect(lambda _: self._remove())
        buttons = QVBoxLayout()
        buttons.addWidget(self.add_button)
        buttons.addWidget(self.remove_button)
        buttons.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.list, 1)
        row.addLayout(buttons)

    def paths(self) -> list[str]:
        """Give the clips."""
        items = (self.list.item(place) for place in range(self.list.count()))
        return [item.text() for item in items if item is not None]

    def add(self, paths: Sequence[str]) -> None:
        """Add clips; each stays once."""
        self.list.addItems([one for one in dict.fromkeys(paths) if one not in self.paths()])

    def _browse(self) -> None:
        self.add(QFileDialog.getOpenFileNames(self, "Natural clips of other content")[0])

    def _remove(self) -> None:
        for item in self.list.selectedItems() or [self.list.item(self.list.count() - 1)]:
            self.list.takeItem(self.list.row(item))
