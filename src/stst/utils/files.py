"""Files that appear whole or not at all, their hashes, and paths as users write them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stst.errors import InputError, StstError

_ADDRESS = re.compile(r"(https?|ftps?|sftp|s3|gs|rtsp|rtmp|file):/+(.*)", re.IGNORECASE)
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
# what a file system says whose folders cannot be synchronised
_UNSYNCED = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


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


def check_local(path: Path | str, output: bool = False) -> None:
    """Refuse what is no name of a file: an address on the web, or nothing.

    Parameters
    ----------
    path
        As a user gave it. A `Path` has lost the second slash of an address.
    output
        Whether it is to be written.

    Raises
    ------
    InputError
        Saying what to do.
    """
    if path == "":
        raise InputError("the name of a file is empty. Give one, or . for the current folder.")
    address = _ADDRESS.fullmatch(str(path))
    if address is None or os.path.exists(path):
        return
    scheme, rest = address[1].lower(), address[2]
    if scheme == "file":
        raise InputError(f"file:///{rest}: addresses are not read. Give the path alone: /{rest}.")
    whole = f"{scheme}://{rest}"
    if output:
        raise InputError(f"{whole}: outputs are files. Give a path, and copy the file there then.")
    how = "Download it first and give the file"
    if scheme in ("http", "https", "ftp", "ftps"):
        how += f", e.g. by `{shlex.join(['curl', '-LO', whole])}`"
    raise InputError(f"{whole}: addresses are not read. {how}.")


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
    check_local(path, output=True)
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
        raise InputError(
            f"{path} exists. Give `overwrite=True` to replace it, or choose another name."
        )


@contextmanager
def write_whole(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a name beside `path` to write to; rename it to `path` when the block succeeds.

    File and folder are on the disk, not only in the operating system's memory, when this returns.
    What was at `path` stays until the new one is whole, also if the process is killed; see
    `remove_leftovers`.

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
        block raises; if even that fails, by the next `remove_leftovers`.

    Raises
    ------
    InputError
        See `check_output`.
    StstError
        If the disk is full or refuses the write.
    """
    check_output(path, overwrite)
    beside = _beside(path)
    try:
        _remove(beside)
        yield beside
        for file in sorted(beside.rglob("*")) if beside.is_dir() else [beside]:
            _sync_file(file)
        if beside.is_dir():
            sync_folder(beside)
        if overwrite and (path.is_dir() or beside.is_dir()) and os.path.lexists(path):
            _exchange(beside, path)
        else:
            os.replace(beside, path)
            sync_folder(path.parent)
    except OSError as error:
        _discard(beside)
        raise explain_error(path, error) from error
    except BaseException:
        _discard(beside)
        raise


def sync_folder(folder: Path) -> None:
    """Have a folder's entries written to the disk, where the system can do that.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    if sys.platform == "win32":
        return
    try:
        number = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # it may be written to, but not read
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise
    finally:
        os.close(number)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes have left beside a file or folder that they were writing.

    Call it only where no other machine, and nothing else in this process, can be writing there:
    processes are known by their number.

    Parameters
    ----------
    path
        What was to be made. An old folder that was moved aside to be replaced comes back where
        the new one is missing.
    """
    pattern = re.escape(f".{path.stem}.") + r"([0-9]+)\.(part|old)" + re.escape(path.suffix)
    for entry in os.listdir(path.parent):
        match = re.fullmatch(pattern, entry)
        if match is None or _is_running(int(match[1])):
            continue
        if match[2] == "old" and not os.path.lexists(path):
            os.replace(path.with_name(entry), path)
        else:
            _discard(path.with_name(entry))


def _is_running(process: int) -> bool:
    # on Windows a file that is open cannot be removed
    if process == os.getpid() or sys.platform == "win32":
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _exchange(new: Path, path: Path) -> None:
    """Put `new` in the place of a folder, which cannot be replaced in one step."""
    aside = _beside(path, "old")
    _remove(aside)
    os.replace(path, aside)
    try:
        os.replace(new, path)
    except BaseException:
        try:
            os.replace(aside, path)
        except OSError as error:
            raise StstError(
                f"{path}: could not be written, and what was there could not be moved back "
                f"({error.strerror or error}). It is {aside}, and the next run moves it back."
            ) from error
        raise
    try:
        sync_folder(path.parent)
    finally:
        _discard(aside)


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _beside(path: Path, what: str = "part") -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.{what}{path.suffix}")


def explain_error(path: Path, error: OSError) -> StstError:
    """Say why a file could not be written."""
    if is_full(error):
        return StstError(f"{path}: the disk is full; nothing was left there. Free space and retry.")
    return StstError(f"{path}: could not be written ({error.strerror or error}).")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_full(error: OSError) -> bool:
    """Say whether there is no space left, or the user may not have more of it."""
    return error.errno in _FULL


def _discard(path: Path) -> None:
    """Remove what is of no use any more, if the disk lets us."""
    with suppress(OSError):
        _remove(path)


def as_text(name: Path | str) -> str:
    """Give a file's name as text; bytes of it that are none become replacement characters."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def at_home(name: str) -> str:
    """Write a name that begins with ``~``, for the home folder, in full.

    Parameters
    ----------
    name
        Of a file or folder; a slash at its end stays.

    Returns
    -------
    str
        The same where there is no such user, or something is really called so.
    """
    begins = name.startswith("~") and not os.path.lexists(name)
    return os.path.expanduser(name) if begins else name


def resolve_path(name: Path | str, folder: Path = Path()) -> Path:
    r"""Give the input that somebody wrote in a file, an option or a field.

    Parameters
    ----------
    name
        As it was written: ``~/clip.mkv`` lies in the home folder, and ``sub\clip.mkv`` of Windows
        is ``sub/clip.mkv`` elsewhere if that exists. What is really called so goes first.
    folder
        What relative names are relative to.

    Returns
    -------
    Path
        It need not exist.
    """
    literal = folder / name
    if os.path.lexists(literal):
        return literal
    full = folder / at_home(str(name))
    if os.sep != "\\" and "\\" in str(name):
        other = folder / at_home(str(name).replace("\\", "/"))
        if os.path.lexists(other):
            return other
    return full
