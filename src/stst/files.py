"""Files that appear whole or not at all, and their hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stst.errors import InputError, StstError


def sha256_of_file(path: Path | str) -> str:
    """Hash a file's bytes.

    Parameters
    ----------
    path
        An existing regular file.

    Returns
    -------
    str
        Lower-case hexadecimal SHA-256.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(path: Path) -> str:
    """Hash a file; or a folder, as the lines ``<sha256>  <name>`` of its files by name."""
    if path.is_file():
        return sha256_of_file(path)
    digest = hashlib.sha256()
    for file in sorted(one for one in path.iterdir() if one.is_file()):
        digest.update(f"{sha256_of_file(file)}  {file.name}\n".encode())
    return digest.hexdigest()


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse an output that could not be written, before any work is done.

    Parameters
    ----------
    path
        The file or folder to be made.
    overwrite
        Whether an existing one may be replaced.

    Raises
    ------
    InputError
        If the parent folder is missing, not a folder or not writable, if the name is too long, or
        if `path` exists and `overwrite` is false.
    """
    parent = path.parent
    if not os.path.exists(parent):
        raise InputError(f"{path}: the folder {parent} does not exist. Create it first.")
    if not parent.is_dir():
        raise InputError(f"{path}: {parent} is not a folder.")
    if not os.access(parent, os.W_OK):
        raise InputError(f"{path}: the folder {parent} is not writable. Choose another output.")
    # the longer name that it is written under has to be possible, too
    try:
        _beside(path).lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written there ({error.strerror}). Choose another name."
        ) from error
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists. Give --overwrite to replace it, or choose another name.")


@contextmanager
def written_whole(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a name beside `path` to write to; rename it to `path` when the block succeeds.

    Parameters
    ----------
    path
        The file or folder to be made. A folder is made by creating one under the given name.
    overwrite
        Whether an existing file or folder may be replaced.

    Yields
    ------
    Path
        A name in the same folder with the same suffix. Whatever is there is removed if the
        block raises.

    Raises
    ------
    InputError
        See `check_output`.
    StstError
        If the disk is full or refuses the write.
    """
    check_output(path, overwrite)
    beside = _beside(path)
    _remove(beside)
    try:
        yield beside
        if beside.is_file():
            with open(beside, "rb+") as file:
                os.fsync(file.fileno())
        if overwrite and (path.is_dir() or beside.is_dir()):
            _remove(path)
        os.replace(beside, path)
    except OSError as error:
        _remove(beside)
        raise explained(path, error) from error
    except BaseException:
        _remove(beside)
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def explained(path: Path, error: OSError) -> StstError:
    """Say why a file could not be written."""
    if error.errno == errno.ENOSPC:
        return StstError(f"{path}: the disk is full; nothing was left there. Free space and retry.")
    return StstError(f"{path}: could not be written ({error.strerror or error}).")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def as_text(name: Path | str) -> str:
    """Give a file's name as text; bytes of it that are none become replacement characters."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
