"""Small clips, made on the spot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np


def moving(count=12, height=48, width=64, seed=0):
    """Smooth colours that shift two pixels a frame, so that no two frames are alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    still = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(still, 2 * shift, axis=1) for shift in range(count)])


def noise(count, height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def encode(
    path,
    arrays,
    rate=Fraction(25),
    codec="libx264",
    layout="yuv420p",
    given="rgb24",
    pts=None,
    options=None,
    tags=None,
    turn=None,
    sound=False,
    metadata=None,
    muxer=None,
):
    """Encode arrays with PyAV; `tags` are set on the stream and on every frame."""
    import av

    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height = arrays[0].shape[0] if given != "yuv420p" else arrays[0].shape[0] * 2 // 3
        stream.width = arrays[0].shape[1]
        stream.pix_fmt = layout
        stream.metadata.update(metadata or {})
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if turn is not None:
            stream.set_display_rotation(turn)
        audio = container.add_stream("aac", rate=44100) if sound else None
        for number, array in enumerate(arrays):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=given)
            if given != layout:
                frame = frame.reformat(format=layout)
            for name in ("colorspace", "color_range"):
                if name in (tags or {}):
                    setattr(frame, name, tags[name])
            frame.pts = pts[number] if pts else number
            frame.time_base = 1 / rate
            container.mux(stream.encode(frame))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.rate, silence.pts = 44100, 0
            container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
        container.mux(stream.encode(None))
    return path


def opencv_frames(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1][..., ::-1])
    return np.stack(frames)


def save_pictures(folder: Path, frames, name="f_{:03d}.png", start=0):
    folder.mkdir(exist_ok=True)
    for number, frame in enumerate(frames, start):
        bgr = frame[..., ::-1] if frame.ndim == 3 and frame.shape[2] == 3 else frame
        assert cv2.imwrite(str(folder / name.format(number)), bgr)
    return folder
