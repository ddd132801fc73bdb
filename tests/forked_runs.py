"""Commands in processes of their own that can be killed, without importing torch for each.

``python forked_runs.py`` imports everything once, on one thread, then forks for every command that
it is told; importing anew would take far longer than the runs. It forks while no other thread is
there, which pytest's own process cannot promise. A test talks to it through `Forks`.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from patience import patience

_TESTS = Path(__file__).parent
_POLL = 0.0005


class Forks:
    """The process that forks; a context."""

    def __enter__(self) -> Forks:
        path = os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")])
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.wait(timeout=patience(60))
        self._server.stdout.close()

    def run(
        self, *words: object, folder: Path, kill_after: float | None = None, **more: Any
    ) -> tuple[int, str, float]:
        """Run ``stst`` with these words in a folder.

        Parameters
        ----------
        words
            Of the command line.
        folder
            Where; holds ``log`` afterwards.
        kill_after
            Seconds after which the process is killed (SIGKILL); None to let it end.
        more
            What `_child` is to change.

        Returns
        -------
        tuple
            Exit code (-9 if it was killed), what it printed, seconds.
        """
        request = {
            "words": [str(word) for word in words], "folder": str(folder), "kill": kill_after,
            "more": more,
        }  # fmt: skip
        log = folder / "log"
        log.touch()
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        code, seconds = json.loads(self._server.stdout.readline())
        printed = log.read_text("utf-8", "replace")
        log.unlink()
        return code, printed, seconds


def _serve() -> None:
    import av  # noqa: F401
    import torchvision.models.video  # noqa: F401

    import stst.methods.leaps.prepare
    import stst.methods.stps.prepare
    import stst.methods.stst.prepare
    import stst.models
    import stst.runs.job
    import stst.runs.runner
    import stst.training.job
    import stst.video.encode
    import stst_cli.main
    import stst_cli.shared.job

    # checkpoints as often as is asked for, at any cost
    stst.runs.runner.CHECKPOINT_SHARE = math.inf
    often = partial(stst.training.job.TrainingJob, save_seconds=0.0)
    stst.training.job.TrainingJob = often
    for line in sys.stdin:
        request = json.loads(line)
        began = time.monotonic()
        process = os.fork()
        if process == 0:
            _child(request, stst_cli.main.main)
        code = _ended(process, began, request["kill"])
        print(json.dumps([code, time.monotonic() - began]), flush=True)


def _child(request: dict[str, Any], main: Callable[..., None]) -> None:
    code = 70
    try:
        os.chdir(request["folder"])
        log = os.open("log", os.O_WRONLY | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        limit = request["more"].get("largest_file")
        if limit is not None:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        main(request["words"], prog_name="stst")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(process: int, began: float, kill_after: float | None) -> int:
    """Wait for a process, or kill it; give its exit code."""
    while kill_after is not None:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - began >= kill_after:
            os.kill(process, signal.SIGKILL)
            break
        time.sleep(_POLL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    _serve()
