"""Clips as folders of numbered pictures."""

from __future__ import annotations

import io
import json
import re
import warnings
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stst.diagnosis import absent, read_text, there, unreadable
from stst.errors import InputError
from stst.native import reading
from stst.types import Frames
from stst.video.clip import MAX_PIXELS, VideoInfo, check_size
from stst.video.color import opaque
from stst.video.rates import parse_rate
from stst.video.reader import VideoReader
from stst.video.sidecar import sidecar_rate

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
#: Holds the exact rate inside a folder that we wrote.
RATE_FILE = "video.json"
#: How files of each kind begin; MPO is what some cameras write for JPEG.
_SIGNATURES = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "BMP": (b"BM",),
}
_FORMATS = (*_SIGNATURES, "MPO")
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


@dataclass(frozen=True)
class Sequence:
    """The pictures of a folder in order, their common size and their rate in Hz, if known.

    A picture by itself is its own folder.
    """

    folder: Path
    files: list[Path]
    width: int
    height: int
    fps: Fraction | None


def picture_sequence(folder: Path) -> Sequence:
    """List the pictures of a folder by their numbers.

    Raises
    ------
    InputError
        If there is none, a number is missing or double, or sizes differ.
    """
    files = _numbered(folder)
    sizes = [_header_size(file) for file in files]
    for file, size in zip(files, sizes, strict=True):
        if size != sizes[0]:
            raise InputError(
                f"{file} has {size[0]}x{size[1]} pixels, {files[0].name} has "
                f"{sizes[0][0]}x{sizes[0][1]}. All pictures of a clip must have one size."
            )
    return Sequence(folder, files, *sizes[0], _folder_rate(folder))


def single_picture(file: Path) -> Sequence:
    """Take one picture for a clip of one frame, which has no rate.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    return Sequence(file, [file], *_header_size(file), None)


def probe_pictures(sequence: Sequence) -> VideoInfo:
    """Describe a folder of pictures; decodes the first."""
    first = _decoded(sequence.files[0])
    layout = {1: "gray", 3: "rgb24", 4: "rgba"}[1 if first.ndim == 2 else first.shape[2]]
    depth = first.dtype.itemsize * 8
    # the header's size is before the turn that a camera asks for, the picture's after
    height, width = first.shape[:2]
    notes = []
    if layout == "gray":
        notes.append("Grey clip; the three channels are equal.")
    if (width, height) != (sequence.width, sequence.height):
        notes.append("Pictures turned as their EXIF orientation asks.")
    count = len(sequence.files)
    return VideoInfo(
        path=str(sequence.folder),
        width=width,
        height=height,
        frames=count,
        fps=sequence.fps,
        duration=count / sequence.fps if sequence.fps else None,
        codec=f"{sequence.files[0].suffix.lower()[1:]} pictures",
        pixel_format=layout,
        bit_depth=depth,
        read_matrix="gray" if layout == "gray" else "rgb",
        refusal=None if first.dtype == np.uint8 else _too_deep(first),
        notes=tuple(notes),
    )


class PictureReader(VideoReader):
    """Frames of a folder of pictures."""

    decoder = "OpenCV"

    def __init__(self, sequence: Sequence, fps: Fraction | None, max_side: int | None) -> None:
        info = probe_pictures(sequence)
        if info.refusal:
            raise InputError(f"{sequence.files[0]} has {info.refusal}")
        rate = fps or sequence.fps
        if rate is None:
            raise InputError(
                f"{sequence.folder} holds no frame rate (no {RATE_FILE}, no sidecar "
                f"{sequence.folder.name}.json). Say it: "
                "read_video(…, fps=30), or `stst convert … --fps 30`."
            )
        super().__init__(info, rate, max_side)
        self._files = sequence.files

    @property
    def decoder_version(self) -> str:
        """Version of OpenCV."""
        import cv2

        return str(cv2.__version__)

    def _read(self, index: int) -> Frames:
        file = self._files[index]
        picture = _decoded(file)
        if picture.dtype != np.uint8:
            raise InputError(f"{file} has {_too_deep(picture)}")
        if picture.shape[:2] != (self.info.height, self.info.width):
            raise InputError(
                f"{file} has {picture.shape[1]}x{picture.shape[0]} pixels, the first picture "
                f"{self.info.width}x{self.info.height}. All must have one size."
            )
        if picture.ndim == 2:
            return np.repeat(picture[..., None], 3, axis=2)
        if picture.shape[2] == 4:
            picture = opaque(picture, str(file))
            self.note("The alpha channel is opaque and was dropped.")
        return np.ascontiguousarray(picture[..., ::-1])

    def close(self) -> None:
        """Nothing stays open between pictures."""


def _numbered(folder: Path) -> list[Path]:
    pictures = sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in PICTURE_SUFFIXES and not entry.name.startswith(".")
    )
    if not pictures:
        raise InputError(
            f"{folder} is a folder without pictures. Allowed are numbered "
            f"{', '.join(PICTURE_SUFFIXES)} files."
        )
    if len(pictures) == 1:
        return pictures
    numbered: dict[int, Path] = {}
    names = set()
    for file in pictures:
        match = re.fullmatch(r"(.*?)(\d+)(\D*)", file.stem)
        if match is None:
            raise InputError(
                f"{file} has no number in its name. Name pictures like frame_0001.png."
            )
        number = int(match[2])
        names.add((match[1], match[3], file.suffix.lower()))
        if number in numbered and len(names) == 1:
            raise InputError(f"{file} and {numbered[number].name} have the same number {number}.")
        numbered[number] = file
    if len(names) > 1:
        kinds = sorted(f"{before}#{after}{suffix}" for before, after, suffix in names)
        raise InputError(
            f"{folder} holds more than one sequence ({', '.join(kinds[:4])}). Give each clip a "
            "folder of its own."
        )
    order = sorted(numbered)
    for one, two in pairwise(order):
        if two != one + 1:
            raise InputError(
                f"{folder}: number {one + 1} is missing between {numbered[one].name} and "
                f"{numbered[two].name}. Complete or renumber the pictures."
            )
    return [numbered[number] for number in order]


def _header_size(file: Path) -> tuple[int, int]:
    """Read width and height without decoding; refuse several pictures in one file."""
    from PIL import Image

    if not file.exists():
        raise absent(file, f"{file} does not exist.")
    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty (0 bytes). Copy or export it again.")
    try:
        with warnings.catch_warnings():
            # the limit is ours, below; of damaged tags it warns by the dozen
            warnings.simplefilter("ignore")
            with reading(file), Image.open(file, formats=_FORMATS) as picture:
                size, pages = picture.size, getattr(picture, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{file}: its header says more than 178 million pixels; at most "
            f"{MAX_PIXELS // 1_000_000} million pixels are read. If that is right, shrink it first."
        ) from error
    # damaged bytes make it raise almost anything
    except Exception:
        size, pages = _size_in_tiff(file), 1
    check_size(file, *size)
    if pages > 1:
        raise InputError(f"{file} holds {pages} pictures; one per file is read. Split it first.")
    return size


def _size_in_tiff(file: Path) -> tuple[int, int]:
    """Fall back for what Pillow does not know, such as TIFF with 16 bits per channel."""
    from PIL import TiffImagePlugin

    try:
        with open(file, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = stream.read(8)
            if not header.startswith(_SIGNATURES["TIFF"]):
                raise _unreadable(file)
            tags = TiffImagePlugin.ImageFileDirectory_v2(header)
            stream.seek(tags.next)
            tags.load(stream)
            width, height = int(tags[_TIFF_WIDTH]), int(tags[_TIFF_HEIGHT])
    except Exception as error:
        raise _unreadable(file) from error
    return width, height


def _decoded(file: Path) -> Frames:
    """Decode one picture as it is stored: grey, BGR or BGRA, any depth."""
    import cv2

    data = file.read_bytes()
    kind = next((name for name, marks in _SIGNATURES.items() if data.startswith(marks)), None)
    if kind is None:
        # OpenCV would go by the content and try two dozen other formats
        raise _unreadable(file)
    if kind == "TIFF":
        _check_tiff(file, data)
    flags = cv2.IMREAD_UNCHANGED
    if file.suffix.lower() in (".jpg", ".jpeg"):
        # only without IMREAD_UNCHANGED does OpenCV turn a photograph the way it was held
        flags = cv2.IMREAD_ANYCOLOR
    # what it would write to the terminal stands in our own words below
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with reading(file):
            # not imread: it cannot open every name on every system
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _unreadable(file) from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    if picture is None:
        raise _unreadable(file)
    if picture.dtype.itemsize > 2 or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise InputError(
            f"{file} has values of type {picture.dtype} and shape {picture.shape}; only 8 bits of "
            "grey, RGB or RGBA are read. Convert it first."
        )
    return np.asarray(picture)


def _check_tiff(file: Path, data: bytes) -> None:
    """Refuse a damaged TIFF: OpenCV invents pixels for what it cannot decompress."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with reading(file), Image.open(io.BytesIO(data), formats=("TIFF",)) as picture:
                picture.load()
    except UnidentifiedImageError:
        return  # of a kind that Pillow does not know
    except Exception as error:
        raise _unreadable(file) from error


def _unreadable(file: Path) -> InputError:
    message = (
        f"{file} is not a readable picture. Copy or export it again; check that it is what its "
        "name says."
    )
    return unreadable(file, message, "picture", ("video", "npy", "npz"))


def _too_deep(picture: npt.NDArray[np.generic]) -> str:
    return (
        f"{picture.dtype.itemsize * 8} bits per channel ({picture.dtype}); only 8 bits are read, "
        "and rounding them silently would change the stimulus. Convert it to 8 bits first."
    )


def _folder_rate(folder: Path) -> Fraction | None:
    file = folder / RATE_FILE
    if not there(file):
        return sidecar_rate(folder)
    text = read_text(file, "file")
    try:
        value = json.loads(text)["fps"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f'{file} holds no rate. It must be like {{"fps": "60000/1001"}}; repair or remove it.'
        ) from error
    return parse_rate(value, f"{file}: fps")
