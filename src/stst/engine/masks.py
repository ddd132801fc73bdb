"""Masks that lie in files, opened as clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stst.config import InputConfig
from stst.errors import InputError
from stst.video import LazyVideo, Levels, check_mask, open_video
from stst.video.remedies import mask_remedy


def open_mask(path: Path, natural: LazyVideo, wanted: InputConfig) -> LazyVideo:
    """Open a mask's file as a clip; whether it fits is the method's to say.

    Parameters
    ----------
    path
        A picture, or any clip.
    natural
        The natural clip as it is used. Its rate is the mask's, which goes by frame numbers.
    wanted
        What is taken of the natural clip. It is taken of a mask as well that is as long, or as
        large, as the natural clip's file, shrunk by area average; any other is taken as it is.

    Raises
    ------
    InputError
        If the file cannot be read, or is not of black and white; see `check_mask`.
    """
    levels = Levels(wanted.bits, wanted.tonemap, wanted.peak_nits)
    try:
        with open_video(path, fps=natural.fps, picture=True, **levels.as_dict()) as reader:
            length, size = len(reader), (reader.width, reader.height)
            # before it is shrunk, which gives edges of any width
            check_mask(reader, str(path), mask_remedy(path))
    except InputError as error:
        if _holds_deep_numbers(path):
            raise InputError(f"{error} {mask_remedy(path, deep=True)}") from error
        raise
    file = natural.info
    return LazyVideo(
        path,
        frames=wanted.frames if length == file.frames else None,
        max_side=wanted.max_side if size == (file.width, file.height) else None,
        fps=natural.fps,
        picture=True,
        levels=levels,
    )


def _holds_deep_numbers(path: Path) -> bool:
    """Say whether a file holds whole numbers of more than 8 bits, as images of labels do."""
    from PIL import Image

    try:
        if path.suffix.lower() == ".npy":
            kind = np.load(path, mmap_mode="r", allow_pickle=False).dtype
            return kind.kind in "iu" and kind.itemsize > 1
        with Image.open(path) as picture:
            return picture.mode == "I" or picture.mode.startswith("I;")
    except (OSError, ValueError):
        return False  # it is damaged or of another kind, and refused for that
