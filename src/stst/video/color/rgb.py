"""From a decoded FFmpeg frame to 8-bit RGB, by the colour tags of its stream.

Untagged video is read as BT.601, limited range: what OpenCV and FFmpeg's tools do. More than 8 bits
and high dynamic range are read where that is asked for, see `stst.video.color.levels`; untagged
matrices and primaries of high dynamic range are those of BT.2020, which BT.2100 has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.types import Frames
from stst.video.color.levels import AS_STORED, CURVES, Levels
from stst.video.color.light import brightest, side_data_of
from stst.video.color.planes import layout_of
from stst.video.color.tonemap import PRIMARIES as TONE_MAPPED
from stst.video.color.tonemap import USUAL_PEAK

if TYPE_CHECKING:
    from av import VideoFrame

    from stst.video.clip import VideoInfo

Stored = TypeVar("Stored", np.uint8, np.uint16)

# Code points of ITU-T H.273, as FFmpeg numbers them.
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
    levels
        How its values become 8 bits; nothing where they have these, or that was not asked for.
    transfer, primaries
        Of high dynamic range: ``pq`` or ``hlg``, and a key of `stst.video.color.tonemap.PRIMARIES`;
        else empty.
    peak_from
        Who says the peak: ``"as the file says"``, ``"as given"`` or ``"assumed"``.
    siting, siting_assumed
        Where chroma samples lie, a key of `stst.video.color.planes.SITINGS`, and whether the file
        does not say; None where none are enlarged by our own arithmetic.
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
    levels: Levels = AS_STORED
    transfer: str = ""
    primaries: str = ""
    peak_from: str = ""
    siting: str | None = None
    siting_assumed: bool = False


def reading_of(
    frame: VideoFrame, levels: Levels = AS_STORED, siting: str | None = None
) -> ColorReading:
    """Work out from a stream's first frame how its colours are to be read.

    Parameters
    ----------
    frame
        The first.
    levels
        What is asked for.
    siting
        Where the file says that chroma samples lie; None where it does not.
    """
    layout = frame.format
    matrix, span = int(frame.colorspace), int(frame.color_range)
    transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
    kind = _kind(frame)
    depth = max(part.bits for part in layout.components)
    # FFmpeg's "yuvj" formats are full range by name
    if span not in RANGES and layout.name.startswith("yuvj"):
        span = FULL
    hdr = transfer in HDR
    applied, peak_from = _apply(frame, levels, hdr, depth)
    places = layout_of(layout.name)
    enlarged = applied != AS_STORED and places is not None and places.shared != (0, 0)
    usual = "bt2020nc" if hdr else "bt601"
    return ColorReading(
        pixel_format=layout.name,
        bit_depth=depth,
        kind=kind,
        alpha=any(part.is_alpha for part in layout.components) or layout.has_palette,
        matrix=MATRICES.get(matrix, usual) if kind == "yuv" else kind,
        range=RANGES.get(span, "limited" if kind == "yuv" else "full"),
        matrix_assumed=kind == "yuv" and matrix not in MATRICES,
        range_assumed=kind != "rgb" and span not in RANGES,
        tags=(
            {0: "rgb", **MATRICES, **UNSUPPORTED_MATRICES}.get(matrix),
            RANGES.get(span),
            TRANSFERS.get(transfer),
            PRIMARIES.get(primaries),
        ),
        refusal=_refusal(layout.name, depth, kind, matrix, span)
        or _unread_levels(frame, levels, depth),
        levels=applied,
        transfer={16: "pq", 18: "hlg"}.get(transfer, ""),
        primaries=(PRIMARIES.get(primaries, "bt2020") if hdr else ""),
        peak_from=peak_from,
        siting=(siting or "left") if enlarged else None,
        siting_assumed=enlarged and siting is None,
    )


def find_levels(info: VideoInfo) -> Levels:
    """Say what must be asked for so that a clip is read, if nothing else is in the way.

    Parameters
    ----------
    info
        Of the clip.

    Returns
    -------
    Levels
        Nothing where it is read as it is.
    """
    if info.color_transfer in {TRANSFERS[code] for code in HDR}:
        return Levels(tonemap=CURVES[0])
    return Levels(bits=8) if info.bit_depth > 8 else AS_STORED


def _apply(frame: VideoFrame, levels: Levels, hdr: bool, depth: int) -> tuple[Levels, str]:
    """Say what of what is asked for a stream needs, and who says its peak."""
    if not hdr:
        return (Levels(levels.bits) if depth > 8 else AS_STORED), ""
    if levels.tonemap is None:
        return AS_STORED, ""
    peak, said_by = brightest(frame), "as the file says"
    if peak is None:
        peak, said_by = levels.peak_nits, "as given"
    if peak is None:
        peak, said_by = USUAL_PEAK, "assumed"
    return Levels(tonemap=levels.tonemap, peak_nits=float(peak)), said_by


def _kind(frame: VideoFrame) -> str:
    layout = frame.format
    if layout.is_rgb or layout.has_palette:
        return "rgb"
    colours = sum(not part.is_alpha for part in layout.components)
    return "gray" if colours == 1 else "yuv"


def _refusal(name: str, depth: int, kind: str, matrix: int, span: int) -> str | None:
    """Say why a stream cannot be read, whatever is asked for."""
    if kind == "yuv" and matrix in UNSUPPORTED_MATRICES:
        return (
            f"colour matrix {UNSUPPORTED_MATRICES[matrix]}; BT.601, BT.709 and BT.2020 "
            "(non-constant luminance) are read. Convert it to BT.709 first."
        )
    if kind == "rgb" and span == LIMITED:
        return "RGB in limited range; only full-range RGB is read. Convert it to full range first."
    if depth > 8 and layout_of(name) is None:
        return (
            f"the pixel format {name} ({depth} bits per channel), which is not read. Convert it "
            "first: ffmpeg -i IN -c:v ffv1 -pix_fmt yuv444p16le OUT.mkv"
        )
    return None


def _unread_levels(frame: VideoFrame, levels: Levels, depth: int) -> str | None:
    """Say what must be asked for so that a stream is read, if anything."""
    transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
    if transfer in HDR:
        if primaries in PRIMARIES and PRIMARIES[primaries] not in TONE_MAPPED:
            return (
                f"high dynamic range with primaries {PRIMARIES[primaries]}; "
                f"{', '.join(TONE_MAPPED)} are read. Convert it to BT.2020 first."
            )
        if levels.tonemap is None:
            return (
                f"high dynamic range, transfer {HDR[transfer]}; stimuli are of standard range. "
                'Give `tonemap="bt2408"` to map it to 8-bit BT.709.'
            )
        return None
    if any(name.startswith("DOVI") for name in side_data_of(frame)):
        return (
            "colours that only Dolby Vision knows to read. Convert it to HLG, PQ or BT.709 first."
        )
    if depth > 8 and levels.bits is None:
        return too_deep(depth, frame.format.name)
    return None


def level_notes(reading: ColorReading) -> list[str]:
    """Say in sentences how a stream's values become 8 bits, where they do."""
    levels = reading.levels
    if levels == AS_STORED:
        return []
    if levels.tonemap is None:
        made = f"Rounded from {reading.bit_depth} to {levels.bits} bits per channel, exactly"
    else:
        name = next(name for code, name in HDR.items() if TRANSFERS[code] == reading.tags[2])
        made = (
            f"Tone-mapped from {name} with a peak of {levels.peak_nits:g} cd/m² "
            f"({reading.peak_from}) to BT.709 by {levels.tonemap}, reference white 203 cd/m²"
        )
    if reading.siting is None:
        return [f"{made}."]
    assumed = " (assumed)" if reading.siting_assumed else ""
    return [f"{made}; chroma siting {reading.siting}{assumed}, enlarged linearly."]


def too_deep(depth: int, name: str) -> str:
    """Say that a clip has more than 8 bits, and what to ask for."""
    return (
        f"{depth} bits per channel ({name}); stimuli have 8, and rounding to them silently would "
        "change the stimulus. Give `bits=8` to have it rounded, exactly."
    )


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
            picture = self._convert(frame, "rgba")
            return opaque(picture, f"{self._path}: frame {index}")
        rgb = self._convert(frame, "rgb24")
        if self._reading.kind == "gray" and self._reading.range == "limited":
            return _EXPANDED[rgb]
        return rgb

    def _convert(self, frame: VideoFrame, layout: str) -> Frames:
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


def opaque(picture: NDArray[Stored], name: str) -> NDArray[Stored]:
    """Drop the alpha channel of (H, W, 4), or refuse the picture by name if it is used."""
    lowest, full = int(picture[..., 3].min()), np.iinfo(picture.dtype).max
    if lowest < full:
        raise InputError(
            f"{name} is partly transparent (alpha down to {lowest} of {full}). Composite it onto a "
            "background first."
        )
    return np.ascontiguousarray(picture[..., :3])
