"""Work in processes of their own, so that a crash costs no more than the piece it happened in."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context, resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from stst.errors import in_words
from stst.utils.machine import children_sleep

Work = TypeVar("Work")
Result = TypeVar("Result")

#: Enough for a process to end that was asked to, in seconds.
PATIENCE = 5.0
# what a terminal sends to all its processes, by Ctrl-C or when it is closed: the parent's matter
_TO_ALL = {getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)}


@dataclass(frozen=True)
class Failure:
    """Why a piece of work has no result.

    Attributes
    ----------
    message
        One line.
    """

    message: str


@dataclass(frozen=True)
class Said:
    """What a piece of work says of itself before it is done.

    Attributes
    ----------
    what
        Whatever it yielded.
    """

    what: Any


def compute_alone() -> None:
    """Have this process compute on one thread: the other cores have their own work."""
    import cv2

    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # see `stst.utils.machine.default_threads`


def map_in_processes(
    do: Callable[[Work], Result] | Callable[[Work], Generator[Any, None, Result]],
    works: Iterable[Work],
    jobs: int,
    prepare: Callable[[], None] | None = None,
    patience: float = PATIENCE,
) -> Generator[tuple[Work, Result | Failure | Said], None, None]:
    """Do pieces of work side by side.

    Parameters
    ----------
    do
        What is done with each. As it is started in new processes, it is found by its name: a
        function of a module, or a `functools.partial` of one. The same goes for `prepare`. What
        a generator function yields is passed on as it comes; what it returns is the result.
    works
        Given out in order.
    jobs
        Number of processes.
    prepare
        Called first in each process, if given.
    patience
        How long a process may take to end once it was asked to, in seconds.

    Yields
    ------
    tuple
        A piece of work and its result, or a `Failure` if an exception was raised or the process
        died, in the order in which they end; before that, whatever it has `Said`. If this
        generator is closed or interrupted, the processes are ended.
    """
    waiting = deque(works)
    lanes: list[_Worker[Work, Result]] = [
        _Worker(do, prepare) for _ in range(min(jobs, len(waiting)))
    ]
    finished: list[tuple[Work, Result | Failure | Said]] = []
    try:
        while True:
            for lane in lanes:
                if not lane.busy and waiting:
                    lane.begin(waiting.popleft())
            yield from finished
            busy = [lane for lane in lanes if lane.busy]
            if not busy:
                return
            ready = connection.wait([lane.pipe for lane in busy])
            finished = [lane.hear() for lane in busy if lane.pipe in ready]
    finally:
        for lane in lanes:
            lane.ask_to_end()
        for lane in lanes:
            lane.stop(patience)


class _Worker(Generic[Work, Result]):
    """One process after another, each but the first because the one before it died."""

    pipe: connection.Connection
    _process: SpawnProcess | None = None

    def __init__(self, do: Callable[[Work], Any], prepare: Callable[[], None] | None) -> None:
        self._do, self._prepare = do, prepare
        self._works: list[Work] = []

    @property
    def busy(self) -> bool:
        return bool(self._works)

    def begin(self, work: Work) -> None:
        if self._process is None or not self._process.is_alive():
            self.stop()
            self._start()
        self._works.append(work)
        # if it died just now, the end of the pipe says so
        with suppress(OSError):
            self.pipe.send(work)

    def hear(self) -> tuple[Work, Result | Failure | Said]:
        """Give what came of the work; to be called when the pipe has something to say."""
        work = self._works[-1]
        try:
            heard: Result | Failure | Said = self.pipe.recv()
        except (EOFError, OSError):
            assert self._process is not None
            self._process.join(PATIENCE)
            heard = Failure(_death(self._process.exitcode))
            self.stop()
        if not isinstance(heard, Said):
            self._works.pop()
        return work, heard

    def ask_to_end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def stop(self, patience: float = PATIENCE) -> None:
        if self._process is None:
            return
        self.ask_to_end()
        self._process.join(patience)
        if self._process.is_alive():
            self._process.kill()
        self.pipe.close()
        self._process = None

    def _start(self) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._do, self._prepare), daemon=True
        )
        with _ignore_interrupts(), children_sleep():
            process.start()
            self._process = process
        theirs.close()


def _serve(
    pipe: connection.Connection,
    do: Callable[[Any], object],
    prepare: Callable[[], None] | None,
) -> None:
    """Work until the other end of the pipe is gone."""
    for one in _TO_ALL:
        signal.signal(one, signal.SIG_IGN)
    if prepare is not None:
        prepare()
    with suppress(EOFError, OSError):
        while True:
            work = pipe.recv()
            try:
                made = do(work)
                pipe.send(_listen(pipe, made) if isinstance(made, Generator) else made)
            except Exception as error:
                pipe.send(Failure(in_words(error)))


def _listen(pipe: connection.Connection, made: Generator[Any, None, Any]) -> Any:
    """Pass on what a piece of work says; give its result."""
    while True:
        try:
            said = next(made)
        except StopIteration as end:
            return end.value
        pipe.send(Said(said))


@contextmanager
def _ignore_interrupts() -> Iterator[None]:
    """Start processes that hear nothing of a terminal even before they can say so."""
    # started with the first process otherwise, which undoes the mask
    resource_tracker.ensure_running()
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TO_ALL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def hold_signals(signals: Collection[signal.Signals] = (signal.SIGTERM,)) -> Iterator[None]:
    """Let signals wait until a block is done, e.g. while a file is written.

    Only the main thread can be interrupted by a handler, so elsewhere nothing has to wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # a mask would hold them from this thread alone: the system gives them to another one then
    waiting: dict[int, None] = {}
    before = {one: signal.getsignal(one) for one in signals}
    for one in signals:
        signal.signal(one, lambda number, _: waiting.update({number: None}))
    try:
        yield
    finally:
        for one, handler in before.items():
            # None stands for a handler that Python does not know
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        for number in waiting:
            signal.raise_signal(number)


def _death(code: int | None) -> str:
    """Say how a process ended."""
    if code is None or code >= 0:
        return f"the process that worked on it ended by itself (exit code {code})."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return (
            "the process that worked on it was killed (SIGKILL), perhaps because memory ran out. "
            "Do less side by side, or smaller frames."
        )
    return (
        f"the process that worked on it crashed ({name}). A file that it decoded may be damaged: "
        "copy or export it again."
    )
