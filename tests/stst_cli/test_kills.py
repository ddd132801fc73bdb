"""Runs that are killed at any moment are continued to the same bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from forked_runs import Forks
from small_inversions import SMALL as SMALL_INVERSION
from small_runs import clip

if sys.platform == "win32":
    pytest.skip("there is no fork here", allow_module_level=True)

OCTAVES = (
    "octaves=[{exponent = -1, iterations = 3, learning_rate = 0.02, tv_weight = 0.1},"
    " {exponent = 0, iterations = 4, learning_rate = 0.02, tv_weight = 0.1}]"
)
COMMANDS = {
    "stst": (
        *("synthesize", "natural.npz", "-o", "out.mkv", "--preset", "paper", "--model", "builtin"),
        *("--samples", "2", "--set", "padding_frames=1", "--set", "checkpoint_every=1"),
        *("--set", "optimizer.name=lbfgs", "--set", OCTAVES),
    ),
    "leaps": (
        *("leaps", "natural.npz", "-o", "out.mkv", *SMALL_INVERSION, "--samples", "2"),
        *("--iterations", "20", "--rate", "29.97"),
    ),
    "prednet": (
        *("train-prednet", "natural.npz", "-o", "out.safetensors", "--size", "16x24"),
        *("--stack", "3,4,5", "--batch", "2", "--sequence", "3", "--steps", "30"),
    ),
}
SIZES = {"stst": (2, 40, 44), "leaps": (14, 12, 14), "prednet": (9, 16, 24)}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as server:
        yield server


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: waiting for a busy disk takes longer than the runs."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def begun(folder: Path, kind: str) -> Path:
    folder.mkdir()
    clip(folder / "natural.npz", *SIZES[kind])
    return folder


def contents(folder: Path) -> dict[str, object]:
    """Give what every file holds; of a sidecar all but the time that it took."""
    out: dict[str, object] = {}
    for path in sorted(folder.iterdir()):
        out[path.name] = path.read_bytes() if path.is_file() else "a folder"
        # a hidden one may be half written
        if path.suffix == ".json" and not path.name.startswith("."):
            out[path.name] = json.loads(path.read_text("utf-8")) | {"seconds": 0}
    return out


def moments(count: int) -> Iterator[float]:
    """Give random shares of a run's time, also right after its start and near its end."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed of the moments: {seed}")
    draw = random.Random(seed).uniform
    for number in range(count):
        low, high = {0: (0.0, 0.1), 1: (0.85, 1.05)}.get(number % 5, (0.05, 0.95))
        yield draw(low, high)


def survive(forks: Forks, here: Path, kind: str, count: int) -> None:
    words = COMMANDS[kind]
    whole = begun(here / "whole", kind)
    code, printed, seconds = forks.run(*words, folder=whole)
    assert code == 0, printed
    expected = contents(whole)
    killed = 0
    for number, share in enumerate(moments(count)):
        folder = begun(here / f"killed{number}", kind)
        moment = seconds * share
        code, printed, took = forks.run(*words, folder=folder, kill_after=moment)
        assert code in (-9, 0), printed
        killed += code == -9
        # the machine was busier before
        seconds = took if code == 0 else seconds
        if number % 3 == 0:
            # and once more while it is continued
            code, printed, _ = forks.run(*words, "--resume", folder=folder, kill_after=moment / 2)
            assert code in (-9, 0), printed
        print(f"killed after {moment:.3f} of {seconds:.3f} s: {sorted(contents(folder))}")
        code, printed, _ = forks.run(*words, "--resume", folder=folder)
        assert code == 0, printed
        assert contents(folder) == expected
        shutil.rmtree(folder)
    assert killed > 0, "the moments lie within the run"


@pytest.mark.parametrize("kind", list(COMMANDS))
def test_killed_and_continued(forks, here, kind):
    survive(forks, here, kind, 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(COMMANDS))
def test_killed_at_twenty_moments(forks, here, kind):
    survive(forks, here, kind, 20)
