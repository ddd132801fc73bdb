"""Reading damaged inputs in processes that may crash, hang or take all memory."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from stst.errors import StstError

ACCEPTED, REFUSED = "accepted", "refused"
#: What must not happen, in the order of the table.
FAILURES = ("unclear", "crashed", "hung", "memory", "unsafe")

#: Seconds of CPU, and of a clock on the wall, that an input may take.
SECONDS, WALL = 10.0, 120.0
#: Bytes that reading may take beyond what the libraries do.
MEMORY = 1 << 30
_BATCH = 250  # inputs before a process is replaced, so that nothing adds up
_LONGEST = 1200  # characters of a message, without what the input itself put into it
_LINES = 12  # that libraries may write by the way

# events of Python that reading a file has no business with
_FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect",
    "socket.getaddrinfo", "pickle.find_class", "os.chown", "os.kill",
)  # fmt: skip
_WRITING = (
    "os.chmod",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
)
_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Format:
    """A kind of input.

    Attributes
    ----------
    name
        Of the format.
    prepare
        Makes the whole inputs, in an empty folder, once; what it gives goes to `make`.
    make
        Damages them: names of files to bytes.
    read
        Reads the files in a folder as the program does; may write into the folder ``out`` there.
    named
        What else a message may name in place of a file.
    """

    name: str
    prepare: Callable[[Path], Any]
    make: Callable[[Any, Random], dict[str, bytes]]
    read: Callable[[Path], None]
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of an input."""

    number: int
    outcome: str
    detail: str = ""


@dataclass
class Watch:
    """What an input does that it must not; filled by the hook while one is read."""

    area: str = ""
    seen: list[str] = field(default_factory=list)
    on: bool = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _FORBIDDEN:
            self.seen.append(f"{event} {arguments!r}"[:200])
        elif event in _WRITING:
            self._check(event, arguments[0])
            if event in ("os.rename", "os.link", "os.symlink"):
                self._check(event, arguments[1])
        elif event == "open":
            path, mode, flags = arguments
            if isinstance(path, (str, bytes)) and (flags or 0) & _FLAGS:
                self._check(f"open {mode}", path)

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return
        whole = os.path.abspath(os.fsdecode(path))
        if whole != os.devnull and not whole.startswith(self.area + os.sep) and whole != self.area:
            self.seen.append(f"{event} {whole}"[:200])


def files_of(form: Format, state: Any, seed: int, number: int) -> dict[str, bytes]:
    """Make one input; the same for the same seed and number."""
    return form.make(state, Random(f"{seed}/{form.name}/{number}"))


def put(files: dict[str, bytes], folder: Path) -> None:
    """Write an input into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def attempt(form: Format, folder: Path, canary: Path, watch: Watch) -> tuple[str, str]:
    """Read an input in this process; say what became of it, and why.

    Parameters
    ----------
    form, folder
        What is read, and where it is.
    canary
        A file that code in an input would make.
    watch
        An installed hook.
    """
    before = _listing(folder)
    watch.area, watch.seen, watch.on = str(folder / "out"), [], True
    outcome, detail = ACCEPTED, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            form.read(folder)
        except StstError as error:
            outcome, detail = REFUSED, str(error)
        except MemoryError as error:
            outcome, detail = "memory", f"MemoryError: {error}"
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)
            ours = [one for one in where if f"{os.sep}src{os.sep}stst" in one.filename]
            at = (ours or where)[-1]
            outcome = "unclear"
            detail = f"{type(error).__name__}: {str(error)[:300]} at {at.filename}:{at.lineno}"
        finally:
            watch.on = False
    if outcome == REFUSED and (problem := _unclear(detail, form, folder)):
        outcome, detail = "unclear", f"{problem}: {detail!r}"
    if caught and outcome in (ACCEPTED, REFUSED):
        first = caught[0]
        outcome, detail = (
            "unclear",
            f"warning {first.category.__name__}: {first.message} ({first.filename}:{first.lineno})",
        )
    for one in (canary, Path("escaped"), folder / "escaped"):
        if one.exists():
            outcome, detail = "unsafe", f"{one} was made"
            one.unlink()
    if watch.seen:
        outcome, detail = "unsafe", "; ".join(watch.seen[:3])
    if (after := _listing(folder)) != before:
        outcome, detail = "unsafe", f"files changed: {sorted(before ^ after)[:3]}"
    return outcome, detail


def _listing(folder: Path) -> set[tuple[str, int]]:
    """List all but what may be written, and what lies beside the input."""
    found = {(f"../{one}", 0) for one in os.listdir(folder.parent)}
    for place, folders, names in os.walk(folder):
        if place == str(folder):
            folders.remove("out")
        found |= {
            (os.path.join(place, n), os.lstat(os.path.join(place, n)).st_mtime_ns) for n in names
        }
    return found


def printable(text: str) -> bool:
    """Say whether text is one line that does nothing to a terminal."""
    bad = ("Cc", "Cs", "Zl", "Zp")
    return not any(
        unicodedata.category(c) in bad or c in "\u202a\u202b\u202d\u202e\u2066\u2069" for c in text
    )


def _unclear(message: str, form: Format, folder: Path) -> str | None:
    """Say why a message is not one that a user can work with."""
    names = [one.name for one in folder.rglob("*")] + [folder.name, *form.named]
    if not any(name in message for name in names):
        return "names no file"
    if not printable(message):
        return "is not one line of printable text"
    if len(message) > _LONGEST:
        return f"has {len(message)} characters"
    if "Traceback" in message or " object at 0x" in message:
        return "is not for users"
    return None


def run(
    form: Format,
    state: Any,
    numbers: Sequence[int],
    seed: int,
    area: Path,
    canary: Path,
    lanes: int,
) -> Iterator[Result]:
    """Read inputs in processes.

    Parameters
    ----------
    form, state
        What is read, and what its `prepare` gave.
    numbers
        Of the inputs.
    seed
        Of all of them.
    area
        A folder for this.
    canary
        See `attempt`.
    lanes
        How many processes at a time.

    Yields
    ------
    Result
        In the order in which they end.
    """
    parts = [list(numbers[start::lanes]) for start in range(lanes)]
    open_lanes = [
        _Lane(form, state, seed, part, area / f"lane{n}", canary)
        for n, part in enumerate(parts)
        if part
    ]
    try:
        while open_lanes:
            ready, _, _ = select.select([one.pipe for one in open_lanes], [], [], 1.0)
            for lane in list(open_lanes):
                if lane.pipe in ready:
                    yield from lane.heard()
                else:
                    lane.check_time()
                if lane.done:
                    open_lanes.remove(lane)
    finally:
        for lane in open_lanes:
            lane.stop()


class _Lane:
    """One process after another that reads one input after another."""

    def __init__(
        self, form: Format, state: Any, seed: int, numbers: list[int], area: Path, canary: Path
    ) -> None:
        self._form, self._state, self._seed, self._canary = form, state, seed, canary
        self._left, self._area = numbers, area
        self._hung = False
        self._start()

    @property
    def done(self) -> bool:
        return self._pid == 0

    def _start(self) -> None:
        self._rest = b""
        self._begun, self._cpu = time.monotonic(), 0.0
        receiver, sender = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(receiver)
            try:
                _serve(
                    self._form,
                    self._state,
                    self._seed,
                    self._left[:_BATCH],
                    self._area,
                    self._canary,
                    sender,
                )
            except BaseException:
                traceback.print_exc()
                os._exit(70)
            os._exit(0)
        os.close(sender)
        self.pipe = receiver

    def heard(self) -> Iterator[Result]:
        data = os.read(self.pipe, 1 << 16)
        self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            number, outcome, detail = json.loads(line)
            self._begun, self._cpu = time.monotonic(), _cpu_of(self._pid)
            assert self._left.pop(0) == number
            yield Result(number, outcome, detail)
        if not data:
            yield from self._ended()

    def _ended(self) -> Iterator[Result]:
        os.close(self.pipe)
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._pid = 0
        if code != 0 and self._left:
            number = self._left.pop(0)
            if self._hung:
                yield Result(number, "hung", f"more than {SECONDS:g} s")
            elif code == -signal.SIGKILL:
                yield Result(number, "memory", "killed by the system")
            else:
                name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                yield Result(number, "crashed", name)
        self._hung = False
        if self._left:
            self._start()

    def check_time(self) -> None:
        spent = _cpu_of(self._pid) - self._cpu
        if spent > SECONDS or time.monotonic() - self._begun > WALL:
            self._hung = True
            os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.close(self.pipe)
            os.waitpid(self._pid, 0)


def _cpu_of(pid: int) -> float:
    """Give the seconds of CPU that a process has had, threads included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(
    form: Format, state: Any, seed: int, numbers: list[int], area: Path, canary: Path, sender: int
) -> None:
    """Read inputs and tell of each; a process of its own."""
    folder = area / "in"
    faulthandler.disable()  # pytest's writes to its own log; the parent tells of a crash
    log = _quiet(area)
    base = _limit_memory()
    watch = Watch()
    sys.addaudithook(watch)
    os.chdir(area)
    for number in numbers:
        put(files_of(form, state, seed, number), folder)
        outcome, detail = attempt(form, folder, canary, watch)
        said = _said(log)
        if said.count("\n") > _LINES and outcome in (ACCEPTED, REFUSED):
            outcome, detail = (
                "unclear",
                f"libraries wrote {said.count(chr(10))} lines: {said[:200]!r}",
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if peak - base > MEMORY and outcome in (ACCEPTED, REFUSED):
            outcome, detail = "memory", f"{(peak - base) >> 20} MiB, then {outcome}: {detail}"
        os.write(sender, (json.dumps([number, outcome, detail[:2000]]) + "\n").encode())
        if peak - base > MEMORY:
            return  # the peak stays


def _quiet(area: Path) -> int:
    """Send what native libraries write into a file; give it."""
    area.mkdir(parents=True, exist_ok=True)
    log = os.open(area.with_name(f"{area.name}.log"), os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    return log


def _said(log: int) -> str:
    size = os.lseek(log, 0, os.SEEK_CUR)
    text = os.pread(log, min(size, 1 << 16), 0).decode("utf-8", "replace")
    os.ftruncate(log, 0)
    os.lseek(log, 0, os.SEEK_SET)
    return text


def _limit_memory() -> int:
    """Let no more be taken than twice what may be; give what is in use, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()
    size, used = (int(pages[n]) * os.sysconf("SC_PAGE_SIZE") for n in (0, 1))
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * MEMORY, size + 2 * MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return max(used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
