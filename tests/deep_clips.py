"""Clips of more than 8 bits, of given values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

#: Code points of ITU-T H.273.
PQ, HLG, BT2020 = 16, 18, 9


def encode_planes(path, frames, layout="yuv420p10le", codec="ffv1", options=None, tags=None):
    """Encode frames, each a list of integer planes, without loss; `tags` as FFmpeg numbers them."""
    import av

    height, width = frames[0][0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=options or {})
        stream.height, stream.width, stream.pix_fmt = height, width, layout
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for number, planes in enumerate(frames):
            frame = av.VideoFrame(width, height, layout)
            for name, value in (tags or {}).items():
                setattr(frame, name, value)
            for plane, values in zip(frame.planes, planes, strict=True):
                put(plane, values)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def deep(path, count=4, height=18, width=20, bits=10, transfer=None):
    """Make a clip of smooth noise of so many bits; of high dynamic range with a `transfer`."""
    rng = np.random.default_rng(count + bits)
    unit = 2 ** (bits - 8)
    sizes = ((height, width), *(((height + 1) // 2, (width + 1) // 2),) * 2)
    ends = ((40 * unit, 200 * unit), *((110 * unit, 146 * unit),) * 2)
    frames = [
        [rng.integers(*span, size, np.uint16) for span, size in zip(ends, sizes, strict=True)]
        for _ in range(count)
    ]
    tags = {"colorspace": 1, "color_range": 1}
    if transfer is not None:
        tags = {"colorspace": BT2020, "color_range": 1, "color_trc": transfer}
        tags["color_primaries"] = BT2020
    return encode_planes(path, frames, f"yuv420p{bits}le", tags=tags)


def put(plane, values):
    """Fill a plane, whose rows can be longer than the picture's."""
    kind = values.dtype
    rows = np.zeros((plane.height, plane.line_size // kind.itemsize), kind)
    flat = values.reshape(values.shape[0], -1)
    rows[: flat.shape[0], : flat.shape[1]] = flat
    plane.update(rows.tobytes())
