"""Make a metamer and a scrambled version of a sample clip and compare; ``make demo`` runs this."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import stst

ROOT = Path(__file__).parents[1]
NATURAL = ROOT / "sample_data" / "cat.mkv"
FOLDER = ROOT / "demo"
FRAMES = "0:12"  # half of the clip: a minute or two on two cores


def main() -> None:
    """Run the commands a user would, then put the clips into one picture."""
    began = time.monotonic()
    FOLDER.mkdir(exist_ok=True)
    metamer, scrambled = FOLDER / "metamer.mkv", FOLDER / "scrambled.mkv"
    picture, report = FOLDER / "natural_and_metamer.png", FOLDER / "report"
    frames = ["--frames", FRAMES, "--overwrite"]
    run("stst", "synthesize", NATURAL, "-o", metamer, "--preset", "quick", *frames)
    run("stst", "scramble", NATURAL, "-o", scrambled, *frames)
    run("stst-analyze", "report", NATURAL, metamer, scrambled, "-o", report, "--overwrite")
    clips = {
        "natural": stst.read_video(NATURAL, frames=FRAMES).frames,
        "metamer": stst.read_video(metamer).frames,
        "phase-scrambled": stst.read_video(scrambled).frames,
    }
    stst.save_side_by_side(picture, clips, overwrite=True)
    print(f"picture:  {picture}")
    print(f"The whole demo took {time.monotonic() - began:.0f} s.")


def run(program: str, *words: str | Path) -> None:
    """Run a command and show it; end where it fails."""
    shown = [os.path.relpath(word) if isinstance(word, Path) else word for word in words]
    print(f"\n{shlex.join([program, *shown])}", flush=True)
    module = {"stst": "stst_cli", "stst-analyze": "stst_cli.analyze"}[program]
    done = subprocess.run([sys.executable, "-m", module, *shown], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
