"""Processes that start in milliseconds: forked from one that has imported torch already.

A worker of the viewer or a command imports torch for two seconds and then works for a tenth of one.
Where a test is about what the process does, not about how it starts, it may start
``python warm_processes.py SOCKET MODULE WORDS…`` (`command`) in place of ``python -m MODULE
WORDS…``: the first hands its streams, folder and environment to a server, which forks, and ends as
the forked process ends; if it is killed, that one is killed, too. The server has one thread.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from functools import cache

_LENGTH = struct.Struct("<Q")


def _client(path: str, words: list[str]) -> None:
    request = {"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}
    data = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [_LENGTH.pack(len(data))], [0, 1, 2])
        server.sendall(data)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: server.sendall(bytes([number])))
        answer = server.recv(64)
    code = int(answer or b"70")
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _serve(path: str) -> None:
    import selectors

    _import_all()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    # it ends when the tests do
    selector.register(0, selectors.EVENT_READ)
    clients: dict[int, tuple[socket.socket, int]] = {}
    children: dict[int, int] = {}
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            place = key.fd
            if place == 0:
                for process in children.values():
                    os.kill(process, signal.SIGKILL)
                return
            if key.fileobj is listener:
                client, _ = listener.accept()
                process = _fork(client, [listener, selector])
                ended = os.pidfd_open(process)
                selector.register(ended, selectors.EVENT_READ)
                selector.register(client, selectors.EVENT_READ)
                clients[ended] = (client, process)
                children[client.fileno()] = process
            elif place in children:
                # signals are passed on; where a client ends, it was killed
                number = key.fileobj.recv(1)
                os.kill(children[place], number[0] if number else signal.SIGKILL)
                if not number:
                    selector.unregister(key.fileobj)
                    del children[place]
            else:
                client, process = clients.pop(place)
                code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                selector.unregister(place)
                os.close(place)
                if children.pop(client.fileno(), None) is not None:
                    selector.unregister(client)
                    client.sendall(str(code).encode())
                client.close()


def _import_all() -> None:
    from importlib import import_module

    import av  # noqa: F401
    import torchvision.models.video  # noqa: F401

    from napari_stst.background.tasks import TASKS

    for task in TASKS.values():
        import_module(task.partition(":")[0])


def _fork(client: socket.socket, to_close: list) -> int:
    start, streams, _, _ = socket.recv_fds(client, _LENGTH.size, 3)
    (length,) = _LENGTH.unpack(start)
    data = bytearray()
    while len(data) < length:
        data += client.recv(length - len(data))
    process = os.fork()
    if process:
        for stream in streams:
            os.close(stream)
        return process
    code = 70
    try:
        for own in (client, *to_close):
            own.close()
        _become(json.loads(data), streams)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(request: dict, streams: list[int]) -> None:
    """Be the process that was asked for."""
    import runpy

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, buffering, "utf-8", errors, closefd=False)  # noqa: SIM115
        for number, (mode, buffering, errors) in enumerate(
            [("r", -1, "strict"), ("w", -1, "strict"), ("w", 1, "backslashreplace")]
        )
    )
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in paths if path and path not in sys.path]
    module, *words = request["words"]
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def command(module: str) -> list[str]:
    """Give the program and the words that do what ``python -m MODULE`` does, but begin at once.

    Where the system does not tell of a child's end by a descriptor (only Linux does), it is just
    that command.
    """
    if not (hasattr(os, "pidfd_open") and hasattr(socket, "send_fds")):
        return [sys.executable, "-P", "-m", module]
    # neither site nor variables of the environment: it starts in some ten milliseconds
    return [sys.executable, "-I", "-S", __file__, _server(), module]


@cache
def _server() -> str:
    """Start the server; give the path of its socket."""
    from small_runs import PYTHONPATH

    # the path of a socket may have some hundred characters only
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "warm")
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert server.stdout.readline() == "ready\n", "the server did not start"
    # its stdin ends with this process, at the latest, and so does it
    atexit.register(server.communicate)
    return path


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _client(sys.argv[1], sys.argv[2:])
    else:
        _serve(sys.argv[1])
