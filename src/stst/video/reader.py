"""Frame-exact access to a clip, whatever it is stored in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self, overload

import numpy as np

from stst.errors import InputError
from stst.types import Frames
from stst.video.clip import SourceInfo, VideoInfo
from stst.video.color.levels import AS_STORED
from stst.video.formats.rates import nearest_frames
from stst.video.grey import as_grey
from stst.video.ranges import FrameRange, parse_range
from stst.video.resize import fit_size, shrunk


class VideoReader(ABC):
    """A clip that is decoded when asked; holds a few frames at a time.

    ``len(reader)`` is the number of frames, ``reader[i]`` one frame (H, W, 3) and
    ``reader[a:b]`` an array (T, H, W, 3), uint8 RGB. Frame i is the same however it is reached.
    Not to be shared between threads.

    Attributes
    ----------
    info
        What the file says about itself.
    fps
        Exact rate in Hz.
    max_side
        Limit that frames are shrunk to, or None.
    resample_fps
        Rate in Hz resampled to, or None.
    grey
        Whether frames have their colour taken away, see `as_grey`.
    levels
        How values of more than 8 bits, or of high dynamic range, become 8 bits; nothing where
        they have these.
    chroma_siting
        Where chroma samples lie, if they were enlarged by our own arithmetic; else None.
    notes
        What is worth knowing about how the clip is read; decoding may add to it.
    """

    decoder = "numpy"
    matrix_assumed = False
    range_assumed = False

    def __init__(self, info: VideoInfo, fps: Fraction, max_side: int | None) -> None:
        self.info = info
        self.fps = fps
        self.max_side = max_side
        self.resample_fps: Fraction | None = None
        self.grey = False
        self.levels = AS_STORED
        self.chroma_siting: str | None = None
        self.notes = list(info.notes)
        self._size = fit_size(info.width, info.height, max_side)

    @abstractmethod
    def _read(self, index: int) -> Frames:
        """Decode frame `index` (within range) to (H, W, 3) uint8 RGB at full size."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    @property
    def decoder_version(self) -> str:
        """Version of what decodes."""
        return np.__version__

    @property
    def width(self) -> int:
        """Width of the frames given, in pixels."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Height of the frames given, in pixels."""
        return self._size[1]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, 3)."""
        return len(self), self.height, self.width, 3

    def times(self) -> tuple[list[Fraction], Fraction]:
        """Give the seconds of every frame from the first, and the clip's duration."""
        return [place / self.fps for place in range(len(self))], len(self) / self.fps

    def iter_frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frames]:
        """Decode consecutive frames one after another.

        Parameters
        ----------
        start, stop
            Half-open, 0-based range inside the clip.

        Yields
        ------
        numpy.ndarray
            (H, W, 3) uint8 RGB.

        Raises
        ------
        InputError
            If the range is not inside the clip or the file is damaged.
        """
        first, end = parse_range((start, stop), len(self), self.info.path)
        return (self._frame(index) for index in range(first, end))

    def read(self, frames: FrameRange = None) -> Frames:
        """Decode a range into one array (T, H, W, 3) uint8 RGB.

        Parameters
        ----------
        frames
            Which.

        Returns
        -------
        Frames
            (T, H, W, 3) uint8 RGB.
        """
        start, stop = parse_range(frames, len(self), self.info.path)
        out = np.empty((stop - start, self.height, self.width, 3), np.uint8)
        for place, frame in enumerate(self.iter_frames(start, stop)):
            out[place] = frame
        return out

    def source(self, start: int, stop: int) -> SourceInfo:
        """Describe how the frames of a range are decoded; complete once they have been.

        Parameters
        ----------
        start, stop
            Of the frames that were read.

        Returns
        -------
        SourceInfo
            What a sidecar says of them.
        """
        info = self.info
        return SourceInfo(
            path=info.path,
            start=start,
            stop=stop,
            width=info.width,
            height=info.height,
            decoder=self.decoder,
            decoder_version=self.decoder_version,
            color_matrix=info.read_matrix,
            color_range=info.read_range,
            matrix_assumed=self.matrix_assumed,
            range_assumed=self.range_assumed,
            rotation=info.rotation,
            pixel_aspect=info.pixel_aspect,
            audio_dropped=info.audio,
            max_side=self.max_side,
            resample_fps=self.resample_fps,
            grey=self.grey,
            bits=self.levels.bits,
            tonemap=self.levels.tonemap,
            peak_nits=self.levels.peak_nits,
            chroma_siting=self.chroma_siting,
            notes=tuple(self.notes),
        )

    def note(self, text: str) -> None:
        """Add a note once.

        Parameters
        ----------
        text
            A sentence.
        """
        if text not in self.notes:
            self.notes.append(text)

    def _frame(self, index: int) -> Frames:
        frame = shrunk(self._read(index), self._size)
        return as_grey(frame) if self.grey else frame

    def __len__(self) -> int:
        return self.info.frames

    @overload
    def __getitem__(self, index: int) -> Frames: ...
    @overload
    def __getitem__(self, index: slice) -> Frames: ...
    def __getitem__(self, index: int | slice) -> Frames:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            chosen = range(start, stop, step)
            out = np.empty((len(chosen), self.height, self.width, 3), np.uint8)
            for place, frame in enumerate(chosen):
                out[place] = self._frame(frame)
            return out
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"{self.info.path}: frame {index} of a clip of {len(self)} frames")
        return self._frame(place)

    def __iter__(self) -> Iterator[Frames]:
        return self.iter_frames()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class ResampledReader(VideoReader):
    """Another reader's clip at another rate: every frame is the one nearest in time."""

    def __init__(self, base: VideoReader, rate: Fraction, max_side: int | None) -> None:
        super().__init__(base.info, rate, max_side)
        self._base = base
        times, duration = base.times()
        if duration * rate > 1000 * len(base):
            raise InputError(
                f"{base.info.path}: {len(base)} frames in {float(duration):g} s, resampled to "
                f"{rate} Hz, would be {int(duration * rate)} frames. Choose a lower rate."
            )
        self._picks = nearest_frames(times, duration, rate)
        self._last: tuple[int, Frames] | None = None
        self.decoder = base.decoder
        self.matrix_assumed, self.range_assumed = base.matrix_assumed, base.range_assumed
        self.resample_fps = rate
        self.levels, self.chroma_siting = base.levels, base.chroma_siting
        self.notes = base.notes
        self.note(
            f"{len(base)} frames resampled to {len(self._picks)} at {rate} Hz, nearest in time."
        )

    @property
    def decoder_version(self) -> str:
        """Version of what decodes."""
        return self._base.decoder_version

    def _read(self, index: int) -> Frames:
        pick = self._picks[index]
        # a frame shown several times in a row is decoded once
        if self._last is None or self._last[0] != pick:
            self._last = pick, self._base[pick]
        return self._last[1]

    def close(self) -> None:
        """Let go of the file."""
        self._last = None
        self._base.close()

    def __len__(self) -> int:
        return len(self._picks)
