"""Measure clips, put the values into one tidy table, and plot their time courses.

python examples/compare_and_plot.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import stst
from stst.analysis.comparison import mean_of
from stst.analysis.features import features
from stst.analysis.tables import table, write_table
from stst.figures import SHOWN, feature_courses, picture

CLIP = Path(__file__).parents[1] / "sample_data" / "coffee.mkv"


def main(folder: Path) -> None:
    """Compare three ways of scrambling with the natural clip."""
    clip = stst.read_video(CLIP, max_side=96)
    clips = {"natural": clip}
    for mode in ("spatial", "temporal", "both"):
        (clips[mode],) = stst.scramble(clip, stst.StpsConfig(mode=mode))

    measured = {label: features(one) for label, one in clips.items()}

    rows = [row for label, one in measured.items() for row in one.rows(label)]
    write_table(table(rows), folder / "features.csv", overwrite=True)

    # angles are averaged around the circle, so no plain mean of the table will do
    for measure in SHOWN:
        means = (f"{label} {mean_of(one, measure):.3f}" for label, one in measured.items())
        print(f"{measure.name} ({measure.unit}): {', '.join(means)}")

    figure = feature_courses(measured)
    (folder / "features.svg").write_bytes(picture(figure, "svg"))
    print(folder / "features.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
