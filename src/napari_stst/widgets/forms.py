"""Widgets made from a config's model: one for every key, with the key's own words."""

from __future__ import annotations

import inspect
import re
import tomllib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from magicgui.widgets import CheckBox, ComboBox, LineEdit, TextEdit
from pydantic import BaseModel
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_stst.make.frames_row import FramesRow
from napari_stst.widgets.boxes import FileOfferBox, OfferBox, narrow
from napari_stst.widgets.theme import WRONG
from stst.config import toml_value
from stst.errors import InputError

Tree = dict[str, Any]

_TALL = 60  # pixels from which on a widget has a row of its own
_NONE = "none"  # of a choice that need not be made
_DEVICES = ("auto", "cpu", "cuda", "mps")
# the frames of a clip are called so, too
_LABELS = {"frames": "by frame"}
_WRONG_STYLE = (
    "QLineEdit, QComboBox, QTextEdit, QTableWidget { "
    f"border: 1px solid {WRONG}; border-radius: 2px; }}"
)


class Field(QObject):
    """One key of a config and its widget.

    Parameters
    ----------
    key
        With dots, e.g. ``spatial.model``.
    help
        Shown as a tip.
    native
        The Qt widget.
    read
        Gives the value, None for "as the config has it by itself".
    write
        Shows a value.
    """

    #: The user has changed it.
    changed = Signal()

    def __init__(
        self,
        key: str,
        help: str,
        native: QWidget,
        read: Callable[[], Any],
        write: Callable[[Any], None],
    ) -> None:
        super().__init__(native)
        self.key, self.native, self.read, self.write = key, native, read, write
        self._tip = f"{key}\n\n{help}" if help else key
        self._wrong = ""
        native.setToolTip(self._tip)

    @property
    def label(self) -> str:
        """The key's last part, as words."""
        return _LABELS.get(self.key, self.key.rpartition(".")[2].replace("_", " "))

    @property
    def wrong(self) -> str:
        """What is wrong with what the user has written; "" where nothing is."""
        return self._wrong

    def mark(self, wrong: str) -> None:
        """Show that what is written cannot be, or that it can.

        Parameters
        ----------
        wrong
            Why not; "" where it can be.
        """
        if wrong == self._wrong:
            return
        self._wrong = wrong
        self.native.setStyleSheet(_WRONG_STYLE if wrong else "")
        self.native.setToolTip(f"{wrong}\n\n{self._tip}" if wrong else self._tip)


def fields_of(
    kind: type[BaseModel],
    leave_out: Sequence[str] = (),
    prefix: str = "",
    offers: Mapping[str, Sequence[str]] | None = None,
) -> list[Field]:
    """Make a field for every key of a config's model, those of its tables included.

    Parameters
    ----------
    kind
        The model.
    leave_out
        Keys, with dots, that have no field.
    prefix
        Of a table's keys.
    offers
        Words that are offered for keys that are text, with dots; anything else can be written.
    """
    helps = _helps(kind)
    out: list[Field] = []
    for name, info in kind.model_fields.items():
        key = f"{prefix}{name}"
        if key in leave_out:
            continue
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            out += fields_of(annotation, leave_out, f"{key}.", offers)
        elif offers is not None and key in offers:
            out.append(_offer_field(key, helps.get(name, ""), offers[key]))
        else:
            out.append(_field(key, helps.get(name, ""), annotation))
    return out


def read_fields(fields: Sequence[Field]) -> Tree:
    """Give what fields say as a tree of a config; keys without a value are left out.

    Raises
    ------
    InputError
        If a text that should be TOML is none.
    """
    tree: Tree = {}
    for field in fields:
        value = field.read()
        if value is None:
            continue
        *tables, name = field.key.split(".")
        node = tree
        for table in tables:
            node = node.setdefault(table, {})
        node[name] = value
    return tree


def write_fields(fields: Sequence[Field], tree: Mapping[str, Any]) -> None:
    """Show a tree of a config; fields without a value there become empty."""
    for field in fields:
        value: Any = tree
        for part in field.key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        field.write(value)


def _field(key: str, help: str, annotation: Any) -> Field:
    annotation, optional = _without_none(annotation)
    if key == "device":
        return _choice(key, help, _DEVICES)
    if key == "input.frames":
        return _frames(key, help)
    if get_origin(annotation) is Literal:
        return _choice(key, help, get_args(annotation), optional)
    if annotation is bool:
        return _toggle(key, help)
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)[0]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            plain = all(_is_number(one.annotation) for one in inner.model_fields.values())
            return _table(key, help, inner) if plain else _toml_field(key, help)
        return _list_field(key, help, inner is not str)
    return _line(key, help, _is_number(annotation), optional)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Strip ``| None`` and ``Annotated``."""
    if hasattr(annotation, "__metadata__"):
        return _without_none(annotation.__origin__)
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        return _without_none(inner[0])[0], True
    return annotation, False


def _is_number(annotation: Any) -> bool:
    return _without_none(annotation)[0] in (int, float)


def _choice(key: str, help: str, choices: Sequence[Any], optional: bool = False) -> Field:
    first = _NONE if optional else choices[0]
    box = ComboBox(choices=[_NONE, *choices] if optional else list(choices))
    narrow(box.native)

    def read() -> Any:
        return None if optional and box.value == _NONE else box.value

    def write(value: Any) -> None:
        # a GPU by its number, or what a later version allows: never silently something else
        if value is not None and value not in box.choices:
            box.choices = [*box.choices, value]
        box.value = first if value is None else value

    return _wrap_field(key, help, box, read, write)


def _offer_field(key: str, help: str, words: Sequence[str]) -> Field:
    # weights can be a file
    chooser = FileOfferBox(words) if key.endswith("weights") else None
    box = OfferBox(words) if chooser is None else chooser.box

    def write(text: Any) -> None:
        box.set_text(_shown(text))

    field = Field(key, help, chooser or box, lambda: box.text() or None, write)
    box.currentTextChanged.connect(lambda _: field.changed.emit())
    return field


def _frames(key: str, help: str) -> Field:
    row = FramesRow()

    def write(value: Any) -> None:
        row.set_text(_shown(value))

    field = Field(key, help, row, lambda: row.text() or None, write)
    row.changed.connect(field.changed)
    return field


def _toggle(key: str, help: str) -> Field:
    box = CheckBox(text="")
    return _wrap_field(
        key, help, box, lambda: bool(box.value), lambda value: _put(box, bool(value))
    )


def _line(key: str, help: str, number: bool, optional: bool) -> Field:
    line = LineEdit()
    if optional:
        line.native.setPlaceholderText("as it is")

    def read() -> Any:
        text = line.value.strip()
        if not text:
            return None
        return toml_value(text) if number else text

    return _wrap_field(key, help, line, read, lambda value: _put(line, _shown(value)))


def _list_field(key: str, help: str, number: bool) -> Field:
    line = LineEdit()
    line.native.setPlaceholderText("the model's own")

    def read() -> Any:
        words = [word.strip() for word in line.value.split(",") if word.strip()]
        if not words:
            return None
        return [toml_value(word) for word in words] if number else words

    def write(value: Any) -> None:
        _put(line, ", ".join(_shown(one) for one in value or ()))

    return _wrap_field(key, help, line, read, write)


def _toml_field(key: str, help: str) -> Field:
    text = TextEdit()
    text.native.setPlaceholderText(f'[[{key}]]\nrange = "0:1"\n…')
    text.native.setMaximumHeight(110)
    text.native.setTabChangesFocus(True)

    def read() -> Any:
        try:
            tree = tomllib.loads(text.value)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{key}: not valid TOML: {error}") from error
        other = [name for name in tree if name != key]
        if other:
            raise InputError(f"{key}: expected [[{key}]], found {other[0]!r}.")
        return tree.get(key)

    def write(value: Any) -> None:
        import tomli_w

        _put(text, tomli_w.dumps({key: list(value)}).strip() if value else "")

    return _wrap_field(key, help, text, read, write)


def _table(key: str, help: str, row: type[BaseModel]) -> Field:
    table = RowsTable(tuple(row.model_fields))
    helps = _helps(row)
    words = "\n".join(f"{name}: {helps[name]}" for name in row.model_fields if name in helps)
    field = Field(key, "\n\n".join((help, words)).strip(), table, table.rows, table.set_rows)
    table.changed.connect(field.changed)
    return field


class RowsTable(QWidget):
    """A list of tables of numbers: a row each, rows can be added and removed.

    Parameters
    ----------
    names
        Of the columns.
    """

    changed = Signal()

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names
        self._table = QTableWidget(0, len(names))
        self._table.setHorizontalHeaderLabels([name.replace("_", "\n") for name in names])
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table.verticalHeader().hide()
        self._table.itemChanged.connect(lambda _: self.changed.emit())
        add, remove = QPushButton("Add"), QPushButton("Remove")
        add.clicked.connect(self._add)
        remove.clicked.connect(self._remove)
        buttons = QHBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addLayout(buttons)

    def rows(self) -> list[Tree]:
        """Give the rows; empty cells are left out."""
        out = []
        for row in range(self._table.rowCount()):
            cells = [self._table.item(row, column) for column in range(len(self._names))]
            texts = ["" if cell is None else cell.text().strip() for cell in cells]
            named = zip(self._names, texts, strict=True)
            out.append({name: toml_value(text) for name, text in named if text})
        return out

    def set_rows(self, rows: Sequence[Mapping[str, Any]] | None) -> None:
        """Show other rows."""
        self._table.blockSignals(True)
        self._table.setRowCount(0)
        for row in rows or ():
            self._insert([_shown(row.get(name)) for name in self._names])
        self._table.blockSignals(False)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Make room for larger letters."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._table.resizeRowsToContents()
            self._fit()

    def _insert(self, texts: Sequence[str]) -> None:
        place = self._table.rowCount()
        self._table.insertRow(place)
        for column, text in enumerate(texts):
            self._table.setItem(place, column, QTableWidgetItem(text))

    def _add(self) -> None:
        # coarser ones come first, so that a new one is like the coarsest and one below
        rows = self.rows()
        first = dict(rows[0]) if rows else {"exponent": 1, "iterations": 50, "learning_rate": 0.02}
        if isinstance(first.get("exponent"), int):
            first["exponent"] -= 1
        self.set_rows([first, *rows])
        self.changed.emit()

    def _remove(self) -> None:
        chosen = self._table.currentRow()
        self._table.removeRow(max(chosen, 0))
        self._fit()
        self.changed.emit()

    def _fit(self) -> None:
        rows = sum(self._table.rowHeight(row) for row in range(self._table.rowCount()))
        header = self._table.horizontalHeader().sizeHint().height()
        self._table.setFixedHeight(rows + header + 4)


def form_of(fields: Sequence[Field]) -> QWidget:
    """Put fields below each other, those of a table under its name."""
    box = QWidget()
    form = QFormLayout(box)
    form.setContentsMargins(0, 0, 0, 0)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    titles: set[str] = set()
    # tables last: what follows a heading belongs to it
    for field in sorted(fields, key=lambda one: "." in one.key):
        title = field.key.rpartition(".")[0]
        if title and title not in titles:
            titles.add(title)
            heading = QLabel(f"<b>{title}</b>")
            heading.setContentsMargins(0, 6, 0, 0)
            form.addRow(heading)
        if field.native.sizeHint().height() > _TALL:
            form.addRow(QLabel(field.label))
            form.addRow(field.native)
        else:
            form.addRow(field.label, field.native)
    return box


class FormArea(QScrollArea):
    """Scrolls a form up and down; it is never narrower than the form."""

    def fit(self) -> None:
        """Ask for the width that the form needs now."""
        inside, bar = self.widget(), self.verticalScrollBar()
        assert inside is not None
        assert bar is not None
        edges = 2 * self.frameWidth() + bar.sizeHint().width()
        self.setMinimumWidth(inside.minimumSizeHint().width() + edges)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow a form that has changed."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return bool(super().eventFilter(watched, event))


def _wrap_field(
    key: str, help: str, widget: Any, read: Callable[[], Any], write: Callable[[Any], None]
) -> Field:
    field = Field(key, help, widget.native, read, write)
    # the widget is Python's alone: without this it would be collected, and its native with it
    field.widget = widget
    widget.changed.connect(lambda _: field.changed.emit())
    return field


def _put(widget: Any, value: Any) -> None:
    widget.value = value


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _helps(kind: type[BaseModel]) -> dict[str, str]:
    """Read what a docstring says of each attribute, those of the base classes included."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        text = inspect.cleandoc(one.__doc__ or "")
        _, _, section = text.partition("Attributes\n----------\n")
        for entry in re.split(r"\n(?=\S)", section):
            names, _, body = entry.partition("\n")
            words = " ".join(body.split()).replace("``", "")
            found |= {name.strip(): words for name in names.split(",") if words}
    return found
