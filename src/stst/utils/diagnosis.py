"""What lies under a file's name when it cannot be read: its first bytes and links tell.

The commonest broken inputs are not damaged: a pointer of Git LFS, a web page that was saved under
the name of a download, a link of git-annex whose content is elsewhere, an archive that was not
unpacked, a file of another kind. Every reader asks here before it calls a file missing or damaged.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stst.errors import InputError
from stst.utils.text import decode_text

_HEAD = 1024  # bytes; a pointer is shorter, and every mark stands before
_SHOWN = 40  # bytes of a text, in a message
_AGAIN = "Download it again."


@dataclass(frozen=True)
class Content:
    """What a file holds, whatever its name says.

    Attributes
    ----------
    what
        In words, with an article.
    kinds
        For readers: ``video``, ``picture``, ``npy``, ``npz``, ``hdf5``, ``torch``,
        ``safetensors``; or what none of them reads. More than one where the bytes leave it open.
    suffix
        Under which it can be read; empty for what is not read under any.
    remedy
        What to do with it, a sentence.
    """

    what: str
    kinds: tuple[str, ...]
    suffix: str = ""
    remedy: str = ""


_NUMBERED = "A clip of pictures is a folder of them, numbered (frame_0001.png)."
_CONTAINER = ("an MP4 or QuickTime video", "video", ".mp4", "")
# how files begin: pattern, and the fields of `Content`
_MARKS: tuple[tuple[bytes, tuple[str, str, str, str]], ...] = (
    (rb"\x89PNG\r\n\x1a\n", ("a PNG picture", "picture", ".png", _NUMBERED)),
    (rb"\xff\xd8\xff", ("a JPEG picture", "picture", ".jpg", _NUMBERED)),
    (rb"II\*\0|MM\0\*", ("a TIFF picture", "picture", ".tif", _NUMBERED)),
    (rb"BM.{4}\0{4}", ("a BMP picture", "picture", ".bmp", _NUMBERED)),
    (rb"RIFF.{4}WEBP", ("a WebP picture", "picture", ".webp", _NUMBERED)),
    (rb".{4}ftyp(?:hei|mif1|avi)", ("a HEIC or AVIF picture", "HEIF", "", "Save it as PNG.")),
    (rb"GIF8[79]a", ("a GIF", "video", ".gif", "")),
    (rb"RIFF.{4}AVI ", ("an AVI video", "video", ".avi", "")),
    (rb"\x1aE\xdf\xa3", ("a Matroska or WebM video", "video", ".mkv", "")),
    (rb".{4}(?:ftyp|moov|mdat|wide|free)", _CONTAINER),
    (rb"G.{187}G.{187}G", ("an MPEG transport stream", "stream", "", "{remux}")),
    (rb"\0\0\x01\xba", ("an MPEG program stream", "stream", "", "{remux}")),
    (rb"FLV\x01", ("a Flash video", "stream", "", "{remux}")),
    (rb"0&\xb2u\x8ef\xcf\x11", ("a Windows Media file", "stream", "", "{remux}")),
    (rb"OggS", ("an Ogg file", "stream", "", "{remux}")),
    (rb"\x93NUMPY", ("a NumPy array", "npy", ".npy", "")),
    (rb"\x89HDF\r\n\x1a\n", ("an HDF5 file", "hdf5", ".h5", "")),
    (rb".{4}\0{4}\{", ("a safetensors file", "safetensors", ".safetensors", "")),
    (rb"MATLAB 5\.0 MAT-file", ("a MATLAB file", "MATLAB", "", "")),
    (rb"%PDF-", ("a PDF document", "PDF", "", "")),
    (rb"PAR1", ("a Parquet table", "Parquet", "", "")),
    # the number with which torch began its files before they were archives
    (rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.", ("a torch file", "torch", ".pth", "")),
    (rb"\x80[\x02-\x05]", ("a Python pickle", "pickle", "", "{pickle}")),
    (rb"\x1f\x8b\x08", ("a gzip archive", "archive", "", "{gunzip}")),
    (rb"BZh[1-9]1AY&SY", ("a bzip2 archive", "archive", "", "{bunzip2}")),
    (rb"\xfd7zXZ\0", ("an xz archive", "archive", "", "{xz}")),
    (rb"\(\xb5/\xfd", ("a Zstandard archive", "archive", "", "{zstd}")),
    (rb"7z\xbc\xaf'\x1c", ("a 7-Zip archive", "archive", "", "Unpack it first.")),
    (rb"Rar!\x1a\x07", ("a RAR archive", "archive", "", "Unpack it first.")),
    (rb".{257}ustar", ("a tar archive", "archive", "", "{tar}")),
)
_UNPACKED = {"gunzip": "gunzip -c", "bunzip2": "bunzip2 -c", "xz": "xz -dc", "zstd": "zstd -dc"}
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_PAGE = re.compile(rb"\s*+(?:<!--(?>.*?-->)\s*+)*+<(?:!doctype html|html|head|body)\b", re.I | re.S)
_ANSWER = re.compile(rb"\s*<\?xml[^>]*>\s*<(?:error|html|!doctype html)\b", re.I)


def there(path: Path) -> bool:
    """Say whether something has this name, be it a link that leads nowhere.

    Parameters
    ----------
    path
        Of anything.

    Returns
    -------
    bool
        False for names that no file can have, too.
    """
    return os.path.exists(path) or bool(_dangling(path))


def absent(path: Path, otherwise: str) -> InputError:
    """Say why a file is not there.

    Parameters
    ----------
    path
        Of a file that does not exist.
    otherwise
        The message where no link explains it.

    Returns
    -------
    InputError
        To be raised.
    """
    return InputError(_dangling(path) or otherwise)


def unreadable(path: Path, otherwise: str, kind: str, others: Collection[str] = ()) -> InputError:
    """Say why a file cannot be read.

    Parameters
    ----------
    path
        Of a file that a reader has failed on, or that none reads by its name.
    otherwise
        The message where its content is what the reader expects, or unknown.
    kind
        What the reader reads, see `Content`; empty where the name has none.
    others
        Kinds that are read in its place under another name.

    Returns
    -------
    InputError
        To be raised.
    """
    found = content(path)
    if found is None:
        return InputError(f"{otherwise}{_as_text(path)}")
    if kind in found.kinds:
        return InputError(otherwise)
    if "stand-in" in found.kinds:
        return InputError(stand_in(path))
    remedy = found.remedy
    if found.suffix and set(found.kinds) & set(others):
        remedy = f"Rename it to {path.with_suffix(found.suffix).name}."
    if not remedy:
        return InputError(f"{otherwise} By its content it is {found.what}.")
    told = ", whatever its name says" if kind else ", by its content"
    # these may well have the names that they should have
    told = "" if {"archive", "program", "pickle"} & {*found.kinds} else told
    return InputError(f"{path}: {found.what}{told}. {remedy}")


def _as_text(path: Path) -> str:
    """Show how a file begins that is text, such as the answer of a server; empty for others."""
    try:
        with open(path, "rb") as file:
            text = file.read(_SHOWN).decode("utf-8").strip()
    except (OSError, ValueError):
        return ""
    if not text or any(ord(char) < 32 and not char.isspace() for char in text):
        return ""
    return f" It is a text that begins with {text.splitlines()[0]!r}."


def stand_in(path: Path) -> str:
    """Recognise what only stands in the place of a file: a pointer, or a web page.

    Parameters
    ----------
    path
        Of a file.

    Returns
    -------
    str
        A message that says what it is, and how to get the file; empty for anything else.
    """
    found = content(path)
    if found is None or "stand-in" not in found.kinds:
        return ""
    return f"{path}: {found.what}. {found.remedy}"


def content(path: Path) -> Content | None:
    """Tell what a file holds by its first bytes.

    Parameters
    ----------
    path
        Of a file.

    Returns
    -------
    Content or None
        None where it cannot be told.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError):
        return None
    found = _stand_in(path, head)
    if found is not None:
        return found
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(path)
    for pattern, (what, kind, suffix, remedy) in _MARKS:
        if re.match(pattern, head, re.S):
            return Content(what, (kind,), suffix, _fill(remedy, path))
    return None


def read_text(path: Path, what: str) -> str:
    """Read a file in UTF-8, with or without a byte order mark.

    Parameters
    ----------
    path
        Of the file.
    what
        It should be, for messages, such as ``manifest``.

    Returns
    -------
    str
        All of it.

    Raises
    ------
    InputError
        If it is missing, something else, or no text in UTF-8.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, ValueError):
        raise absent(path, f"{path}: no such {what}.") from None
    except OSError as error:
        raise absent(path, f"{path}: cannot be read ({error.strerror}).") from error
    if message := stand_in(path):
        raise InputError(message)
    try:
        return decode_text(data)
    except ValueError as error:
        found = content(path)
        if found is None:
            raise InputError(f"{path}: {error}") from None
        remedy = f" {found.remedy}".rstrip()
        raise InputError(f"{path}: {found.what}; a {what} is text.{remedy}") from None


def json_fault(error: Exception) -> str:
    """Say in our words why a text is no JSON; Python's advise on its functions.

    Parameters
    ----------
    error
        Of `json.loads`.

    Returns
    -------
    str
        Where the fault is, or what it is.
    """
    if isinstance(error, json.JSONDecodeError):
        return f"wrong at line {error.lineno}, column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"


def _dangling(path: Path) -> str:
    """Describe the link on the way to `path` that leads nowhere; empty if there is none."""
    for place in (path, *path.parents):
        try:
            target = os.readlink(place)
        except (OSError, ValueError):
            continue
        if os.path.exists(place):
            return ""
        shown = f"{path}: " + ("" if place == path else f"{place} is ")
        if "annex/objects/" in Path(target).as_posix():
            got = f"Get its content: datalad get {_quote(path)}"
            return f"{shown}a link to {target}, which is not here. {got}."
        return f"{shown}a link to {target}, which is not here. Restore it, or correct the link."
    return ""


def _stand_in(path: Path, head: bytes) -> Content | None:
    """Recognise what version control and web servers put in the place of a file."""
    kinds = ("stand-in",)
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        what = "a Git LFS pointer, not the file"
        where = "" if path.parent == Path() else f" (in the folder {path.parent})"
        return Content(what, kinds, remedy=f"Get it: git lfs pull{where}.")
    if re.match(rb"(?:\.\./)*(?:\.git/|/)?annex/objects/\S+\s*$", head):
        remedy = f"Get its content: datalad get {_quote(path)}."
        return Content("a pointer of git-annex, not the file", kinds, remedy=remedy)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(text):
        return Content("an HTML page, not the file", kinds, remedy=_AGAIN)
    if _ANSWER.match(text):
        return Content("an error message of a web server, not the file", kinds, remedy=_AGAIN)
    return None


def _archive(path: Path) -> Content:
    """Tell kinds of files apart that are all zip archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # damaged bytes make it raise almost anything
        return Content("a zip archive, damaged or cut short", ("npz", "torch"), remedy=_AGAIN)
    last = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in last and "data.pkl" in last:
        what = "a TorchScript archive, not a state dictionary"
        state = f"torch.jit.load({str(path)!r}, map_location='cpu').state_dict()"
        return Content(what, ("program",), remedy=_of_program(path, state))
    if last & {"archive_format", "serialized_exported_program.json"}:
        what = "a program that torch exported, not a state dictionary"
        state = f"torch.export.load({str(path)!r}).state_dict"
        return Content(what, ("program",), remedy=_of_program(path, state))
    if "data.pkl" in last:
        return Content("a torch file", ("torch",), ".pth")
    if names and all(name.endswith(".npy") for name in names):
        return Content("an archive of NumPy arrays", ("npz",), ".npz")
    if "xl/workbook.xml" in names:
        remedy = "Save its sheet as CSV in UTF-8 with the program that made it."
        return Content("an Excel workbook", ("archive",), remedy=remedy)
    folder = _quote(path.with_name(f"{path.stem}_unpacked"))
    remedy = f"Unpack it first: python -m zipfile -e {_quote(path)} {folder}"
    # an empty archive may be any of these
    kinds = ("archive",) if names else ("archive", "npz", "torch")
    return Content("a zip archive", kinds, remedy=f"{remedy}.")


def _fill(remedy: str, path: Path) -> str:
    """Complete a remedy that names the file."""
    name = remedy.strip("{}")
    if name == remedy:
        return remedy
    if name == "remux":
        other = _quote(path.with_name(f"{path.stem}_remuxed.mkv"))
        return f"Put its frames into Matroska: ffmpeg -i {_quote(path)} -c copy {other}."
    if name == "pickle":
        return "Pickles can run any code and are never loaded."
    if name == "tar":
        folder = _quote(path.with_name(f"{path.stem}_unpacked"))
        return f"Unpack it first: python -m tarfile -e {_quote(path)} {folder}."
    named = path.name if path.suffix.lower() in _PACKED else f"{path.stem}_unpacked{path.suffix}."
    other = _quote(path.with_name(named.rpartition(".")[0]))
    return f"Unpack it first: {_UNPACKED[name]} {_quote(path)} > {other}."


def _of_program(path: Path, state: str) -> str:
    target = str(path.with_name(f"{path.stem}_state.pth"))
    line = f"import torch; torch.save({state}, {target!r})"
    # the marks that every system's shell takes, where nothing in the name stands against it
    quoted = shlex.quote(line) if re.search(r'["$`\\!%]', line) else f'"{line}"'
    return f"If you trust it, save its state dictionary: python -c {quoted}."


def _quote(path: Path) -> str:
    return shlex.quote(str(path))
