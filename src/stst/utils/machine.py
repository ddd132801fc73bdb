"""Cores and memory that this process may use, and how its threads wait. Nothing needs torch."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath

#: Threads without work sleep. They would go on looking for it (GNU's OpenMP, and Intel's and
#: LLVM's), which takes the processor from whoever has work: other programs, and each other.
ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}

_ROOT = Path("/")


def sleep_while_waiting() -> None:
    """Have OpenMP's threads sleep while they wait, here and in processes that this one starts.

    What the user has set wins. OpenMP reads it as it is loaded, with torch: if that has happened,
    the environment is left alone.
    """
    if "torch" not in sys.modules:
        _fill(os.environ)


@contextmanager
def children_sleep() -> Iterator[None]:
    """Let processes that are started meanwhile sleep while they wait, see `ASLEEP`."""
    added = _fill(os.environ)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _fill(environment: MutableMapping[str, str]) -> list[str]:
    """Set what is not set yet; give the names."""
    names = [name for name in ASLEEP if name not in environment]
    environment.update({name: ASLEEP[name] for name in names})
    return names


def default_threads(root: Path = _ROOT) -> int:
    """Choose how many threads a run computes on where nobody says it.

    Parameters
    ----------
    root
        See `available_cores`.

    Returns
    -------
    int
        ``OMP_NUM_THREADS``, else one for each core that this process may use: two processors of
        one core share its arithmetic.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return min(available_cores(root), _physical(root, _processors()))


def available_cores(root: Path = _ROOT) -> int:
    """Count the processors that this process may really use.

    Parameters
    ----------
    root
        Where ``/proc`` and ``/sys`` are.

    Returns
    -------
    int
        As many as its affinity allows; fewer where a control group's quota of processor time, or
        that of a group around it, is worth fewer (rounded up). At least 1.
    """
    quota = _quota(root)
    count = len(_processors())
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def _processors() -> frozenset[int]:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


@cache
def _physical(root: Path, processors: frozenset[int]) -> int:
    """Count the cores that some processors belong to."""
    cores = set()
    for number in processors:
        path = root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
        cores.add(_text(path) or number)
    return len(cores)


@cache
def _quota(root: Path) -> float | None:
    """Give the processors' worth of time that control groups allow; None where they do not say."""
    own: dict[str, PurePosixPath] = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        # the second version's only group has no controllers in this list
        own |= dict.fromkeys(controllers.split(","), PurePosixPath(path))
    found = []
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = (part.split() for part in line.partition(" - "))
        if len(before) < 5 or not after or after[0] not in ("cgroup", "cgroup2"):
            continue
        second = after[0] == "cgroup2"
        if not second and "cpu" not in after[-1].split(","):
            continue
        group = own.get("" if second else "cpu", PurePosixPath("/"))
        top = root / before[4].lstrip("/")
        # inside a container the mount may begin at the group itself
        inner = PurePosixPath()
        if group.is_relative_to(before[3]):
            inner = group.relative_to(before[3])
        found += [_quota_of(top / folder, second) for folder in (inner, *inner.parents)]
    return min((one for one in found if one is not None), default=None)


def _quota_of(group: Path, second: bool) -> float | None:
    """Give the quota of one group over its period, for either version of control groups."""
    if second:
        words = _text(group / "cpu.max").split()
    else:
        words = [_text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    try:
        quota, period = (int(word) for word in words)
    except ValueError:
        return None  # "max", or no such file
    return quota / period if quota > 0 and period > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def available_memory() -> int | None:
    """Give the bytes of memory that can still be used, or None where the system does not say."""
    of_job = left_to_job()
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
                return free if of_job is None else min(free, of_job)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def left_to_job(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Give what limits on this process's group leave: containers, jobs on a cluster (cgroup v2).

    Parameters
    ----------
    root, own
        Where Linux says it.

    Returns
    -------
    int or None
        Bytes under the tightest limit, of this group or one above it; None without a limit.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
        name = next(line[3:] for line in lines if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    group = root / name.lstrip("/")
    left = []
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            break
        try:
            limit = (folder / "memory.max").read_text(encoding="ascii").strip()
            used = int((folder / "memory.current").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue  # the uppermost group has no such files
        if limit.isdigit():
            left.append(max(0, int(limit) - used))
    return min(left, default=None)
