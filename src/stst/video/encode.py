"""Encoding with FFmpeg: the lossless master and the preview.

Both are written without dates, random identifiers or anything that depends on the number of
cores, so that the same frames give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from stst.errors import StstError
from stst.types import Frames
from stst.video.formats.timing import RATE_TAG

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

#: H.273 code point of BT.709 for matrix, primaries and transfer alike; 1 is also limited range.
_BT709 = 1
_LIMITED = 1
#: x264's choices depend on the number of threads, so it must not follow the machine; and its
#: macroblock tree reads memory that nobody has set, so the same frames gave different bytes.
_PREVIEW = {"crf": "16", "preset": "medium", "threads": "4", "mbtree": "0"}


def write_master(path: Path, frames: Iterator[Frames], rate: Fraction) -> None:
    """Write FFV1 in Matroska, bit-exact, every frame an entry point, every slice checksummed."""
    first = next(frames)
    height, width = first.shape[:2]
    # FFV1 cannot cut a side of one pixel into slices
    slices = "4" if min(height, width) > 1 else "1"
    options = {"level": "3", "slices": slices, "slicecrc": "1", "g": "1"}
    with _container(path, "matroska", {}) as container:
        container.metadata[RATE_TAG] = str(rate)
        stream = _stream(container, "ffv1", rate, (width, height), "bgr0", options)
        for number, frame in enumerate(_chain(first, frames)):
            _encode(container, stream, _rgb_frame(frame).reformat(format="bgr0"), number, rate)
        _flush(container, stream)


def write_preview_file(path: Path, frames: Iterator[Frames], rate: Fraction) -> None:
    """Write H.264 (4:2:0, BT.709, limited range, so tagged) that every player shows."""
    from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

    first = next(frames)
    height, width = first.shape[:2]
    size = width + width % 2, height + height % 2
    convert = VideoReformatter()
    with _container(path, "mp4", {"movflags": "+faststart"}) as container:
        stream = _stream(container, "libx264", rate, size, "yuv420p", dict(_PREVIEW))
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        for number, frame in enumerate(_chain(first, frames)):
            picture = convert.reformat(
                _rgb_frame(_pad(frame)),
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            picture.colorspace = Colorspace.ITU709
            picture.color_range = ColorRange.MPEG
            _encode(container, stream, picture, number, rate)
        _flush(container, stream)


def _container(path: Path, layout: str, options: dict[str, str]) -> OutputContainer:
    import av

    # "file:" because a colon in a name would be taken for a protocol
    return av.open(
        f"file:{path}",
        "w",
        format=layout,
        container_options={"fflags": "+bitexact", **options},
    )


def _stream(
    container: OutputContainer,
    codec: str,
    rate: Fraction,
    size: tuple[int, int],
    layout: str,
    options: dict[str, str],
) -> VideoStream:
    from av.codec.context import Flags

    stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=options))
    stream.width, stream.height = size
    stream.pix_fmt = layout
    stream.codec_context.time_base = 1 / rate
    stream.codec_context.flags |= Flags.bitexact
    return stream


def _rgb_frame(frame: Frames) -> VideoFrame:
    import av

    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")


def _encode(
    container: OutputContainer,
    stream: VideoStream,
    picture: VideoFrame,
    number: int,
    rate: Fraction,
) -> None:
    import av

    picture.pts = number
    picture.time_base = 1 / rate
    try:
        container.mux(stream.encode(picture))
    except av.FFmpegError as error:
        raise _explain(error) from error


def _flush(container: OutputContainer, stream: VideoStream) -> None:
    import av

    try:
        container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise _explain(error) from error


def _explain(error: Exception) -> Exception:
    """Keep the system's own errors (a full disk) for `write_whole` to explain."""
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and number is not None:
        return OSError(number, os.strerror(number))
    return StstError(f"FFmpeg could not encode the frames: {error}")


def _pad(frame: Frames) -> Frames:
    """Repeat the last row and column where a side is odd: 4:2:0 needs even sides."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _chain(first: Frames, rest: Iterator[Frames]) -> Iterator[Frames]:
    yield first
    yield from rest
