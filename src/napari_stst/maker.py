"""What the widgets that make stimuli share: choose a clip and settings, run, watch, keep."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from napari import Viewer
from napari.layers import Image
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_stst.boxes import fill, narrow
from napari_stst.docks import FirstPlace, unwrapped
from napari_stst.forms import FormArea, Tree, fields_of, form_of, read_fields, write_fields
from napari_stst.large import large_words
from napari_stst.layers import file_of, is_clip, known_rate, opened_layer, rate_of
from napari_stst.making import Making, Order
from napari_stst.output_row import OutputRow
from napari_stst.preset_box import PresetBox
from napari_stst.queue import queue_of
from napari_stst.run_panel import RunPanel
from napari_stst.settings import (
    natural_of,
    note_on,
    own_models,
    read_settings,
    write_settings,
)
from napari_stst.sources import Source, folder_for, free_output, source_of, write_all
from stst.config import RunConfig, build, merged, preset_tree
from stst.config.command import command_words
from stst.errors import InputError, StstError
from stst.files import as_text
from stst.outputs import outputs_for
from stst.video import parse_rate

_WIDTH = 380  # pixels


class MakerWidget(QWidget):
    """Make stimuli of one method.

    Parameters
    ----------
    napari_viewer
        The viewer.
    """

    title: ClassVar[str]
    kind: ClassVar[type[RunConfig]]
    preset: ClassVar[str]
    verb: ClassVar[str]
    suffix: ClassVar[str]
    #: Keys that are seen at once, with their labels.
    basic: ClassVar[Mapping[str, str]]
    #: Keys that have widgets of their own.
    elsewhere: ClassVar[tuple[str, ...]] = ("method",)
    #: Words that are offered for keys.
    offers: ClassVar[Mapping[str, Sequence[str]]] = {}
    #: What the clip is called that a run starts from, and what it is for.
    clip: ClassVar[tuple[str, str]] = (
        "natural clip",
        "The natural clip: a layer with 8-bit frames.",
    )
    #: The choice of no clip at all; empty where there must be one.
    without: ClassVar[str] = ""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer: Viewer = unwrapped(napari_viewer)
        self.queue = queue_of(self.viewer)
        self._trusted: set[str] = set()
        self._output = OutputRow()
        self._made: list[Image] = []
        self._place = FirstPlace(self.viewer, self, self.title, "right", _WIDTH)
        self.fields = fields_of(self.kind, self.elsewhere, offers=self.offers)
        self._form = QFormLayout()
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._add_clip_rows()
        self.add_rows(self._form)
        self._add_basic_rows()
        self._form.addRow("output", self._output)
        self._lay_out()
        self._follow_layers()
        self.set_tree(preset_tree(self.preset))
        self._on_queue()
        if self.run.making is not None:
            # closed and opened again while something is made
            self.set_tree(self.run.making.order.config)
            self._presets.show_nearest(build(self.tree(), self.kind))

    # --- what the methods differ in -------------------------------------------------------------

    def add_rows(self, form: QFormLayout) -> None:
        """Add rows below the natural clip's."""

    def sources(self, natural: Image, stem: Path) -> dict[str, Source]:
        """Give the other inputs, by role; files that are to be written begin with `stem`."""
        return {}

    def check(self) -> None:
        """Refuse what cannot succeed, before anything is written."""

    def with_sources(self, tree: Tree, paths: Mapping[str, Path]) -> Tree:
        """Put the inputs' paths into a config's tree."""
        return tree

    def add_sections(self) -> list[QCollapsible]:
        """Give what stands beside Advanced."""
        return []

    def layers_changed(self) -> None:
        """Bring further choices of layers up to date."""

    def clip_changed(self) -> None:
        """Bring up to date what depends on the chosen clip."""

    def add_actions(self, menu: QMenu) -> None:
        """Add to the menu More."""

    def showEvent(self, event: Any) -> None:
        """Find a place beside what is open already."""
        super().showEvent(event)
        self._place.shown()

    @property
    def method(self) -> str:
        """What configs call it."""
        return str(self.kind.model_fields["method"].default)

    # --- the form -------------------------------------------------------------------------------

    def tree(self) -> Tree:
        """Give what the form says, as a config's tree without input clips.

        Raises
        ------
        InputError
            If a text that should be TOML is none.
        """
        return {"method": self.method, **read_fields(self.fields)}

    def set_tree(self, tree: Mapping[str, Any]) -> None:
        """Show a config; what it leaves out becomes as the config has it by itself."""
        config = build(tree, self.kind)
        write_fields(self.fields, config.model_dump(mode="json", exclude_none=True))

    def natural(self) -> Image | None:
        """Give the chosen clip; None where it can do without.

        Raises
        ------
        InputError
            If none is open.
        """
        layer: Image | None = self._natural.currentData()
        if layer is None and not self.without:
            raise InputError("There is no clip. Open one (File > Open, or Open Sample) first.")
        return layer

    def _add_clip_rows(self) -> None:
        self._natural = QComboBox()
        label, tip = self.clip
        self._natural.setToolTip(tip)
        narrow(self._natural)
        self._natural.currentIndexChanged.connect(lambda _: self._natural_changed())
        self._form.addRow(label, self._natural)
        self._rate = QLineEdit()
        self._rate.setPlaceholderText("e.g. 25 or 60000/1001")
        self._rate.setToolTip("The layer does not know its frame rate in Hz: say it here.")
        self._form.addRow("frame rate", self._rate)
        self._presets = PresetBox(self.method, self.preset)
        self._presets.textActivated.connect(self.choose_preset)
        if self._presets.count() > 1:
            self._form.addRow("preset", self._presets)

    def _add_basic_rows(self) -> None:
        by_key = {field.key: field for field in self.fields}
        for key, label in self.basic.items():
            self._form.addRow(label, by_key[key].native)

    # --- layout ---------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addLayout(self._form)
        rest = [field for field in self.fields if field.key not in self.basic]
        self.advanced = QCollapsible("Advanced")
        self.advanced.setDuration(0)
        self.advanced.addWidget(form_of(rest))
        for part in (*self.add_sections(), self.advanced):
            column.addWidget(part)
        column.addStretch()
        self.scroll = FormArea()
        self.scroll.setWidget(inside)
        self.scroll.setWidgetResizable(True)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.fit()
        self.make_button = QPushButton(self.verb)
        self.make_button.clicked.connect(self.make)
        buttons = (self.make_button, self._more())
        self.run = RunPanel(self.viewer, self.queue, self.method, buttons)
        self.queue.changed.connect(self._on_queue)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.scroll)
        parts.addWidget(self.run)
        parts.setStretchFactor(0, 1)
        parts.setStretchFactor(1, 0)
        parts.setChildrenCollapsible(False)
        QVBoxLayout(self).addWidget(parts)
        self.setMinimumWidth(_WIDTH - 40)

    def _more(self) -> QToolButton:
        button = QToolButton()
        button.setText("More")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(button)
        self.menu.addAction("Copy as command", self.copy_command)
        self.menu.addAction("Save config…", lambda: self.save_config())
        self.menu.addAction("Load config or sidecar…", lambda: self.load_config())
        self.menu.addSeparator()
        self.menu.addAction(f"{self.verb} for every selected clip", self.make_selected)
        self.add_actions(self.menu)
        button.setMenu(self.menu)
        return button

    def _on_queue(self) -> None:
        self.make_button.setText("Add to queue" if self.queue.current else self.verb)
        if self._unfinished() != self._made:
            self._on_layers()

    # --- layers ---------------------------------------------------------------------------------

    def _follow_layers(self) -> None:
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._on_layers)
        self._on_layers()

    def _on_layers(self, event: object = None) -> None:
        self._made = self._unfinished()
        clips = [one for one in self.viewer.layers if is_clip(one) and one not in self._made]
        none = [(self.without, None)] if self.without else []
        fill(self._natural, [*none, *((one.name, one) for one in clips)])
        self.layers_changed()
        self._natural_changed()

    def _unfinished(self) -> list[Image]:
        """Give the frames of runs that go on or were stopped; a finished one shows its file."""
        makings = self.queue.makings
        return [layer for one in makings for layer in one.layers if file_of(layer) is None]

    def _natural_changed(self) -> None:
        layer = self._natural.currentData()
        try:
            known = layer is None or rate_of(layer) is not None
        except InputError:
            known = False
        self._form.setRowVisible(self._rate, not known)
        self.clip_changed()
        if self._output.is_suggested:
            self.suggest_output()

    def suggest_output(self) -> None:
        """Name an output for the chosen clip."""
        layer = self._natural.currentData()
        if layer is not None or self.without:
            self._output.suggest(self._free(layer))

    def name(self, layer: Image | None) -> str:
        """Name what is made of a clip."""
        return f"{layer.name}_{self.suffix}" if layer is not None else self.suffix

    def _free(self, layer: Image | None) -> str:
        """Name an output that does not exist and nothing in the queue will make."""
        return str(free_output(folder_for(layer), self.name(layer), self.queue.outputs()))

    # --- making ---------------------------------------------------------------------------------

    def choose_preset(self, name: str) -> None:
        """Take a preset's settings; clip, frames, size, seed, samples and output stay."""
        self._presets.setCurrentText(name)
        kept = {"seed", "samples", "device", "input"}
        now = {key: value for key, value in self._or_empty().items() if key in kept}
        self.set_tree(merged(preset_tree(name), now))

    def make(self) -> None:
        """Make what the form says, now or when the queue gets there."""
        self._attempt(lambda: self._order(self.natural(), self._output.name(), self._put))

    def make_selected(self) -> None:
        """Make the same of every clip that is selected in the list of layers."""
        chosen = [one for one in self.viewer.layers.selection if is_clip(one)]
        if not chosen:
            show_error("No clip is selected in the list of layers.")
        (noise,) = (field.read() for field in self.fields if field.key == "noise")
        if noise == "shared" and len(chosen) > 1:
            show_warning(
                "The noise is shared and the seed is the same, so the stimuli of these "
                f"{len(chosen)} clips are not independent. The noise per_clip gives each its own."
            )
        for layer in sorted(chosen, key=self.viewer.layers.index):
            output = self._free(layer)
            self._attempt(partial(self._order, layer, output, self._put))

    def copy_command(self) -> None:
        """Put the command that makes the same into the clipboard."""

        def copy(order: Order, natural: Image | None) -> None:
            config = build(order.config, self.kind)
            clip = None if order.natural is None else as_text(order.natural)
            words = command_words(config, self._presets.currentText(), clip, order.output)
            clipboard = QGuiApplication.clipboard()
            assert clipboard is not None
            clipboard.setText(shlex.join(words))
            show_info("Copied: " + shlex.join(words))

        self._attempt(lambda: self._order(self.natural(), self._output.name(), copy))

    def save_config(self, path: str = "") -> None:
        """Write the config as TOML, for ``--config``.

        Parameters
        ----------
        path
            Of the file; the user is asked where it is empty.
        """
        if not path:
            path, _ = QFileDialog.getSaveFileName(self, "Save config", "config.toml", "*.toml")
        if not path:
            return

        def save(order: Order, natural: Image | None) -> None:
            write_settings(Path(path), build(order.config, self.kind))
            show_info(f"Saved: {path}")

        self._attempt(lambda: self._order(self.natural(), self._output.name(), save))

    def load_config(self, path: str = "") -> None:
        """Fill the form from a config or a sidecar.

        Parameters
        ----------
        path
            Of the file; the user is asked where it is empty.
        """
        if not path:
            path, _ = QFileDialog.getOpenFileName(
                self, "Load", "", "Config or sidecar (*.toml *.json)"
            )
        if path:
            self._attempt(lambda: self._load(Path(path)))

    def _load(self, path: Path) -> None:
        tree = read_settings(path)
        if not all(self._trusts(model, path) for model in own_models(tree)):
            return
        method = tree.get("method", "stst")
        if method != self.method:
            raise InputError(
                f"{path}: it is for the method {method}, this widget makes {self.method}."
            )
        base = preset_tree(self._presets.currentText())
        self.set_tree(merged(base, tree))
        self._presets.show_nearest(build(self.tree(), self.kind))
        self._choose_natural(natural_of(path))
        if self.without and path.suffix.lower() == ".json" and natural_of(path) is None:
            self._natural.setCurrentIndex(0)
        self.load_inputs(tree)
        if note := note_on(path):
            show_warning(note)

    def _choose_natural(self, path: Path | None) -> None:
        """Choose the natural clip that a sidecar names, opening it if need be."""
        if path is None:
            return
        try:
            layer = opened_layer(self.viewer, path)
        except InputError as error:
            show_warning(f"The natural clip of the sidecar cannot be opened: {error}")
            return
        self._natural.setCurrentIndex(self._natural.findData(layer))

    def _trusts(self, model: str, path: Path) -> bool:
        """Ask once about a model of the user's own that a file names."""
        if model not in self._trusted:
            words = f"{path.name} names the model {model}. Using it runs its code. Do you trust it?"
            if self.ask(words, ("Trust it", "Cancel")) != "Trust it":
                return False
            self._trusted.add(model)
        return True

    def load_inputs(self, tree: Mapping[str, Any]) -> None:
        """Choose, or open, the further clips that a config names."""

    def ask(self, question: str, answers: Sequence[str]) -> str:
        """Ask the user; the last answer is the one that does nothing."""
        box = QMessageBox(QMessageBox.Icon.Question, self.verb, question, parent=self)
        buttons = {box.addButton(one, QMessageBox.ButtonRole.ActionRole): one for one in answers}
        box.exec()
        return buttons.get(box.clickedButton(), answers[-1])

    def _or_empty(self) -> Tree:
        try:
            return self.tree()
        except InputError:
            return {}

    def _attempt(self, call: Callable[[], None]) -> None:
        """Do what a click asked for; a user's mistake becomes a notification."""
        try:
            call()
        except StstError as error:
            show_error(str(error))
            self.run.status.setText(str(error))

    def _order(
        self, natural: Image | None, output: str, then: Callable[[Order, Image | None], None]
    ) -> None:
        """Put an order together, writing layers that are in no file, and hand it on."""
        config = build(self.tree(), self.kind)
        # a copied command may be run in another folder
        output = os.path.abspath(output) + ("/" if output.endswith(("/", os.sep)) else "")
        stem = outputs_for(output, (0,))[0].named("")
        sources: dict[str, Source] = {}
        if natural is not None:
            if rate_of(natural) is None and self._rate.text().strip():
                rate = parse_rate(self._rate.text().strip(), "frame rate")
                natural.metadata["fps"] = str(rate)
            known_rate(natural)
            sources = {"natural": source_of(natural, stem, "natural")}
            sources |= self.sources(natural, stem)

        def ready(errors: Sequence[StstError] = ()) -> None:
            for error in errors:
                raise error
            paths = {role: one.path for role, one in sources.items()}
            plain = config.model_dump(mode="json", exclude_none=True)
            tree = self.with_sources(plain, {k: v for k, v in paths.items() if k != "natural"})
            complete = build(tree, self.kind).model_dump(mode="json", exclude_none=True)
            then(Order(paths.get("natural"), output, complete), natural)

        to_write = [one for one in sources.values() if one.write is not None]
        if not to_write:
            ready()
            return
        self.run.status.setText("saving layers that are in no file …")
        worker = create_worker(write_all, to_write, _start_thread=False)
        worker.returned.connect(lambda errors: self._attempt(partial(ready, errors)))
        worker.start()

    def _put(self, order: Order, natural: Image | None) -> None:
        """Queue an order, after asking about what is there already."""
        self.check()
        words = large_words(
            build(order.config, self.kind), None if natural is None else natural.data.shape
        )
        if words and self.ask(words, (self.verb, "Cancel")) == "Cancel":
            return
        outputs = outputs_for(order.output, build(order.config, self.kind).seeds)
        there = [path for one in outputs for path in one.files().values() if os.path.lexists(path)]
        natural_path = order.natural and os.path.realpath(order.natural)
        if os.path.realpath(order.output) == natural_path:
            raise InputError(f"{order.output} is an input as well. Choose another output.")
        if order.output in self.queue.outputs():
            raise InputError(f"{order.output} is in the queue already. Choose another output.")
        if order.can_resume():
            answer = self.ask(
                f"{order.folder} holds a run that was not finished.",
                ("Resume it", "Start anew", "Cancel"),
            )
            if answer == "Cancel":
                return
            anew = answer == "Start anew"
            order = replace(order, resume=not anew, overwrite=anew)
        elif there:
            answer = self.ask(f"{there[0]} exists.", ("Replace it", "Cancel"))
            if answer == "Cancel":
                return
            order = replace(order, overwrite=True)
        before = [one for one in self.queue.makings if one.order.output == order.output]
        reuse = before[-1].layers if before and order.resume else ()
        self.run.watch(Making(self.viewer, order, natural, reuse=reuse))
        self.suggest_output()
