"""A folder that one process at a time works in."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stst.errors import InputError

#: The file that is locked; it is there while a process holds the lock, or after it was killed.
LOCK = "lock"

# what a file system without locks says
_WITHOUT = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
# a process that only asks holds the lock for a moment
_PATIENCE, _PAUSE = 0.5, 0.05
# Windows lets nobody read what is locked, so a byte behind the text is
_BYTE = 1 << 30


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Keep other processes out of a folder, which is made where it is missing.

    The lock is the operating system's and goes with the process, however that ends. A folder that
    holds nothing at the end is removed.

    Parameters
    ----------
    folder
        Its parent exists.

    Yields
    ------
    bool
        False on a file system without locks, where nobody is kept out.

    Raises
    ------
    InputError
        If another process holds it.
    OSError
        If the folder or the file cannot be made.
    """
    number, works = _acquired(folder)
    try:
        yield works
    finally:
        _release(folder, number)


def check_unlocked(folder: Path) -> None:
    """Refuse a folder that a process works in.

    Raises
    ------
    InputError
        Naming the process.
    """
    try:
        number = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return  # nobody was there, or a run will say what is wrong
    try:
        _patiently(folder, number)
    finally:
        os.close(number)


def _acquired(folder: Path) -> tuple[int, bool]:
    path = folder / LOCK
    while True:
        folder.mkdir(exist_ok=True)
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # the process before has just removed the folder
        try:
            works = _patiently(folder, number)
            if _is_at(number, path):
                with suppress(OSError):  # only for others to read
                    os.ftruncate(number, 0)
                    os.write(number, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return number, works
        except BaseException:
            os.close(number)
            raise
        # the process before has removed the file that it was
        os.close(number)


def _release(folder: Path, number: int) -> None:
    # removed while it is locked, else the next process could lock a file that goes away
    if sys.platform == "win32":
        os.close(number)
    with suppress(OSError):
        os.unlink(folder / LOCK)
    with suppress(OSError):
        os.rmdir(folder)
    if sys.platform != "win32":
        os.close(number)


def _patiently(folder: Path, number: int) -> bool:
    """Lock an open file; say whether it could be, or whether there are no locks."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            _lock(number)
        except OSError as error:
            if error.errno in _WITHOUT:
                return False
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise
            if time.monotonic() > until:
                raise InputError(
                    f"{folder} is in use: {_owner(number)} makes the same output. Wait until it "
                    "ends, or choose another output."
                ) from None
            time.sleep(_PAUSE)
        else:
            return True


if sys.platform == "win32":

    def _lock(number: int) -> None:
        import msvcrt

        os.lseek(number, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(number, 0, os.SEEK_SET)

else:

    def _lock(number: int) -> None:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(number: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), os.stat(path))
    except FileNotFoundError:
        return False


def _owner(number: int) -> str:
    os.lseek(number, 0, os.SEEK_SET)
    return os.read(number, 200).decode("utf-8", "replace") or "another process"
