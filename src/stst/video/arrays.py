"""Clips in NumPy files: .npy (frames only) and .npz (frames and rate)."""

from __future__ import annotations

import math
import warnings
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from stst.diagnosis import unreadable
from stst.errors import InputError
from stst.types import Frames
from stst.video.clip import VideoInfo, check_size
from stst.video.color import opaque
from stst.video.rates import parse_rate
from stst.video.reader import VideoReader
from stst.video.sidecar import sidecar_rate

ARRAY_SUFFIXES = (".npy", ".npz")
# what else is read as a clip, see `stst.diagnosis.Content`
_OTHERS = ("video", "npy", "npz")
FRAMES_KEY, RATE_KEY = "frames", "fps"
_LAYOUT = "Save uint8 frames of shape (T, H, W, 3), or (T, H, W) for grey."


class ArrayReader(VideoReader):
    """Frames of a .npy or .npz file, read one at a time."""

    decoder = "numpy"

    def __init__(
        self, info: VideoInfo, fps: Fraction, max_side: int | None, file: BinaryIO, start: int
    ) -> None:
        super().__init__(info, fps, max_side)
        self._file = file
        self._start = start
        self._channels = {"gray": 1, "rgb24": 3, "rgba": 4}[info.pixel_format]

    def _read(self, index: int) -> Frames:
        height, width = self.info.height, self.info.width
        size = height * width * self._channels
        try:
            self._file.seek(self._start + index * size)
            data = self._file.read(size)
        # the decompressors raise almost anything on damaged bytes
        except Exception as error:
            raise InputError(
                f"{self.info.path}: frame {index} is not readable. Copy or export it again."
            ) from error
        if len(data) < size:
            raise InputError(
                f"{self.info.path}: the file ends within frame {index} of {len(self)}. Copy or "
                "export it again."
            )
        frame = np.frombuffer(data, np.uint8).reshape(height, width, self._channels)
        if self._channels == 1:
            return np.repeat(frame, 3, axis=2)
        if self._channels == 4:
            self.note("The alpha channel is opaque and was dropped.")
            return opaque(frame, f"{self.info.path}: frame {index}")
        return frame.copy()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def open_array(path: Path, fps: Fraction | None, max_side: int | None) -> ArrayReader:
    """Open a .npy or .npz clip.

    Raises
    ------
    InputError
        If the array is not uint8 video, the file is damaged, or no rate is known.
    """
    file, stored = _member(path)
    try:
        info, start = _array_info(path, file, stored)
        rate = fps or info.fps
        if rate is None:
            raise InputError(
                f"{path} holds no frame rate. Say it: read_video(…, fps=30) or "
                "`stst convert … --fps 30`; or keep the sidecar "
                f"{path.with_suffix('.json').name} beside it."
            )
        return ArrayReader(info, rate, max_side, file, start)
    except BaseException:
        file.close()
        raise


def probe_array(path: Path) -> VideoInfo:
    """Look at the header of a .npy or .npz clip."""
    file, stored = _member(path)
    with file:
        return _array_info(path, file, stored)[0]


def _member(path: Path) -> tuple[BinaryIO, Fraction | None]:
    """Open the frames; for .npz give the stored rate too."""
    if path.suffix.lower() == ".npy":
        rate = sidecar_rate(path)
        return open(path, "rb"), rate
    try:
        # the archive stays open for as long as its member does
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        if f"{FRAMES_KEY}.npy" not in names:
            archive.close()
            message = (
                f"{path} holds {', '.join(names) or 'nothing'}; the frames must be called "
                f"'{FRAMES_KEY}' (np.savez(path, frames=..., fps=[num, den]))."
            )
            raise unreadable(path, message, "npz", _OTHERS)
        rate = _stored_rate(path, archive) if f"{RATE_KEY}.npy" in names else sidecar_rate(path)
        member = archive.open(f"{FRAMES_KEY}.npy")
        archive.close()
    except InputError:
        raise
    except Exception as error:
        message = f"{path} is not a readable .npz file: damaged or cut short. Save it again."
        raise unreadable(path, message, "npz", _OTHERS) from error
    return member, rate  # type: ignore[return-value]


def _stored_rate(path: Path, archive: zipfile.ZipFile) -> Fraction:
    with archive.open(f"{RATE_KEY}.npy") as file:
        shape, _, dtype = _header(path, file)
        # before anything is allocated: a damaged header can claim any size
        if math.prod(shape) not in (1, 2) or dtype.kind not in "iuf":
            raise InputError(
                f"{path}: '{RATE_KEY}' is {dtype} of shape {shape}; it must be [numerator, "
                "denominator] in Hz."
            )
        value = np.frombuffer(file.read(dtype.itemsize * math.prod(shape)), dtype)
    parts = np.ravel(value)
    if parts.size != math.prod(shape):
        raise InputError(f"{path}: '{RATE_KEY}' is cut short. Save it again.")
    name = f"{path}: {RATE_KEY}"
    if parts.size == 2 and value.dtype.kind != "f":
        return parse_rate(f"{int(parts[0])}/{int(parts[1])}", name)
    return parse_rate(parts[0].item(), name)


def _array_info(path: Path, file: BinaryIO, stored: Fraction | None) -> tuple[VideoInfo, int]:
    shape, fortran, dtype = _header(path, file)
    start = file.tell()
    _check_layout(path, shape, fortran, dtype)
    count, height, width = shape[:3]
    check_size(path, width, height)
    if count <= 0:
        raise InputError(f"{path}: shape {shape} has no frames. {_LAYOUT}")
    size = path.stat().st_size
    if path.suffix.lower() == ".npy" and start + math.prod(shape) > size:
        raise InputError(
            f"{path}: {math.prod(shape)} bytes of frames are promised, {size - start} are there. "
            "The file is cut short: copy or export it again."
        )
    layout = "gray" if len(shape) == 3 else {1: "gray", 3: "rgb24", 4: "rgba"}[shape[3]]
    info = VideoInfo(
        path=str(path),
        width=width,
        height=height,
        frames=count,
        fps=stored,
        duration=count / stored if stored else None,
        codec=path.suffix.lower()[1:],
        pixel_format=layout,
        bit_depth=8,
        read_matrix="gray" if layout == "gray" else "rgb",
        notes=("Grey clip; the three channels are equal.",) if layout == "gray" else (),
    )
    return info, start


def _header(path: Path, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        version = np.lib.format.read_magic(file)
    # what it reads may come out of a decompressor, which raises almost anything
    except Exception as error:
        message = f"{path} is not a readable NumPy array. {_LAYOUT}"
        raise unreadable(path, message, path.suffix.lower()[1:], _OTHERS) from error
    if version not in ((1, 0), (2, 0)):
        raise InputError(
            f"{path} is a NumPy array of version {version[0]}.{version[1]}; 1.0 and 2.0 are read. "
            f"{_LAYOUT}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on damaged text, Python warns of its syntax
            if version == (1, 0):
                return np.lib.format.read_array_header_1_0(file)
            return np.lib.format.read_array_header_2_0(file)
    # the header is Python's notation, and reading it raises almost anything
    except Exception as error:
        raise InputError(
            f"{path} is not a readable NumPy array (its header is damaged). {_LAYOUT}"
        ) from error


def _check_layout(
    path: Path, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[np.generic]
) -> None:
    if dtype.hasobject:
        raise InputError(f"{path} holds pickled objects, which are never loaded. {_LAYOUT}")
    if dtype.kind == "f":
        raise InputError(
            f"{path} holds {dtype} values; only uint8 is read. Convert it first: "
            "np.rint(255 * frames).astype(np.uint8) for values in [0, 1]."
        )
    if dtype == np.bool_:
        raise InputError(
            f"{path} holds bool values; only uint8 is read. Save them as black and white: "
            "np.where(frames, 255, 0).astype(np.uint8)."
        )
    if dtype != np.uint8:
        raise InputError(
            f"{path} holds {dtype} values; only uint8 (8 bits per channel) is read. Scale it to "
            "0..255 first."
        )
    if len(shape) == 3 and shape[2] in (3, 4):
        raise InputError(
            f"{path}: shape {shape} looks like one colour picture. {_LAYOUT} One frame is "
            f"{(1, *shape)}."
        )
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        raise InputError(f"{path}: shape {shape} is no clip. {_LAYOUT}")
    if fortran and math.prod(shape) > 1:
        raise InputError(
            f"{path} is stored in Fortran order. Save np.ascontiguousarray(frames) instead."
        )
