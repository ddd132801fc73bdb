"""Choosing a natural clip and the others among the layers of the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from napari_stst.compare.views import is_view
from napari_stst.viewer.layers import file_of, is_clip
from napari_stst.viewer.levels import common_levels
from stst.errors import InputError
from stst.video import sidecar_of, sidecar_path

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

_ROWS = 4  # that the list has room for

#: What is called otherwise here than in messages of the core.
LABELS = {"max_side": "max. px"}


class ClipChoice(QWidget):
    """A box for the natural clip and a list of the others; both follow the viewer's layers.

    Parameters
    ----------
    viewer
        Its clips are offered.
    """

    #: Another natural clip, other clips, other frames or another size were chosen.
    changed = Signal()
    #: Another one of the chosen clips is to be shown.
    other_changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.clips: list[Image] = []
        self._touched = False
        self.natural_box = QComboBox()
        self.natural_box.setToolTip("The clip that the others are compared with")
        self.natural_box.setMinimumContentsLength(8)
        self.natural_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.others_list = QListWidget()
        self.others_list.setToolTip(
            "Tick the clips to compare. The highlighted one is shown as difference, by flicker "
            "and behind the curtain"
        )
        self.others_list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.others_list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        row = self.others_list.fontMetrics().height() + 6
        self.others_list.setMinimumHeight(2 * row)
        self.others_list.setMaximumHeight(_ROWS * row)
        self.frames_edit, self.side_edit = QLineEdit(), QLineEdit()
        self.frames_edit.setPlaceholderText("all, or A:B")
        self.frames_edit.setToolTip(
            "Frames A to B-1 of the natural clip, and the same part of clips that show more of it "
            "or are as long"
        )
        self.side_edit.setPlaceholderText(LABELS["max_side"])
        self.side_edit.setToolTip(
            "Longer side in pixels that the natural clip is shrunk to, for clips whose sidecar "
            "does not say it"
        )
        part = QHBoxLayout()
        part.setSpacing(3)
        part.addWidget(self.frames_edit, 3)
        part.addWidget(self.side_edit, 2)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Natural", self.natural_box)
        form.addRow("Others", self.others_list)
        form.addRow("Frames", part)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self.update_clips)
        self._events = (viewer.layers.events.inserted, viewer.layers.events.removed)
        for event in self._events:
            event.connect(self._on_layers_changed)
        self.natural_box.activated.connect(self._on_natural_chosen)
        self.others_list.itemChanged.connect(self._on_ticked)
        self.others_list.currentRowChanged.connect(lambda _: self.other_changed.emit())
        for edit in (self.frames_edit, self.side_edit):
            edit.editingFinished.connect(self._on_part_edited)
        self._part = ("", "")
        self._swapped: list[Image] = []
        self.update_clips()

    @property
    def natural(self) -> Image | None:
        """Layer of the natural clip."""
        place = self.natural_box.currentIndex()
        return self.clips[place] if 0 <= place < len(self.clips) else None

    @property
    def others(self) -> tuple[Image, ...]:
        """Layers of the clips that are ticked."""
        return tuple(clip for clip, item in self._items() if item.checkState() == _TICKED)

    @property
    def other(self) -> Image | None:
        """The ticked one that is highlighted, else the first."""
        others, item = self.others, self.others_list.currentItem()
        for clip, one in self._items():
            if one is item and clip in others:
                return clip
        return others[0] if others else None

    @property
    def part(self) -> dict[str, Any]:
        """``frames``, ``max_side`` and ``levels`` of a `ClipSet`.

        Raises
        ------
        InputError
            If the size is no whole number, or clips were opened in ways that do not agree.
        """
        frames, side = (one.text().strip() for one in (self.frames_edit, self.side_edit))
        if side and not (side.isascii() and side.isdigit()):
            raise InputError(f"max. px is {side!r}: expected a whole number of pixels.")
        natural = self.natural
        clips = [*self.others, *([natural] if natural is not None else [])]
        levels = common_levels(one for one in clips if file_of(one) is not None)
        return {
            "frames": frames or None,
            "max_side": int(side) if side else None,
            "levels": levels,
        }

    def tick(self, clip: Image, ticked: bool = True) -> None:
        """Choose a clip as one of the others, or leave it out."""
        for one, item in self._items():
            if one is clip:
                item.setCheckState(_TICKED if ticked else Qt.CheckState.Unchecked)

    def choose_natural(self, clip: Image) -> None:
        """Choose the natural clip."""
        self.natural_box.setCurrentIndex(self.clips.index(clip))
        self._on_natural_chosen()

    def close_events(self) -> None:
        """Follow the viewer no longer."""
        self._later.stop()
        for event in self._events:
            event.disconnect(self._on_layers_changed)
        for clip in self.clips:
            clip.events.name.disconnect(self._on_renamed)
            clip.events.data.disconnect(self._on_other_frames)

    def update_clips(self) -> None:
        """Offer the clips that are there now."""
        here = [one for one in self.viewer.layers if is_clip(one) and not is_view(one)]
        before = self._state()
        gone = [one for one in self.clips if one not in here]
        new = [one for one in here if one not in self.clips]
        natural, others = self.natural, list(self.others)
        for clip in gone:
            clip.events.name.disconnect(self._on_renamed)
            clip.events.data.disconnect(self._on_other_frames)
        for clip in new:
            clip.events.name.connect(self._on_renamed)
            clip.events.data.connect(self._on_other_frames)
        # a stimulus that has been finished shows its file from then on, with a sidecar
        new += [one for one in self._swapped if one in here and one not in new]
        self._swapped = []
        # in the order in which they came, wherever the list of layers has them
        kept = [one for one in self.clips if one in here]
        self.clips = kept + [one for one in new if one not in kept]
        if natural not in self.clips or not self._touched:
            natural = self._find_likely_natural()
        if natural is not None:
            others = [one for one in others if one in self.clips and one is not natural]
            made = [one for one in new if one is not natural and names_as_source(one, natural)]
            others += [one for one in made if one not in others]
        self._fill(natural, others)
        if self._state() != before:
            self.changed.emit()

    def _fill(self, natural: Image | None, others: list[Image]) -> None:
        current = self.other
        for one in (self.natural_box, self.others_list):
            one.blockSignals(True)
            one.clear()
        for clip in self.clips:
            self.natural_box.addItem(clip.name)
            if clip is not natural:
                item = QListWidgetItem(clip.name)
                item.setToolTip(clip.name)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(_TICKED if clip in others else Qt.CheckState.Unchecked)
                self.others_list.addItem(item)
        self.natural_box.setCurrentIndex(-1 if natural is None else self.clips.index(natural))
        for place, (clip, _) in enumerate(self._items()):
            if clip is current:
                self.others_list.setCurrentRow(place)
        for one in (self.natural_box, self.others_list):
            one.blockSignals(False)

    def _items(self) -> list[tuple[Image, Any]]:
        natural = self.natural
        clips = [clip for clip in self.clips if clip is not natural]
        count = self.others_list.count()
        return [(clip, self.others_list.item(at)) for at, clip in enumerate(clips) if at < count]

    def _state(self) -> tuple[Any, ...]:
        return (self.natural, self.others)

    def _find_likely_natural(self) -> Image | None:
        """Give the clip that most others were made of, else the first one."""
        counts = [sum(names_as_source(one, clip) for one in self.clips) for clip in self.clips]
        return self.clips[counts.index(max(counts))] if counts else None

    def _on_layers_changed(self, event: Any = None) -> None:
        # many may come at once
        self._later.start()

    def _on_other_frames(self, event: Any) -> None:
        self._swapped.append(event.source)
        self._later.start()

    def _on_renamed(self, event: Any = None) -> None:
        for place, clip in enumerate(self.clips):
            self.natural_box.setItemText(place, clip.name)
        self.others_list.blockSignals(True)
        for clip, item in self._items():
            item.setText(clip.name)
            item.setToolTip(clip.name)
        self.others_list.blockSignals(False)

    def _on_natural_chosen(self, _: int = 0) -> None:
        natural, self._touched = self.natural, True
        if natural is not None:
            self._fill(natural, [one for one in self.clips if names_as_source(one, natural)])
            self.changed.emit()

    def _on_ticked(self, item: QListWidgetItem) -> None:
        self._touched = True
        if item.checkState() == _TICKED:
            self.others_list.setCurrentItem(item)
        self.changed.emit()

    def _on_part_edited(self) -> None:
        part = (self.frames_edit.text().strip(), self.side_edit.text().strip())
        if part != self._part:
            self._part = part
            self.changed.emit()


_TICKED = Qt.CheckState.Checked


def names_as_source(layer: Image, natural: Image) -> bool:
    """Say whether the sidecar of a layer's clip names another layer's clip as an input.

    By the name of the file, which is quick; that the file is the very one is found out later.
    """
    path, source = file_of(layer), file_of(natural)
    if path is None or source is None or path == source:
        return False
    try:
        sidecar = sidecar_of(path)
    except InputError:
        return False
    inputs = sidecar.get("inputs") if sidecar else None
    named = [one.get("path") for one in inputs or () if isinstance(one, dict)]
    folder = sidecar_path(path).parent
    return any(_names_match(folder / one, source) for one in named if isinstance(one, str))


def _names_match(named: Path, source: Path) -> bool:
    # a folder of clips may have been moved as a whole, or the natural clip alone
    return named.name == source.name
