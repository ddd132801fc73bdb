from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing

import pytest

from batch_workers import obey, refuse_to_start, spell
from patience import patience
from stst.utils.processes import Failure, Said, hold_signals, map_in_processes

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")

KILLED = Failure(
    "the process that worked on it was killed (SIGKILL), perhaps because memory ran out. "
    "Do less side by side, or smaller frames."
)
CRASHED = Failure(
    "the process that worked on it crashed (SIGSEGV). A file that it decoded may be damaged: "
    "copy or export it again."
)


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("jobs", [1, 2, 9])
def test_a_crash_costs_one_piece_of_work(jobs):
    words = ["a", "kill", "b", "crash", "exit", "odd", "empty", "c"]
    assert dict(map_in_processes(obey, words, jobs)) == {
        "a": "A", "kill": KILLED, "b": "B", "crash": CRASHED,
        "exit": Failure("the process that worked on it ended by itself (exit code 3)."),
        "odd": Failure("ZeroDivisionError: one two"), "empty": Failure("MemoryError"), "c": "C",
    }  # fmt: skip


def test_one_process_does_one_thing_after_another():
    first, (_, a), (_, b) = map_in_processes(obey, ["process", "process", "process"], 1)
    assert first == ("process", a) == ("process", b)
    assert a != str(os.getpid())
    assert gone(int(a))


@pytest.mark.parametrize("word", ["SIGINT", "SIGHUP"])
def test_what_a_terminal_sends_to_all_is_the_parent_s_matter(word):
    assert list(map_in_processes(obey, [word], 1)) == [(word, word)]


def test_nothing_to_do():
    assert list(map_in_processes(obey, [], 2)) == []


def test_the_core_s_own_errors_are_given_as_they_are():
    ((_, failure),) = map_in_processes(obey, ["refuse"], 1)
    assert failure == Failure("no such thing")


def test_results_that_cannot_be_sent():
    found = dict(map_in_processes(obey, ["unsendable", "a"], 1))
    assert found["a"] == "A"
    # every version of Python says it in other words, but names what it is
    assert "obey.<locals>.<lambda>" in found["unsendable"].message


def test_what_work_says_before_it_is_done():
    found = list(map_in_processes(spell, ["ab", "c"], 1))
    assert found == [
        ("ab", Said("a")),
        ("ab", Said("b")),
        ("ab", "AB"),
        ("c", Said("c")),
        ("c", "C"),
    ]


def test_a_crash_after_something_was_said():
    found = list(map_in_processes(spell, ["a!b", "c"], 1))
    assert found == [("a!b", Said("a")), ("a!b", KILLED), ("c", Said("c")), ("c", "C")]


def test_processes_that_do_not_start():
    found = list(map_in_processes(obey, ["a", "b"], 1, refuse_to_start))
    failure = Failure("the process that worked on it ended by itself (exit code 7).")
    assert found == [("a", failure), ("b", failure)]


def test_closing_ends_the_processes():
    with closing(map_in_processes(obey, ["process", "wait", "process"], 2)) as results:
        _, process = next(results)
        start = time.monotonic()
    assert time.monotonic() - start < patience(5)
    assert gone(int(process))


def test_a_signal_waits_until_a_file_is_written():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("SIGTERM"))
    # the system gives a signal to any thread that takes it, as those of torch do
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        for _ in range(20):
            heard.clear()
            with hold_signals():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.001)
                heard.append("written")
            assert heard == ["written", "SIGTERM"]
    finally:
        signal.signal(signal.SIGTERM, before)
        end.set()
        other.join()
    assert signal.getsignal(signal.SIGTERM) == before
