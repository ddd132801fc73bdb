"""The other process: reads what to do from stdin, writes messages to stdout.

``python -m napari_stst.background.worker``. The first line of stdin is a JSON object with ``task``,
a name in `napari_stst.background.tasks`, and its arguments; later lines are ``pause``, ``go`` and
``stop``. When stdin ends, the viewer is gone, and the task stops.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from napari_stst.background.messages import Failed, Message, Result, Stopped

#: Before every message, its length in bytes.
HEADER = struct.Struct("<Q")


class Control:
    """What the viewer asks of a running task."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._stopped = False

    def obey(self, word: str) -> None:
        """Follow ``pause``, ``go`` or ``stop``."""
        if word == "pause":
            self._going.clear()
            return
        self._stopped = self._stopped or word == "stop"
        self._going.set()

    def stop(self) -> bool:
        """Say whether the task should end; waits while it is paused."""
        self._going.wait()
        return self._stopped


def main() -> None:
    """Do one task."""
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # whatever prints must not come between the messages
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "nice"):
        os.nice(10)  # the viewer comes first
    request = json.loads(sys.stdin.readline())
    control = Control()
    threading.Thread(target=_listen, args=(control,), daemon=True).start()
    send(run_task(request, lambda message: send(message, messages), control.stop), messages)
    sys.stderr.flush()
    # a thread that waits for input would make an orderly exit hang
    os._exit(0)


def run_task(
    request: dict[str, Any], tell: Callable[[Message], None], stop: Callable[[], bool]
) -> Result | Stopped | Failed:
    """Do a task; an error becomes its last message.

    Parameters
    ----------
    request
        ``task`` and its arguments.
    tell
        Called with every other message.
    stop
        Asked at every step; True ends the task.
    """
    from napari_stst.background.tasks import StopAskedError, load_task
    from stst.errors import StstError, first_line

    arguments = {key: value for key, value in request.items() if key != "task"}
    try:
        return load_task(request["task"])(tell=tell, stop=stop, **arguments)
    except StopAskedError:
        return Stopped()
    except StstError as error:
        return Failed(str(error))
    except MemoryError:
        return Failed("There is not enough memory. Use fewer or smaller frames, or fewer samples.")
    except Exception as error:
        text = f"unexpected error: {type(error).__name__}: {first_line(error)}"
        return Failed(text, traceback.format_exc())


def send(message: Message, to: BinaryIO) -> None:
    """Write a message, its length first."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    to.write(HEADER.pack(len(data)) + data)
    to.flush()


def _listen(control: Control) -> None:
    for line in sys.stdin:
        control.obey(line.strip())
    control.obey("stop")


if __name__ == "__main__":
    main()
