"""Frame-exact random access to video files, by PyAV."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from stst.errors import InputError
from stst.types import Frames
from stst.video.color.levels import AS_STORED, Levels
from stst.video.color.reduce import ReducingConverter
from stst.video.color.rgb import RgbConverter
from stst.video.formats.ffmpeg import damage_error, ffmpeg_failures, open_container, video_stream
from stst.video.formats.scan import check_readable, scan
from stst.video.reader import VideoReader

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.video.stream import VideoStream

#: FFV1 computes its checksum most significant bit first; zlib the other way round.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class ContainerReader(VideoReader):
    """Frames of a video file.

    A frame is found by its presentation time: decoding starts at the entry point before it and
    goes on until that time is reached. Where the file gives none that can be trusted, and of
    transport and program streams, frames are decoded from the start.
    """

    decoder = "FFmpeg through PyAV"

    def __init__(
        self,
        path: Path,
        fps: Fraction | None,
        max_side: int | None,
        any_rate: bool,
        levels: Levels = AS_STORED,
    ) -> None:
        self._scan = scan(path, levels)
        check_readable(self._scan, any_rate or fps is not None)
        info = self._scan.info
        super().__init__(info, fps or info.fps or Fraction(1), max_side)
        if fps is not None and fps != info.fps:
            says = f"{info.fps} Hz" if info.fps else "a variable rate"
            self.note(f"Rate given as {fps} Hz; the file says {says}.")
        self.matrix_assumed = self._scan.reading.matrix_assumed
        self.range_assumed = self._scan.reading.range_assumed
        self.levels, self.chroma_siting = self._scan.reading.levels, self._scan.reading.siting
        self._given_rate = fps is not None
        self._path = path
        self._index = self._scan.index
        self._place = {stamp: at for at, stamp in enumerate(self._index.stamps)}
        converter = RgbConverter if self.levels == AS_STORED else ReducingConverter
        self._convert = converter(path, self._scan.reading)
        self._open()

    @property
    def decoder_version(self) -> str:
        """Versions of PyAV and FFmpeg."""
        import av

        return f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"

    def times(self) -> tuple[list[Fraction], Fraction]:
        """Give the seconds of every frame from the first, and the clip's duration."""
        if self._given_rate or self.info.fps:
            return super().times()
        stamps, base = self._index.times, self._scan.time_base
        known = [stamp for stamp in stamps if stamp is not None]
        if len(known) < len(stamps):
            raise InputError(
                f"{self._path}: {len(stamps) - len(known)} of {len(stamps)} frames have no time "
                "stamp, so that it cannot be resampled. Give the rate of the frames too: `fps`."
            )
        return [(stamp - known[0]) * base for stamp in known], self._index.duration * base

    def close(self) -> None:
        """Let go of the file."""
        self._pending.clear()
        self._container.close()

    def _open(self) -> None:
        self._container = open_container(self._path)
        self._stream = video_stream(self._container, self._path)
        self._pending: deque[VideoFrame] = deque()
        self._packets: Iterator[Packet[VideoStream]] = self._container.demux(self._stream)
        #: number of the next frame the decoder gives, and whether it runs from the start
        self._next = 0
        self._whole = True
        self._skip = self._scan.skipped
        #: after a seek, the time of the entry point
        self._entry: int | None = None

    def _reopen(self) -> None:
        self._container.close()
        self._open()

    def _read(self, index: int) -> Frames:
        import av

        frame = None
        with ffmpeg_failures(self._path, f"frame {index} cannot be decoded"):
            self._approach(index)
            try:
                frame = self._find(index)
            except av.FFmpegError:
                if self._whole:
                    raise
            if frame is None and not self._whole:
                # some files name entry points from which not every later frame decodes
                self._reopen()
                frame = self._find(index)
        if frame is None:
            raise damage_error(self._path, f"frame {index} of {len(self)} is missing")
        if frame.is_corrupt:
            raise damage_error(self._path, f"frame {index} is corrupt")
        return self._finish(frame, index)

    def _finish(self, frame: VideoFrame, index: int) -> Frames:
        rgb = self._scan.orientation.apply(self._convert(frame, index))
        if rgb.shape[:2] != (self.info.height, self.info.width):
            raise InputError(
                f"{self._path}: frame {index} has {rgb.shape[1]}x{rgb.shape[0]} pixels, the first "
                f"{self.info.width}x{self.info.height}. All frames must have one size."
            )
        if self._scan.reading.alpha:
            self.note("The alpha channel is opaque and was dropped.")
        return rgb

    def _approach(self, index: int) -> None:
        """Bring the decoder to a point from which it reaches the frame going forward."""
        at = self._index.key_before(index)
        key = self._index.keys[at] if at >= 0 else 0
        if key <= self._next <= index:
            return
        if at < 0 or key == 0:
            if self._next <= index and self._whole:
                return
            self._reopen()
            return
        self._container.seek(self._index.key_times[at], stream=self._stream)
        self._packets = self._container.demux(self._stream)
        self._pending.clear()
        self._next, self._whole = key, False
        self._entry = self._index.stamps[key]

    def _find(self, index: int) -> VideoFrame | None:
        """Decode forward to a frame; None if it does not come."""
        while (frame := self._decode()) is not None:
            at = self._next
            if self._index.stamps:
                if frame.pts is None or frame.pts not in self._place:
                    continue
                at = self._place[frame.pts]
            self._next = at + 1
            if at == index:
                return frame
            if at > index:
                break
        return None

    def _decode(self) -> VideoFrame | None:
        while not self._pending:
            packet = next(self._packets, None)
            if packet is None:
                return None
            at_end = packet.dts is None and packet.pts is None
            if packet.size == 0 and not at_end:
                continue  # a dropped frame; an empty packet would end the decoding
            if self._whole and self._skip and not at_end:
                self._skip -= 1  # before the first entry point
                continue
            if self._entry is not None and not at_end and (packet.pts or 0) < self._entry:
                continue  # shown before the entry point, and may need frames from before it
            if self._scan.checksummed and not at_end and not _intact(bytes(packet)):
                raise damage_error(self._path, f"the checksum near frame {self._next} is wrong")
            self._pending.extend(self._stream.decode(packet))
        return self._pending.popleft()


def _intact(packet: bytes) -> bool:
    """Check the slice checksums of an FFV1 (version 3) frame; FFmpeg only logs a mismatch.

    From the end: every slice closes with its length (3 bytes), a status byte and a CRC-32 that
    makes the remainder over the whole slice zero.
    """
    end = len(packet)
    while end > 0:
        start = end - 8 - int.from_bytes(packet[max(0, end - 8) : max(0, end - 5)], "big")
        if start < 0 or end < 8:
            return False
        if zlib.crc32(packet[start:end].translate(_REVERSED), 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        end = start
    return True
