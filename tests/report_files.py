"""What every report holds, in the order in which it is said."""

FILES = (
    "index.html", "frames.png", "frames.svg", "features.png", "features.svg", "means.png",
    "means.svg", "features.csv", "comparison.csv",
)  # fmt: skip
