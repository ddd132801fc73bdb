"""Opening any kind of clip by its name."""

from __future__ import annotations

import os
import unicodedata
from fractions import Fraction
from pathlib import Path

from stst.errors import InputError
from stst.utils.diagnosis import absent, unreadable
from stst.utils.files import check_local, resolve_path
from stst.utils.machine import available_memory
from stst.video.clip import Video, VideoInfo
from stst.video.color.levels import Levels
from stst.video.formats.arrays import ARRAY_SUFFIXES, open_array, probe_array
from stst.video.formats.container import ContainerReader
from stst.video.formats.ffmpeg import VIDEO_SUFFIXES, remedy_of
from stst.video.formats.pictures import (
    PICTURE_SUFFIXES,
    PictureReader,
    picture_sequence,
    probe_pictures,
    single_picture,
)
from stst.video.formats.rates import Rate, parse_rate
from stst.video.formats.scan import scan
from stst.video.ranges import FrameRange, parse_range
from stst.video.reader import ResampledReader, VideoReader

# what is read, see `stst.utils.diagnosis.Content`; pictures only where one may be given
_KINDS = ("picture", "video", "npy", "npz")


def read_video(
    path: Path | str,
    frames: FrameRange = None,
    max_side: int | None = None,
    fps: Rate | None = None,
    resample_fps: Rate | None = None,
    grey: bool = False,
    bits: int | None = None,
    tonemap: str | None = None,
    peak_nits: float | None = None,
) -> Video:
    """Read a clip, or a part of it, into memory.

    Parameters
    ----------
    path
        A video file (mp4, m4v, mov, 3gp, avi, mkv, webm, gif, ts, m2ts, mts, mpg, mpeg), a folder
        of numbered pictures, or a .npy or .npz file of frames (T, H, W, 3) or (T, H, W): uint8,
        bool, where true is white, or uint16 with `bits`.
    frames
        ``"A:B"``, a slice or a pair: half-open, 0-based; all if None.
    max_side
        Shrink, never enlarge, the longer side to at most this many pixels.
    fps
        Rate in Hz, where the file holds none or a wrong one.
    resample_fps
        Resample in time to this rate in Hz by taking the nearest frame. `frames` then counts
        the resampled frames.
    grey
        Take the colour away, after shrinking: red, green and blue become the grey value
        0.299 R + 0.587 G + 0.114 B, rounded with halves to even.
    bits
        8 to round clips of more bits to so many, exactly, halves to even. Pictures and arrays of
        16 bits are taken for full range, 0 to 65535. Without it, such clips are refused.
    tonemap
        ``"bt2408"`` to bring clips of high dynamic range (PQ, HLG) to 8-bit BT.709, see
        `stst.video.color.tonemap`. Without it, such clips are refused.
    peak_nits
        Peak in cd/m² that a clip of high dynamic range was made for, where its file does not say
        it; 1000 if None.

    Returns
    -------
    Video
        The frames, their exact rate and how they were decoded.

    Raises
    ------
    InputError
        If the file cannot be read exactly, the range is not inside the clip, or the frames do
        not fit into memory.

    Examples
    --------
    >>> import stst
    >>> clip = stst.read_video("sample_data/cat.mkv", frames="0:4", max_side=96)
    >>> clip.frames.shape, clip.frames.dtype, clip.fps
    ((4, 72, 96, 3), dtype('uint8'), Fraction(24, 1))
    """
    with open_video(
        path,
        max_side,
        fps,
        resample_fps,
        grey=grey,
        bits=bits,
        tonemap=tonemap,
        peak_nits=peak_nits,
    ) as reader:
        start, stop = parse_range(frames, len(reader), str(path))
        _check_memory(path, stop - start, reader.width, reader.height)
        pixels = reader.read((start, stop))
        return Video(pixels, reader.fps, reader.source(start, stop))


def open_video(
    path: Path | str,
    max_side: int | None = None,
    fps: Rate | None = None,
    resample_fps: Rate | None = None,
    picture: bool = False,
    grey: bool = False,
    bits: int | None = None,
    tonemap: str | None = None,
    peak_nits: float | None = None,
) -> VideoReader:
    """Open a clip for frame-exact access without reading it into memory.

    Parameters
    ----------
    path, max_side, fps, resample_fps, grey, bits, tonemap, peak_nits
        As in `read_video`.
    picture
        Whether the file may also be a single picture, or an array (H, W), as a clip of one frame;
        it needs `fps`.

    Returns
    -------
    VideoReader
        To be closed, or used in a ``with`` statement.

    Raises
    ------
    InputError
        If the file cannot be read exactly; the message says what to do.
    """
    levels = Levels(bits, tonemap, peak_nits)
    path = _existing(path, picture)
    rate = None if fps is None else parse_rate(fps, "fps")
    if resample_fps is None:
        reader = _open(path, rate, max_side, False, levels, picture)
    else:
        target = parse_rate(resample_fps, "resample_fps")
        base = _open(path, rate, None, True, levels)
        try:
            reader = ResampledReader(base, target, max_side)
        except BaseException:
            base.close()
            raise
    reader.grey = grey
    return reader


def probe(path: Path | str) -> VideoInfo:
    """Describe a clip without decoding its frames (but for the first).

    Parameters
    ----------
    path
        As in `read_video`.

    Returns
    -------
    VideoInfo
        Also for clips that `open_video` refuses because of their colours or rate: see
        `VideoInfo.refusal`.

    Raises
    ------
    InputError
        If the file is missing, damaged or of an unknown kind.

    Examples
    --------
    >>> import stst
    >>> found = stst.probe("sample_data/cat.mkv")
    >>> found.width, found.height, found.frames
    (192, 144, 24)
    """
    path = _existing(path)
    if path.is_dir():
        return probe_pictures(picture_sequence(path))
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return probe_array(path)
    return scan(path).info


def _open(
    path: Path,
    rate: Fraction | None,
    max_side: int | None,
    any_rate: bool,
    levels: Levels,
    picture: bool = False,
) -> VideoReader:
    if path.is_dir():
        return PictureReader(picture_sequence(path), rate, max_side, levels)
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return open_array(path, rate, max_side, levels, picture)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return PictureReader(single_picture(path), rate, max_side, levels)
    return ContainerReader(path, rate, max_side, any_rate, levels)


def _existing(path: Path | str, picture: bool = False) -> Path:
    check_local(path)
    path = resolve_path(path)
    # of names that no file can have, Path.exists raises
    if not os.path.exists(path):
        foreign = os.sep != "\\" and "\\" in str(path)
        slashes = " Folders are separated by / here." if foreign else ""
        raise absent(path, f"{path} does not exist. Check the name and the folder.{slashes}")
    if os.path.isdir(path):
        return path
    allowed = (*VIDEO_SUFFIXES, *ARRAY_SUFFIXES, *(PICTURE_SUFFIXES if picture else ()))
    if remedy := remedy_of(path):
        raise InputError(
            f"{path}: '{path.suffix}' files are not read. Put the video into one that is, without "
            f"loss: `{remedy}`."
        )
    if path.suffix.lower() not in allowed:
        message = (
            f"{path}: '{path.suffix}' is no known kind of clip. Allowed are {', '.join(allowed)} "
            "and folders of numbered pictures."
        )
        raise unreadable(path, message, "", _KINDS if picture else _KINDS[1:])
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied. Make the file readable.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes). Copy or export it again.")
    return path


def _check_memory(path: Path | str, count: int, width: int, height: int) -> None:
    needed = count * width * height * 3
    available = available_memory()
    if available is not None and needed > available:
        raise InputError(
            f"{path}: {count} frames of {width}x{height} need {needed / 2**30:.1f} GiB, "
            f"{available / 2**30:.1f} GiB of memory are available. Take a part of "
            "it (`frames`) or smaller frames (`max_side`)."
        )


def clip_stem(entry: Path) -> str | None:
    """Give the stem of an entry of a folder that is a clip, in Unicode's form NFC; else None.

    Clips are video files, arrays, and folders of pictures. Hidden files, previews, unfinished
    runs and sidecars are none.
    """
    name = entry.name
    if name.startswith(".") or name.lower().endswith((".preview.mp4", ".run")):
        return None
    if entry.is_dir():
        return unicodedata.normalize("NFC", name) if _has_pictures(entry) else None
    if entry.suffix.lower() not in (*VIDEO_SUFFIXES, *ARRAY_SUFFIXES):
        return None
    return unicodedata.normalize("NFC", entry.stem)


def _has_pictures(folder: Path) -> bool:
    return any(
        entry.suffix.lower() in PICTURE_SUFFIXES and not entry.name.startswith(".")
        for entry in folder.iterdir()
    )
