"""A disk that fails at one call of the program's own, or from one call on."""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# calls that take a name, and of which argument it is
_NAMED = {"replace": 1, "rename": 1, "mkdir": 0, "unlink": 0, "remove": 0, "rmdir": 0}
# a full disk still lets files be removed and renamed
_ALWAYS_ON_A_FULL_DISK = {"unlink", "remove", "rmdir", "replace", "rename"}


class Disk:
    """Counts what is asked of it and fails when it is told to.

    Parameters
    ----------
    folder
        Only calls for names in it count, and those that give no name.
    fail_at
        Number of the call that fails, from 0; None for none.
    number
        The error, an ``errno``.
    lasting
        Whether all later calls fail as well.
    """

    def __init__(
        self, folder: Path, fail_at: int | None = None, number: int = 0, lasting: bool = False
    ) -> None:
        self.folder, self.fail_at, self.number, self.lasting = folder, fail_at, number, lasting
        self.calls: list[str] = []
        self.failed = ""

    def asked(self, what: str, name: object = None) -> None:
        """Count a call, or fail."""
        if isinstance(name, str | os.PathLike):
            path = os.path.abspath(name)
            # names below an open folder are relative
            if os.path.isabs(name) and not path.startswith(str(self.folder)):
                return
        count = len(self.calls)
        self.calls.append(f"{what} {'' if name is None else name}".strip())
        if self.fail_at is None or count < self.fail_at:
            return
        if count > self.fail_at and not self.lasting:
            return
        if self.number == errno.ENOSPC and what in _ALWAYS_ON_A_FULL_DISK:
            return
        self.failed = self.failed or self.calls[-1]
        named = (str(name),) if isinstance(name, str | os.PathLike) else ()
        raise OSError(self.number, os.strerror(self.number), *named)


def _open_on(disk: Disk) -> Callable[..., Any]:
    """Give an ``open`` whose files lie on a disk."""

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            disk.asked("write", self.name)
            return super().write(data)

    real_open = io.open

    def opened(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
        errors: str | None = None, newline: str | None = None, closefd: bool = True,
        opener: Callable[[str, int], int] | None = None,
    ) -> Any:  # fmt: skip
        if not set(mode) & set("wax+") or isinstance(file, int):
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        disk.asked("open", file)
        raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffer
        return io.TextIOWrapper(buffer, encoding, errors, newline)

    return opened


@contextmanager
def failing(disk: Disk) -> Iterator[Disk]:
    """Put a disk below everything that Python itself writes."""
    real_os_open, opened = os.open, _open_on(disk)

    def os_opened(path: Any, flags: int, *words: Any, **options: Any) -> int:
        if flags & _WRITING:
            disk.asked("open", path)
        return real_os_open(path, flags, *words, **options)

    def counted(what: str, place: int) -> Callable[..., Any]:
        real = getattr(os, what)

        def call(*words: Any, **options: Any) -> Any:
            disk.asked(what, words[place])
            return real(*words, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module in (builtins, io):
            patch.setattr(module, "open", opened)
        patch.setattr(os, "open", os_opened)
        for what in ("fsync", "ftruncate", "write"):
            real = getattr(os, what)
            patch.setattr(
                os, what,
                lambda *words, what=what, real=real: (disk.asked(what), real(*words))[1],
            )  # fmt: skip
        for what, place in _NAMED.items():
            patch.setattr(os, what, counted(what, place))
        yield disk
