"""Beside other programs: how long does a run take whose threads sleep while they wait?

    python benchmarks/load.py [--max-side 128] [--frames 2] [--iterations 40] [--rounds 7]

Runs `stst synthesize` with the models that ship with the program, each time in a process of its
own: with threads that go on looking for work (OMP_WAIT_POLICY=ACTIVE), and as the program sets them
by itself. Both in turn, first with nothing else running, then beside processes that only count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from timing import keep, machine

from stst.utils.machine import ASLEEP, available_cores, default_threads
from stst.video import frames_sha256, read_video

ROOT = Path(__file__).parents[1]
SPINNING, SLEEPING = "looking for work", "asleep (the program's choice)"
WAYS = {SPINNING: {"OMP_WAIT_POLICY": "ACTIVE", "KMP_BLOCKTIME": "200"}, SLEEPING: {}}
# ends by itself, should nobody be left to end it
BUSY = "import time; end = time.monotonic() + 900\nwhile time.monotonic() < end: sum(range(10_000))"


@contextmanager
def beside(count: int) -> Iterator[None]:
    """Keep so many processes counting meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
        for one in running:
            one.wait()


def taken(words: list[str], output: Path, way: str) -> tuple[float, str]:
    """Run once; give seconds, and the hash of the frames."""
    kept = {k: v for k, v in os.environ.items() if k not in (*ASLEEP, "GOMP_SPINCOUNT")}
    command = [sys.executable, "-m", "stst_cli", *words, "-o", str(output), "--overwrite"]
    began = time.perf_counter()
    done = subprocess.run(
        command, env={**kept, **WAYS[way]}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds, frames_sha256(read_video(output).frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--max-side", type=int, default=128)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=40, help="of each of two octaves")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--busy", type=int, default=2, help="processes that count")
    asked = parser.parse_args()
    octaves = ", ".join(
        f"{{exponent = {one}, iterations = {asked.iterations}, learning_rate = 0.03}}"
        for one in (-1, 0)
    )
    words = [
        "synthesize", str(ROOT / "sample_data" / "cat.mkv"), "--preset", "quick",
        "--frames", f"0:{asked.frames}", "--max-side", str(asked.max_side), "--device", "cpu",
        "--set", f"octaves=[{octaves}]", "--set", "frames=[]", "--set", "padding_frames=0",
    ]  # fmt: skip
    loads = {"nothing": 0, f"{asked.busy} busy processes": asked.busy}
    seconds: dict[tuple[str, str], list[float]] = {
        (load, way): [] for load in loads for way in WAYS
    }
    hashes = set()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mkv"
        taken(words, output, SLEEPING)  # files are in memory from now on
        for _ in range(asked.rounds):
            for load, count in loads.items():
                with beside(count):
                    for way in WAYS:
                        found, frames = taken(words, output, way)
                        seconds[load, way].append(found)
                        hashes.add(frames)
    if len(hashes) > 1:
        raise SystemExit("How threads wait has changed the frames.")
    rows = [["beside", "threads that wait are", "s, least", "s, median", "s, most",
             "times as long as asleep"]]  # fmt: skip
    runs = {}
    for (load, way), times in seconds.items():
        ratios = [one / other for one, other in zip(times, seconds[load, SLEEPING], strict=True)]
        least, middle, most = min(times), statistics.median(times), max(times)
        ratio = statistics.median(ratios)
        runs[f"{load}, {way}"] = {
            "seconds": [round(one, 3) for one in times], "ratio": round(ratio, 3),
            "ratios": [round(min(ratios), 3), round(max(ratios), 3)],
        }  # fmt: skip
        rows.append([
            load, way, f"{least:.1f}", f"{middle:.1f}", f"{most:.1f}",
            f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        ])  # fmt: skip
    keep(
        "load_cpu",
        "Whole runs beside other programs; threads look for work while they wait, or sleep",
        {
            "machine": machine() | {"threads": default_threads(), "cores": available_cores()},
            "runs": runs,
        },
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
