"""From a decoded FFmpeg frame to 8-bit RGB, by the colour tags of its stream.

Untagged video is read as BT.601, limited range: what OpenCV and FFmpeg's tools do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stst.errors import InputError
from stst.types import Frames

if TYPE_CHECKING:
    from av import VideoFrame

# Code points of ITU-T H.273, as FFmpeg numbers them.
UNTAGGED = 2
MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020nc",
}
UNSUPPORTED_MATRICES = {8: "YCgCo", 10: "BT.2020 constant luminance", 14: "ICtCp"}
#: What libswscale calls the matrices.
SWSCALE = {"bt709": 1, "fcc": 4, "bt601": 5, "smpte240m": 7, "bt2020nc": 9}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020",
    11: "smpte431",
    12: "smpte432",
}
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
HDR = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
LIMITED, FULL = 1, 2
RANGES = {LIMITED: "limited", FULL: "full"}
#: Luma alone, limited range, to 0..255; libswscale takes grey for full range whatever its tag.
_EXPANDED = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class ColorReading:
    """How the pixels of a stream become RGB.

    Attributes
    ----------
    pixel_format
        FFmpeg's name.
    bit_depth
        Bits per channel.
    kind
        ``yuv``, ``rgb`` or ``gray``.
    alpha
        Whether there is an alpha channel.
    matrix, range
        Names as in `SourceInfo`.
    matrix_assumed, range_assumed
        Whether the stream does not say.
    tags
        The stream's matrix, range, transfer and primaries; None where untagged.
    refusal
        Why the stream cannot be read, or None.
    """

    pixel_format: str
    bit_depth: int
    kind: str
    alpha: bool
    matrix: str
    range: str
    matrix_assumed: bool
    range_assumed: bool
    tags: tuple[str | None, str | None, str | None, str | None]
    refusal: str | None


def reading_of(frame: VideoFrame) -> ColorReading:
    """Work out from a stream's first frame how its colours are to be read."""
    layout = frame.format
    matrix, span = int(frame.colorspace), int(frame.color_range)
    transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
    kind = _kind(frame)
    depth = max(part.bits for part in layout.components)
    # FFmpeg's "yuvj" formats are full range by name
    if span not in RANGES and layout.name.startswith("yuvj"):
        span = FULL
    return ColorReading(
        pixel_format=layout.name,
        bit_depth=depth,
        kind=kind,
        alpha=any(part.is_alpha for part in layout.components) or layout.has_palette,
        matrix=MATRICES.get(matrix, "bt601") if kind == "yuv" else kind,
        range=RANGES.get(span, "limited" if kind == "yuv" else "full"),
        matrix_assumed=kind == "yuv" and matrix not in MATRICES,
        range_assumed=kind != "rgb" and span not in RANGES,
        tags=(
            {0: "rgb", **MATRICES, **UNSUPPORTED_MATRICES}.get(matrix),
            RANGES.get(span),
            TRANSFERS.get(transfer),
            PRIMARIES.get(primaries),
        ),
        refusal=_refusal(layout.name, depth, kind, matrix, span, transfer),
    )


def _kind(frame: VideoFrame) -> str:
    layout = frame.format
    if layout.is_rgb or layout.has_palette:
        return "rgb"
    colours = sum(not part.is_alpha for part in layout.components)
    return "gray" if colours == 1 else "yuv"


def _refusal(name: str, depth: int, kind: str, matrix: int, span: int, trc: int) -> str | None:
    if trc in HDR:
        return (
            f"high dynamic range, transfer {HDR[trc]}; only standard range is read. Tone-map it "
            "to 8-bit BT.709 first."
        )
    if depth > 8:
        return (
            f"{depth} bits per channel ({name}); only 8 bits are read, and rounding them silently "
            "would change the stimulus. Convert it to 8 bits first (ffmpeg: -pix_fmt yuv420p)."
        )
    if kind == "yuv" and matrix in UNSUPPORTED_MATRICES:
        return (
            f"colour matrix {UNSUPPORTED_MATRICES[matrix]}; BT.601, BT.709 and BT.2020 "
            "(non-constant luminance) are read. Convert it to BT.709 first."
        )
    if kind == "rgb" and span == LIMITED:
        return "RGB in limited range; only full-range RGB is read. Convert it to full range first."
    return None


class RgbConverter:
    """Turns the frames of one stream into (H, W, 3) uint8 RGB."""

    def __init__(self, path: Path, reading: ColorReading) -> None:
        from av.video.reformatter import VideoReformatter

        self._path = path
        self._reading = reading
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame, index: int) -> Frames:
        """Convert frame number `index`.

        Raises
        ------
        InputError
            If a pixel is not fully opaque.
        """
        if self._reading.alpha:
            picture = self._converted(frame, "rgba")
            return opaque(picture, f"{self._path}: frame {index}")
        rgb = self._converted(frame, "rgb24")
        if self._reading.kind == "gray" and self._reading.range == "limited":
            return _EXPANDED[rgb]
        return rgb

    def _converted(self, frame: VideoFrame, layout: str) -> Frames:
        from av.video.reformatter import Interpolation

        reading = self._reading
        # numbers, because PyAV 17 has no name for BT.2020
        matrix = SWSCALE.get(reading.matrix, SWSCALE["bt601"])
        span = LIMITED if reading.kind == "yuv" and reading.range == "limited" else FULL
        converted = self._reformatter.reformat(
            frame,
            format=layout,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            # OpenCV's choice; it matters where chroma must be enlarged by the general scaler
            interpolation=Interpolation.BICUBIC,
            src_color_range=span,
            dst_color_range=FULL,
        )
        return np.asarray(converted.to_ndarray(), dtype=np.uint8)


def opaque(picture: Frames, name: str) -> Frames:
    """Drop the alpha channel of (H, W, 4), or refuse the picture by name if it is used."""
    lowest = int(picture[..., 3].min())
    if lowest < 255:
        raise InputError(
            f"{name} is partly transparent (alpha down to {lowest} of 255). Composite it onto a "
            "background first."
        )
    return np.ascontiguousarray(picture[..., :3])
