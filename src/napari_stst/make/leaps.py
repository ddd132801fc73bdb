"""The widget that inverts video classifiers (LEAPS)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from napari import Viewer
from napari.layers import Image
from qtpy.QtWidgets import QLineEdit, QMenu

from napari_stst.background.messages import Failed, Message, Result
from napari_stst.background.task import Task
from napari_stst.make.maker_widget import MakerWidget
from napari_stst.make.weights import WAYS, WeightsRow
from napari_stst.viewer.arrange import side_by_side
from napari_stst.viewer.layers import open_layer
from napari_stst.widgets.boxes import OfferBox
from napari_stst.widgets.forms import Field
from napari_stst.widgets.keyboard import order_tabs
from napari_stst.widgets.theme import colors_of
from napari_stst.widgets.wording import word_for_form
from stst.config import LeapsConfig
from stst.config.leaps import OPTIONAL_MODELS, VIDEO_MODELS
from stst.errors import InputError
from stst.weights import REGISTRY

# looked for, not imported: that would bring torch into this process
_MODELS = (
    *VIDEO_MODELS,
    *(name for library, names in OPTIONAL_MODELS.items() if find_spec(library) for name in names),
)
# those with running statistics
_VERIFIERS = ("r3d_18", "mc3_18", "r2plus1d_18", "s3d")
_CLASS = "its name, the beginning of it, or its number"


class LeapsWidget(MakerWidget):
    """Make clips that a video classifier takes for a class."""

    title = "Invert (LEAPS)"
    kind = LeapsConfig
    preset = "leaps"
    verb = "Invert"
    suffix = "learned"
    clip = (
        "stimulus",
        "A layer with 8-bit frames. It primes the model: the features of what is made come close "
        "to those of this clip.",
    )
    kept = (*MakerWidget.kept, "target")
    without = "none: unprimed"
    basic: ClassVar = {
        "input.frames": "its frames",
        "target": "class",
        "model": "model",
        "weights": "weights",
        "verifier": "verifier",
        "iterations": "iterations",
        "length": "length",
        "size": "size",
        "rate": "rate",
        "flip": "flip",
        "seed": "seed",
        "samples": "samples",
        "device": "device",
    }
    offers: ClassVar = {
        "target": (),
        "model": _MODELS,
        "weights": ("default", "none"),
        "verifier": ("auto", "none", *_VERIFIERS),
        "verifier_weights": ("default", "none"),
    }

    def __init__(self, napari_viewer: Viewer) -> None:
        self._class_requests: list[Task] = []
        self._asked: tuple[str, str] | None = None
        super().__init__(napari_viewer)
        self.weights = WeightsRow(self.viewer, ())
        place, _ = self._form.getWidgetPosition(self.field("weights").native)
        self._form.insertRow(place + 1, "", self.weights)
        for key in ("model", "weights", "verifier", "verifier_weights"):
            self.field(key).changed.connect(self._show_model)
        self.classes.entered.connect(self.ask_classes)
        self.field("target").changed.connect(self._on_class_changed)
        self.viewer.events.theme.connect(self._on_theme)
        self._on_theme()
        self._show_model()
        # what was put in between comes in between by keys, too
        order_tabs(self)

    def field(self, key: str) -> Field:
        """Give the field of a key."""
        return next(field for field in self.fields if field.key == key)

    def _line(self, key: str) -> QLineEdit:
        line = self.field(key).native
        assert isinstance(line, QLineEdit)
        return line

    @property
    def classes(self) -> OfferBox:
        """The line with the class."""
        box = self.field("target").native
        assert isinstance(box, OfferBox)
        return box

    def _on_theme(self, event: object = None) -> None:
        for box in self.findChildren(OfferBox):
            box.set_colors(colors_of(self.viewer))

    def update_for_clip(self) -> None:
        """Ask for frames of the stimulus where there is one."""
        super().update_for_clip()
        primed = self._natural.currentData() is not None
        self._form.setRowVisible(self.field("input.frames").native, primed)

    def name(self, layer: Image | None) -> str:
        """Name what is made after the stimulus and the class."""
        parts = (layer.name if layer is not None else "", self.classes.text(), self.suffix)
        return "_".join("_".join(part.split()) for part in parts if part)

    def check(self) -> None:
        """Refuse to start without a class, or without weights that would be looked for in vain."""
        if not self.classes.text():
            raise InputError(f"Which class is the clip made for? Write {_CLASS}.")
        missing = self.weights.missing()
        if self._form.isRowVisible(self.weights) and missing:
            raise InputError(
                f"The weights of {' and '.join(missing)} are not here. {WAYS} Without them: none "
                "as weights (random), or as verifier."
            )

    # --- classes --------------------------------------------------------------------------------

    def ask_classes(self) -> None:
        """Ask once for the names of the model's classes; that takes torch, so another process."""
        model, weights = self.field("model").read(), self.field("weights").read()
        if not model or not weights or (model, weights) == self._asked:
            return
        self._drop_class_request()
        self._asked = (model, weights)
        self.classes.set_hint("looking for the names …")
        # it may outlast this widget, not the window
        asking = Task("classes", self.queue, method="leaps", model=model, weights=weights)
        asking.message.connect(self._on_classes)
        self._class_requests.append(asking)

    def _on_classes(self, message: Message) -> None:
        hint = _CLASS
        if isinstance(message, Result):
            self.classes.offer(message.value)
            if not message.value:
                hint = "its number: the model names no classes"
        elif isinstance(message, Failed):
            self._asked = None
            self.run.status.setText(word_for_form(message.text, self.labels()))
        self.classes.set_hint(hint)

    def _drop_class_request(self) -> None:
        """Hear no more of another model's classes; waiting for its process would take too long."""
        if self._class_requests and not self._class_requests[-1].ended and self._asked is not None:
            self._class_requests[-1].message.disconnect(self._on_classes)
        self._asked = None

    def _on_class_changed(self) -> None:
        if self._output.is_suggested:
            self.suggest_output()

    # --- model ----------------------------------------------------------------------------------

    def _show_model(self) -> None:
        """Say what the chosen model brings along, and whether its weights are here."""
        values = {key: self.field(key).read() or "" for key in self.offers}
        model = values["model"]
        length, rate = VIDEO_MODELS.get(model, ("", ""))
        for key, own in (("length", length), ("size", ""), ("rate", rate and f"{float(rate):g}")):
            words = f"{own}, the model's own" if own else "the model's own"
            self._line(key).setPlaceholderText(words)
        if self._asked is not None and self._asked != (model, values["weights"]):
            self._drop_class_request()
            self.classes.offer(())
        self.classes.set_hint(_CLASS)
        # not validated: what is being written is no name of a model yet
        verifier = LeapsConfig.model_construct(
            model=model, weights=values["weights"], verifier=values["verifier"]
        ).verifier_name
        wanted = [
            name
            for name, weights in (
                (model, values["weights"]),
                (verifier, values["verifier_weights"]),
            )
            if name in REGISTRY and weights == "default"
        ]
        self.weights.set_names(wanted)
        self._form.setRowVisible(self.weights, bool(wanted))

    # --- the other clip -------------------------------------------------------------------------

    def add_actions(self, menu: QMenu) -> None:
        """Add what shows the clip that was not kept."""
        menu.addAction("Show the other clip, last or best", self.show_other)

    def show_other(self) -> None:
        """Show the clip that is written beside the result: the last one, or the best."""
        self._attempt(self._show_other)

    def _show_other(self) -> None:
        job = self.run.job
        if job is None or not job.files:
            raise InputError("There is no other clip yet: it is written with the result.")
        others = []
        for layer, files in zip(job.layers, job.files, strict=False):
            path = files.get("last") or files["best"]
            other = open_layer(self.viewer, Path(path))
            other.scale, other.translate = layer.scale, layer.translate
            others.append(other)
        shown = [job.beside, *job.layers, *others]
        side_by_side(self.viewer, [one for one in shown if one in self.viewer.layers])
