"""One pass over a file's packets: how many frames, when they are shown, at what rate."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from stst.errors import InputError
from stst.video.clip import VideoInfo, check_size
from stst.video.color.levels import AS_STORED, Levels
from stst.video.color.light import brightest
from stst.video.color.rgb import ColorReading, level_notes, reading_of
from stst.video.formats.aspect import SQUARE, aspect_note
from stst.video.formats.avi import empty_chunks
from stst.video.formats.ffmpeg import (
    as_fraction,
    chroma_siting,
    damage_error,
    ffmpeg_failures,
    open_container,
    tags_of,
    video_stream,
)
from stst.video.formats.orientation import Orientation, orientation_of
from stst.video.formats.timing import RATE_TAG, STREAMS, Header, Timing, timing_of, timing_of_avi

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Codecs with one shown frame per packet, so that frames can be counted without decoding.
_INTRA = {"ffv1", "mjpeg", "rawvideo", "huffyuv", "ffvhuff", "prores", "dnxhd", "png", "utvideo"}
_DURATION = re.compile(r"(\d{1,6}):(\d{1,6}):(\d{1,6}(?:\.\d{1,12})?)", re.ASCII)
_ONE_TO_ONE = {*_INTRA, "h264", "hevc", "vp9", "av1", "libdav1d", "mpeg4", "gif", "qtrle"}
#: In AVI, codecs with B-frames have no times of their own. In transport and program streams, two
#: fields may come in two packets, and after a seek FFmpeg makes other time stamps up.
_COUNTABLE: dict[str, set[str]] = {"avi": _INTRA, **{name: set() for name in STREAMS}}


@dataclass(frozen=True)
class FrameIndex:
    """Where every frame is.

    Attributes
    ----------
    stamps
        Presentation time of every frame in ticks, rising; empty if the file has none that can
        be trusted, and frames can only be counted from the start.
    times
        Presentation time of every frame in ticks, as far as known: in the order of the frames,
        not always rising, and None where the file gives none.
    count
        Number of frames.
    keys
        Frame numbers at which decoding can start, rising.
    key_times
        Ticks to seek to for each of `keys`.
    duration
        Ticks from the first frame to the end of the last.
    left_out
        Number of frames before the first that cannot be decoded.
    """

    stamps: list[int]
    times: Sequence[int | None]
    count: int
    keys: list[int]
    key_times: list[int]
    duration: int
    left_out: int = 0

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
    #: packets before the first entry point, which no decoder can use
    skipped: int


@dataclass
class _Packets:
    """Facts of the shown packets, in the order of the file."""

    stamps: list[int | None]
    seeks: list[int]
    keys: list[bool]
    durations: list[int]
    total: int
    #: of AVI: the places of the packets among all chunks, and how many of these are empty, which
    #: stands for a dropped frame
    chunks: list[int] = field(default_factory=list)
    empty: int = 0
    #: frames that the header promises, where it does
    promised: int = 0
    #: packets before the first entry point
    skipped: int = 0

    def entry(self) -> int | None:
        """Give the time stamp of the first entry point, if there is one."""
        shown = zip(self.stamps, self.keys, strict=True)
        return next((stamp for stamp, key in shown if key), None)


def scan(path: Path, levels: Levels = AS_STORED) -> Scan:
    """Look through a video file; decode its first frame, or all where counting needs it.

    Parameters
    ----------
    path
        Of the file.
    levels
        What is asked of values that are more than 8 bits of standard range.

    Raises
    ------
    InputError
        If the file is unreadable, damaged or shorter than it says.
    """
    looked = _look_through(path, levels)
    header, packets = looked.header, looked.packets
    frame, index = _decode(path, _by_packets(packets) if looked.packed else None, packets)
    if header.format_name == "avi" and len(packets.chunks) == index.count:
        span = packets.chunks[-1] - packets.chunks[0] + packets.durations[-1]
        index = replace(index, times=packets.chunks, duration=span)
    reading, orientation = reading_of(frame, levels, looked.siting), orientation_of(frame, path)
    timing = _timing(index, packets, looked.base, header)
    checksummed = looked.codec == "ffv1" and RATE_TAG in header.metadata
    return Scan(
        _info(looked, frame, index, reading, orientation, timing), index, looked.base, reading,
        orientation, checksummed, packets.skipped,
    )  # fmt: skip


@dataclass(frozen=True)
class _Looked:
    """What a file says before any of it is decoded."""

    header: Header
    packets: _Packets
    base: Fraction
    codec: str
    #: whether each packet is one frame, so that frames need not be decoded to be counted
    packed: bool
    aspect: Fraction
    audio: bool
    #: video streams beside the one that is read
    others: int
    siting: str | None


def _look_through(path: Path, levels: Levels) -> _Looked:
    with open_container(path) as container:
        stream = video_stream(container, path)
        check_size(path, stream.codec_context.width, stream.codec_context.height)
        with ffmpeg_failures(path, "reading stopped"):
            packets = _packets(container, stream, path)
        _check_promise(container, stream, packets, path)
        codec = stream.codec_context.codec.name
        return _Looked(
            header=_header(container, stream, path, packets, levels),
            packets=packets,
            base=as_fraction(stream.time_base) or Fraction(1, 1000),
            codec=codec,
            packed=codec in _COUNTABLE.get(container.format.name, _ONE_TO_ONE),
            aspect=as_fraction(stream.sample_aspect_ratio) or SQUARE,
            audio=bool(container.streams.audio),
            others=len(container.streams.video) - 1,
            siting=None if levels == AS_STORED else chroma_siting(container, stream.index),
        )


def _header(
    container: InputContainer, stream: VideoStream, path: Path, packets: _Packets, levels: Levels
) -> Header:
    return Header(
        path=path,
        format_name=container.format.name,
        metadata=tags_of(container, stream),
        average=as_fraction(stream.average_rate),
        guessed=as_fraction(stream.guessed_rate),
        frame_ticks=min(packets.durations),
        coded=as_fraction(stream.codec_context.framerate),
        levels=levels,
    )


def _info(
    looked: _Looked,
    frame: VideoFrame,
    index: FrameIndex,
    reading: ColorReading,
    orientation: Orientation,
    timing: Timing,
) -> VideoInfo:
    width, height, aspect, rate = frame.width, frame.height, looked.aspect, timing.rate
    if orientation.transposed:
        width, height, aspect = height, width, 1 / aspect
    interlaced = bool(frame.interlaced_frame)
    matrix, range_, transfer, primaries = reading.tags
    return VideoInfo(
        path=str(looked.header.path),
        width=width,
        height=height,
        frames=index.count,
        fps=rate,
        duration=index.count / rate if rate else index.duration * looked.base,
        codec=looked.codec,
        pixel_format=reading.pixel_format,
        bit_depth=reading.bit_depth,
        color_matrix=matrix,
        color_range=range_,
        color_transfer=transfer,
        color_primaries=primaries,
        read_matrix=reading.matrix,
        read_range=reading.range,
        rotation=orientation.degrees,
        pixel_aspect=aspect,
        audio=looked.audio,
        variable_rate=rate is None,
        interlaced=interlaced,
        peak_nits=brightest(frame) if reading.transfer else None,
        refusal=_refusal(reading, looked.header.metadata, timing),
        notes=(
            *timing.notes,
            *_note_left_out(index.left_out),
            *filter(None, [aspect_note(aspect, width, height)]),
            *_notes(reading, orientation, interlaced, looked.audio, looked.others),
        ),
    )


def _packets(container: InputContainer, stream: VideoStream, path: Path) -> _Packets:
    found = _Packets([], [], [], [], 0)
    entered = False
    for packet in container.demux(stream):
        if packet.dts is None and packet.pts is None and packet.size == 0:
            continue  # the mark of the end
        if packet.is_corrupt:
            raise damage_error(path, f"it ends within frame {found.total}")
        if packet.is_keyframe and not entered:
            entered, found.skipped = True, found.total
        found.total += 1
        # outside the edit list, or an empty packet that stands for a dropped frame
        if packet.is_discard or packet.size == 0:
            continue
        found.stamps.append(packet.pts)
        times = [time for time in (packet.pts, packet.dts) if time is not None]
        if packet.dts is not None:
            found.chunks.append(packet.dts)
        found.seeks.append(min(times, default=0))
        found.keys.append(packet.is_keyframe)
        found.durations.append(packet.duration or 0)
    if not found.stamps:
        raise damage_error(path, "it holds no frames")
    name = container.format.name
    if name == "avi":
        found.skipped = 0  # its index, where it is damaged or gone, names no entry points
        found.promised = stream.frames
        if found.total < found.promised:
            found.empty = empty_chunks(path, stream.index)
    elif "mov" in name:
        found.promised = len(stream.index_entries)
    return found


def _check_promise(
    container: InputContainer, stream: VideoStream, packets: _Packets, path: Path
) -> None:
    """Refuse a file with fewer frames than its header promises."""
    there = packets.total + packets.empty
    if there < packets.promised:
        raise damage_error(
            path, f"its header promises {packets.promised} frames, {there} are there"
        )
    name = container.format.name
    lasting = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    known = [stamp for stamp in packets.stamps if stamp is not None]
    base = as_fraction(stream.time_base)
    if "matroska" not in name or lasting is None or not known or base is None:
        return
    hours, minutes, seconds = (Fraction(part) for part in lasting.groups())
    promise = hours * 3600 + minutes * 60 + seconds
    end = max(known) * base
    period = max(packets.durations[-1] * base, end / len(known))
    # the last frame lasts one period; the rest is for whole ticks
    if end + period * 3 / 2 + 2 * base < promise:
        raise damage_error(
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
        times=shown,
        count=len(shown),
        keys=[at for at, _ in keys],
        key_times=[time for _, time in keys],
        duration=shown[-1] - shown[0] + packets.durations[-1],
    )


def _decode(
    path: Path, index: FrameIndex | None, packets: _Packets
) -> tuple[VideoFrame, FrameIndex]:
    """Decode the first frame; without an index decode all, to count them."""
    first: VideoFrame | None = None
    stamps: list[int | None] = []
    with open_container(path) as container, ffmpeg_failures(path, "decoding failed"):
        stream = video_stream(container, path)
        for packet in islice(container.demux(stream), packets.skipped, None):
            if packet.size == 0 and packet.pts is not None:
                continue  # a dropped frame; an empty packet would end the decoding
            for frame in stream.decode(packet):
                first = first or frame
                stamps.append(frame.pts)
            if first is not None and index is not None:
                break
    if first is None:
        raise damage_error(path, "no frame could be decoded")
    if index is None:
        return first, replace(_by_frames(stamps, packets), left_out=_leading(first.pts, packets))
    return first, _without_leading(index, _leading(first.pts, packets))


def _by_frames(stamps: list[int | None], packets: _Packets) -> FrameIndex:
    """Take the decoded frames as they come."""
    known = [stamp for stamp in stamps if stamp is not None]
    complete = len(known) == len(stamps)
    rising = complete and all(one < two for one, two in pairwise(known))
    # a decoder may hand its packets' stamps on in their order, not in that of the frames
    times: Sequence[int | None] = sorted(known) if complete else stamps
    return FrameIndex(
        stamps=known if rising else [],
        times=times,
        count=len(stamps),
        keys=[],
        key_times=[],
        duration=max(known) - min(known) + packets.durations[-1] if complete else 0,
    )


def _leading(first: int | None, packets: _Packets) -> int:
    """Count the frames before the first that decodes, where the clip was cut from their past.

    These are shown before the first entry point: in a clip that was cut without encoding it
    anew, they may refer to frames that are gone. Any other frame that is missing is damage.
    """
    entry = packets.entry()
    if first is None or entry is None or first > entry:
        return 0
    return sum(stamp is not None and stamp < first for stamp in packets.stamps)


def _without_leading(index: FrameIndex, gone: int) -> FrameIndex:
    left = [at for at, key in enumerate(index.keys) if key >= gone]
    return replace(
        index,
        stamps=index.stamps[gone:],
        times=index.stamps[gone:],
        count=index.count - gone,
        keys=[index.keys[at] - gone for at in left],
        key_times=[index.key_times[at] for at in left],
        duration=index.duration - (index.stamps[gone] - index.stamps[0]),
        left_out=gone,
    )


def _timing(index: FrameIndex, packets: _Packets, base: Fraction, header: Header) -> Timing:
    rising = all(one < two for one, two in pairwise(packets.chunks))
    if header.format_name == "avi" and packets.chunks and rising:
        # not of the frames: of H.264, FFmpeg makes their time stamps up
        return timing_of_avi(packets.chunks, base, packets.empty, header)
    return timing_of(index.times, base, header)


def _note_left_out(count: int) -> list[str]:
    if not count:
        return []
    return [f"Frames left out at the start: {count} (they refer to frames that were cut away)."]


def _refusal(reading: ColorReading, metadata: Mapping[str, str], timing: Timing) -> str | None:
    if reading.refusal:
        return reading.refusal
    # WebM keeps alpha beside the picture, where the decoder does not look
    if any(key.lower() == "alpha_mode" and value == "1" for key, value in metadata.items()):
        return "an alpha channel; only opaque clips are read. Composite it onto a background first."
    return timing.refusal


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
    notes += level_notes(reading)
    if reading.tags[3] == "bt2020" and not reading.transfer:
        notes.append("Primaries are BT.2020; the gamut is not converted.")
    notes.extend(filter(None, [orientation.note("display matrix")]))
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
