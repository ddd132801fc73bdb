"""How layers lie: beside each other, over the same frames of the natural clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Layer


def side_by_side(viewer: Viewer, layers: Sequence[Layer]) -> None:
    """Show these layers in one row, from left to right, and hide the others.

    Parameters
    ----------
    viewer
        That holds them.
    layers
        In the order in which they are to be seen.
    """
    for layer in viewer.layers:
        layer.visible = layer in layers
    # napari fills the grid in the order of its list, the lowest first
    for place, layer in enumerate(layers):
        viewer.layers.move(viewer.layers.index(layer), place)
    grid = viewer.canvas.grid
    # one row, of as many as are seen
    grid.shape, grid.stride, grid.spacing = (1, -1), 1, 0.02
    grid.enabled = True
    viewer.reset_view()


def lay_over(layer: Image, natural: Image, start: int) -> None:
    """Bring a clip to the place and time of the frames of the natural clip that it shows.

    Parameters
    ----------
    layer
        A clip that was made of the natural one, maybe shrunk.
    natural
        The whole natural clip.
    start
        The frame of the natural clip that the first frame belongs to.
    """
    size, wanted = np.array(layer.data.shape[1:3]), np.array(natural.data.shape[1:3])
    time, *place = natural.scale
    zoom = wanted / size
    layer.scale = (time, *(np.array(place) * zoom))
    shift = np.array(natural.translate, dtype=float)
    shift[0] += start * time
    # pixels lie around their coordinates, so that larger pixels begin half of the difference later
    shift[1:] += np.array(place) * (zoom - 1) / 2
    layer.translate = shift


def lay_beside(layer: Image, natural: Image, start: int, step: float) -> None:
    """Bring a clip to the time of the frames that it was made of, as high or wide as they are.

    Parameters
    ----------
    layer
        A clip of another size and rate than the natural one.
    natural
        The whole natural clip.
    start
        The frame of the natural clip that the first frame belongs to.
    step
        Frames of the natural clip from one frame to the next.
    """
    size, wanted = np.array(layer.data.shape[1:3]), np.array(natural.data.shape[1:3])
    time, *place = natural.scale
    # not distorted, in the middle
    zoom = (wanted / size).min()
    layer.scale = (step * time, *(np.array(place) * zoom))
    shift = np.array(natural.translate, dtype=float)
    shift[0] += start * time
    shift[1:] += np.array(place) * (wanted - zoom * size + zoom - 1) / 2
    layer.translate = shift
