"""Clips: exact reading, lossless writing, previews.

Frames are (T, H, W, 3) uint8 RGB, rates exact fractions in Hz. FFmpeg (by PyAV) and OpenCV are
imported when a file is opened, not before.
"""

from stst.video.clip import (
    MAX_PIXELS,
    Clip,
    FrameSequence,
    SourceInfo,
    Video,
    VideoInfo,
    check_frames,
    first_frame,
    frames_sha256,
    to_uint8,
)
from stst.video.color.levels import AS_STORED, Levels, read_levels
from stst.video.conversion import Converted, convert
from stst.video.formats.rates import parse_rate
from stst.video.grey import GREY_NOTE, as_grey, grey_values, is_grey
from stst.video.lazy import LazyFrames, LazyVideo
from stst.video.masks import INSIDE_FROM, NEARLY, REACH, check_mask, find_undecided, inside_of
from stst.video.ranges import FrameRange, parse_range, spread
from stst.video.read import open_video, probe, read_video
from stst.video.reader import VideoReader
from stst.video.resize import fit_size
from stst.video.sidecar import provenance_of, sidecar_of, sidecar_path, write_content
from stst.video.write import (
    Written,
    check_video_output,
    needs_sidecar,
    write_frames,
    write_preview,
    write_video,
)

__all__ = [
    "AS_STORED",
    "GREY_NOTE",
    "INSIDE_FROM",
    "MAX_PIXELS",
    "NEARLY",
    "REACH",
    "Clip",
    "Converted",
    "FrameRange",
    "FrameSequence",
    "LazyFrames",
    "LazyVideo",
    "Levels",
    "SourceInfo",
    "Video",
    "VideoInfo",
    "VideoReader",
    "Written",
    "as_grey",
    "check_frames",
    "check_mask",
    "check_video_output",
    "convert",
    "find_undecided",
    "first_frame",
    "fit_size",
    "frames_sha256",
    "grey_values",
    "inside_of",
    "is_grey",
    "needs_sidecar",
    "open_video",
    "parse_range",
    "parse_rate",
    "probe",
    "provenance_of",
    "read_levels",
    "read_video",
    "sidecar_of",
    "sidecar_path",
    "spread",
    "to_uint8",
    "write_content",
    "write_frames",
    "write_preview",
    "write_video",
]
