"""Clips that are laid over the natural one while they are compared, and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stst.viewer.arrange import lay_over

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from napari_stst.background.measurements import Match


class Places:
    """Where layers were before they were laid over a natural clip."""

    def __init__(self) -> None:
        self._before: dict[Image, tuple[Any, Any]] = {}

    def lay(self, layer: Image, natural: Image, match: Match) -> None:
        """Lay a clip over the frames of the natural one that it shows."""
        self._before.setdefault(layer, (np.array(layer.scale), np.array(layer.translate)))
        lay_over(layer, natural, match.start)
        if match.step != 1:
            time = natural.scale[0] * match.step
            layer.scale = (time, *layer.scale[1:])
            layer.translate = (natural.translate[0] + match.start * time, *layer.translate[1:])

    def put_back(self, keep: Iterable[Image] = ()) -> None:
        """Put all layers back but those that are to be kept."""
        for layer in set(self._before).difference(keep):
            layer.scale, layer.translate = self._before.pop(layer)


def frame_at(viewer: Viewer, natural: Image) -> float:
    """Give the number of the natural clip's frame at the slider."""
    dims = viewer.dims
    point = dims.point[dims.ndim - natural.ndim]
    return round(float((point - natural.translate[0]) / natural.scale[0]), 6)


def go_to_frame(viewer: Viewer, natural: Image, frame: float) -> None:
    """Move the slider to a frame of the natural clip."""
    axis = viewer.dims.ndim - natural.ndim
    viewer.dims.set_point(axis, natural.translate[0] + frame * natural.scale[0])
