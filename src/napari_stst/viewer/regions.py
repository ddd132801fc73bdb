"""A region that was drawn in the viewer, as a mask of the natural clip's pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stst.errors import InputError
from stst.video import LazyVideo, check_mask, inside_of
from stst.video.remedies import mask_remedy

if TYPE_CHECKING:
    from napari.layers import Image

Mask = npt.NDArray[np.bool_]


def is_region(layer: Any) -> bool:
    """Say whether a layer can say where the natural clip is replaced."""
    from napari.layers import Labels, Shapes

    return isinstance(layer, Labels | Shapes)


def mask_of(layer: Any, natural: Image) -> Mask:
    """Turn a Shapes or Labels layer into a mask.

    Shapes hold for all frames, and so do labels that were painted on a single one; labels on
    several frames hold for these. Of several labels all are inside, or the selected one alone
    where the layer shows no other ("show selected").

    Parameters
    ----------
    layer
        Where anything is drawn is inside.
    natural
        The clip.

    Returns
    -------
    numpy.ndarray
        bool, (H, W), or (T, H, W) where it differs from frame to frame.

    Raises
    ------
    InputError
        If nothing is drawn, or nothing of it inside the clip.
    """
    from napari.layers import Shapes

    mask = _of_shapes(layer, natural) if isinstance(layer, Shapes) else _of_labels(layer, natural)
    if not mask.any():
        shown = ""
        if getattr(layer, "show_selected_label", False):
            shown = f" with label {layer.selected_label}, which is all that it shows"
        raise InputError(
            f"the layer {layer.name!r} marks no pixel of the clip {natural.name!r}{shown}. Draw "
            "the region on the clip, or choose none."
        )
    return mask


def read_mask_labels(path: Path) -> npt.NDArray[np.uint8]:
    """Read a mask, a picture or a clip, as labels: 1 where it is white, (H, W) or (T, H, W).

    Raises
    ------
    InputError
        If it cannot be read, or is not of black and white; see `check_mask`.
    """
    # a picture has no rate, and none is needed
    frames = LazyVideo(path, fps=1, picture=True).frames
    check_mask(frames, str(path), mask_remedy(path))
    labels = np.stack([inside_of(frame) for frame in frames]).astype(np.uint8)
    return labels[0] if len(labels) == 1 else labels


def _of_shapes(layer: Any, natural: Image) -> Mask:
    from napari.layers import Shapes

    height, width = natural.data.shape[1:3]
    # time does not matter, and masks over time would be large
    here = (np.array(layer.scale[-2:]), np.array(layer.translate[-2:]))
    there = (np.array(natural.scale[-2:]), np.array(natural.translate[-2:]))
    flat = Shapes(
        [(one[:, -2:] * here[0] + here[1] - there[1]) / there[0] for one in layer.data],
        shape_type=layer.shape_type,
    )
    drawn: Mask = np.zeros((height, width), bool)
    for one in flat.to_masks(mask_shape=(height, width)) if len(flat.data) else ():
        drawn |= np.asarray(one, bool)
    return drawn


def _of_labels(layer: Any, natural: Image) -> Mask:
    rows, columns = _places(layer, natural)
    labels = np.asarray(layer.data)
    # what is seen is what is replaced
    marked = labels == layer.selected_label if layer.show_selected_label else labels != 0
    if marked.ndim == 2:
        return _sample_mask(marked, rows, columns)
    painted = [frame for frame in range(len(marked)) if marked[frame].any()]
    if len(painted) <= 1 or (marked == marked[0]).all():
        return _sample_mask(marked.any(axis=0), rows, columns)
    length = natural.data.shape[0]
    out = np.zeros((length, *natural.data.shape[1:3]), bool)
    for frame in range(length):
        world = natural.translate[0] + frame * natural.scale[0]
        there = round((world - layer.translate[0]) / layer.scale[0])
        if 0 <= there < len(marked):
            out[frame] = _sample_mask(marked[there], rows, columns)
    return out


def _places(layer: Any, natural: Image) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """Give the rows and columns of a layer that the natural clip's rows and columns lie on."""
    out = []
    for axis in (-2, -1):
        offset = 1 if natural.rgb else 0  # an RGB layer's data has one axis more than its world
        length = natural.data.shape[axis - offset]
        world = natural.translate[axis] + np.arange(length) * natural.scale[axis]
        place = (world - layer.translate[axis]) / layer.scale[axis]
        out.append(np.floor(place + 0.5).astype(int))
    return out[0], out[1]


def _sample_mask(drawn: Mask, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_]) -> Mask:
    inside_rows = (rows >= 0) & (rows < drawn.shape[0])
    inside_columns = (columns >= 0) & (columns < drawn.shape[1])
    out = np.zeros((len(rows), len(columns)), bool)
    out[np.ix_(inside_rows, inside_columns)] = drawn[
        np.ix_(rows[inside_rows], columns[inside_columns])
    ]
    return out
