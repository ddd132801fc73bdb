"""Writing clips: the suffix of the name says how."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from stst.errors import InputError
from stst.types import Frames
from stst.utils.files import at_home, check_output, sha256_of, write_whole
from stst.video.clip import Video, check_frames
from stst.video.formats.arrays import FRAMES_KEY, RATE_KEY
from stst.video.formats.pictures import RATE_FILE
from stst.video.formats.rates import Rate, parse_rate
from stst.video.sidecar import sidecar_of, sidecar_path, sidecar_rate, write_content

OUTPUT_SUFFIXES = (".mkv", ".npy", ".npz", ".mp4")
_OURS = re.compile(r"frame_\d{6,}\.png|" + re.escape(RATE_FILE))
#: A clip to write; of an iterable one frame (H, W, 3) is held at a time.
FrameSource: TypeAlias = Video | Frames | Iterable[Frames]
_Writer: TypeAlias = Callable[[Path, Iterator[Frames], Fraction], None]


@dataclass(frozen=True)
class Written:
    """A clip as it was written.

    Attributes
    ----------
    path
        The file or folder.
    sha256
        Of the file; of a folder, of its lines ``<sha256 of a file>  <name>``, sorted by name.
    frames_sha256
        Of the frames given to the encoder; see `frames_sha256`.
    frames, width, height
        Number and size of the frames, in pixels.
    fps
        Exact rate in Hz.
    preview
        Whether the encoding is lossy, so that reading it back gives other frames.
    """

    path: Path
    sha256: str
    frames_sha256: str
    frames: int
    width: int
    height: int
    fps: Fraction
    preview: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Give the ``output`` block of a sidecar; its path is the name alone, its size (H, W)."""
        block: dict[str, Any] = {
            "path": self.path.name,
            "sha256": self.sha256,
            "frames_sha256": self.frames_sha256,
            "frames": self.frames,
            "size": [self.height, self.width],
            "fps": str(self.fps),
        }
        return {**block, "preview": True} if self.preview else block


def write_video(
    path: Path | str, frames: FrameSource, fps: Rate | None = None, overwrite: bool = False
) -> Written:
    """Write a clip; it appears whole or not at all, and the same frames give the same bytes.

    Parameters
    ----------
    path
        ``X.mkv``: lossless FFV1. ``X/`` or ``X``: a folder of PNG files and the rate. ``X.npz``:
        arrays ``frames`` and ``fps``. ``X.npy``: the frames, and in the sidecar ``X.json`` their
        rate. ``X.mp4``: a lossy H.264 preview, padded to even size by repeating the edge.
    frames
        A `Video`, an array (T, H, W, 3) uint8 RGB, or an iterable of frames (H, W, 3), of which
        one is held at a time.
    fps
        Exact rate in Hz; may be left out for a `Video`.
    overwrite
        Whether an existing output may be replaced.

    Returns
    -------
    Written
        Hashes and sizes.

    Raises
    ------
    InputError
        If the name, the frames or the rate cannot be used, or if the sidecar of an ``X.npy`` would
        be that of another clip.
    StstError
        If writing fails.

    Examples
    --------
    >>> import numpy as np
    >>> import stst
    >>> frames = np.zeros((2, 4, 6, 3), np.uint8)
    >>> written = stst.write_video("black.mkv", frames, fps="24000/1001")
    >>> back = stst.read_video("black.mkv")
    >>> bool((back.frames == frames).all()), back.fps
    (True, Fraction(24000, 1001))
    """
    rate = _rate_of(path, frames, fps)
    sidecar = _sidecar_for(Path(path), rate, overwrite)
    written = write_frames(path, frames, rate, overwrite)
    if sidecar is not None:
        write_content(sidecar, {"output": written.as_dict()})
    return written


def write_frames(
    path: Path | str, frames: FrameSource, fps: Rate | None = None, overwrite: bool = False
) -> Written:
    """Write a clip as `write_video`, but never a sidecar: that is left to the caller.

    Parameters
    ----------
    path, frames, fps, overwrite
        As in `write_video`.

    Returns
    -------
    Written
        What was written.

    Raises
    ------
    InputError
        If the name, the frames or the rate cannot be used.
    StstError
        If writing fails.
    """
    rate = _rate_of(path, frames, fps)
    target = check_video_output(path, overwrite)
    counted = _Counted(frames.frames if isinstance(frames, Video) else frames, target)
    replace = overwrite or target.is_dir()
    with write_whole(target, replace) as beside:
        _writer(target)(beside, iter(counted), rate)
        sha256 = sha256_of(beside)
    height, width = counted.shape[:2]
    return Written(
        target,
        sha256,
        counted.digest.hexdigest(),
        counted.count,
        width,
        height,
        rate,
        preview=target.suffix.lower() == ".mp4",
    )


def _rate_of(path: Path | str, frames: FrameSource, fps: Rate | None) -> Fraction:
    if fps is None:
        if not isinstance(frames, Video):
            raise InputError(f"{path}: fps is missing. Give the rate in Hz as an exact fraction.")
        fps = frames.fps
    return parse_rate(fps)


def needs_sidecar(target: Path) -> bool:
    """Say whether a kind of clip cannot hold its rate, so that its sidecar has to.

    Parameters
    ----------
    target
        The clip.

    Returns
    -------
    bool
        True of ``X.npy``.
    """
    return target.suffix.lower() == ".npy"


def _sidecar_for(target: Path, rate: Fraction, overwrite: bool) -> Path | None:
    """Name the sidecar to write; None where none is needed, or one is there that gives the rate."""
    if not needs_sidecar(target):
        return None
    path = sidecar_path(target)
    content = sidecar_of(target)
    output = content.get("output") if content else None
    if isinstance(output, dict) and output.get("path") == target.name:
        check_output(path, overwrite)
    elif content is not None:
        if sidecar_rate(target) != rate:
            raise InputError(
                f"{target}: its rate belongs into {path.name}, and that is there, of something "
                "else. Choose another name, or X.npz, which holds its rate itself."
            )
        return None
    return path


def write_preview(
    path: Path | str, frames: FrameSource, fps: Rate | None = None, overwrite: bool = False
) -> Written:
    """Write an H.264 preview, padded to even size by repeating the edge.

    Parameters
    ----------
    path
        Ends in ``.mp4``.
    frames, fps, overwrite
        As in `write_video`.

    Returns
    -------
    Written
        Marked as ``preview``.

    Raises
    ------
    InputError
        If the name ends otherwise, or as `write_video`.
    """
    if Path(path).suffix.lower() != ".mp4":
        raise InputError(f"{path}: a preview is an .mp4 file. Choose a name that ends so.")
    return write_video(path, frames, fps, overwrite)


def check_video_output(path: Path | str, overwrite: bool = False) -> Path:
    """Refuse a name that `write_video` could not write to, before any work is done.

    Parameters
    ----------
    path
        As in `write_video`.
    overwrite
        Whether an existing output may be replaced.

    Returns
    -------
    Path
        The file or folder that would be made.

    Raises
    ------
    InputError
        If the suffix is unknown, the output exists, or replacing it would delete anything that
        `write_video` does not write.
    """
    target = Path(at_home(str(path)))
    if not target.name:
        raise InputError(
            f"the output {str(path)!r} names no file. Give a name such as clip.mkv or clip/."
        )
    if not _is_folder(path):
        if target.suffix.lower() not in OUTPUT_SUFFIXES:
            raise InputError(
                f"{path}: '{target.suffix}' cannot be written. Allowed are "
                f"{', '.join(OUTPUT_SUFFIXES)}, or a folder (a name that ends in /) for PNG files."
            )
        if target.is_dir():
            raise InputError(f"{path} is a folder. Choose another name for the file.")
        check_output(target, overwrite)
        return target
    if target.is_file():
        raise InputError(f"{path} is a file. Choose another name for the folder.")
    if target.is_dir():
        foreign = [entry.name for entry in target.iterdir() if not _OURS.fullmatch(entry.name)]
        if foreign:
            raise InputError(
                f"{path} holds {sorted(foreign)[0]!r}, which is not a picture of a clip; it would "
                "be deleted. Choose another folder."
            )
        overwrite = overwrite or not any(target.iterdir())
    check_output(target, overwrite)
    return target


class _Counted:
    """Passes frames on; checks, counts and hashes them."""

    def __init__(self, frames: Frames | Iterable[Frames], target: Path) -> None:
        if isinstance(frames, np.ndarray):
            check_frames(frames, f"{target}: frames")
        self._frames = frames
        self._target = target
        self.count = 0
        self.shape: tuple[int, ...] = ()
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[Frames]:
        for frame in self._frames:
            if not isinstance(frame, np.ndarray):
                kind = type(frame).__name__
                raise InputError(f"{self._target}: frame {self.count} is a {kind}, not an array.")
            check_frames(frame[None], f"{self._target}: frame {self.count}")
            if self.shape and frame.shape != self.shape:
                raise InputError(
                    f"{self._target}: frame {self.count} has shape {frame.shape}, the first "
                    f"{self.shape}. All frames must have one size."
                )
            self.shape = frame.shape
            self.count += 1
            whole = np.ascontiguousarray(frame)
            self.digest.update(whole.data)
            yield whole
        if not self.count:
            raise InputError(f"{self._target}: there are no frames to write.")


def _is_folder(path: Path | str) -> bool:
    return str(path).endswith(("/", os.sep)) or not Path(path).suffix


def _writer(target: Path) -> _Writer:
    from stst.video.encode import write_master, write_preview_file

    by_suffix: dict[str, _Writer] = {
        ".mkv": write_master,
        ".mp4": write_preview_file,
        ".npy": _write_npy,
        ".npz": _write_npz,
    }
    if _is_folder(target) or target.is_dir():
        return _write_pictures
    return by_suffix.get(target.suffix.lower(), _write_pictures)


def _write_pictures(path: Path, frames: Iterator[Frames], rate: Fraction) -> None:
    import cv2

    path.mkdir()
    for number, frame in enumerate(frames):
        done, data = cv2.imencode(".png", frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 4])
        if not done:
            raise OSError(f"OpenCV could not encode frame {number}")
        (path / f"frame_{number:06d}.png").write_bytes(data.tobytes())
    text = json.dumps({"fps": str(rate)}) + "\n"
    (path / RATE_FILE).write_text(text, encoding="utf-8", newline="\n")


def _write_npy(path: Path, frames: Iterator[Frames], rate: Fraction) -> None:
    with open(path, "wb") as file:
        _write_array(file, frames)


def _write_npz(path: Path, frames: Iterator[Frames], rate: Fraction) -> None:
    # the number of frames is known at the end only, and a zip member cannot be rewritten
    with tempfile.TemporaryFile(dir=path.parent) as spool, zipfile.ZipFile(path, "w") as archive:
        _write_array(spool, frames)
        spool.seek(0)
        # a bare ZipInfo is dated 1980
        with archive.open(zipfile.ZipInfo(f"{FRAMES_KEY}.npy"), "w", force_zip64=True) as member:
            while block := spool.read(1 << 20):
                member.write(block)
        with archive.open(zipfile.ZipInfo(f"{RATE_KEY}.npy"), "w") as member:
            parts = np.array([rate.numerator, rate.denominator], np.int64)
            np.lib.format.write_array(member, parts, version=(1, 0))


def _write_array(file: IO[bytes], frames: Iterator[Frames]) -> None:
    """Write the NumPy format with a header of fixed length, filled in at the end."""
    file.write(_npy_header(0, (0, 0, 0)))
    count, shape = 0, (0, 0, 0)
    for frame in frames:
        file.write(frame.data)
        count, shape = count + 1, frame.shape
    file.seek(0)
    file.write(_npy_header(count, shape))


def _npy_header(count: int, shape: tuple[int, ...]) -> bytes:
    fields = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {(count, *shape)}, }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + fields.ljust(117).encode() + b"\n"
