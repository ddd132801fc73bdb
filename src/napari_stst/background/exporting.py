"""The task of a worker process that shows a natural clip and a stimulus in one video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stst.background.messages import Result, Step
from napari_stst.background.tasks import StopAskedError

if TYPE_CHECKING:
    from napari_stst.background.tasks import Stop, Tell
    from stst.types import Frames

#: Between the clips: columns of pixels, of this grey.
GAP, GREY = 16, 128


def export_beside(natural: str, other: str, output: str, tell: Tell, stop: Stop) -> Result:
    """Write a preview of the natural clip at the left and a stimulus of it at the right.

    Parameters
    ----------
    natural
        The clip that the stimulus was made of; of it the frames are taken, at the size, that the
        stimulus shows.
    other
        The stimulus.
    output
        ``X.mp4``; it is replaced where it is there.
    tell
        Called with a `Step` for every frame.
    stop
        Asked at every frame.

    Returns
    -------
    Result
        ``path``, ``fps`` as text, ``gap`` in pixels, and ``notes``.

    Raises
    ------
    InputError
        If the clips cannot be paired, or the file cannot be written.
    """
    from stst.analysis.pairs import NaturalClip
    from stst.video import write_preview

    pair = NaturalClip(Path(natural)).pair(Path(other))
    count = len(pair.other.frames)

    def frames() -> Iterator[Frames]:
        for index in range(count):
            if stop():
                raise StopAskedError
            tell(Step(f"frame {index + 1} of {count}", index / count, {}))
            yield join_side_by_side(pair.natural.frames[index], pair.other.frames[index])

    written = write_preview(output, frames(), pair.other.fps, overwrite=True)
    fps = str(written.fps)
    return Result({"path": str(written.path), "fps": fps, "gap": GAP, "notes": pair.notes})


def join_side_by_side(left: Frames, right: Frames) -> Frames:
    """Put two pictures (H, W, 3) of one height beside each other, `GAP` columns of grey between."""
    gap = np.full((left.shape[0], GAP, 3), GREY, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
