"""The process that waits for the one that works: crashes, signals and exit codes."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from patience import patience, wait_for
from stst.utils.crash_note import read_note, reading

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there a process is watched")

#: A program whose commands do what a damaged file might make a library do.
PROGRAM = """
import os, signal, sys, time
import click
from stst.utils.crash_note import reading
from stst_cli.shared.commands import Commands

@click.group(cls=Commands)
def main(): ...

@main.command()
@click.argument("name")
@click.argument("number", type=int)
def crash(name, number):
    with reading("outer.mkv"):
        with reading(name):
            pass
        if name != "none":
            with reading(name):
                os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)

@main.command()
@click.argument("code", type=int)
def leave(code):
    print("out")
    print("err", file=sys.stderr)
    sys.exit(code)

@main.command()
@click.argument("handled", type=int)
def wait(handled):
    def tell(number, _):
        # not print: the signal may come while that is at work
        os.write(1, f"{signal.Signals(number).name}\\n".encode())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)[:handled]:
        signal.signal(number, tell)
    print(os.getpid(), flush=True)
    for _ in range(36000):
        time.sleep(0.1)

main()
"""


@pytest.fixture
def program(tmp_path) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path)]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=patience(60),
        check=False,
    )  # fmt: skip


@pytest.fixture
def started(program):
    """Start the program's `wait` in a group of its own; give it and the working process's id."""
    running: list[subprocess.Popen[str]] = []

    def start(handled: int = 4) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [*program, "wait", str(handled)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_is_an_error_that_names_the_file(program, name):
    done = run(*program, "crash", "a b\x1b[1m.mkv", int(getattr(signal, name)))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        rf"Error: a b\u001b[1m.mkv: the library that was reading this file crashed ({name}). The "
        "file is damaged: copy, export or fetch it again.\n"
    )


def test_after_reading_the_file_is_not_blamed(program):
    done = run(*program, "crash", "none", int(signal.SIGSEGV))
    assert done.returncode == 1
    assert "a library crashed (SIGSEGV) while no file was being read" in done.stderr


@pytest.mark.parametrize("code", [0, 1, 2, 3, 130])
def test_exit_codes_and_words_pass(program, code):
    done = run(*program, "leave", code)
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGUSR2", "SIGHUP"])
def test_a_child_that_is_killed(program, name):
    done = run(*program, "crash", "a.mkv", int(getattr(signal, name)))
    assert done.returncode == -getattr(signal, name)
    expected = "Killed (SIGKILL), perhaps because memory ran out.\n" if name == "SIGKILL" else ""
    assert done.stderr == expected


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
@pytest.mark.parametrize("whole_group", [False, True])
def test_a_signal_arrives_once(started, name, whole_group):
    process, worker = started()
    assert worker != process.pid
    number = getattr(signal, name)
    assert process.stdout is not None
    for _ in range(2):
        (os.killpg if whole_group else os.kill)(process.pid, number)
        assert process.stdout.readline().strip() == name
        time.sleep(0.3)  # were it handed on as well, it would come now
    process.kill()
    said, _ = process.communicate(timeout=patience(30))
    assert said == ""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR2"])
def test_a_signal_that_nobody_handles_ends_both(started, name):
    process, worker = started(0)
    process.send_signal(getattr(signal, name))
    assert process.wait(timeout=patience(30)) == -getattr(signal, name)
    assert gone(worker)


def test_an_interrupt_is_still_one(started):
    process, worker = started(0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=patience(30))
    assert (process.returncode, said) == (130, "Interrupted.\n")
    assert gone(worker)


def test_nothing_goes_on_when_the_waiting_process_is_killed(started):
    process, worker = started()
    process.kill()
    process.wait()
    assert gone(worker)


def gone(pid: int) -> bool:
    """Wait until a process is there no more, or only its record."""
    return wait_for(lambda: state_of(pid) in ("", "Z"), 5)


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_terminal_stops_and_continues_both(program):
    """Ctrl-Z, fg and Ctrl-C in a shell with job control."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    try:
        _type(terminal, f"{' '.join(program)} wait 1\n")
        worker = int(_until(terminal, r"[\r\n](\d+)\r?\n"))
        os.write(terminal, b"\x1a")
        _until(terminal, r"(Stopped)")
        assert wait_for(lambda: state_of(worker) == "T")
        _type(terminal, "fg\n")
        assert wait_for(lambda: state_of(worker) == "S")
        time.sleep(0.5)
        os.write(terminal, b"\x03")
        _until(terminal, r"(SIGINT)")
        time.sleep(0.5)
        os.write(terminal, b"\x1c")
        _until(terminal, r"(Quit)")
        _type(terminal, "echo code $?\n")
        assert _until(terminal, r"code (\d+)") == "131"
        assert gone(worker)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)


def _type(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def _until(terminal: int, pattern: str) -> str:
    """Read the terminal until a pattern comes; give its group."""
    seen, end = "", time.monotonic() + patience(20)
    while select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
        seen += os.read(terminal, 4096).decode("utf-8", "replace")
        if found := re.search(pattern, seen):
            return found[1]
    raise AssertionError(f"{pattern} did not come: {seen!r}")


def test_without_a_watcher_nothing_is_noted():
    with reading("a.mkv"):
        assert read_note() == ""


def test_help_takes_no_process(program):
    code = (
        "import os, sys; sys.argv[1:] = ['--help']; os.fork = None; "
        "exec(open(sys.orig_argv[-1]).read())"
    )
    done = run(sys.executable, "-c", code, program[1])
    assert done.returncode == 0, done.stderr
