"""A form of a method's settings: the clip, the preset, the keys, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

from napari import Viewer
from napari.layers import Image
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from napari_stst.compare.placement import frame_at
from napari_stst.compare.views import is_view
from napari_stst.make.frames_row import FramesRow
from napari_stst.make.output_row import OutputRow
from napari_stst.make.preset_box import PresetBox, PresetRow
from napari_stst.make.sources import Source, folder_for, free_output
from napari_stst.queue.queue import queue_of
from napari_stst.viewer.conversion import (
    convert_layer,
    explain_inconvertible,
    explain_unfit,
    list_conversions,
)
from napari_stst.viewer.docks import unwrap
from napari_stst.viewer.layers import file_of, is_clip, rate_of
from napari_stst.widgets.boxes import fill, narrow
from napari_stst.widgets.dialogs import ask
from napari_stst.widgets.forms import (
    Tree,
    fields_of,
    read_fields,
    write_fields,
)
from napari_stst.widgets.theme import colors_of
from napari_stst.widgets.wording import parts_by_key, word_for_form
from stst.config import RunConfig, build, merge, preset_tree
from stst.errors import InputError, StstError
from stst.video import parse_range

#: Keys that have no field: what a layer's clip is read with is asked when it is opened.
ELSEWHERE = ("method", "input.bits", "input.tonemap", "input.peak_nits")


class ClipForm(QWidget):
    """A method's settings beside the clip that they are for; `MakerWidget` makes something of them.

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
        self.viewer: Viewer = unwrap(napari_viewer)
        self.queue = queue_of(self.viewer)
        self._output = OutputRow()
        self._made: list[Image] = []
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
        #: What keeps the form from being made.
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.viewer.events.theme.connect(self._color_problem)
        self._color_problem()
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problem.hide()
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.timeout.connect(self._look_over)
        for field in self.fields:
            # once for all that change together
            field.changed.connect(self._looking.start)
        # what was said of it may be true no more
        self._output.line.textChanged.connect(lambda _: self._looking.start())

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

    def update_layer_choices(self) -> None:
        """Bring further choices of layers up to date."""

    def update_for_clip(self) -> None:
        """Bring up to date what depends on the chosen clip."""

    @property
    def method(self) -> str:
        """What configs call it."""
        return str(self.kind.model_fields["method"].default)

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

    def config(self) -> RunConfig:
        """Give what the form says, without input clips.

        Raises
        ------
        InputError
            Naming what cannot be.
        """
        return build(self.tree(), self.kind)

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
                f"the layer {layer.name!r} is {explain_unfit(layer)}. Choose it in the row "
                f"{self.clip[0]!r} again to have it converted."
            )
        return layer

    def _add_clip_rows(self) -> None:
        self._natural = QComboBox()
        label, tip = self.clip
        self._natural.setToolTip(tip)
        narrow(self._natural)
        self._natural.currentIndexChanged.connect(lambda _: self._on_natural_changed())
        self._natural.activated.connect(lambda _: self._attempt(self._offer_conversion))
        self._form.addRow(label, self._natural)
        self._rate = QLineEdit()
        self._rate.setPlaceholderText("e.g. 25 or 60000/1001")
        self._rate.setToolTip("The layer does not know its frame rate in Hz: say it here.")
        self._form.addRow("frame rate", self._rate)
        self._presets = PresetBox(self.method, self.preset)
        self._presets.textActivated.connect(self._on_preset_chosen)
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

    def _follow_layers(self) -> None:
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._on_layers)
        self._on_layers()

    def _on_layers(self, event: object = None) -> None:
        self._made = self._list_unfinished()
        # what Compare shows of two clips is none of its own, and goes when one looks otherwise
        left_out = [*self._made, *filter(is_view, self.viewer.layers)]
        layers = [one for one in self.viewer.layers if one not in left_out]
        clips = [one for one in layers if is_clip(one)]
        none = [(self.without, None)] if self.without else []
        nothing_yet = self._natural.count() == 0
        whys = [(explain_unfit(one), one) for one in layers]
        unfit = [(f"{one.name}: {why}", one) for why, one in whys if why]
        fill(self._natural, [*none, *((one.name, one) for one in clips), *unfit])
        active = self.viewer.layers.selection.active
        if nothing_yet and not self.without and active in clips:
            self._natural.setCurrentIndex(self._natural.findData(active))
        self.update_layer_choices()
        self._on_natural_changed()

    def _list_unfinished(self) -> list[Image]:
        """Give the frames of runs that go on or were stopped; a finished one shows its file."""
        jobs = self.queue.jobs
        return [layer for one in jobs for layer in one.layers if file_of(layer) is None]

    def _on_natural_changed(self) -> None:
        layer = self._natural.currentData()
        try:
            known = layer is None or rate_of(layer) is not None
        except InputError:
            known = False
        self._form.setRowVisible(self._rate, not known)
        self._frames.set_length(None if layer is None else len(layer.data))
        self.update_for_clip()
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
        ways = {one.words: one for one in list_conversions(layer)}
        if not ways:
            raise InputError(explain_inconvertible(layer))
        answer = self.ask(
            f"The layer {layer.name!r} is {explain_unfit(layer)}. A copy of 8 bits can be made; "
            "the layer stays, and the sidecar says how the copy was made.",
            (*ways, "Cancel"),
        )
        if answer in ways:
            clip = self.viewer.add_layer(convert_layer(layer, ways[answer]))
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
        return str(free_output(folder_for(layer), self.name(layer), self.queue.reserved_outputs()))

    def labels(self) -> dict[str, str]:
        """Give what the form calls the keys."""
        names = {}
        for field in self.fields:
            table = field.key.rpartition(".")[0]
            names[field.key] = f"{field.label} ({table})" if table else field.label
        return names | dict(self.basic)

    def _look_over(self) -> None:
        """Mark what cannot be, say why, and say whether all is as in the preset."""
        wrong = self._find_errors()
        for field in self.fields:
            field.mark(wrong.get(field.key, ""))
        # the row of costs looks at what has changed by itself
        self._refused = ""
        self._say("\n".join(wrong.values()))
        self._preset_row.show_changes(self._list_changes())

    def _find_errors(self) -> dict[str, str]:
        """Say by key what cannot be, in the form's words."""
        wrong: dict[str, str] = {}
        try:
            self.config()
        except InputError as error:
            wrong = parts_by_key(str(error), self.labels())
        layer = self._natural.currentData()
        try:
            if layer is not None:
                parse_range(self._frames.text() or None, len(layer.data), layer.name)
        except InputError as error:
            wrong.setdefault("input.frames", word_for_form(str(error), self.labels()))
        return wrong

    def _list_changes(self) -> list[str]:
        """Name what is not as in the preset, apart from what a preset leaves as it is."""
        labels = self.labels()
        fields = [one for one in self.fields if one.key.partition(".")[0] not in self.kept]
        try:
            tree = {key: value for key, value in self.tree().items() if key not in self.kept}
            now = build(tree, self.kind)
        except InputError:
            return [labels[one.key] for one in fields if one.wrong] or ["what is wrong"]
        preset = build(base_of(self._presets.taken), self.kind)
        values = {one.key: attrgetter(one.key) for one in fields}
        return [labels[key] for key, value in values.items() if value(now) != value(preset)]

    def _color_problem(self, event: object = None) -> None:
        """Write what is wrong so that it can be read, whatever the theme."""
        self.problem.setStyleSheet(f"color: {colors_of(self.viewer).wrong};")

    def _say(self, problem: str) -> None:
        """Keep in sight what keeps the form from being made."""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))

    def choose_preset(self, name: str) -> None:
        """Take a preset's settings; clip, frames, size, seed, samples and output stay."""
        self._presets.setCurrentText(name)
        now = {key: value for key, value in self._tree_or_empty().items() if key in self.kept}
        self.set_tree(merge(base_of(name), now))

    def _on_preset_chosen(self, name: str) -> None:
        """Take a preset that was chosen by hand, after asking about what was changed by hand."""
        before, changes = self._presets.taken, self._list_changes()
        if changes:
            words = f"The preset {name} replaces what you have changed: {', '.join(changes)}."
            if self.ask(words, ("Replace it", "Cancel")) == "Cancel":
                self._presets.setCurrentText(before)
                return
        self.choose_preset(name)

    def ask(self, question: str, answers: Sequence[str]) -> str:
        """Ask the user; the last answer is the one that does nothing."""
        return ask(self, self.verb, question, answers)

    def _tree_or_empty(self) -> Tree:
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
            words = word_for_form(str(error), self.labels())
            show_error(words)
            self._say(words)


def base_of(preset: str) -> Tree:
    """Give the settings of a preset; none, where a method has no presets."""
    return preset_tree(preset) if preset else {}
