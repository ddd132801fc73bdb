"""Many runs in one process, as a batch or a viewer makes them: nothing piles up."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest

import small_inversions
from small_runs import clip, config
from stst.engine.events import IterationDone
from stst.runs.job import Job

#: Memory that 150 runs may add, in MiB; 150 clips and states of these sizes are more than 100.
TOLERANCE = 16


def resident() -> float:
    """Give the memory in use, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def one(number: int, folder: Path) -> None:
    """Make a stimulus: whole, stopped and continued, or refused."""
    natural, output = folder / "natural.mkv", str(folder / "out.mkv")
    if number % 4 == 3:
        list(Job(None, output, small_inversions.config(), overwrite=True).run())
        return
    made = Job(natural, output, config(samples=2, optimizer={"name": "lbfgs"}), overwrite=True)
    if number % 4 == 1:
        list(made.run())
        return
    seen = []
    events = made.run(preview_seconds=0, stop=lambda: number % 4 == 2 and len(seen) > 5)
    for event in events:
        seen.append(event)
        if number % 4 == 0 and isinstance(event, IterationDone) and event.frame == 1:
            break  # a run that nobody follows any more
    events.close()


@pytest.mark.slow
def test_two_hundred_runs(tmp_path):
    if not Path("/proc/self/statm").exists():
        pytest.skip("there is no /proc here")
    clip(tmp_path / "natural.mkv", 4, 96, 128)
    found = []
    for number in range(200):
        one(number, tmp_path)
        if number + 1 in (50, 200):
            gc.collect()
            found.append((resident(), len(os.listdir("/proc/self/fd")), threading.active_count()))
    (memory, files, threads), (memory_then, files_then, threads_then) = found
    print(f"after 50 runs {memory:.0f} MiB and {files} files, after 200 {memory_then:.0f} MiB")
    assert files_then == files
    assert threads_then == threads
    assert memory_then < memory + TOLERANCE
