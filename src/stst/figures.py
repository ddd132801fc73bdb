"""Pictures that show clips beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stst.errors import InputError
from stst.files import written_whole
from stst.types import Frames

_LINE = 22  # height of a caption in pixels
_GAP = 4


def side_by_side(clips: Mapping[str, Frames], columns: int = 4) -> Frames:
    """Lay out frames of several clips, a row for each clip under its name.

    Parameters
    ----------
    clips
        Name to frames (T, H, W, 3) uint8 of one size and length.
    columns
        How many frames are shown, evenly spread from the first to the last.

    Returns
    -------
    Frames
        (height, width, 3) uint8. Frames are not resized.

    Raises
    ------
    InputError
        If there is no clip, or they differ in shape.
    """
    from PIL import Image, ImageDraw, ImageFont

    shapes = {name: clip.shape for name, clip in clips.items()}
    if len(set(shapes.values())) != 1:
        raise InputError(f"clips must agree in length and size, found {shapes}.")
    length, height, width, _ = next(iter(shapes.values()))
    shown = np.unique(np.linspace(0, length - 1, min(columns, length)).round().astype(int))
    picture = Image.new(
        "RGB",
        (len(shown) * (width + _GAP) - _GAP, len(clips) * (height + _LINE + _GAP) - _GAP),
        "white",
    )
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    for row, (name, clip) in enumerate(clips.items()):
        top = row * (height + _LINE + _GAP)
        for column, frame in enumerate(shown):
            left = column * (width + _GAP)
            pen.text((left + 2, top + 2), f"{name}, frame {frame}", fill="black", font=font)
            picture.paste(Image.fromarray(clip[frame]), (left, top + _LINE))
    return np.asarray(picture, dtype=np.uint8)


def save_side_by_side(
    path: Path | str, clips: Mapping[str, Frames], columns: int = 4, overwrite: bool = False
) -> None:
    """Write `side_by_side` as a PNG file; it appears whole or not at all."""
    from PIL import Image

    with written_whole(Path(path), overwrite) as part:
        Image.fromarray(side_by_side(clips, columns)).save(part)
