"""Standard output and error, whose own failures do not end the work that tells of itself there."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click


class _Forgiving(io.TextIOWrapper):
    """Once it takes nothing any more, everything is dropped, and `failure` says why.

    What writes is Python's own, in C: where the layer below were ours, a signal could come between
    its writing and its saying so, and what was written would be written again.
    """

    failure: OSError | None = None

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def isatty(self) -> bool:
        with suppress(OSError):
            return super().isatty()
        return False  # a terminal that is gone

    def _lose(self, error: OSError) -> None:
        self.failure = self.failure or error
        # where what is still held goes as well
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Have the program go on where standard output or error take nothing any more.

    What they cannot encode is written out as in a string of Python. Lost words on standard error
    are no failure. Where standard output lost something, the program ends with 1 once its work is
    done, and says why unless the reader is gone, as ``head`` does when it has enough.
    """
    _fill_gaps()
    before = sys.stdout, sys.stderr
    out, err = _wrap(sys.stdout), _wrap(sys.stderr)
    sys.stdout, sys.stderr = out or sys.stdout, err or sys.stderr
    try:
        yield
    except SystemExit as end:
        if out is None or not _has_lost(out):
            raise
        raise SystemExit(end.code or 1) from None
    finally:
        sys.stdout, sys.stderr = before
        for stream in (out, err):
            if stream is not None:
                stream.flush()
                stream.detach()  # else what is below would be closed with it


def stop_signals() -> list[signal.Signals]:
    """Name the signals that ask a run to stop: Ctrl-C, `kill`, and a terminal that is closed."""
    found = [signal.SIGINT, signal.SIGTERM]
    # ignored after `nohup`
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        found.append(signal.SIGHUP)
    return found


def _fill_gaps() -> None:
    """Open what is closed: the next file would get its number, and errors of libraries with it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:  # `print` would take standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _wrap(stream: Any) -> _Forgiving | None:
    """Give the same stream as `_Forgiving`; None for one that is none of Python's own."""
    if not isinstance(stream, io.TextIOWrapper):
        return None
    with suppress(OSError):
        stream.flush()
    with suppress(OSError, io.UnsupportedOperation):
        # another program may have made it not wait for its reader
        os.set_blocking(stream.fileno(), True)
    return _Forgiving(
        stream.buffer,
        encoding=stream.encoding,
        errors="backslashreplace" if stream.errors == "strict" else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _has_lost(out: _Forgiving) -> bool:
    """Say whether standard output lost something, and tell the user why."""
    out.flush()
    failure = out.failure
    if failure is None:
        return False
    if failure.errno != errno.EPIPE:
        why = (failure.strerror or str(failure)).lower()
        click.echo(
            f"Error: standard output: {why}; what was to be printed there is lost. Files that "
            "this command made are whole.",
            err=True,
        )
    return True
