"""A crash of native code becomes an error message: the command runs in a process that is watched.

A library that crashes on a damaged file ends its process, so the message has to come from another
one. It is forked before anything is imported, which takes a millisecond, and only waits: it hands
signals on and ends as its child does. Where the child dies of a crash, it says which file was read.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from stst.utils.crash_note import read_note, share_note
from stst.utils.text import join_lines

_CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
_HANDED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
#: Seconds in which a signal to the whole group reaches both processes.
_PATIENCE = 0.1
_FORGET = 1.0
_PR_SET_PDEATHSIG = 1


def run_watched(words: Sequence[str]) -> None:
    """Go on in a process of its own, which this one watches; returns there only.

    On other systems than Linux it does nothing: what is needed to hand signals on is missing there.

    Parameters
    ----------
    words
        Of the command; help and the like are not worth a process.
    """
    if sys.platform != "linux" or not words or words[-1] in ("--help", "--version"):
        return
    share_note()
    heard, tell = os.pipe()
    for end in (heard, tell):
        os.set_blocking(end, False)
    signals = {getattr(signal, name) for name in _HANDED_ON} | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(tell)
        _Watcher(child, heard).watch(signals)
    os.close(heard)
    _die_with(parent)
    # so that the other process knows which signals have come here by themselves
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _die_with(parent: int) -> None:
    """End this process as soon as its parent does, however that ends."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _Watcher:
    """Waits for a child and hands signals on to it.

    A signal that a terminal or `kill` sends to the whole group has reached the child already.
    """

    def __init__(self, child: int, heard: int) -> None:
        self._child, self._heard = child, heard
        # by signal, when the child was seen to have one that was not handed on
        self._came: dict[int, list[float]] = {}

    def watch(self, signals: set[signal.Signals]) -> NoReturn:
        while True:
            found = signal.sigtimedwait(signals, _FORGET)
            self._listen()
            if found is None:
                continue
            if found.si_signo == signal.SIGCHLD:
                pid, status = os.waitpid(self._child, os.WNOHANG)
                if pid:
                    _end(os.waitstatus_to_exitcode(status))
            elif not self._has(found.si_signo) and found.si_code <= 0:
                self._came.setdefault(found.si_signo, []).append(float("-inf"))
                os.kill(self._child, found.si_signo)

    def _has(self, number: int) -> bool:
        """Say whether the child has a signal by itself; wait a moment for that."""
        end = time.monotonic() + _PATIENCE
        while True:
            times = self._came.get(number, [])
            if any(one > 0 for one in times):
                times.remove(max(times))
                return True
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._heard], [], [], left)[0]:
                return False
            if not self._listen():
                return False

    def _listen(self) -> bool:
        """Take in which signals the child has had; say whether there was anything."""
        now = time.monotonic()
        try:
            numbers = os.read(self._heard, 512)
        except BlockingIOError:
            numbers = b""
        for number in numbers:
            times = self._came.setdefault(number, [])
            if float("-inf") in times:
                times.remove(float("-inf"))  # the one that was handed on
            else:
                times.append(now)
        for times in self._came.values():
            times[:] = [one for one in times if one < 0 or now - one < _FORGET]
        return bool(numbers)


def _end(code: int) -> NoReturn:
    """End as the child did; say so where it crashed."""
    if code >= 0:
        os._exit(code)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name in _CRASHES:
        _say(_crash(name, join_lines(read_note())))
        os._exit(1)
    if name == "SIGKILL":
        _say("Killed (SIGKILL), perhaps because memory ran out.")
    signal.signal(-code, signal.SIG_DFL) if name not in ("SIGKILL", "SIGSTOP") else None
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


def _crash(name: str, path: str) -> str:
    if path:
        return (
            f"Error: {path}: the library that was reading this file crashed ({name}). The file is "
            "damaged: copy, export or fetch it again."
        )
    return (
        f"Error: a library crashed ({name}) while no file was being read. Nothing unfinished was "
        "put in place; please report it with the command."
    )


def _say(line: str) -> None:
    with suppress(OSError):
        os.write(2, f"{line}\n".encode("utf-8", "replace"))
