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
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_stst.compare.placement import frame_at
from napari_stst.compare.views import is_view
from napari_stst.make.frames_row import FramesRow
from napari_stst.make.large import large_words
from napari_stst.make.output_row import OutputRow
from napari_stst.make.preset_box import PresetBox, PresetRow
from napari_stst.make.settings import (
    levels_in,
    natural_of,
    note_on,
    order_of,
    read_settings,
    write_settings,
)
from napari_stst.make.sources import Source, folder_for, free_output, source_of, write_all
from napari_stst.make.wording import in_form_words, parts_by_key
from napari_stst.queue.job import Making
from napari_stst.queue.queue import queue_of
from napari_stst.queue.request import Order, stored_order
from napari_stst.queue.run_panel import RunPanel
from napari_stst.viewer.docks import FirstPlace, unwrapped
from napari_stst.viewer.layers import file_of, is_clip, known_rate, opened_layer, rate_of
from napari_stst.viewer.levels import common_levels
from napari_stst.viewer.unfit import converted, ways_of, why_no_clip, why_not
from napari_stst.widgets.boxes import SmallButton, SteadyButton, fill, narrow
from napari_stst.widgets.dialogs import ask
from napari_stst.widgets.forms import (
    FormArea,
    Tree,
    fields_of,
    form_of,
    read_fields,
    write_fields,
)
from napari_stst.widgets.keyboard import Section, order_tabs
from napari_stst.widgets.theme import colors_of
from napari_stst.widgets.wheel import leave_wheel
from stst.config import RunConfig, build, merged, preset_tree
from stst.config.command import command_words
from stst.errors import InputError, StstError
from stst.runs.outputs import outputs_for
from stst.utils.files import as_text
from stst.video import AS_STORED, Levels, parse_range, parse_rate

#: Keys that have no field: what a layer's clip is read with is asked when it is opened.
ELSEWHERE = ("method", "input.bits", "input.tonemap", "input.peak_nits")
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
    elsewhere: ClassVar[tuple[str, ...]] = ELSEWHERE
    #: Words that are offered for keys.
    offers: ClassVar[Mapping[str, Sequence[str]]] = {}
    #: What the clip is called that a run starts from, and what it is for.
    clip: ClassVar[tuple[str, str]] = (
        "natural clip",
        "The natural clip: a layer with 8-bit frames.",
    )
    #: What a preset leaves as it is.
    kept: ClassVar[tuple[str, ...]] = ("seed", "samples", "device", "input")
    #: The choice of no clip at all; empty where there must be one.
    without: ClassVar[str] = ""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer: Viewer = unwrapped(napari_viewer)
        self.queue = queue_of(self.viewer)
        self._output = OutputRow()
        self._made: list[Image] = []
        self._place = FirstPlace(self.viewer, self, self.title, "right", _WIDTH)
        self.fields = fields_of(self.kind, self.elsewhere, offers=self.offers)
        self._form = QFormLayout()
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        # in a narrow window what does not fit beside its label goes below it
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._add_clip_rows()
        self.add_rows(self._form)
        self._add_basic_rows()
        self._form.addRow("output", self._output)
        #: What the row of costs found to be in the way.
        self._refused = ""
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.timeout.connect(self._look_over)
        self._lay_out()
        for field in self.fields:
            # once for all that change together
            field.changed.connect(self._looking.start)
        # what was said of it may be true no more
        self._output.line.textChanged.connect(lambda _: self._looking.start())
        self._follow_layers()
        self.set_tree(_base(self.preset))
        self._on_queue()
        if self.run.making is not None and not self.run.making.came_back:
            # closed and opened again while something is made
            self.set_tree(self.run.making.order.config)
            self._presets.show_nearest(build(self.tree(), self.kind))

    # --- what the methods differ in -------------------------------------------------------------

    def add_rows(self, form: QFormLayout) -> None:
        """Add rows below the natural clip's."""

    def sources(self, natural: Image, stem: Path) -> dict[str, Source]:
        """Give the other inputs, by role; files that are to be written begin with `stem`."""
        return {}

    def targets(self) -> list[Image]:
        """Give the layers of further clips."""
        return []

    def check(self) -> None:
        """Refuse what cannot succeed, before anything is written."""

    def with_sources(self, tree: Tree, paths: Mapping[str, Path]) -> Tree:
        """Put the inputs' paths into a config's tree."""
        return tree

    def add_sections(self) -> list[Section]:
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
        self._look_over()

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
        if layer is not None and not is_clip(layer):
            raise InputError(
                f"the layer {layer.name!r} is {why_no_clip(layer)}. Choose it in the row "
                f"{self.clip[0]!r} again to have it converted."
            )
        return layer

    def _add_clip_rows(self) -> None:
        self._natural = QComboBox()
        label, tip = self.clip
        self._natural.setToolTip(tip)
        narrow(self._natural)
        self._natural.currentIndexChanged.connect(lambda _: self._natural_changed())
        self._natural.activated.connect(lambda _: self._attempt(self._offer_conversion))
        self._form.addRow(label, self._natural)
        self._rate = QLineEdit()
        self._rate.setPlaceholderText("e.g. 25 or 60000/1001")
        self._rate.setToolTip("The layer does not know its frame rate in Hz: say it here.")
        self._form.addRow("frame rate", self._rate)
        self._presets = PresetBox(self.method, self.preset)
        self._presets.textActivated.connect(self._preset_chosen)
        self._preset_row = PresetRow(self._presets)
        self._preset_row.reset.connect(lambda: self.choose_preset(self._presets.taken))
        self._form.addRow("preset", self._preset_row)
        self._form.setRowVisible(self._preset_row, self._presets.count() > 0)

    def _add_basic_rows(self) -> None:
        by_key = {field.key: field for field in self.fields}
        for key, label in self.basic.items():
            self._form.addRow(label, by_key[key].native)
        self._frames = by_key["input.frames"].native
        assert isinstance(self._frames, FramesRow)
        self._frames.here = self._frame_here

    # --- layout ---------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addLayout(self._form)
        rest = [field for field in self.fields if field.key not in self.basic]
        self.advanced = Section("Advanced")
        self.advanced.addWidget(form_of(rest))
        for part in (*self.add_sections(), self.advanced):
            column.addWidget(part)
        column.addStretch()
        self.scroll = FormArea()
        self.scroll.setWidget(inside)
        self.scroll.setWidgetResizable(True)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.fit()
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.viewer.events.theme.connect(self._color_problem)
        self._color_problem()
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problem.hide()
        form = QWidget()
        column = QVBoxLayout(form)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.scroll, stretch=1)
        column.addWidget(self.problem)
        self.make_button = SteadyButton(self.verb, "Add to queue")
        self.make_button.clicked.connect(self.make)
        buttons = (self.make_button, self._more())
        self.run = RunPanel(self.viewer, self.queue, self.method, buttons, self.asked)
        self.run.cost.refused.connect(self._cost_refused)
        self.queue.changed.connect(self._on_queue)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(form)
        parts.addWidget(self.run)
        parts.setStretchFactor(0, 1)
        parts.setStretchFactor(1, 0)
        parts.setChildrenCollapsible(False)
        QVBoxLayout(self).addWidget(parts)
        leave_wheel(self)
        order_tabs(self)

    def _more(self) -> QPushButton:
        button = SmallButton("More…")
        # the arrow of the theme lies over the word
        button.setStyleSheet(
            f"{button.styleSheet()} QPushButton::menu-indicator {{ image: none; }}"
        )
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
        # what Compare shows of two clips is none of its own, and goes when one looks otherwise
        left_out = [*self._made, *filter(is_view, self.viewer.layers)]
        layers = [one for one in self.viewer.layers if one not in left_out]
        clips = [one for one in layers if is_clip(one)]
        none = [(self.without, None)] if self.without else []
        nothing_yet = self._natural.count() == 0
        whys = [(why_no_clip(one), one) for one in layers]
        unfit = [(f"{one.name}: {why}", one) for why, one in whys if why]
        fill(self._natural, [*none, *((one.name, one) for one in clips), *unfit])
        active = self.viewer.layers.selection.active
        if nothing_yet and not self.without and active in clips:
            self._natural.setCurrentIndex(self._natural.findData(active))
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
        self._frames.set_length(None if layer is None else len(layer.data))
        self.clip_changed()
        self._looking.start()
        if self._output.is_suggested:
            self.suggest_output()

    def _frame_here(self) -> int | None:
        layer = self._natural.currentData()
        return None if layer is None else round(frame_at(self.viewer, layer))

    def _offer_conversion(self) -> None:
        """Ask how a layer that is no clip becomes one, and choose what it becomes."""
        layer = self._natural.currentData()
        if layer is None or is_clip(layer):
            return
        ways = {one.words: one for one in ways_of(layer)}
        if not ways:
            raise InputError(why_not(layer))
        answer = self.ask(
            f"The layer {layer.name!r} is {why_no_clip(layer)}. A copy of 8 bits can be made; the "
            "layer stays, and the sidecar says how the copy was made.",
            (*ways, "Cancel"),
        )
        if answer in ways:
            clip = self.viewer.add_layer(converted(layer, ways[answer]))
            self._natural.setCurrentIndex(self._natural.findData(clip))
            show_info(f"{clip.name}: {answer}.")
        else:
            self._natural.setCurrentIndex(0)

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
        return str(free_output(folder_for(layer), self.name(layer), self.queue.taken()))

    # --- what the form holds --------------------------------------------------------------------

    def labels(self) -> dict[str, str]:
        """Give what the form calls the keys."""
        names = {}
        for field in self.fields:
            table = field.key.rpartition(".")[0]
            names[field.key] = f"{field.label} ({table})" if table else field.label
        return names | dict(self.basic)

    def _look_over(self) -> None:
        """Mark what cannot be, say why, and say whether all is as in the preset."""
        wrong = self._wrong()
        for field in self.fields:
            field.mark(wrong.get(field.key, ""))
        # the row of costs looks at what has changed by itself
        self._refused = ""
        self._say("\n".join(wrong.values()))
        self._preset_row.show_changes(self._changes())

    def _wrong(self) -> dict[str, str]:
        """Say by key what cannot be, in the form's words."""
        wrong: dict[str, str] = {}
        try:
            build(self.tree(), self.kind)
        except InputError as error:
            wrong = parts_by_key(str(error), self.labels())
        layer = self._natural.currentData()
        try:
            if layer is not None:
                parse_range(self._frames.text() or None, len(layer.data), layer.name)
        except InputError as error:
            wrong.setdefault("input.frames", in_form_words(str(error), self.labels()))
        return wrong

    def _changes(self) -> list[str]:
        """Name what is not as in the preset, apart from what a preset leaves as it is."""
        labels = self.labels()
        fields = [one for one in self.fields if one.key.partition(".")[0] not in self.kept]
        try:
            tree = {key: value for key, value in self.tree().items() if key not in self.kept}
            now = build(tree, self.kind).model_dump(mode="json")
        except InputError:
            return [labels[one.key] for one in fields if one.wrong] or ["what is wrong"]
        preset = build(_base(self._presets.taken), self.kind).model_dump(mode="json")
        keys = [one.key for one in fields]
        return [labels[key] for key in keys if _value(now, key) != _value(preset, key)]

    def _color_problem(self, event: object = None) -> None:
        """Write what is wrong so that it can be read, whatever the theme."""
        self.problem.setStyleSheet(f"color: {colors_of(self.viewer).wrong};")

    def _say(self, problem: str) -> None:
        """Keep in sight what keeps the form from being made."""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))

    def _cost_refused(self, why: str) -> None:
        """Say once, where all of it is said, what the row of costs found to be in the way."""
        before, self._refused = self._refused, in_form_words(why, self.labels())
        if self.problem.text() in ("", before):
            # else something else is in the way, too, or a click was refused
            self._say(self._refused)

    # --- making ---------------------------------------------------------------------------------

    def choose_preset(self, name: str) -> None:
        """Take a preset's settings; clip, frames, size, seed, samples and output stay."""
        self._presets.setCurrentText(name)
        now = {key: value for key, value in self._or_empty().items() if key in self.kept}
        self.set_tree(merged(_base(name), now))

    def _preset_chosen(self, name: str) -> None:
        """Take a preset that was chosen by hand, after asking about what was changed by hand."""
        before, changes = self._presets.taken, self._changes()
        if changes:
            words = f"The preset {name} replaces what you have changed: {', '.join(changes)}."
            if self.ask(words, ("Replace it", "Cancel")) == "Cancel":
                self._presets.setCurrentText(before)
                return
        self.choose_preset(name)

    def make(self) -> None:
        """Make what the form says, now or when the queue gets there."""
        self._attempt(self._make)

    def make_selected(self) -> None:
        """Make the same of every clip that is selected in the list of layers."""
        selected = self.viewer.layers.selection
        chosen = [one for one in selected if is_clip(one) and not is_view(one)]
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
            proposed = str(folder_for(self._natural.currentData()) / "config.toml")
            path, _ = QFileDialog.getSaveFileName(self, "Save config", proposed, "*.toml")
        if not path:
            return

        def save(order: Order, natural: Image | None) -> None:
            write_settings(Path(path), build(order.config, self.kind))
            show_info(f"Saved: {path}")

        self._attempt(lambda: self._order(self.natural(), self._output.name(), save))

    def load_config(self, path: str = "") -> None:
        """Fill the form from a config, a sidecar, or the job of an unfinished run.

        Parameters
        ----------
        path
            Of the file; the user is asked where it is empty.
        """
        if not path:
            path, _ = QFileDialog.getOpenFileName(
                self, "Load", "", "Config, sidecar, or job of a run (*.toml *.json)"
            )
        if path:
            self._attempt(lambda: self._load(Path(path)))

    def _load(self, path: Path) -> None:
        tree = read_settings(path)
        if not self.queue.trusts(tree, path.name, self.ask):
            return
        method = tree.get("method", "stst")
        if method != self.method:
            raise InputError(
                f"{path}: it is for the method {method}, this widget makes {self.method}."
            )
        base = _base(self._presets.currentText())
        self.set_tree(merged(base, tree))
        self._presets.show_nearest(build(self.tree(), self.kind))
        self._choose_natural(natural_of(path), levels_in(tree))
        if self.without and path.suffix.lower() == ".json" and natural_of(path) is None:
            self._natural.setCurrentIndex(0)
        self.load_inputs(tree)
        if note := note_on(path):
            show_warning(note)
        order = order_of(path)
        if order is not None:
            self._output.setText(order.output)
            show_info(f"{order.folder.name} is not finished. {self.verb} offers to resume it.")

    def _choose_natural(self, path: Path | None, levels: Levels) -> None:
        """Choose the natural clip that a sidecar names, opening it if need be."""
        if path is None:
            return
        try:
            layer = opened_layer(self.viewer, path, levels)
        except InputError as error:
            show_warning(f"The natural clip of the sidecar cannot be opened: {error}")
            return
        self._natural.setCurrentIndex(self._natural.findData(layer))

    def load_inputs(self, tree: Mapping[str, Any]) -> None:
        """Choose, or open, the further clips that a config names."""

    def ask(self, question: str, answers: Sequence[str]) -> str:
        """Ask the user; the last answer is the one that does nothing."""
        return ask(self, self.verb, question, answers)

    def _or_empty(self) -> Tree:
        try:
            return self.tree()
        except InputError:
            return {}

    def _attempt(self, call: Callable[[], None]) -> None:
        """Do what a click asked for; a user's mistake becomes a notification, and is kept."""
        self._look_over()
        try:
            call()
        except StstError as error:
            words = in_form_words(str(error), self.labels())
            show_error(words)
            self._say(words)

    def _order(
        self, natural: Image | None, output: str, then: Callable[[Order, Image | None], None]
    ) -> None:
        """Put an order together, writing layers that are in no file, and hand it on."""
        config = build(self.tree(), self.kind)
        if natural is not None:
            parse_range(config.input.frames, len(natural.data), natural.name)
        output = _absolute(output)
        stem = outputs_for(output, (0,))[0].named("")
        sources: dict[str, Source] = {}
        levels = AS_STORED
        if natural is not None:
            if rate_of(natural) is None and self._rate.text().strip():
                rate = parse_rate(self._rate.text().strip(), "frame rate")
                natural.metadata["fps"] = str(rate)
            known_rate(natural)
            sources = {"natural": source_of(natural, stem, "natural")}
            sources |= self.sources(natural, stem)
            levels = common_levels(one for one in (natural, *self.targets()) if file_of(one))

        def ready(errors: Sequence[StstError] = ()) -> None:
            for error in errors:
                raise error
            paths = {role: one.path for role, one in sources.items()}
            plain = config.model_dump(mode="json", exclude_none=True)
            tree = self.with_sources(plain, {k: v for k, v in paths.items() if k != "natural"})
            tree = merged(tree, {"input": levels.as_dict()})
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

    def asked(self) -> tuple[dict[str, Any], Path] | None:
        """Give what is to be estimated, and the folder that is written to; None without a clip."""
        if self._natural.currentData() is None and not self.without:
            return None
        layer = self.natural()
        self.check()
        config = build(self.tree(), self.kind).model_dump(mode="json", exclude_none=True)
        arguments: dict[str, Any] = {"config": config}
        path = None if layer is None else file_of(layer)
        if path is not None:
            arguments["natural"] = str(path)
        elif layer is not None:
            rate = rate_of(layer)
            arguments["shape"] = [int(one) for one in layer.data.shape[:3]]
            arguments["fps"] = self._rate.text().strip() or "25" if rate is None else str(rate)
        return arguments, Path(_absolute(self._output.text())).parent

    def _make(self) -> None:
        """Ask about an unfinished run before anything is written, then put the order together."""
        if not self._output.text():
            self.natural()  # without a clip, which is what is missing first, none is proposed
        output = _absolute(self._output.name())
        run = Order(None, output, {})
        anew = False
        if output not in self.queue.outputs() and run.can_resume():
            answer = self.ask(
                f"{run.folder} holds a run that was not finished. Resuming it goes on with the "
                "settings and the clips that it was begun with.",
                ("Resume it", "Start anew", "Cancel"),
            )
            if answer == "Resume it":
                self._resume(stored_order(run.folder))
                return
            if answer == "Cancel":
                return
            anew = True
        self._order(self.natural(), output, partial(self._put, anew=anew))

    def _resume(self, order: Order) -> None:
        """Queue what goes on with an unfinished run."""
        if not self.queue.trusts(order.config, order.folder.name, self.ask):
            return
        before = [one for one in self.queue.makings if one.order.output == order.output]
        kept = (before[-1].layers, before[-1].course) if before else ((), ())
        making = Making(self.viewer, order, reuse=kept[0], course=kept[1])
        making.show_natural()
        self._watch(making)

    def _watch(self, making: Making) -> None:
        if making.order.config["method"] == self.method:
            self.run.watch(making)
        else:
            self.queue.add(making)
        self.suggest_output()

    def _put(self, order: Order, natural: Image | None, anew: bool = False) -> None:
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
        if not anew and order.output in self.queue.taken():
            raise InputError(f"{order.output} is in the queue already. Choose another output.")
        if anew:
            order = replace(order, overwrite=True)
        elif there:
            answer = self.ask(f"{there[0]} exists.", ("Replace it", "Cancel"))
            if answer == "Cancel":
                return
            order = replace(order, overwrite=True)
        self._watch(Making(self.viewer, order, natural))


def _absolute(output: str) -> str:
    """Name an output for wherever a copied command may be run."""
    return os.path.abspath(output) + ("/" if output.endswith(("/", os.sep)) else "")


def _value(tree: Mapping[str, Any], key: str) -> Any:
    node: Any = tree
    for part in key.split("."):
        node = node[part]
    return node


def _base(preset: str) -> Tree:
    """Give the settings of a preset; none, where a method has no presets."""
    return preset_tree(preset) if preset else {}
