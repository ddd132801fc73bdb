"""How bright a stream says that it becomes: metadata of SMPTE ST 2086 and CTA 861.3."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from stst.video.color.levels import HIGHEST_PEAK

if TYPE_CHECKING:
    from av import VideoFrame

# libavutil: eight rational numbers of primaries and white, of the darkest and the brightest light,
# and whether each of both is set; then the brightest pixel and the brightest mean of a frame
_MASTERING, _CONTENT = struct.Struct("=16i4i2i"), struct.Struct("=2I")

_NAMES = ("CONTENT_LIGHT_LEVEL", "MASTERING_DISPLAY_METADATA", "DOVI_RPU_BUFFER", "DOVI_METADATA")


def side_data_of(frame: VideoFrame) -> dict[str, bytes]:
    """Give what a stream says beside its pixels, by FFmpeg's names."""
    # by name: what PyAV iterates over, and how it counts, differs between versions 18 and 19
    container: Any = frame.side_data
    found = {name: container.get(name) for name in _NAMES}
    return {name: bytes(one) for name, one in found.items() if one is not None}


def brightest(frame: VideoFrame) -> float | None:
    """Give the peak that a stream says of itself.

    Parameters
    ----------
    frame
        The first.

    Returns
    -------
    float or None
        In cd/m²: the brightest pixel (MaxCLL), or else the peak of the display that it was made
        on; None where it says neither. That of HLG is the display's alone, which its OOTF is for.
    """
    found = side_data_of(frame)
    content = found.get("CONTENT_LIGHT_LEVEL", b"")
    if int(frame.color_trc) == 16 and len(content) >= _CONTENT.size:
        most = float(_CONTENT.unpack_from(content)[0])
        if 0 < most <= HIGHEST_PEAK:
            return most
    mastering = found.get("MASTERING_DISPLAY_METADATA", b"")
    if len(mastering) < _MASTERING.size:
        return None
    *_, above, below, _, known = _MASTERING.unpack_from(mastering)
    peak = above / below if known and below else 0.0
    return peak if 0 < peak <= HIGHEST_PEAK else None
