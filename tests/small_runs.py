"""Runs that take a moment: small clips, the tiny model, few iterations."""

from __future__ import annotations

import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from click import Group
from click.testing import CliRunner, Result

import stst as library
import warm_processes
from patience import patience
from stst.config import StstConfig, build, merge
from stst.engine.events import RunFinished, RunStopped
from stst.runs.job import Job
from stst.runs.record import SCHEMA_VERSION, RunRecord
from stst.video import write_video
from stst_cli.analyze import main as analyze_main
from stst_cli.main import main

TESTS = Path(__file__).parent
#: For processes: the tests' own models, and the very code that is tested.
PYTHONPATH = os.pathsep.join([str(TESTS), str(Path(library.__file__).parents[1])])
FPS = Fraction(30000, 1001)

TREE = {
    "spatial": {"model": "tiny_model:spatial"},
    "temporal": {"model": "tiny_model:temporal"},
    "padding_frames": 1,
    "octaves": [
        {"exponent": -1, "iterations": 1, "learning_rate": 0.02, "tv_weight": 0.1},
        {"exponent": 0, "iterations": 2, "learning_rate": 0.02, "tv_weight": 0.1},
    ],
}
#: The same on the command line, over the preset paper.
SMALL = (
    *("--preset", "paper", "--set", "spatial.weights=default"),
    *("--set", "spatial.model=tiny_model:spatial"),
    *("--set", "temporal.model=tiny_model:temporal", "--set", "padding_frames=1"),
    "--set",
    "octaves=[{exponent = -1, iterations = 1, learning_rate = 0.02, tv_weight = 0.1},"
    " {exponent = 0, iterations = 2, learning_rate = 0.02, tv_weight = 0.1}]",
)
#: For commands that take the models' names out of a file.
TRUST = ("--trust-model", "tiny_model:spatial", "--trust-model", "tiny_model:temporal")


def recorded(path: Path | str) -> dict[str, Any]:
    """Read a sidecar as the JSON that it is."""
    content: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return content


def config(**changes) -> StstConfig:
    return build(merge(TREE, changes), StstConfig)


def frames(count=3, height=18, width=20, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def clip(path: Path, count=3, height=18, width=20, seed=0, fps=FPS) -> Path:
    write_video(path, frames(count, height, width, seed), fps)
    return path


def stst(*words: object) -> Result:
    """Run a command in this process; anything but an orderly exit is raised."""
    return _run(main, "stst", words)


def stst_analyze(*words: object) -> Result:
    return _run(analyze_main, "stst-analyze", words)


def _run(program: Group, name: str, words: tuple[object, ...]) -> Result:
    result = CliRunner().invoke(program, [str(word) for word in words], prog_name=name)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def synthesize(*words: object) -> Result:
    return stst("synthesize", *SMALL, *words)


def refused(result: Result, *parts: str, code: int = 2) -> str:
    """Check for exit code and one line of error that holds every part; give the line."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    assert result.stderr.splitlines()[-1] == lines[0], "the error is not the last line"
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in lines[0], lines[0]
    return lines[0]


def process(*words: object, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, on one thread."""
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.run(
        [*warm_processes.command("stst_cli"), *map(str, words)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=patience(120),
        check=False,
    )  # fmt: skip


#: What a run of two samples is made of.
RECORD = {
    "schema_version": SCHEMA_VERSION, "method": "stst", "config": {},
    "inputs": [{"role": "natural", "path": "natural.npz", "fps": "25"}],
    "environment": {"threads": 1, "batch": [0, 1]}, "output": "out.mkv",
}  # fmt: skip


def run_record(**changes) -> RunRecord:
    """Give it, with changes."""
    return RunRecord.model_validate({**RECORD, **changes})


def small_job(
    natural, name="out.npy", *, resume=False, overwrite=False, threads=None, **changes
) -> Job:
    output = str(natural.parent / name) + ("/" if name.endswith("/") else "")
    return Job(natural, output, config(**changes), overwrite, resume, threads)


def finish(made: Job) -> RunFinished:
    """Run to the end."""
    *_, last = made.run()
    assert isinstance(last, RunFinished)
    return last


def stop_at(made: Job, after: int) -> RunStopped:
    """Stop at the event of that number, 0-based."""
    seen = []
    for event in made.run(stop=lambda: len(seen) > after):
        seen.append(event)
    last = seen[-1]
    assert isinstance(last, RunStopped)
    return last


def read_json(path: Path) -> dict[str, Any]:
    """Read strict JSON."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)
