"""A clip in memory and what is known about where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stst.errors import InputError
from stst.types import Frames

#: Larger pictures are refused before anything is allocated: a damaged header can claim any size.
MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class SourceInfo:
    """How a clip was decoded; enough to decode the same pixels again.

    Attributes
    ----------
    path
        The file or folder, as it was given.
    start, stop
        Frame range, half-open and 0-based, in the file's own numbering. For a resampled clip,
        in the numbering of the resampled clip.
    width, height
        Size in the file in pixels, after rotation and before `max_side`.
    decoder, decoder_version
        What turned the file into pixels.
    color_matrix, color_range
        How colour was read: ``bt601``, ``bt709``, ``bt2020nc``, …, ``rgb`` or ``gray``;
        ``limited`` or ``full``.
    matrix_assumed, range_assumed
        Whether the file leaves that untagged, so that the usual value was taken.
    rotation
        Degrees by which the file asks to be turned counter-clockwise; applied to the pixels.
    pixel_aspect
        Width of a pixel over its height, after rotation; the frames are not resized for it.
    audio_dropped
        Whether the file has sound, which is not read.
    max_side
        Limit in pixels that the frames were shrunk to by area interpolation, if any.
    resample_fps
        Rate in Hz that the frames were resampled to (nearest in time), if any.
    grey
        Whether their colour was taken away, after shrinking; see `as_grey`.
    bits
        8 where more bits were rounded to so many; else None.
    tonemap, peak_nits
        Tone curve that brought high dynamic range to standard range, and the peak in cd/m² that
        it went out from; else None.
    chroma_siting
        Where chroma samples lie, where `bits` or `tonemap` had them enlarged; else None.
    notes
        Anything else worth knowing, one sentence each.
    """

    path: str
    start: int
    stop: int
    width: int
    height: int
    decoder: str
    decoder_version: str
    color_matrix: str
    color_range: str
    matrix_assumed: bool = False
    range_assumed: bool = False
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    audio_dropped: bool = False
    max_side: int | None = None
    resample_fps: Fraction | None = None
    grey: bool = False
    bits: int | None = None
    tonemap: str | None = None
    peak_nits: float | None = None
    chroma_siting: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels in the file, in the order of an array's shape."""
        return self.height, self.width

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON types; rates become strings such as ``60000/1001``."""
        return _as_json(self)


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about itself, without its pixels.

    Attributes
    ----------
    path
        The file or folder.
    width, height
        Size in pixels, after rotation.
    frames
        Number of frames.
    fps
        Exact rate in Hz; None if the file holds none or its rate varies.
    duration
        Seconds.
    codec, pixel_format
        FFmpeg's names for a video; otherwise the kind of picture or array.
    bit_depth
        Bits per channel.
    color_matrix, color_range, color_transfer, color_primaries
        The file's tags; None where it has none.
    read_matrix, read_range
        How the colours will be read.
    rotation
        Degrees counter-clockwise that will be applied.
    pixel_aspect
        Width of a pixel over its height, after rotation; 1 where the file says nothing.
    audio
        Whether there is sound (never read).
    variable_rate
        Whether the frames are unevenly spaced in time.
    interlaced
        Whether the frames are made of two fields.
    peak_nits
        Peak in cd/m² that a clip of high dynamic range says of itself; None where it does not.
    refusal
        Why `open_video` refuses the file without further options, or None.
    notes
        Anything else worth knowing.
    """

    path: str
    width: int
    height: int
    frames: int
    fps: Fraction | None
    duration: Fraction | None
    codec: str
    pixel_format: str
    bit_depth: int
    color_matrix: str | None = None
    color_range: str | None = None
    color_transfer: str | None = None
    color_primaries: str | None = None
    read_matrix: str = "rgb"
    read_range: str = "full"
    rotation: int = 0
    pixel_aspect: Fraction = Fraction(1)
    audio: bool = False
    variable_rate: bool = False
    interlaced: bool = False
    peak_nits: float | None = None
    refusal: str | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as JSON types; rates become strings such as ``60000/1001``."""
        return _as_json(self)


class FrameSequence(Protocol):
    """Frames (H, W, 3) uint8 RGB by their number: an array, or decoded when asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W, 3)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Frames: ...

    def __iter__(self) -> Iterator[Frames]: ...


class Clip(Protocol):
    """What a `Video` and a `LazyVideo` have in common."""

    @property
    def frames(self) -> FrameSequence:
        """(T, H, W, 3) uint8 RGB, all at once or one by one as they are asked for."""
        ...

    @property
    def fps(self) -> Fraction:
        """Exact rate in Hz."""
        ...

    @property
    def source(self) -> SourceInfo | None:
        """How the clip was decoded, if it was."""
        ...

    def sha256(self) -> str:
        """Hash the frames; see `frames_sha256`."""
        ...


def first_frame(clip: Clip) -> int:
    """Give the number of a clip's first frame in the numbering of its file; 0 without a file.

    Parameters
    ----------
    clip
        With or without a source.

    Returns
    -------
    int
        0-based.
    """
    return clip.source.start if clip.source else 0


@dataclass(frozen=True, eq=False)
class Video:
    """A clip: 8-bit RGB frames and their exact rate.

    Attributes
    ----------
    frames
        (T, H, W, 3) uint8 RGB; every side at least 1.
    fps
        Frames per second as an exact fraction, in Hz.
    source
        How the clip was decoded, if it was.

    Raises
    ------
    InputError
        If a field has the wrong type, shape or sign.
    """

    frames: Frames
    fps: Fraction
    source: SourceInfo | None = None

    def __post_init__(self) -> None:
        check_frames(self.frames)
        if not isinstance(self.fps, Fraction):
            raise InputError(
                f"Video.fps is {self.fps!r}; it must be a fractions.Fraction, for example "
                "Fraction(60000, 1001)."
            )
        if self.fps <= 0:
            raise InputError(f"Video.fps is {self.fps}; it must be positive.")

    def __len__(self) -> int:
        return int(self.frames.shape[0])

    def __repr__(self) -> str:
        return f"Video({len(self)} frames of {self.height}x{self.width} px at {self.fps} Hz)"

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.frames.shape[1])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.frames.shape[2])

    @property
    def duration(self) -> Fraction:
        """Seconds, exactly."""
        return len(self) / self.fps

    def sha256(self) -> str:
        """Hash the frames; see `frames_sha256`."""
        return frames_sha256(self.frames)


def frames_sha256(frames: npt.ArrayLike) -> str:
    """Hash decoded frames.

    Parameters
    ----------
    frames
        uint8, usually (T, H, W, 3).

    Returns
    -------
    str
        Lower-case hexadecimal SHA-256 of the values in C order, nothing else: neither shape nor
        rate. Hashing frame after frame gives the same.

    Raises
    ------
    InputError
        If the values are not uint8.
    """
    array = np.asarray(frames)
    if array.dtype != np.uint8:
        raise InputError(f"frames_sha256 is defined on uint8 frames; these are {array.dtype}.")
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def to_uint8(values: npt.ArrayLike) -> Frames:
    """Turn floats in [0, 1] into bytes by rounding, never by truncation.

    Parameters
    ----------
    values
        Floats in [0, 1], any shape.

    Returns
    -------
    numpy.ndarray
        uint8 of the same shape: 255 times the value, rounded half to even.

    Raises
    ------
    InputError
        If a value is NaN or outside [0, 1], or if the values are not floats.
    """
    array = np.asarray(values)
    if array.dtype.kind != "f":
        raise InputError(f"to_uint8 takes floats in [0, 1]; these are {array.dtype}.")
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        if np.isnan(array).any():
            raise InputError("to_uint8: a pixel value is NaN; the computation diverged.")
        raise InputError(
            f"to_uint8: pixel values span {array.min():g} to {array.max():g}; they must lie in "
            "[0, 1]. Clip them first."
        )
    # float64, because 255 times a float16 is not exact
    return np.rint(array.astype(np.float64) * 255).astype(np.uint8)


def check_frames(frames: object, name: str = "Video.frames") -> None:
    """Refuse anything but (T, H, W, 3) uint8 with at least one pixel.

    Parameters
    ----------
    frames
        What is given as frames.
    name
        How messages call it.

    Raises
    ------
    InputError
        Saying what was found.
    """
    if not isinstance(frames, np.ndarray):
        raise InputError(f"{name} is a {type(frames).__name__}; it must be a numpy array.")
    if frames.dtype != np.uint8:
        hint = " Use to_uint8 on floats in [0, 1]." if frames.dtype.kind == "f" else ""
        raise InputError(f"{name} has dtype {frames.dtype}; it must be uint8.{hint}")
    if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise InputError(f"{name} has shape {frames.shape}; it must be (T, H, W, 3), none of 0.")


def check_size(path: Path | str, width: int, height: int) -> None:
    """Refuse frames of no pixels or of more than `MAX_PIXELS`."""
    if width <= 0 or height <= 0:
        raise InputError(f"{path}: the header says {width}x{height} pixels. The file is damaged.")
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{path}: frames of {width}x{height} pixels; at most {MAX_PIXELS // 1_000_000} million "
            "pixels are read. If the size is right, shrink the clip with another program first."
        )


def _as_json(record: SourceInfo | VideoInfo) -> dict[str, Any]:
    values = {key: getattr(record, key) for key in record.__dataclass_fields__}
    return {key: _json_value(value) for key, value in values.items()}


def _json_value(value: object) -> object:
    if isinstance(value, Fraction):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
