"""Saving layers as clips: the lossless master with its sidecar, and the preview."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from napari_stst.viewer.layers import FrameArray, frames_of
from stst.errors import InputError
from stst.video import (
    convert,
    needs_sidecar,
    parse_rate,
    sidecar_path,
    write_preview,
    write_video,
)

_SUFFIXES = (".mkv", ".npz", ".npy", ".mp4")


def write_clip(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer as a master; napari calls it when a layer is saved.

    A clip that is a file already goes over frame by frame, with its sidecar. napari asks before
    anything is replaced, so an existing file is.

    Parameters
    ----------
    path
        ``X.mkv``, ``X.npz`` or ``X.npy`` without loss, ``X/`` for PNG files, ``X.mp4`` as a
        preview. Any other name gets ``.mkv``.
    data
        uint8, (T, H, W, 3) or (T, H, W).
    attributes
        Of the layer; ``metadata["fps"]`` is its rate in Hz.

    Returns
    -------
    list of str
        The files that were written.

    Raises
    ------
    InputError
        If the layer is no clip or has no rate, or the file cannot be written.
    """
    return _write(
        path if path.endswith(("/", os.sep)) else add_suffix(path, ".mkv"), data, attributes
    )


def write_lossy(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an image layer as a preview; napari calls it when a layer is saved.

    Parameters
    ----------
    path
        ``X.mp4``, or as `write_clip` has it; any other name gets ``.mp4``.
    data, attributes
        As in `write_clip`, and so is what is given back and raised.
    """
    return _write(add_suffix(path, ".mp4"), data, attributes)


def add_suffix(path: str, suffix: str) -> str:
    """Add a type's suffix to a name that has none that is ours.

    Parameters
    ----------
    path
        What the user has typed; ``metamer_0.95`` has no suffix either.
    suffix
        Of the type that was chosen.

    Raises
    ------
    InputError
        If the file of the whole name exists: nobody was asked about that one.
    """
    if path.lower().endswith(_SUFFIXES):
        return path
    whole = path + suffix
    if os.path.lexists(whole):
        raise InputError(f"{whole} exists. Give the whole name to replace it, or another one.")
    return whole


def _write(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    if isinstance(data, FrameArray) and path.lower().endswith(".mp4"):
        # no sidecar: X.json is that of the master X.mkv
        write_preview(path, iter(data.video.frames), data.video.fps, overwrite=True)
        return [path]
    if isinstance(data, FrameArray):
        done = convert(data.video.path, path, overwrite=True)
        beside = done.sidecar
        return [path, *([str(beside)] if beside is not None and beside.exists() else [])]
    rate = attributes.get("metadata", {}).get("fps")
    if rate is None:
        raise InputError(
            f"{path}: the layer {attributes.get('name', '')!r} has no frame rate. Give it one in "
            "Hz first: layer.metadata['fps'] = '25'."
        )
    write_video(Path(path), frames_of(data), parse_rate(rate, "metadata['fps']"), overwrite=True)
    return [path, *([str(sidecar_path(path))] if needs_sidecar(Path(path)) else [])]
