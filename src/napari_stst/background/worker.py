"""The other process: reads what to do from stdin, writes messages to stdout.

``python -m napari_stst.background.worker``. The first message on stdin is the name of a task in
`napari_stst.background.tasks` and its arguments; later ones are ``pause``, ``go`` and ``stop``.
When stdin ends, the viewer is gone, and the task stops.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from napari_stst.background.messages import Failed, Message, Result, Stopped, pack, receive


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

    def send(message: Message) -> None:
        messages.write(pack(message))
        messages.flush()

    task, arguments = receive(sys.stdin.buffer)
    control = Control()
    threading.Thread(target=_listen, args=(control,), daemon=True).start()
    send(run_task(task, arguments, send, control.stop))
    sys.stderr.flush()
    # a thread that waits for input would make an orderly exit hang
    os._exit(0)


def run_task(
    task: str,
    arguments: Mapping[str, Any],
    tell: Callable[[Message], None],
    stop: Callable[[], bool],
) -> Result | Stopped | Failed:
    """Do a task; an error becomes its last message.

    Parameters
    ----------
    task, arguments
        A name in `napari_stst.background.tasks`, and what that function takes.
    tell
        Called with every other message.
    stop
        Asked at every step; True ends the task.
    """
    from napari_stst.background.tasks import StopAskedError, load_task
    from stst.errors import StstError, first_line

    try:
        return load_task(task)(tell=tell, stop=stop, **arguments)
    except StopAskedError:
        return Stopped()
    except StstError as error:
        return Failed(str(error))
    except MemoryError:
        return Failed("There is not enough memory. Use fewer or smaller frames, or fewer samples.")
    except Exception as error:
        text = f"unexpected error: {type(error).__name__}: {first_line(error)}"
        return Failed(text, traceback.format_exc())


def _listen(control: Control) -> None:
    while (word := receive(sys.stdin.buffer)) is not None:
        control.obey(word)
    control.obey("stop")


if __name__ == "__main__":
    main()
