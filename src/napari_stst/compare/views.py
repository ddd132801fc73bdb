"""Ways to look at two clips: beside each other, their difference, in turn, behind a curtain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_stst.compare.arrays import Sign, compose_frame, curtain, difference
from napari_stst.viewer.arrange import side_by_side
from napari_stst.viewer.layers import rate_of

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Layer

    from napari_stst.background.measurements import Match

AS_THEY_ARE = "As they are"
SIDE_BY_SIDE = "Side by side"
DIFFERENCE = "Difference"
FLICKER = "Flicker"
CURTAIN = "Curtain"
MODES = (AS_THEY_ARE, SIDE_BY_SIDE, DIFFERENCE, FLICKER, CURTAIN)

#: In the metadata of layers that are views, not clips.
VIEW = "napari-stst view"
_GRAB = 12  # canvas pixels beside the curtain's edge that still hold it


def is_view(layer: Layer) -> bool:
    """Say whether a layer is a view of others."""
    return VIEW in layer.metadata


@dataclass(frozen=True)
class ViewedClips:
    """What is looked at.

    Attributes
    ----------
    natural
        Layer of the natural clip.
    others
        Layers of the others, for the view side by side.
    other
        The one of them that the other views show.
    match
        Which frames of the natural clip it shows.
    path
        The natural clip on disk.
    """

    natural: Image
    others: tuple[Image, ...]
    other: Image
    match: Match
    path: Path

    @property
    def layers(self) -> tuple[Image, ...]:
        """All layers."""
        return (self.natural, *self.others)


class _LayerStates:
    """How the viewer was arranged, to be put back."""

    def __init__(self, viewer: Viewer) -> None:
        grid = viewer.canvas.grid
        self.viewer = viewer
        self.order = list(viewer.layers)
        self.visible = {layer: layer.visible for layer in viewer.layers}
        self.named = {layer: layer.name_overlay.visible for layer in viewer.layers}
        self.selected = set(viewer.layers.selection)
        self.grid = (grid.enabled, grid.shape, grid.stride, grid.spacing)

    def put_back(self) -> None:
        layers, grid = self.viewer.layers, self.viewer.canvas.grid
        here = [layer for layer in self.order if layer in layers]
        for place, layer in enumerate(here):
            if layers[place] is not layer:
                layers.move(layers.index(layer), place)
            layer.visible = self.visible[layer]
            layer.name_overlay.visible = self.named[layer]
        was_grid = grid.enabled
        enabled, grid.shape, grid.stride, grid.spacing = self.grid
        grid.enabled = enabled
        layers.selection = self.selected.intersection(layers)
        if was_grid != enabled:
            self.viewer.reset_view()


class Views(QObject):
    """Shows layers in one of `MODES`, and puts everything back afterwards.

    Parameters
    ----------
    viewer
        That holds the layers.
    parent
        Owns the object.
    """

    #: The curtain was moved; its place as a share of the width.
    split_changed = Signal(float)

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.mode = AS_THEY_ARE
        self.viewed: ViewedClips | None = None
        self.sign: Sign = "absolute"
        self.gain = 1.0
        self.split = 0.5
        self.layer: Image | None = None
        self._before: _LayerStates | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.swap)
        self.set_rate(2.0)

    def show(self, mode: str, viewed: ViewedClips | None) -> None:
        """Look at layers in another way.

        Parameters
        ----------
        mode
            One of `MODES`.
        viewed
            Needed for all but `AS_THEY_ARE`.
        """
        self.leave()
        if mode == AS_THEY_ARE or viewed is None:
            return
        self._before = _LayerStates(self.viewer)
        self.mode, self.viewed = mode, viewed
        if mode == SIDE_BY_SIDE:
            side_by_side(self.viewer, viewed.layers)
            self._name(viewed.layers)
            return
        self.viewer.canvas.grid.enabled = False
        shown = (viewed.natural, viewed.other)
        for layer in self.viewer.layers:
            layer.visible = mode == FLICKER and layer is viewed.natural
        if self._before.grid[0]:
            self.viewer.reset_view()
        if mode == FLICKER:
            self._name(shown)
            self.go_on()
        else:
            self._add()
        if mode == CURTAIN:
            self.viewer.mouse_drag_callbacks.append(self._drag)

    def leave(self) -> None:
        """Put everything back as it was."""
        before, self._before, self.mode, self.viewed = self._before, None, AS_THEY_ARE, None
        self._timer.stop()
        if self._drag in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._drag)
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
        if before is not None:
            before.put_back()

    def stop(self) -> None:
        """Change nothing more by itself."""
        self._timer.stop()

    def pause(self) -> None:
        """Show the natural clip instead of two in turn, until `go_on`."""
        if self.mode == FLICKER and self.viewed is not None:
            self._timer.stop()
            self.viewed.other.visible, self.viewed.natural.visible = False, True

    def go_on(self) -> None:
        """Show two clips in turn again, unless that is done by hand."""
        if self.mode == FLICKER and self._changes > 0:
            self._timer.start()

    def swap(self) -> None:
        """Show the other one of the two clips that are seen in turn."""
        if self.mode == FLICKER and self.viewed is not None:
            natural, other = self.viewed.natural, self.viewed.other
            other.visible = not other.visible
            natural.visible = not other.visible

    def set_rate(self, changes: float) -> None:
        """Set how often a second the other clip is shown; 0 for by hand alone."""
        self._changes = changes
        if changes <= 0:
            self._timer.stop()
            return
        self._timer.setInterval(round(1000 / changes))
        if self.mode == FLICKER:
            self._timer.start()

    def set_difference(self, sign: Sign, gain: float) -> None:
        """Set how a difference becomes a colour, see `compare_arrays.difference`."""
        self.sign, self.gain = sign, gain
        if self.mode == DIFFERENCE:
            self._compose()

    def set_split(self, share: float) -> None:
        """Move the curtain to a share of the width, 0 to 1."""
        share = min(1.0, max(0.0, share))
        if share != self.split:
            self.split = share
            if self.mode == CURTAIN:
                self._compose()
            self.split_changed.emit(share)

    def _name(self, layers: Sequence[Layer]) -> None:
        for layer in layers:
            layer.name_overlay.visible = True

    def _add(self) -> None:
        assert self.viewed is not None
        natural, other = self.viewed.natural, self.viewed.other
        frames = compose_frame(
            natural, other, self.viewed.match, self.viewed.path, self._function()
        )
        differs = self.mode == DIFFERENCE
        name = f"{other.name} − {natural.name}" if differs else f"{natural.name} | {other.name}"
        rate = rate_of(other)
        metadata = {VIEW: self.mode} | ({} if rate is None else {"fps": str(rate)})
        self.layer = self.viewer.add_image(
            frames,
            rgb=True,
            name=name,
            scale=other.scale,
            translate=other.translate,
            metadata=metadata,
        )

    def _function(self) -> Any:
        if self.mode == DIFFERENCE:
            return difference(self.sign, self.gain)
        assert self.viewed is not None
        return curtain(round(self.split * self.viewed.other.data.shape[2]))

    def _compose(self) -> None:
        if self.layer is not None:
            self.layer.data.compose = self._function()
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def _drag(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """Move the curtain with the mouse, where that holds its edge."""
        if self.layer is None or event.button != 1:
            return
        camera, layer = viewer.scene.camera, self.layer
        width = layer.data.shape[2]

        def column() -> float:
            return float(layer.world_to_data(event.position)[-1]) + 0.5

        away = abs(column() - self.split * width) * float(layer.scale[-1]) * camera.zoom
        if away > _GRAB:
            return
        pans, camera.mouse_pan = camera.mouse_pan, False
        event.handled = True
        yield
        while event.type == "mouse_move" and self.layer is not None:
            self.set_split(column() / width)
            event.handled = True
            yield
        camera.mouse_pan = pans
