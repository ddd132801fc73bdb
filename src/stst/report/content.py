"""What a report shows: everything that is measured and decoded, before any of it is laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from stst.analysis.comparison import compare
from stst.analysis.features import Features, features
from stst.report.clips import Clip
from stst.types import Frames
from stst.video import spread, write_preview

#: Starts a piece of work, given its name and number of frames; what it gives is called for each.
Begin = Callable[[str, int], Callable[[int], None]]
_STILLS = 4


@dataclass(frozen=True, eq=False)
class Content:
    """Clips and what is shown of them; every mapping goes by label, the natural clip first.

    Attributes
    ----------
    clips
        As opened.
    numbers
        Of the frames that are shown as pictures, from 0.
    stills
        These frames, (H, W, 3) uint8 each.
    previews
        H.264 in MP4.
    features
        Frame by frame.
    comparisons
        See `stst.analysis.comparison.compare`; of all but the natural clip.
    """

    clips: tuple[Clip, ...]
    numbers: list[int]
    stills: dict[str, list[Frames]]
    previews: dict[str, bytes]
    features: dict[str, Features]
    comparisons: dict[str, dict[str, dict[str, float]]]

    @property
    def natural(self) -> Clip:
        """The first clip, which the others are compared with."""
        return self.clips[0]

    @property
    def fps(self) -> Fraction:
        """Rate of all clips in Hz."""
        return self.natural.video.fps

    def seconds(self, frame: int) -> float:
        """Give the time of a frame, from 0."""
        return float(frame / self.fps)


def frames_to_read(clips: tuple[Clip, ...]) -> int:
    """Give the number of frames that `measure_content` goes through.

    Parameters
    ----------
    clips
        What `open_clips` gives.

    Returns
    -------
    int
        Over all clips.
    """
    return sum(2 * len(clip.video) for clip in clips)


def measure_content(clips: tuple[Clip, ...], folder: Path, begin: Begin) -> Content:
    """Measure clips and decode what is shown of them.

    Parameters
    ----------
    clips
        Of `stst.report.open_clips`.
    folder
        An existing folder for a file that is removed again.
    begin
        Starts a piece of work.
    """
    numbers = spread(len(clips[0].video), _STILLS)
    stills: dict[str, list[Frames]] = {}
    previews: dict[str, bytes] = {}
    measured: dict[str, Features] = {}
    for clip in clips:
        on_frame = begin(clip.label, 2 * len(clip.video))
        measured[clip.label] = features(clip.video, on_frame=on_frame)
        stills[clip.label] = []
        file = folder / "preview.mp4"
        frames = _passing(clip, numbers, stills[clip.label], on_frame)
        write_preview(file, frames, clip.video.fps)
        previews[clip.label] = file.read_bytes()
        file.unlink()
    natural = measured[clips[0].label]
    comparisons = {clip.label: compare(natural, measured[clip.label]) for clip in clips[1:]}
    return Content(clips, numbers, stills, previews, measured, comparisons)


def _passing(
    clip: Clip, numbers: list[int], kept: list[Frames], on_frame: Callable[[int], None]
) -> Iterator[Frames]:
    """Pass frames on, keeping those that are shown."""
    wanted = set(numbers)
    for number, frame in enumerate(clip.video.frames):
        if number in wanted:
            kept.append(frame.copy())
        yield frame
        on_frame(number)
