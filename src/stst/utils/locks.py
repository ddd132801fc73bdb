"""A folder that one process at a time works in."""

from __future__ import annotations

import errno
import os
import socket
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


@contextmanager
def hold_lock(folder: Path) -> Iterator[bool]:
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
    from filelock import FileLock, Timeout

    path, works = folder / LOCK, True

    def sign(number: int) -> None:
        if not os.path.samestat(os.fstat(number), os.stat(path)):
            raise FileNotFoundError(path)  # the process before has removed the file that it was
        with suppress(OSError):  # only for others to read
            os.ftruncate(number, 0)
            # Windows lets nobody read the first byte of what is locked
            os.write(number, f"\nprocess {os.getpid()} on {socket.gethostname()}".encode())

    lock = FileLock(
        path, _PATIENCE, poll_interval=_PAUSE, thread_local=False, fallback_to_soft=False,
        on_acquired=sign,
    )  # fmt: skip
    while works and not lock.is_locked:
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError:
            if os.path.lexists(folder) and not folder.is_dir():
                raise
        try:
            lock.acquire()
        except (FileNotFoundError, FileExistsError):
            continue  # the process before has just removed the folder
        except Timeout:
            raise _in_use(folder) from None
        except OSError as error:
            if error.errno not in _WITHOUT:
                raise
            works = False
    try:
        yield works
    finally:
        # removed while it is locked, else the next process could lock a file that goes away;
        # on Windows, releasing removes it
        with suppress(OSError):
            path.unlink()
        lock.release()
        with suppress(OSError):
            folder.rmdir()


def check_unlocked(folder: Path) -> None:
    """Refuse a folder that a process works in.

    Raises
    ------
    InputError
        Naming the process.
    """
    from filelock import lock_descriptor

    try:
        number = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return  # nobody was there, or a run will say what is wrong
    try:
        until = time.monotonic() + _PATIENCE
        while not lock_descriptor(number, blocking=False):
            if time.monotonic() > until:
                raise _in_use(folder)
            time.sleep(_PAUSE)
    except OSError:
        return
    finally:
        os.close(number)


def _in_use(folder: Path) -> InputError:
    owner = ""
    with suppress(OSError), open(folder / LOCK, "rb") as file:
        file.seek(1)
        owner = file.read(200).decode("utf-8", "replace")
    return InputError(
        f"{folder} is in use: {owner or 'another process'} makes the same output. Wait until it "
        "ends, or choose another output."
    )
