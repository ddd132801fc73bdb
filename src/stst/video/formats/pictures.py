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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.errors import InputError
from stst.types import Frames
from stst.utils.crash_note import reading
from stst.utils.diagnosis import absent, read_text, there, unreadable
from stst.video.clip import MAX_PIXELS, VideoInfo, check_size
from stst.video.color.depth import FULL_RANGE, check_full_range, from_16_bits
from stst.video.color.levels import AS_STORED, Levels
from stst.video.color.rgb import opaque, too_deep
from stst.video.formats.aspect import SQUARE, aspect_note
from stst.video.formats.orientation import ASKS, Orientation, exif_orientation
from stst.video.formats.picture_tags import ORIENTATION, aspect_in, orientation_in
from stst.video.formats.rates import parse_rate
from stst.video.reader import VideoReader
from stst.video.remedies import rgb_command, without_rate
from stst.video.sidecar import sidecar_rate

PICTURE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
#: Holds the exact rate inside a folder that we wrote.
RATE_FILE = "video.json"
#: How files of each kind begin; MPO is what some cameras write for JPEG.
_SIGNATURES = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
    "PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
}
_FORMATS = (*_SIGNATURES, "MPO")
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
#: Largest value in the header of a PNM file, after its width and height; bitmaps have none.
_LARGEST = re.compile(rb"P[2356](?:(?:\s|#[^\n]*\n)+(\d{1,9})){3}\s")
#: What Pillow calls colours that OpenCV would take for others, or convert by a rough rule.
_OTHER_COLORS = {"CMYK": "CMYK, the inks of a printer", "LAB": "CIELAB", "HSV": "HSV"}


@dataclass(frozen=True)
class Header:
    """What a picture says without being decoded; size and aspect of pixels are of it upright."""

    width: int
    height: int
    orientation: Orientation
    aspect: Fraction

    @property
    def aspect_note(self) -> str | None:
        """Say that the pixels are not square, where they are not."""
        return aspect_note(self.aspect, self.width, self.height)


@dataclass(frozen=True)
class Sequence:
    """The pictures of a folder in order, what they ask for, and their rate in Hz, if known.

    A picture by itself is its own folder.
    """

    folder: Path
    files: list[Path]
    headers: list[Header]
    fps: Fraction | None

    def notes(self) -> list[str]:
        """Say how the pictures are turned, and whether their pixels are square."""
        first = self.headers[0]
        turns = {header.orientation for header in self.headers}
        turned = f"Frames turned or mirrored one by one, as the files' EXIF orientation{ASKS}"
        if len(turns) == 1:
            return [*filter(None, [first.orientation.note("EXIF orientation"), first.aspect_note])]
        return [turned, *filter(None, [first.aspect_note])]


def picture_sequence(folder: Path) -> Sequence:
    """List the pictures of a folder by their numbers.

    Raises
    ------
    InputError
        If there is none, a number is missing or double, or sizes differ.
    """
    files = _list_numbered(folder)
    headers = [_header(file) for file in files]
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        if (header.width, header.height) != (first.width, first.height):
            raise InputError(
                f"{file} has {header.width}x{header.height} pixels, {files[0].name} has "
                f"{first.width}x{first.height}. All pictures of a clip must have one size."
            )
    return Sequence(folder, files, headers, _folder_rate(folder))


def single_picture(file: Path) -> Sequence:
    """Take one picture for a clip of one frame, which has no rate.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    return Sequence(file, [file], [_header(file)], None)


def probe_pictures(sequence: Sequence) -> VideoInfo:
    """Describe a folder of pictures; decodes the first."""
    header = sequence.headers[0]
    first = _decode(sequence.files[0], header)
    layout = {1: "gray", 3: "rgb24", 4: "rgba"}[1 if first.ndim == 2 else first.shape[2]]
    depth = first.dtype.itemsize * 8
    height, width = first.shape[:2]
    notes = []
    if layout == "gray":
        notes.append("Grey clip; the three channels are equal.")
    notes.extend(sequence.notes())
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
        rotation=header.orientation.degrees,
        pixel_aspect=header.aspect,
        refusal=None if first.dtype == np.uint8 else too_deep(depth, str(first.dtype)),
        notes=tuple(notes),
    )


class PictureReader(VideoReader):
    """Frames of a folder of pictures."""

    decoder = "OpenCV"

    def __init__(
        self,
        sequence: Sequence,
        fps: Fraction | None,
        max_side: int | None,
        levels: Levels = AS_STORED,
    ) -> None:
        info = probe_pictures(sequence)
        if info.refusal and levels.bits is None:
            raise InputError(f"{sequence.files[0]} has {info.refusal}")
        rate = fps or sequence.fps
        if rate is None:
            name = sequence.folder.resolve().name
            raise without_rate(sequence.folder, f"no {RATE_FILE}, no sidecar {name}.json", levels)
        super().__init__(info, rate, max_side)
        self._files, self._headers = sequence.files, sequence.headers
        if info.bit_depth > 8:
            self.levels = Levels(levels.bits)
            pictures = map(_decode, self._files, self._headers)
            check_full_range(pictures, str(sequence.folder))
            self.note(FULL_RANGE)

    @property
    def decoder_version(self) -> str:
        """Version of OpenCV."""
        import cv2

        return str(cv2.__version__)

    def _read(self, index: int) -> Frames:
        file = self._files[index]
        picture = _decode(file, self._headers[index])
        if picture.dtype.itemsize * 8 != self.info.bit_depth:
            raise InputError(
                f"{file} has {picture.dtype.itemsize * 8} bits per channel, the first picture "
                f"{self.info.bit_depth}. All must have the same."
            )
        if picture.shape[:2] != (self.info.height, self.info.width):
            raise InputError(
                f"{file} has {picture.shape[1]}x{picture.shape[0]} pixels, the first picture "
                f"{self.info.width}x{self.info.height}. All must have one size."
            )
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, axis=2)
        elif picture.shape[2] == 4:
            picture = opaque(picture, str(file))
            self.note("The alpha channel is opaque and was dropped.")
        if picture.dtype == np.uint16:
            picture = from_16_bits(picture)
        return np.ascontiguousarray(picture[..., ::-1])

    def close(self) -> None:
        """Nothing stays open between pictures."""


def _list_numbered(folder: Path) -> list[Path]:
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


def _header(file: Path) -> Header:
    """Read what a picture says without decoding it; refuse several pictures in one file."""
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
                mode = picture.mode
                orientation, aspect = orientation_in(picture, file), aspect_in(picture, file)
                # of TIFF, Pillow gives the size of the picture upright
                turned = orientation.transposed and picture.format != "TIFF"
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{file}: its header says more than 178 million pixels; at most "
            f"{MAX_PIXELS // 1_000_000} million pixels are read. If that is right, shrink it first."
        ) from error
    # damaged bytes make it raise almost anything
    except Exception:
        size, orientation = _size_in_tiff(file)
        pages, aspect, turned, mode = 1, SQUARE, orientation.transposed, ""
    if mode in _OTHER_COLORS:
        raise InputError(
            f"{file} has colours in {_OTHER_COLORS[mode]}; grey and RGB are read. Convert it first "
            f"with a program that knows its colour profile, or roughly: {rgb_command(file)}."
        )
    check_size(file, *size)
    if pages > 1:
        raise InputError(f"{file} holds {pages} pictures; one per file is read. Split it first.")
    width, height = size[::-1] if turned else size
    return Header(width, height, orientation, 1 / aspect if orientation.transposed else aspect)


def _size_in_tiff(file: Path) -> tuple[tuple[int, int], Orientation]:
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
            orientation = exif_orientation(tags.get(ORIENTATION))
    except Exception as error:
        raise _unreadable(file) from error
    return (width, height), orientation


def _decode(file: Path, header: Header) -> NDArray[Any]:
    """Decode one picture and turn it upright: grey, BGR or BGRA, any depth."""
    import cv2

    data = file.read_bytes()
    kind = next((name for name, marks in _SIGNATURES.items() if data.startswith(marks)), None)
    if kind is None:
        # OpenCV would go by the content and try two dozen other formats
        raise _unreadable(file)
    if kind == "TIFF":
        _check_tiff(file, data)
    if kind == "PNG":
        _check_png(file, data)
    largest = _LARGEST.match(data) if kind == "PPM" else None
    if largest is not None and int(largest[1]) not in (255, 65535):
        raise InputError(
            f"{file} has values of 0 to {int(largest[1])}; of PNM files those of 0 to 255 are "
            "read, and rescaling them silently would change the stimulus. Convert it first."
        )
    # what it would write to the terminal stands in our own words below
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        with reading(file):
            # not imread: it cannot open every name on every system
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _unreadable(file) from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    if picture is None:
        raise _unreadable(file)
    if picture.dtype.itemsize > 2 or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise InputError(
            f"{file} has values of type {picture.dtype} and shape {picture.shape}; 8 or 16 bits of "
            "grey, RGB or RGBA are read. Convert it first."
        )
    # of TIFF alone, OpenCV has done it
    upright = picture if kind == "TIFF" else header.orientation.apply(picture)
    return np.asarray(upright)


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


def _check_png(file: Path, data: bytes) -> None:
    """Refuse a PNG with a part that would reach beyond its end: OpenCV takes memory for all of it.

    Up to 2 GB for what a damaged length promises.
    """
    place = len(_SIGNATURES["PNG"][0])
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4])
        if length > len(data) - place:
            raise _unreadable(file)
        place += 12 + length  # with its length, kind and checksum


def _unreadable(file: Path) -> InputError:
    message = (
        f"{file} is not a readable picture. Copy or export it again; check that it is what its "
        "name says."
    )
    return unreadable(file, message, "picture", ("video", "npy", "npz"))


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
