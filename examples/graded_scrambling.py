"""Scramble a clip at several levels of coherence and look at all of them in one picture.

python examples/graded_scrambling.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import stst

CLIP = Path(__file__).parents[1] / "sample_data" / "astronaut.mkv"
LEVELS = (0.0, 0.3, 0.5, 0.7, 1.0)


def main(folder: Path) -> None:
    """Write a clip for each level, and the picture."""
    clip = stst.read_video(CLIP, frames="0:12")
    shown = {"natural": clip.frames}
    for level in LEVELS:
        # the same seed: the levels differ in coherence and in nothing else
        (scrambled,) = stst.scramble(clip, stst.StpsConfig(seed=1, coherence=level))
        path = folder / f"coherence_{round(100 * level):03d}.mkv"
        stst.write_video(path, scrambled, overwrite=True)
        shown[f"coherence {level:g}"] = scrambled.frames
        print(path)
    stst.save_side_by_side(folder / "coherence.png", shown, overwrite=True)
    print(folder / "coherence.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
