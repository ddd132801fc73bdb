"""Frames of clips beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stst.errors import InputError
from stst.figures.style import DPI, new_figure, shorten_label, use_style
from stst.types import Frames
from stst.utils.files import write_whole
from stst.video import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST = 12000  # pixels of a side of a sheet of frames


def frame_sheet(clips: Mapping[str, Sequence[Frames]], captions: Sequence[str]) -> Figure:
    """Lay out frames of several clips, a row for each clip under its label.

    Parameters
    ----------
    clips
        Label to frames (H, W, 3) uint8 of one size, as many as there are captions.
    captions
        What stands under the frames of a column.

    Returns
    -------
    matplotlib.figure.Figure
        Small frames are enlarged by a whole number, others keep their pixels; as a PNG file at
        the figure's own resolution, these are the pixels of the frames. Only sheets of more than
        12,000 pixels a side are shrunk.
    """
    height, width = next(iter(clips.values()))[0].shape[:2]
    scale, gap, line = max(1, -(-160 // width)), 6, 20
    across = len(captions) * (width * scale + gap) + gap
    down = len(clips) * (height * scale + 2 * line + gap) + gap
    shrink = -(-max(across, down) // _LARGEST)
    if shrink > 1:
        smaller = {
            label: [one[::shrink, ::shrink] for one in frames] for label, frames in clips.items()
        }
        return frame_sheet(smaller, captions)
    with use_style():
        figure = new_figure(across / DPI, down / DPI)
        for row, (label, frames) in enumerate(clips.items()):
            top = gap + row * (height * scale + 2 * line + gap)
            _note(figure, shorten_label(label), gap, top + line / 2, weight="bold")
            for column, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
                left = gap + column * (width * scale + gap)
                below = down - top - line - height * scale
                box = (left / across, below / down, width * scale / across, height * scale / down)
                panel = figure.add_axes(box)
                panel.imshow(frame, interpolation="none", aspect="auto")
                panel.set_axis_off()
                _note(figure, caption, left, top + 1.5 * line + height * scale)
        return figure


def side_by_side(clips: Mapping[str, Frames], columns: int = 4) -> Frames:
    """Choose frames of clips and lay them out as one picture; see `frame_sheet`.

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

    Examples
    --------
    >>> import stst
    >>> clip = stst.read_video("sample_data/cat.mkv")
    >>> stst.side_by_side({"natural": clip.frames}, columns=3).shape
    (166, 584, 3)
    """
    from PIL import Image, ImageDraw, ImageFont

    shapes = {name: clip.shape for name, clip in clips.items()}
    if len(set(shapes.values())) != 1:
        raise InputError(f"clips must agree in length and size, found {shapes}.")
    length, height, width, _ = next(iter(shapes.values()))
    shown, gap, line = spread(length, columns), 4, 22
    picture = Image.new(
        "RGB",
        (len(shown) * (width + gap) - gap, len(clips) * (height + line + gap) - gap),
        "white",
    )
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    for row, (name, clip) in enumerate(clips.items()):
        top = row * (height + line + gap)
        for column, frame in enumerate(shown):
            left = column * (width + gap)
            pen.text((left + 2, top + 2), f"{name}, frame {frame}", fill="black", font=font)
            picture.paste(Image.fromarray(clip[frame]), (left, top + line))
    return np.asarray(picture, dtype=np.uint8)


def save_side_by_side(
    path: Path | str, clips: Mapping[str, Frames], columns: int = 4, overwrite: bool = False
) -> None:
    """Write `side_by_side` as a PNG file; it appears whole or not at all.

    Parameters
    ----------
    path
        Of the PNG file.
    clips, columns
        See `side_by_side`.
    overwrite
        Whether an existing file may be replaced.
    """
    from PIL import Image

    with write_whole(Path(path), overwrite) as part:
        Image.fromarray(side_by_side(clips, columns)).save(part)


def _note(figure: Figure, text: str, left: float, top: float, weight: str = "normal") -> None:
    across, down = figure.get_size_inches() * DPI
    figure.text(left / across, 1 - top / down, text, va="center", fontsize=8, weight=weight)
