"""Make a metamer of a sample clip and a picture of both; ``make demo`` runs this."""

from __future__ import annotations

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
    """Run the command a user would, then put both clips into one picture."""
    began = time.monotonic()
    FOLDER.mkdir(exist_ok=True)
    master, picture = FOLDER / "metamer.mkv", FOLDER / "natural_and_metamer.png"
    command = ["synthesize", str(NATURAL), "-o", str(master), "--preset", "quick"]
    command += ["--frames", FRAMES, "--overwrite"]
    print("stst " + " ".join(command), flush=True)
    done = subprocess.run([sys.executable, "-m", "stst_cli", *command], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    clips = {
        "natural": stst.read_video(NATURAL, frames=FRAMES).frames,
        "metamer": stst.read_video(master).frames,
    }
    stst.save_side_by_side(picture, clips, overwrite=True)
    print(f"picture:  {picture}")
    print(f"The whole demo took {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
