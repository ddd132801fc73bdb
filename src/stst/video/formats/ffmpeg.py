"""Opening files with FFmpeg, with its failures in plain words."""

from __future__ import annotations

import re
import shlex
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stst.errors import InputError, first_line
from stst.utils.crash_note import reading
from stst.utils.diagnosis import unreadable
from stst.video.clip import check_size
from stst.video.color.planes import SITINGS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".gif",
    ".ts", ".m2ts", ".mts", ".mpg", ".mpeg",
)  # fmt: skip
#: Other kinds of video, with what FFmpeg makes of them without loss.
_OTHERS = {
    **dict.fromkeys((".wmv", ".asf", ".flv", ".f4v", ".ogv", ".mxf", ".vob", ".divx"), "copy"),
    **dict.fromkeys((".y4m", ".dv", ".rm", ".rmvb"), "ffv1"),
}
#: FFmpeg guesses the format from the content. Without this list a playlist under the name of a
#: clip would make it open other files or the network.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,gif,mpegts,mpeg"
#: FFmpeg conceals damage by default; a stimulus with invented pixels must not pass.
_STRICT = {"err_detect": "crccheck+explode"}
_QUICKTIME = (".mp4", ".m4v", ".mov")


def open_container(path: Path) -> InputContainer:
    """Open a video file.

    Raises
    ------
    InputError
        If it is empty or FFmpeg cannot read it.
    """
    import av

    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes). Copy or export it again.")
    if path.suffix.lower() == ".gif":
        _check_gif(path)
    try:
        with reading(path):
            # "file:" because a colon in a name would be taken for a protocol
            container: InputContainer = av.open(
                f"file:{path}",
                container_options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"},
                **_as_bytes(),
            )
            return container
    except (av.FFmpegError, OSError) as error:
        others = ("npy", "npz", "picture")
        raise unreadable(path, _why_unreadable(path, error), "video", others) from error


class Rational(Protocol):
    """A fraction as PyAV gives it: Python's own before version 19, FFmpeg's from there on."""

    @property
    def numerator(self) -> int:
        """Above the bar."""

    @property
    def denominator(self) -> int:
        """Below the bar."""


def as_fraction(value: Rational | None) -> Fraction | None:
    """Give PyAV's fraction as Python's.

    Parameters
    ----------
    value
        A rate, a time base or an aspect.

    Returns
    -------
    Fraction or None
        None where nothing is known: None itself, or 0/1 as PyAV 19 has it.
    """
    if value is None or not value.numerator or not value.denominator:
        return None
    return Fraction(int(value.numerator), int(value.denominator))


def tags_of(container: InputContainer, stream: VideoStream) -> dict[str, str]:
    """Collect the tags of a file and its stream; what is no text in them is replaced."""
    tags = {**container.metadata, **stream.metadata}
    return {_readable(key): _readable(value) for key, value in tags.items()}


def _readable(tag: str) -> str:
    return tag.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _as_bytes() -> dict[str, Any]:
    """Ask for tags in any encoding, or damaged ones, as what PyAV 19 gives unasked."""
    import av

    before = int(av.__version__.split(".")[0]) < 19
    return {"metadata_errors": "surrogateescape"} if before else {}


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Give the first video stream that is no cover picture, set to stop at damage."""
    for stream in container.streams.video:
        if "attached_pic" not in str(stream.disposition):
            # None where FFmpeg has no decoder, despite the annotation
            context: object = stream.codec_context
            if context is None:
                raise damage_error(path, "its header names no codec that can be decoded")
            stream.codec_context.options = dict(_STRICT)
            stream.thread_type = "AUTO"
            return stream
    raise InputError(f"{path} holds no video stream. Choose a file with moving pictures.")


def chroma_siting(container: InputContainer, index: int) -> str | None:
    """Say where a stream says that its chroma samples lie.

    Parameters
    ----------
    container
        Open.
    index
        Of the stream.

    Returns
    -------
    str or None
        A key of `stst.video.color.planes.SITINGS`; None where nothing is said. Decoders of H.264
        and HEVC say what these standards assume.
    """
    import av.logging as log

    # PyAV has no other access to it, and FFmpeg writes it in its own description only if asked to
    before = log.get_level()
    log.set_level(log.VERBOSE)
    log.set_libav_level(log.VERBOSE)
    try:
        described: str = container.dumps_format()  # type: ignore[attr-defined]
    finally:
        log.set_libav_level(log.INFO)
        log.set_level(before)
    line = re.search(rf"^\s*Stream #0:{index}\b.*: Video: (.*)$", described, re.MULTILINE)
    said = re.findall(r"\(([^()]*)\)", line[1]) if line else []
    words = [word for part in said for word in part.split(", ")]
    return next((word for word in words if word in SITINGS), None)


@contextmanager
def ffmpeg_failures(path: Path, what: str) -> Iterator[None]:
    """Turn FFmpeg's errors inside the block into an `InputError` that says `what` failed."""
    import av

    try:
        with reading(path):
            yield
    except (av.FFmpegError, OSError) as error:
        raise damage_error(path, f"{what} ({_short(error)})") from error


def damage_error(path: Path, found: str) -> InputError:
    """Make the error for a file that is cut short or broken."""
    return InputError(
        f"{path}: {found}. The file is damaged or cut short: copy or export it again."
    )


def remedy_of(path: Path) -> str | None:
    """Give the command that makes a readable clip of another kind of video, without loss.

    Parameters
    ----------
    path
        Of any name.

    Returns
    -------
    str or None
        A whole command; None if the name is not that of a video.
    """
    codec = _OTHERS.get(path.suffix.lower())
    if codec is None:
        return None
    words = ["ffmpeg", "-i", str(path), "-map", "0:v:0", "-c:v", codec]
    return shlex.join([*words, str(path.with_suffix(".mkv"))])


def _why_unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{path}: permission denied. Make the file readable."
    if path.suffix.lower() in _QUICKTIME:
        atoms = _atoms(path)
        if atoms & {"ftyp", "mdat"} and "moov" not in atoms:
            return (
                f"{path} has no index ('moov' atom): the recording or the copy was cut short. "
                "Copy or export it again."
            )
    return (
        f"{path} is not a video that FFmpeg can read ({_short(error)}). Allowed are "
        f"{', '.join(VIDEO_SUFFIXES)} files; check that the file is what its name says."
    )


def _atoms(path: Path) -> set[str]:
    """List the top-level boxes of an MP4 or QuickTime file."""
    found: set[str] = set()
    size = path.stat().st_size
    with open(path, "rb") as file:
        place = 0
        while place + 8 <= size and len(found) < 64:
            file.seek(place)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            found.add(header[4:8].decode("latin-1"))
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            if length < 8:
                break
            place += length
    return found


def _check_gif(path: Path) -> None:
    """Refuse a GIF that is too large or has no trailer.

    FFmpeg decodes a frame before it can be asked for the size, and silently gives fewer frames
    of a file that is cut short.
    """
    with open(path, "rb") as file:
        header = file.read(10)
        if header[:3] != b"GIF" or len(header) < 10:
            return
        check_size(path, *struct.unpack("<HH", header[6:]))
        file.seek(max(0, path.stat().st_size - 64))
        if not file.read().rstrip(b"\0").endswith(b";"):
            raise damage_error(path, "the GIF does not end with its end mark")


def _short(error: Exception) -> str:
    return getattr(error, "strerror", None) or first_line(error)
