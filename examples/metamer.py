"""Make two metamers of a clip in Python and see how closely they keep its features.

python examples/metamer.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import stst
from stst.analysis.comparison import compare
from stst.analysis.features import features
from stst.engine.events import FrameDone

CLIP = Path(__file__).parents[1] / "sample_data" / "cat.mkv"


def show(event: object) -> None:
    """Print how far the run is, whenever a frame is finished."""
    if isinstance(event, FrameDone):
        kind = "padding" if event.frame < 0 else "frame"
        print(f"{kind} {event.frame}: {event.progress:.0%} of the run", file=sys.stderr)


def main(folder: Path) -> None:
    """Make, write and compare."""
    # few frames of few pixels, so that this takes seconds; leave both out for a stimulus
    clip = stst.read_video(CLIP, frames="0:3", max_side=64)

    # a config is frozen, and a changed copy is checked as well
    config = stst.load_preset("quick").model_copy(update={"seed": 7, "samples": 2})
    metamers = stst.synthesize(clip, config, on_event=show)

    natural = features(clip)
    for seed, metamer in zip(config.seeds, metamers, strict=True):
        path = folder / f"metamer_seed{seed}.mkv"
        stst.write_video(path, metamer, overwrite=True)
        found = compare(natural, features(metamer))
        print(path)
        for measure in ("pixel_intensity", "contrast", "flow_magnitude"):
            here, there = found[measure]["natural_mean"], found[measure]["other_mean"]
            print(f"  {measure:16} natural {here:.3f}, metamer {there:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
