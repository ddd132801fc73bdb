"""Clips as napari layers, decoded exactly as the command line does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LayerData = tuple[Any, dict[str, Any], str]

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Say whether a path is a clip; called by napari.

    Parameters
    ----------
    path
        What the user opens; several paths are opened one by one.

    Returns
    -------
    callable or None
        `read`, or None where another reader should be asked.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return read if all(Path(one).suffix.lower() in SUFFIXES for one in paths) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read clips into image layers.

    Parameters
    ----------
    path
        One or several clips.

    Returns
    -------
    list of tuple
        Per clip the frames (T, H, W, 3) uint8 RGB and the layer's name and metadata: ``fps`` as an
        exact fraction, ``path``, and ``source``, how the clip was decoded.
    """
    from stst.video import read_video

    layers = []
    for one in [path] if isinstance(path, str) else path:
        clip = read_video(one)
        metadata = {
            "fps": str(clip.fps),
            "path": str(one),
            "source": clip.source.as_dict() if clip.source else {},
        }
        options = {"name": Path(one).stem, "rgb": True, "metadata": metadata}
        layers.append((clip.frames, options, "image"))
    return layers
