"""A task in a worker process, as the viewer sees it: signals, pause, stop."""

from __future__ import annotations

import sys
from typing import Any

from qtpy.QtCore import QObject, QProcess, Signal

from napari_stst.background.messages import (
    ENDS,
    Failed,
    Message,
    Stopped,
    pack,
    take_messages,
)

_PATIENCE_MS = 3000
_WORKER = [sys.executable, "-P", "-m", "napari_stst.background.worker"]


class Task(QObject):
    """One task; starts at once and ends with a `Result`, `Stopped` or `Failed`.

    Parameters
    ----------
    task
        A name in `napari_stst.background.tasks`.
    parent
        Owns the object.
    arguments
        Of the task; what can be pickled.
    """

    #: Every message, in order; the last one is a `Result`, `Stopped` or `Failed`.
    message = Signal(object)

    def __init__(self, task: str, parent: QObject | None = None, **arguments: Any) -> None:
        super().__init__(parent)
        self._received = bytearray()
        self._errors = bytearray()
        self.ended = False
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_start_failed)
        program, *words = _WORKER
        self._process.start(program, words)
        self._send((task, arguments))

    def pause(self) -> None:
        """Wait after the step that is being done."""
        self._send("pause")

    def go(self) -> None:
        """Go on."""
        self._send("go")

    def stop(self) -> None:
        """End after the step that is being done."""
        self._send("stop")

    def close(self, patience_ms: int = _PATIENCE_MS) -> None:
        """End now: ask, wait a little, then kill. What is finished stays on disk.

        Parameters
        ----------
        patience_ms
            How long to wait, in milliseconds; 0 where there is nothing to keep.
        """
        if self._process.state() == QProcess.ProcessState.NotRunning:
            return
        self._process.blockSignals(True)
        self.stop()
        self._process.closeWriteChannel()
        if not self._process.waitForFinished(patience_ms):
            self._process.kill()
            self._process.waitForFinished(_PATIENCE_MS)
        self._end(Stopped())

    def _send(self, message: object) -> None:
        self._process.write(pack(message))

    def _read(self) -> None:
        self._received += bytes(self._process.readAllStandardOutput().data())
        for message in take_messages(self._received):
            if isinstance(message, ENDS):
                self._end(message)
            else:
                self.message.emit(message)

    def _end(self, message: Message) -> None:
        if not self.ended:
            self.ended = True
            self.message.emit(message)

    def _read_errors(self) -> None:
        self._errors += bytes(self._process.readAllStandardError().data())

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_errors()
        crashed = status == QProcess.ExitStatus.CrashExit
        how = "was killed or crashed" if crashed else f"ended with exit code {code}"
        text = f"The process that did the work {how}. Is there enough memory?"
        self._end(Failed(text, self._errors.decode("utf-8", "replace")))

    def _on_start_failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            reason = self._process.errorString()
            self._end(Failed(f"{self._process.program()} could not be started: {reason}."))
