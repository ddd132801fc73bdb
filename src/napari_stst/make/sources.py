"""What goes into a run from the viewer: files that are there, and layers that are written first."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_stst.viewer.layers import file_of, save_clip
from napari_stst.viewer.regions import Mask
from stst.errors import StstError
from stst.runs.outputs import outputs_for


@dataclass(frozen=True)
class Source:
    """An input of a run that may have to be written first.

    Attributes
    ----------
    path
        Where it is, or will be.
    write
        Writes it there; None where it is there.
    """

    path: Path
    write: Callable[[Path], Any] | None = None


def source_of(layer: Image, stem: Path, role: str) -> Source:
    """Give where a layer's clip is, or where it is to be written: ``stem.role.mkv``."""
    path = file_of(layer)
    if path is not None:
        return Source(path)
    target = stem.with_name(f"{stem.name}.{role}.mkv")
    return Source(target, lambda path: save_clip(layer, path, overwrite=True))


def write_all(sources: Sequence[Source]) -> list[StstError]:
    """Write what is not there yet; an error is returned, for the viewer's thread to tell."""
    try:
        for one in sources:
            if one.write is not None:
                one.write(one.path)
    except StstError as error:
        return [error]
    return []


def write_mask(mask: Mask, fps: Fraction | None, path: Path) -> None:
    """Write a mask (H, W) as a picture or (T, H, W) as a clip; white is inside."""
    from stst.video import write_video

    white = np.where(mask, 255, 0).astype(np.uint8)
    if white.ndim == 2:
        from skimage.io import imsave

        imsave(path, white, check_contrast=False)
    else:
        write_video(path, np.repeat(white[..., None], 3, axis=3), fps, overwrite=True)


def folder_for(layer: Image | None) -> Path:
    """Choose a folder for results: the clip's own, or the current one where that is not ours."""
    path = None if layer is None else file_of(layer)
    if path is not None:
        folder = path.absolute().parent
        inside = Path(__file__).parents[2] in folder.parents or folder.name == "sample_data"
        if not inside and os.access(folder, os.W_OK):
            return folder
    return Path.cwd() if os.access(Path.cwd(), os.W_OK) else Path.home()


def free_output(folder: Path, name: str, taken: Collection[str]) -> Path:
    """Name a master that does not exist, nor anything that comes with it.

    Parameters
    ----------
    folder
        Where it will be.
    name
        Its stem; characters that a file's name should not have are replaced.
    taken
        Outputs that something else will make.
    """
    stem = "".join(one if one.isalnum() or one in "-_. " else "_" for one in name).strip()
    number = 1
    while True:
        tail = f"_{number}" if number > 1 else ""
        path = folder / f"{stem or 'clip'}{tail}.mkv"
        (output,) = outputs_for(path, (0,))
        here = [*output.files().values(), output.with_ending(".run")]
        if str(path) not in taken and not any(os.path.lexists(one) for one in here):
            return path
        number += 1
