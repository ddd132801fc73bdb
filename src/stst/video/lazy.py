"""A clip on disk that is decoded frame by frame, so that its length costs no memory."""

from __future__ import annotations

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from stst.types import Frames
from stst.utils.files import resolve_path
from stst.video.clip import SourceInfo, VideoInfo
from stst.video.color.levels import AS_STORED, Levels
from stst.video.formats.rates import Rate
from stst.video.ranges import FrameRange, parse_range
from stst.video.read import open_video
from stst.video.reader import VideoReader

# neighbours are asked for again, and going back in a file means decoding from a key frame
_KEPT = 3


class LazyFrames:
    """Frames of a part of a clip; a few are kept, the others are decoded when asked for.

    Parameters
    ----------
    reader
        An open clip.
    start, stop
        Half-open, 0-based range inside it.
    """

    def __init__(self, reader: VideoReader, start: int, stop: int) -> None:
        self._reader = reader
        self._start, self._stop = start, stop
        self._kept: OrderedDict[int, Frames] = OrderedDict()

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W, 3)."""
        return len(self), self._reader.height, self._reader.width, 3

    def __len__(self) -> int:
        return self._stop - self._start

    def __getitem__(self, index: int) -> Frames:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        if index not in self._kept:
            self._kept[index] = self._reader[self._start + index]
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(index)
        return self._kept[index]

    def __iter__(self) -> Iterator[Frames]:
        return (self[index] for index in range(len(self)))


class LazyVideo:
    """A clip, or a part of it, that stays on disk; otherwise like a `Video`.

    Parameters
    ----------
    path, frames, max_side, fps, resample_fps, grey
        As in `stst.read_video`.
    picture
        As in `stst.open_video`.
    levels
        ``bits``, ``tonemap`` and ``peak_nits`` of `stst.read_video`.

    Attributes
    ----------
    frames
        Decoded when asked for, (H, W, 3) uint8 RGB each.
    fps
        Exact rate in Hz.
    start
        Number of the first frame in the file's own numbering.

    Raises
    ------
    InputError
        If the file cannot be read exactly, or the range is not inside the clip.
    """

    def __init__(
        self,
        path: Path | str,
        frames: FrameRange = None,
        max_side: int | None = None,
        fps: Rate | None = None,
        resample_fps: Rate | None = None,
        picture: bool = False,
        grey: bool = False,
        levels: Levels = AS_STORED,
    ) -> None:
        self._reader = open_video(
            path, max_side, fps, resample_fps, picture, grey, **levels.as_dict()
        )
        try:
            self.start, self._stop = parse_range(frames, len(self._reader), str(path))
        except BaseException:
            self._reader.close()
            raise
        self.path = resolve_path(path)
        self.frames = LazyFrames(self._reader, self.start, self._stop)
        # not when this goes: the frames may be in use for longer
        weakref.finalize(self.frames, self._reader.close)
        self.fps: Fraction = self._reader.fps
        self._sha256: str | None = None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self._reader.height

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self._reader.width

    @property
    def info(self) -> VideoInfo:
        """What the whole file says about itself."""
        return self._reader.info

    @property
    def levels(self) -> Levels:
        """How values become 8 bits; nothing where they have these."""
        return self._reader.levels

    @property
    def source(self) -> SourceInfo:
        """How the clip is decoded; complete once all frames have been."""
        return self._reader.source(self.start, self._stop)

    def sha256(self) -> str:
        """Hash the frames, see `stst.frames_sha256`; decodes all of them the first time."""
        if self._sha256 is None:
            digest = hashlib.sha256()
            for frame in self._reader.iter_frames(self.start, self._stop):
                digest.update(frame.tobytes())
            self._sha256 = digest.hexdigest()
        return self._sha256
