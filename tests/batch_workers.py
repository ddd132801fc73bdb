"""What processes of a batch can be told to do; they find it here by name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

from stst.analysis.manifest import NamedPair
from stst.analysis.settings import Settings
from stst.batch.pairs import Measured, _identity, measure_pair
from stst.errors import InputError
from stst.utils.files import sha256_of
from stst.utils.machine import default_threads


def obey(word: str) -> str:
    """Do what the word says, else give it back in capitals."""
    if word in ("SIGINT", "SIGHUP"):
        os.kill(os.getpid(), getattr(signal, word))
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "exit":
        os._exit(3)
    if word == "wait":
        time.sleep(3600)
    if word == "odd":
        raise ZeroDivisionError("one\ntwo")
    if word == "empty":
        raise MemoryError
    if word == "refuse":
        raise InputError("no such thing")
    if word == "unsendable":
        return lambda: word  # type: ignore[return-value]
    if word == "process":
        return str(os.getpid())
    return word.upper()


def spell(word: str) -> Generator[str, None, str]:
    """Say letter by letter."""
    for letter in word:
        if letter == "!":
            os.kill(os.getpid(), signal.SIGKILL)
        yield letter
    return word.upper()


def refuse_to_start() -> None:
    os._exit(7)


def counted(pair: NamedPair, settings: Settings) -> Measured:
    """Leave a trace in the folder STST_TEST_CALLS, and obey the label."""
    (Path(os.environ["STST_TEST_CALLS"]) / f"{pair.label}.{time.time_ns()}").touch()
    obey(pair.label)
    return measure_pair(pair, settings)


def environment_of(names: tuple[str, ...]) -> list[str | int | None]:
    """Give variables of the process, and the number of threads that it would compute on."""
    return [default_threads() if name == "threads" else os.environ.get(name) for name in names]


def nothing_but_the_record(pair: NamedPair, settings: Settings) -> Measured:
    """Measure nothing, and say how it would have been."""
    record = {**_identity(pair, settings, sha256_of), "notes": []}
    return Measured({table: "clip\n" for table in settings.tables}, record)
