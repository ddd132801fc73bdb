"""Clips in NumPy files: .npy (frames only) and .npz (frames and rate)."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.types import Frames
from stst.utils.diagnosis import unreadable
from stst.video.clip import VideoInfo, check_size
from stst.video.color.depth import FULL_RANGE, check_full_range, from_16_bits
from stst.video.color.levels import AS_STORED, Levels
from stst.video.color.rgb import opaque, too_deep
from stst.video.formats.rates import parse_rate
from stst.video.reader import VideoReader
from stst.video.remedies import without_rate
from stst.video.sidecar import sidecar_rate

ARRAY_SUFFIXES = (".npy", ".npz")
# what else is read as a clip, see `stst.utils.diagnosis.Content`
_OTHERS = ("video", "npy", "npz")
FRAMES_KEY, RATE_KEY = "frames", "fps"
_LAYOUT = "Save uint8 frames of shape (T, H, W, 3), or (T, H, W) for grey."


@dataclass(frozen=True)
class _Layout:
    """Where the values begin, in bytes; whether the first axis varies fastest; their type."""

    start: int
    fortran: bool
    dtype: np.dtype[np.generic]


class ArrayReader(VideoReader):
    """Frames of a .npy or .npz file, read one at a time."""

    decoder = "numpy"

    def __init__(
        self, info: VideoInfo, fps: Fraction, max_side: int | None, file: BinaryIO, layout: _Layout
    ) -> None:
        super().__init__(info, fps, max_side)
        self._file = file
        self._layout = layout
        self._channels = {"gray": 1, "rgb24": 3, "rgba": 4}[info.pixel_format]
        self._whole: NDArray[Any] | None = None
        if layout.dtype.itemsize > 1:
            self.levels = Levels(bits=8)
            check_full_range(map(self._read_frame, range(len(self))), info.path)
            self.note(FULL_RANGE)

    def _read(self, index: int) -> Frames:
        frame = self._read_frame(index)
        if self._channels == 4:
            self.note("The alpha channel is opaque and was dropped.")
            frame = opaque(frame, f"{self.info.path}: frame {index}")
        rgb = frame.copy() if frame.dtype == np.uint8 else from_16_bits(frame)
        return np.repeat(rgb, 3, axis=2) if self._channels == 1 else rgb

    def _read_frame(self, index: int) -> NDArray[Any]:
        """Read frame `index` as it is stored, (H, W, C)."""
        height, width = self.info.height, self.info.width
        if self._layout.fortran:
            whole: NDArray[Any] = self._transpose()[index]
            return whole
        dtype = self._layout.dtype
        size = height * width * self._channels * dtype.itemsize
        data = self._bytes(index, self._layout.start + index * size, size)
        stored = np.frombuffer(data, dtype).reshape(height, width, self._channels)
        return _without_truth(stored)

    def _transpose(self) -> NDArray[Any]:
        """Read all, (T, H, W, C): in Fortran order a frame is spread over the whole file."""
        if self._whole is None:
            shape = (len(self), self.info.height, self.info.width, self._channels)
            dtype = self._layout.dtype
            data = self._bytes(0, self._layout.start, math.prod(shape) * dtype.itemsize)
            stored = np.frombuffer(data, dtype).reshape(shape, order="F")
            self._whole = _without_truth(np.ascontiguousarray(stored))
            self.note("Stored in Fortran order, so held in memory as a whole.")
        return self._whole

    def _bytes(self, index: int, start: int, size: int) -> bytes:
        try:
            self._file.seek(start)
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
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._whole = None
        self._file.close()


def open_array(
    path: Path,
    fps: Fraction | None,
    max_side: int | None,
    levels: Levels = AS_STORED,
    picture: bool = False,
) -> ArrayReader:
    """Open a .npy or .npz clip; with `picture` also an array (H, W), a clip of one frame.

    Raises
    ------
    InputError
        If the array is not uint8 video, nor uint16 where that was asked for, the file is damaged,
        or no rate is known.
    """
    file, stored = _member(path)
    try:
        info, layout = _array_info(path, file, stored, picture)
        if info.refusal and levels.bits is None:
            raise InputError(f"{path} has {info.refusal}")
        rate = fps or info.fps
        if rate is None:
            sidecar = path.with_suffix(".json").name
            raise without_rate(path, f"nor is there its sidecar {sidecar}", levels)
        return ArrayReader(info, rate, max_side, file, layout)
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
        rate = _read_rate(path, archive) if f"{RATE_KEY}.npy" in names else sidecar_rate(path)
        member = archive.open(f"{FRAMES_KEY}.npy")
        archive.close()
    except InputError:
        raise
    except Exception as error:
        message = f"{path} is not a readable .npz file: damaged or cut short. Save it again."
        raise unreadable(path, message, "npz", _OTHERS) from error
    return member, rate  # type: ignore[return-value]


def _read_rate(path: Path, archive: zipfile.ZipFile) -> Fraction:
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


def _array_info(
    path: Path, file: BinaryIO, stored: Fraction | None, picture: bool = False
) -> tuple[VideoInfo, _Layout]:
    shape, fortran, dtype = _header(path, file)
    start = file.tell()
    if picture and len(shape) == 2:
        shape = (1, *shape)
    _check_layout(path, shape, fortran, dtype)
    count, height, width = shape[:3]
    check_size(path, width, height)
    if count <= 0:
        raise InputError(f"{path}: shape {shape} has no frames. {_LAYOUT}")
    size, promised = path.stat().st_size, math.prod(shape) * dtype.itemsize
    if path.suffix.lower() == ".npy" and start + promised > size:
        raise InputError(
            f"{path}: {promised} bytes of frames are promised, {size - start} are there. "
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
        bit_depth=dtype.itemsize * 8,
        read_matrix="gray" if layout == "gray" else "rgb",
        refusal=None if dtype.itemsize == 1 else too_deep(16, "uint16"),
        notes=tuple(_notes(layout, dtype)),
    )
    return info, _Layout(start, fortran, dtype)


def _without_truth(stored: NDArray[Any]) -> NDArray[Any]:
    """Make truth values white where true, black where false; leave others alone."""
    return np.where(stored, np.uint8(255), np.uint8(0)) if stored.dtype == np.bool_ else stored


def _notes(layout: str, dtype: np.dtype[np.generic]) -> Iterator[str]:
    if layout == "gray":
        yield "Grey clip; the three channels are equal."
    if dtype == np.bool_:
        yield "Of truth values: true is white, false is black."


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
            "np.rint(255 * frames).astype(np.uint8) for values in [0, 1]; in MATLAB, "
            "uint8(255 * frames)."
        )
    if dtype not in (np.dtype(np.uint8), np.dtype(np.bool_), np.dtype("<u2"), np.dtype(">u2")):
        raise InputError(
            f"{path} holds {dtype} values; uint8, and with `bits=8` uint16, are read. Scale it to "
            "0..255 first."
        )
    # as MATLAB has them, whose arrays are the usual ones in Fortran order
    if len(shape) == 4 and shape[2] in (1, 3) and (fortran or shape[3] not in (1, 3, 4)):
        raise InputError(
            f"{path}: shape {shape} looks like (H, W, channels, T). {_LAYOUT} In MATLAB: "
            f"writeNPY(permute(frames, [4 1 2 3]), '{path.name}'); in Python: "
            "np.moveaxis(frames, 3, 0)."
        )
    if len(shape) == 3 and fortran and min(shape) > 1:
        raise InputError(
            f"{path}: shape {shape} in Fortran order can be (T, H, W), or (H, W, T) as MATLAB has "
            "it. Save three channels, (T, H, W, 3). In MATLAB, of frames (H, W, T): "
            f"writeNPY(repmat(permute(frames, [3 1 2]), 1, 1, 1, 3), '{path.name}'); in Python, of "
            "frames (T, H, W): np.ascontiguousarray(frames)."
        )
    if len(shape) == 3 and shape[2] in (3, 4):
        raise InputError(
            f"{path}: shape {shape} looks like one colour picture. {_LAYOUT} One frame is "
            f"{(1, *shape)}."
        )
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        raise InputError(f"{path}: shape {shape} is no clip. {_LAYOUT}")
