"""How do peak memory and time grow with frame size, clip length and samples, and is it foretold?

    python benchmarks/memory.py [--questions size length samples] [--models builtin vgg+msoe]

Runs `stst synthesize`, each time in a process of its own with one iteration in every octave, and
reads that process's largest resident set. Before it, `--dry-run` says what it will be. Clips are
those of `sample_data`, resized and played to and fro. Of VGG-19 layers up to conv3_1 are used. The
figure is drawn from the results of all three questions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from timing import RESULTS, keep, machine

from stst.video import Video, read_video, write_video

ROOT = Path(__file__).parents[1]
FIGURE = ROOT / "docs" / "images" / "cost_memory.svg"
# asked at the end of the run: taking libraries down touches parts of them that a run never does
MEASURE = """
import json, resource, sys, time
from stst_cli.main import main
start = time.perf_counter()
try:
    main()
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    print(json.dumps([peak, time.perf_counter() - start]), file=sys.stderr)
"""
ONE_EACH = "octaves=[{}]".format(
    ", ".join(
        f"{{exponent = {exponent}, iterations = 1, learning_rate = 0.01, tv_weight = 0.1}}"
        for exponent in (-2, -1, 0)
    )
)
MODELS = {
    "builtin": ["--preset", "quick", "--set", "frames=[]"],
    "vgg+msoe": [
        "--preset", "fast", "--set",
        'spatial.texture_layers=["conv1_1", "conv2_1", "conv3_1"]',
    ],
}  # fmt: skip
SIZES = ((96, 128), (144, 192), (240, 320), (360, 480))
LENGTHS = (30, 300)
SAMPLES = (1, 2, 4)
MIB = 2**20


def clip(folder: Path, size: tuple[int, int], length: int) -> Path:
    """Write a clip of that size and length."""
    path = folder / f"{size[0]}x{size[1]}_{length}.mkv"
    if not path.exists():
        source = read_video(ROOT / "sample_data" / "cat.mkv")
        last = len(source.frames) - 1
        at = [last - abs(last - index % (2 * last)) for index in range(length)]
        frames = [cv2.resize(source.frames[index], size[::-1]) for index in at]
        write_video(str(path), Video(np.stack(frames), source.fps))
    return path


def measured(folder: Path, model: str, size: tuple[int, int], length: int, samples: int) -> Any:
    """Foretell a run, make it, and say what both gave."""
    words = [
        "synthesize", str(clip(folder, size, length)),
        "-o", str(folder / "out.mkv"), "--overwrite", *MODELS[model], "--set", ONE_EACH,
        "--set", "padding_frames=1", "--samples", str(samples), "--device", "cpu",
        "--precision", "fp32", "--json",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    # a process starts with the largest set of the one it came from, hence the shell between
    foretold, peak, seconds = 0, 0, 0.0
    for more in (["--dry-run"], []):
        done = subprocess.run(
            ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", MEASURE, *words, *more],
            capture_output=True, env=environment, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr)
        foretold = json.loads(done.stdout).get("memory_bytes", foretold)
        peak, seconds = json.loads(done.stderr.splitlines()[-1])
    found = {
        "model": model, "size": list(size), "frames": length, "samples": samples,
        "peak_mib": round(peak / MIB, 1), "foretold_mib": round(foretold / MIB, 1),
        "foretold_by_peak": round(foretold / peak, 3), "seconds": round(seconds, 2),
    }  # fmt: skip
    print(found, file=sys.stderr, flush=True)
    return found


def table(runs: list[Any]) -> list[list[Any]]:
    """Put what was found in rows; ratios are to the model's first run."""
    rows = [["model", "size", "frames", "samples", "peak, MiB", "ratio", "foretold / peak",
             "seconds", "ratio"]]  # fmt: skip
    first: dict[str, Any] = {}
    for run in runs:
        one = first.setdefault(run["model"], run)
        rows.append([
            run["model"], "{}x{}".format(*run["size"]), run["frames"], run["samples"],
            f"{run['peak_mib']:.0f}", f"{run['peak_mib'] / one['peak_mib']:.3f}",
            f"{run['foretold_by_peak']:.2f}", f"{run['seconds']:.1f}",
            f"{run['seconds'] / one['seconds']:.2f}",
        ])  # fmt: skip
    return rows


def draw(found: dict[str, list[Any]]) -> None:
    """Plot peaks and what was foretold."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "cost", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained", sharey=True)
    of = {
        "size": ("frame, thousand pixels", lambda run: run["size"][0] * run["size"][1] / 1000),
        "length": ("frames", lambda run: run["frames"]),
        "samples": ("samples", lambda run: run["samples"]),
    }
    for axis, (question, (label, place)) in zip(axes, of.items(), strict=True):
        for index, model in enumerate(dict.fromkeys(run["model"] for run in found[question])):
            runs = [run for run in found[question] if run["model"] == model]
            at = [place(run) for run in runs]
            peaks = [run["peak_mib"] for run in runs]
            axis.plot(at, peaks, "o-", color=f"C{index}", label=model)
            axis.plot(at, [run["foretold_mib"] for run in runs], "x", color="black",
                      label=None if index else "foretold")  # fmt: skip
        axis.set_xlabel(label)
        axis.set_xlim(left=0)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("peak memory, MiB")
    axes[0].legend(frameon=False)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--questions", nargs="+", default=["size", "length", "samples"])
    asked = parser.parse_args()
    runs = {
        "size": [(size, 3, 1) for size in SIZES],
        "length": [((96, 128), length, 1) for length in LENGTHS],
        "samples": [((144, 192), 3, count) for count in SAMPLES],
    }
    title = "Peak memory and time against {}; is the peak foretold?"
    with tempfile.TemporaryDirectory() as name:
        for question in asked.questions:
            found = [
                measured(Path(name), model, *run)
                for model in asked.models
                for run in runs[question]
            ]
            content = {"machine": machine(), "runs": found}
            keep(f"memory_{question}_cpu", title.format(question), content,
                 table(found))  # fmt: skip
    files = {question: RESULTS / f"memory_{question}_cpu.json" for question in runs}
    if all(path.exists() for path in files.values()):
        draw({name: json.loads(path.read_text())["runs"] for name, path in files.items()})


if __name__ == "__main__":
    main()
