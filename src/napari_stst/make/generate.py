"""The widget that makes metamers by spatiotemporal style transfer (STST)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from napari.layers import Image, Labels
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_stst.compare.views import is_view
from napari_stst.make.clip_form import ELSEWHERE
from napari_stst.make.maker_widget import MakerWidget
from napari_stst.make.settings import levels_in
from napari_stst.make.sources import Source, source_of, write_mask
from napari_stst.make.weights import WAYS, WeightsRow
from napari_stst.viewer.layers import is_clip, open_layer, rate_of
from napari_stst.viewer.regions import Mask, is_region, mask_of, read_mask_labels
from napari_stst.widgets.boxes import fill, narrow
from napari_stst.widgets.forms import Tree
from napari_stst.widgets.keyboard import Section
from stst.config import MODEL_PAIRS, TERMS, StstConfig, merge, model_override
from stst.errors import InputError
from stst.video import parse_range
from stst.weights import PAPER

#: Roles of the clips that can replace the natural one.
ROLES = (*TERMS, "color")

_OWN = "as under Advanced"
_MODELS = {
    "paper": "VGG-19 and MSOE, the networks of the paper. They need weights.",
    "builtin": "The pair that ships with this program.",
}


class GenerateWidget(MakerWidget):
    """Make metamers: the statistics of the natural clip, without its meaning."""

    title = "Generate (STST)"
    kind = StstConfig
    preset = "fast"
    verb = "Generate"
    suffix = "metamer"
    basic: ClassVar = {
        "input.frames": "frames",
        "input.max_side": "longest side",
        "input.grey": "without colour",
        "seed": "seed",
        "samples": "samples",
        "device": "device",
    }
    elsewhere = (*ELSEWHERE, "mask", *(f"targets.{role}" for role in ROLES))

    def add_rows(self, form: QFormLayout) -> None:
        """Add model, weights and region."""
        self._model = QComboBox()
        for name, words in _MODELS.items():
            self._model.addItem(name)
            self._model.setItemData(self._model.count() - 1, words, 3)
        self._model.setToolTip("\n".join(f"{name}: {words}" for name, words in _MODELS.items()))
        self._model.textActivated.connect(self.choose_model)
        form.addRow("model", self._model)
        self.weights = WeightsRow(self.viewer, PAPER)
        form.addRow("weights", self.weights)
        self._region = QComboBox()
        self._region.setToolTip(
            "Shapes or labels: the clip is replaced inside, and its texture taken from there; "
            "everything else stays natural.\n\nShapes hold for all frames, and so do labels on "
            "one frame only; labels on several frames hold for these."
        )
        narrow(self._region)
        form.addRow("region", self._region)
        for field in self.fields:
            if field.key in ("spatial.model", "temporal.model"):
                field.changed.connect(self._show_model)

    def add_sections(self) -> list[Section]:
        """Give the part with one clip for each loss term."""
        box = QWidget()
        form = QFormLayout(box)
        form.setContentsMargins(0, 0, 0, 0)
        self._targets: dict[str, QComboBox] = {}
        for role in ROLES:
            chooser = QComboBox()
            narrow(chooser)
            chooser.setToolTip(f"targets.{role}\n\nThe clip that this is taken from.")
            self._targets[role] = chooser
            form.addRow(role.replace("_", " "), chooser)
        part = Section("A clip for each term")
        part.addWidget(box)
        return [part]

    def update_layer_choices(self) -> None:
        """Offer the regions and clips that there are."""
        layers = list(self.viewer.layers)
        regions = [(one.name, one) for one in layers if is_region(one)]
        fill(self._region, [("whole frame", None), *regions])
        clips = [(one.name, one) for one in layers if is_clip(one) and not is_view(one)]
        for chooser in self._targets.values():
            fill(chooser, [("the natural clip", None), *clips])

    def set_tree(self, tree: Mapping[str, Any]) -> None:
        """Show a config."""
        super().set_tree(tree)
        self._show_model()

    def choose_model(self, name: str) -> None:
        """Take a pair of models, with its own layers and weights."""
        if name in MODEL_PAIRS:
            self.set_tree(merge(self.tree(), model_override(name)))

    def check(self) -> None:
        """Refuse to start without weights that would be looked for in vain."""
        missing = self.weights.missing()
        if self._form.isRowVisible(self.weights) and missing:
            raise InputError(
                f"The weights of {' and '.join(missing)} are not here. {WAYS} The preset quick "
                "(model builtin) needs none."
            )

    def targets(self) -> list[Image]:
        """Give the layers of the clips of single terms."""
        chosen = (chooser.currentData() for chooser in self._targets.values())
        return [layer for layer in chosen if layer is not None]

    def sources(self, natural: Image, stem: Path) -> dict[str, Source]:
        """Give the clips of single terms, and the region."""
        found = {}
        for role, chooser in self._targets.items():
            if chooser.currentData() is not None:
                found[role] = source_of(chooser.currentData(), stem, role)
        region = self._region.currentData()
        if region is not None:
            mask = mask_of(region, natural)
            self._check_painted(mask, region.name)
            suffix = "png" if mask.ndim == 2 else "mkv"
            path = stem.with_name(f"{stem.name}.mask.{suffix}")
            found["mask"] = Source(path, partial(write_mask, mask, rate_of(natural)))
        return found

    def _check_painted(self, mask: Mask, name: str) -> None:
        """Refuse labels that leave all frames natural that are to be made."""
        frames = self.tree().get("input", {}).get("frames")
        if mask.ndim == 3 and frames is not None:
            start, stop = parse_range(str(frames), len(mask), name)
            if not mask[start:stop].any():
                raise InputError(
                    f"the layer {name!r} marks nothing on the frames {start} to {stop - 1}, and "
                    "these are to be made. Paint on them, or on one frame alone, which holds for "
                    "all."
                )

    def with_sources(self, tree: Tree, paths: Mapping[str, Path]) -> Tree:
        """Put the paths where the config has them."""
        targets = {role: str(path.absolute()) for role, path in paths.items() if role in ROLES}
        mask = {"mask": str(paths["mask"].absolute())} if "mask" in paths else {}
        return merge(tree, {"targets": targets}, mask)

    def load_inputs(self, tree: Mapping[str, Any]) -> None:
        """Choose the clips that a config names, opening those that are not open."""
        targets = tree.get("targets") or {}
        for role, chooser in self._targets.items():
            path = targets.get(role)
            layer = open_layer(self.viewer, Path(path), levels_in(tree)) if path else None
            chooser.setCurrentIndex(max(0, chooser.findData(layer)))
        region = self._region_of(Path(tree["mask"])) if tree.get("mask") else None
        self._region.setCurrentIndex(max(0, self._region.findData(region)))

    def _region_of(self, path: Path) -> Labels:
        """Open a mask as labels, which can be painted on."""
        for layer in self.viewer.layers:
            if isinstance(layer, Labels) and layer.metadata.get("path") == str(path):
                return layer
        drawn = read_mask_labels(path)
        return self.viewer.add_layer(Labels(drawn, name=path.stem, metadata={"path": str(path)}))

    def _show_model(self) -> None:
        """Say which pair the form holds."""
        models = self._models()
        pair = next((name for name, one in MODEL_PAIRS.items() if one == models), None)
        own = self._model.findText(_OWN)
        if pair is None and own < 0:
            self._model.addItem(_OWN)
        elif pair is not None and own >= 0:
            self._model.removeItem(own)
        self._model.setCurrentText(pair or _OWN)
        self._form.setRowVisible(self.weights, pair == "paper")

    def _models(self) -> tuple[Any, Any]:
        values = {field.key: field.read() for field in self.fields if field.key.endswith("l.model")}
        return values["spatial.model"], values["temporal.model"]
