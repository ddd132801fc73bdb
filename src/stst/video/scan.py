"""One pass over a file's packets: how many frames, when they are shown, at what rate."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stst.errors import InputError
from stst.video.clip import VideoInfo, check_size
from stst.video.color import ColorReading, reading_of
from stst.video.ffmpeg import damaged, ffmpeg_failures, open_container, video_stream
from stst.video.orientation import Orientation, orientation_of
from stst.video.rates import even_rate, parse_rate, snapped
from stst.video.remedies import convert_command

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Tag of our masters, because Matroska cannot hold 60000/1001.
RATE_TAG = "STST_FPS"
#: Codecs with one shown frame per packet, so that frames can be counted without decoding.
_INTRA = {"ffv1", "mjpeg", "rawvideo", "huffyuv", "ffvhuff", "prores", "dnxhd", "png", "utvideo"}
_DURATION = re.compile(r"(\d{1,6}):(\d{1,6}):(\d{1,6}(?:\.\d{1,12})?)", re.ASCII)
_ONE_TO_ONE = {*_INTRA, "h264", "hevc", "vp9", "av1", "libdav1d", "mpeg4", "gif", "qtrle"}


@dataclass(frozen=True)
class FrameIndex:
    """Where every frame is.

    Attributes
    ----------
    stamps
        Presentation time of every frame in ticks, rising; empty if the file has none that can
        be trusted, and frames can only be counted from the start.
    count
        Number of frames.
    keys
        Frame numbers at which decoding can start, rising.
    key_times
        Ticks to seek to for each of `keys`.
    duration
        Ticks from the first frame to the end of the last.
    """

    stamps: list[int]
    count: int
    keys: list[int]
    key_times: list[int]
    duration: int

    def key_before(self, index: int) -> int:
        """Give the position in `keys` of the last entry point at or before a frame; -1 if none."""
        return bisect_right(self.keys, index) - 1


@dataclass(frozen=True)
class Scan:
    """Everything learnt about a file before its frames are read."""

    info: VideoInfo
    index: FrameIndex
    time_base: Fraction
    reading: ColorReading
    orientation: Orientation
    checksummed: bool


@dataclass
class _Packets:
    """Facts of the shown packets, in the order of the file."""

    stamps: list[int | None]
    seeks: list[int]
    keys: list[bool]
    last_duration: int
    total: int


def scan(path: Path) -> Scan:
    """Look through a video file; decode its first frame, or all where counting needs it.

    Raises
    ------
    InputError
        If the file is unreadable, damaged or shorter than it says.
    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        check_size(path, stream.codec_context.width, stream.codec_context.height)
        with ffmpeg_failures(path, "reading stopped"):
            packets = _packets(container, stream, path)
        _check_promise(container, stream, packets, path)
        base = stream.time_base or Fraction(1, 1000)
        metadata = {**container.metadata, **stream.metadata}
        guessed = stream.guessed_rate
        format_name = container.format.name
        codec = stream.codec_context.codec.name
        audio = bool(container.streams.audio)
        others = len(container.streams.video) - 1
        packed = codec in (_INTRA if format_name == "avi" else _ONE_TO_ONE)
    index = _by_packets(packets) if packed else None
    frame, index = _decoded(path, index, packets)
    if "matroska" in format_name and guessed:
        guessed = snapped(guessed)
    reading, orientation = reading_of(frame), orientation_of(frame, path)
    rate = _rate(index, base, metadata, guessed, path)
    info = VideoInfo(
        path=str(path),
        width=frame.height if orientation.transposed else frame.width,
        height=frame.width if orientation.transposed else frame.height,
        frames=index.count,
        fps=rate,
        duration=index.count / rate if rate else index.duration * base,
        codec=codec,
        pixel_format=reading.pixel_format,
        bit_depth=reading.bit_depth,
        color_matrix=reading.tags[0],
        color_range=reading.tags[1],
        color_transfer=reading.tags[2],
        color_primaries=reading.tags[3],
        read_matrix=reading.matrix,
        read_range=reading.range,
        rotation=orientation.degrees,
        audio=audio,
        variable_rate=rate is None,
        interlaced=bool(frame.interlaced_frame),
        refusal=_refusal(reading, metadata, rate, path),
        notes=_notes(reading, orientation, bool(frame.interlaced_frame), audio, others),
    )
    return Scan(info, index, base, reading, orientation, codec == "ffv1" and RATE_TAG in metadata)


def _packets(container: InputContainer, stream: VideoStream, path: Path) -> _Packets:
    found = _Packets([], [], [], 0, 0)
    for packet in container.demux(stream):
        if packet.dts is None and packet.pts is None and packet.size == 0:
            continue  # the mark of the end
        if packet.is_corrupt:
            raise damaged(path, f"it ends within frame {found.total}")
        found.total += 1
        # outside the edit list, or an empty packet that stands for a dropped frame
        if packet.is_discard or packet.size == 0:
            continue
        found.stamps.append(packet.pts)
        times = [time for time in (packet.pts, packet.dts) if time is not None]
        found.seeks.append(min(times, default=0))
        found.keys.append(packet.is_keyframe)
        found.last_duration = packet.duration or 0
    if not found.stamps:
        raise damaged(path, "it holds no frames")
    return found


def _check_promise(
    container: InputContainer, stream: VideoStream, packets: _Packets, path: Path
) -> None:
    """Refuse a file with fewer frames than its header promises."""
    name = container.format.name
    promised = stream.frames if name == "avi" else 0
    if "mov" in name:
        promised = len(stream.index_entries)
    if packets.total < promised:
        raise damaged(path, f"its header promises {promised} frames, {packets.total} are there")
    lasting = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    known = [stamp for stamp in packets.stamps if stamp is not None]
    if "matroska" not in name or lasting is None or not known or not stream.time_base:
        return
    hours, minutes, seconds = (Fraction(part) for part in lasting.groups())
    promise = hours * 3600 + minutes * 60 + seconds
    end = max(known) * stream.time_base
    period = max(packets.last_duration * stream.time_base, end / len(known))
    # the last frame lasts one period; the rest is for whole ticks
    if end + period * 3 / 2 + 2 * stream.time_base < promise:
        raise damaged(
            path, f"its header promises {float(promise):g} s, only {float(end):g} s are there"
        )


def _by_packets(packets: _Packets) -> FrameIndex | None:
    """Sort the packets by presentation time, if every one has its own."""
    stamps = [stamp for stamp in packets.stamps if stamp is not None]
    if len(stamps) < len(packets.stamps) or len(set(stamps)) < len(stamps):
        return None
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    shown = [stamps[place] for place in order]
    keys = [(at, packets.seeks[place]) for at, place in enumerate(order) if packets.keys[place]]
    return FrameIndex(
        stamps=shown,
        count=len(shown),
        keys=[at for at, _ in keys],
        key_times=[time for _, time in keys],
        duration=shown[-1] - shown[0] + packets.last_duration,
    )


def _decoded(
    path: Path, index: FrameIndex | None, packets: _Packets
) -> tuple[VideoFrame, FrameIndex]:
    """Decode the first frame; without an index decode all, to count them."""
    first: VideoFrame | None = None
    stamps: list[int | None] = []
    with open_container(path) as container, ffmpeg_failures(path, "decoding failed"):
        for frame in container.decode(video_stream(container, path)):
            first = first or frame
            if index is not None:
                break
            stamps.append(frame.pts)
    if first is None:
        raise damaged(path, "no frame could be decoded")
    if index is None:
        shown = [stamp for stamp in stamps if stamp is not None]
        rising = all(one < two for one, two in pairwise(shown))
        trusted = shown if rising and len(shown) == len(stamps) else []
        span = trusted[-1] - trusted[0] + packets.last_duration if trusted else 0
        index = FrameIndex(trusted, len(stamps), [], [], span)
    return first, index


def _rate(
    index: FrameIndex,
    base: Fraction,
    metadata: dict[str, str],
    guessed: Fraction | None,
    path: Path,
) -> Fraction | None:
    candidates = (
        [parse_rate(metadata[RATE_TAG], f"{path}: {RATE_TAG}")] if (RATE_TAG in metadata) else []
    )
    if guessed:
        candidates.append(guessed)
    if not index.stamps:
        return candidates[0] if candidates else None
    return even_rate(index.stamps, base, candidates)


def _refusal(
    reading: ColorReading, metadata: dict[str, str], rate: Fraction | None, path: Path
) -> str | None:
    if reading.refusal:
        return reading.refusal
    # WebM keeps alpha beside the picture, where the decoder does not look
    if any(key.lower() == "alpha_mode" and value == "1" for key, value in metadata.items()):
        return "an alpha channel; only opaque clips are read. Composite it onto a background first."
    if rate is None:
        return (
            "a variable frame rate (the frames are unevenly spaced in time). Make a clip of the "
            "frames nearest in time, e.g. at 30 Hz: "
            f"{convert_command(path, '--resample-fps', '30', mark='_30')}, and use that; or with "
            "--fps in place of --resample-fps, if only the time stamps are wrong. In Python: "
            "resample_fps=30 or fps=30."
        )
    return None


def _notes(
    reading: ColorReading, orientation: Orientation, interlaced: bool, audio: bool, others: int
) -> tuple[str, ...]:
    notes = []
    if reading.matrix_assumed:
        notes.append(f"The colour matrix is untagged; read as {reading.matrix} (assumed).")
    if reading.range_assumed:
        notes.append(f"The colour range is untagged; read as {reading.range} (assumed).")
    if reading.kind == "gray":
        notes.append("Grey clip; the three channels are equal.")
    if reading.tags[3] == "bt2020":
        notes.append("Primaries are BT.2020; the gamut is not converted.")
    if orientation.note:
        notes.append(orientation.note)
    if interlaced:
        notes.append("Interlaced: each frame mixes two moments in time. Deinterlace it first.")
    if audio:
        notes.append("Sound is not read.")
    if others:
        notes.append("Only the first of several video streams is read.")
    return tuple(notes)


def check_readable(scanned: Scan, any_rate: bool) -> None:
    """Refuse by name what cannot be read; `any_rate` allows a varying rate."""
    refusal = scanned.info.refusal
    if refusal and not (any_rate and "variable frame rate" in refusal):
        raise InputError(f"{scanned.info.path} has {refusal}")
