"""Clips as layers: frames that stay on disk, and which clip a layer shows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stst.viewer.lazy_frames import LazyFrames
from napari_stst.viewer.levels import KEY
from stst.errors import InputError
from stst.utils.files import check_output
from stst.video import (
    AS_STORED,
    LazyVideo,
    Levels,
    Video,
    parse_rate,
    sidecar_path,
    write_content,
    write_video,
)

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

    from stst.types import Frames

#: What the slider of clips is called, and their rows and columns.
AXES = ("frame", "y", "x")
# decoded frames that are kept of one clip; what fits is decoded once while it plays again and again
_KEPT_BYTES = 512 * 2**20


class FrameArray(LazyFrames):
    """The frames of a clip on disk, as an array (T, H, W, 3) uint8 that napari can slice.

    Parameters
    ----------
    video
        An open clip.
    """

    def __init__(self, video: LazyVideo) -> None:
        super().__init__(tuple(video.frames.shape))
        self.video = video
        self._most = max(2, _KEPT_BYTES // max(1, self.size // self.shape[0]))
        self._kept: OrderedDict[int, Frames] = OrderedDict()
        # napari may slice in a thread
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"FrameArray({self.video.path}, {self.shape})"

    def _frame(self, index: int) -> Frames:
        with self._lock:
            if index not in self._kept:
                self._kept[index] = self.video.frames[index]
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(index)
            return self._kept[index]


def is_clip(layer: Any) -> bool:
    """Say whether a layer holds frames: uint8, (T, H, W, 3) RGB or (T, H, W) grey."""
    from napari.layers import Image

    if not isinstance(layer, Image) or layer.multiscale or layer.data.dtype != np.uint8:
        return False
    return bool(layer.data.ndim == (4 if layer.rgb else 3))


def file_of(layer: Image) -> Path | None:
    """Say which clip on disk a layer shows, whole; None where there is none."""
    return layer.data.video.path if isinstance(layer.data, FrameArray) else None


def rate_of(layer: Image) -> Fraction | None:
    """Give a layer's frame rate in Hz, exactly; None where it does not know any."""
    if isinstance(layer.data, FrameArray):
        return layer.data.video.fps
    rate = layer.metadata.get("fps")
    return None if rate is None else parse_rate(rate, f"layer {layer.name!r}: metadata['fps']")


def require_rate(layer: Image) -> Fraction:
    """Give a layer's frame rate in Hz.

    Raises
    ------
    InputError
        If it does not know any; the message says where to give it.
    """
    fps = rate_of(layer)
    if fps is None:
        raise InputError(
            f"the layer {layer.name!r} has no frame rate. Give it one in Hz: in the row 'frame "
            "rate' of Generate, Scramble or Invert, or by layer.metadata['fps'] = '25'."
        )
    return fps


def frames_of(data: Any) -> Frames:
    """Give a layer's data as frames (T, H, W, 3) uint8; grey becomes three equal channels.

    Raises
    ------
    InputError
        If it holds no 8-bit clip.
    """
    if data.dtype != np.uint8 or data.ndim not in (3, 4):
        raise InputError(
            f"the layer holds {data.dtype} values of shape {tuple(data.shape)}; a clip is uint8 "
            "and (time, height, width), or (time, height, width, 3) in colour."
        )
    frames = np.asarray(data)
    if frames.ndim == 3:
        frames = np.repeat(frames[..., None], 3, axis=3)
    if frames.shape[3] == 4:
        if not (frames[..., 3] == 255).all():
            raise InputError("the layer is transparent in places; a clip has no transparency.")
        frames = frames[..., :3]
    return np.ascontiguousarray(frames)


def save_clip(layer: Image, path: Path, overwrite: bool = False) -> Path:
    """Give the file that a layer shows; frames that are nowhere on disk are written to `path`.

    A sidecar beside it says how they were converted, where they were.

    Parameters
    ----------
    layer
        A clip.
    path
        A lossless master.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        If the layer has no frame rate, or the file cannot be written.
    """
    found = file_of(layer)
    if found is not None:
        return found
    fps = require_rate(layer)
    written = write_video(path, Video(frames_of(layer.data), fps), overwrite=overwrite)
    record = layer.metadata.get("converted")
    if record is not None:
        content = {"output": {**written.as_dict(), "converted": record}}
        check_output(sidecar_path(path), overwrite)
        write_content(sidecar_path(path), content)
    elif overwrite:
        # of what was there before
        sidecar_path(path).unlink(missing_ok=True)
    return path


def open_layer(viewer: Viewer, path: Path, levels: Levels = AS_STORED) -> Image:
    """Give the layer that shows a clip on disk; opens one, read so, if there is none."""
    from napari.layers import Image

    for layer in viewer.layers:
        shown = file_of(layer) if is_clip(layer) else None
        if shown is not None and shown.resolve() == path.resolve():
            return layer
    data, options, _ = layer_of(path, levels)
    tell_notes(data)
    return viewer.add_layer(Image(data, **options))


def layer_of(
    path: Path | str, levels: Levels = AS_STORED
) -> tuple[FrameArray, dict[str, Any], str]:
    """Open a clip as napari's layer tuple; frames are decoded when they are shown.

    Parameters
    ----------
    path
        A video file, a folder of numbered pictures, or an array file of frames.
    levels
        How values of more than 8 bits, or of high dynamic range, become 8 bits.

    Returns
    -------
    tuple
        The frames (T, H, W, 3) uint8 RGB, the layer's name, axes, metadata, and scale where pixels
        are not square, ``"image"``. Metadata: ``fps``, an exact fraction in Hz as text, ``path``,
        ``source``, how it is decoded, and ``levels``, where there are any.

    Raises
    ------
    InputError
        If the clip cannot be read exactly.
    """
    video = LazyVideo(path, levels=levels)
    metadata: dict[str, Any] = {
        "fps": str(video.fps), "path": str(path), "source": video.source.as_dict(),
    }  # fmt: skip
    if levels != AS_STORED:
        metadata[KEY] = levels.as_dict()
    options: dict[str, Any] = {
        "name": Path(path).stem, "rgb": True, "metadata": metadata, "axis_labels": AXES,
    }  # fmt: skip
    aspect = video.source.pixel_aspect
    if aspect != 1:
        options["scale"] = (1.0, 1.0, float(aspect))
    return FrameArray(video), options, "image"


def tell_notes(data: FrameArray) -> None:
    """Show what is worth knowing about how a clip is read."""
    from napari.utils.notifications import show_info

    notes = data.video.source.notes
    if notes:
        show_info(f"{data.video.path.name}: {' '.join(notes)}")
