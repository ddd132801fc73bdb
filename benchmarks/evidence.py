"""What `quick`, `fast` and `paper` keep of natural clips, and what they lose, over a set.

    python benchmarks/evidence.py DIR --videos FOLDER --photographs FOLDER [--part small|paper]
        [--seeds N ...] [--judge MODEL ...] [--cka MODEL@LAYERS ...]

Makes the natural clips and a manifest in DIR, then every stimulus by `stst batch`, one thread each,
and measures them by `stst-analyze study`: what is done stays, so the same command goes on after a
stop. Two parts:

* ``small``: eight clips of 24 frames, longer side 192 px; `quick`, `fast` and phase scrambling;
* ``paper``: four clips of 3 frames, shorter side at least 147 px, where the paper's three octaves
  fit; `paper` beside the others.

The folder of videos holds `animal.mp4`, `flipping_a_pancake.mkv` and `carphone_pristine.mp4`; that
of photographs the pictures of ImageNet that the package foolbox ships (`foolbox/data`).
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image
from timing import keep, machine

from stst.video import Video, read_video, write_video

ROOT = Path(__file__).parents[1]
VIDEOS = {
    "animal": ("animal.mp4", "0:24"),
    "pancake": ("flipping_a_pancake.mkv", "0:24"),
    "carphone": ("carphone_pristine.mp4", "72:96"),
}
#: An animal and a thing that MobileNetV2 names rightly at this size.
PHOTOGRAPHS = {"goose": "imagenet_15_99.jpg", "cannon": "imagenet_13_471.jpg"}
SAMPLES = ("cat", "astronaut", "coffee")
#: What does not matter to an experiment that asks whether a metamer keeps its clip's statistics.
#: Stated before the sets were measured.
MARGINS = {
    "pixel_intensity.ratio": 1.05,
    "contrast.ratio": 1.1,
    "pixel_change.ratio": 1.25,
    "flow_magnitude.ratio": 1.25,
    "total_variation.ratio": 1.25,
    "coarse_power.ratio": 1.25,
    "direction_distance": 0.2,
    "speed_distance": 0.3,
    "recognition.top10.clip": 0.1,
}
#: Of VGG-19; the presets' own ones want its full weights, of 550 MB.
LAYERS = '["conv1_1", "conv2_1", "conv3_1"]'
#: Presets by part.
PRESETS = {"small": ("quick", "fast", "stps"), "paper": ("quick", "fast", "stps", "paper")}


def sample_clips(height: int, width: int) -> ModuleType:
    """Load the program that renders the sample clips, for another size of the same view."""
    spec = importlib.util.spec_from_file_location(
        "make_clips", ROOT / "sample_data" / "make_clips.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_clips"] = module
    spec.loader.exec_module(module)
    module.HEIGHT, module.WIDTH = height, width
    return module


def pan(path: Path) -> Video:
    """Pan over a photograph, 1.2 px a frame to the right and 0.3 down."""
    module = sample_clips(144, 192)
    image = np.asarray(Image.open(path).convert("RGB")) / 255.0
    height, width = image.shape[:2]
    scale = min(height / 170, width / 232)
    start = (width - 1) / 2 - 14 * scale, (height - 1) / 2 - 4 * scale
    layer = module.Layer(path.stem, start=start, pan=(-1.2, -0.3), scale=scale)
    return Video(module._bytes(module._sampled(image, layer)), Fraction(24))


def naturals(part: str, videos: Path, photographs: Path) -> Iterator[tuple[str, Video]]:
    """Give the natural clips of a part, by name."""
    if part == "small":
        for name in SAMPLES:
            yield name, read_video(ROOT / "sample_data" / f"{name}.mkv")
        for name, (file, frames) in VIDEOS.items():
            yield name, read_video(videos / file, frames=frames, max_side=192)
        for name, file in PHOTOGRAPHS.items():
            yield name, pan(photographs / file)
        return
    module = sample_clips(147, 196)
    module.FRAMES = 3
    for name in SAMPLES:
        clip = module.CLIPS[name]
        # The same view in more pixels, or the window would leave the photograph.
        layers = [replace(layer, scale=layer.scale * 144 / 147) for layer in clip.layers]
        yield name, Video(replace(clip, layers=tuple(layers)).render()[0], Fraction(24))
    yield "pancake", read_video(videos / VIDEOS["pancake"][0], frames="0:3", max_side=264)


def write_set(
    folder: Path, part: str, seeds: Sequence[int], videos: Path, photographs: Path
) -> Path:
    """Write the natural clips that are not there yet, and the manifest; give the latter."""
    clips = folder / "natural"
    clips.mkdir(parents=True, exist_ok=True)
    names = []
    for name, video in naturals(part, videos, photographs):
        names.append(name)
        if not (clips / f"{name}.mkv").exists():
            write_video(clips / f"{name}.mkv", Video(video.frames, video.fps))
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["natural", "preset", "seed", "output", "spatial.texture_layers"])
        for seed, preset in product(seeds, PRESETS[part]):
            layers = LAYERS if preset in ("fast", "paper") else ""
            for name in names:
                output = f"{name}_{preset}_{seed}.mkv"
                writer.writerow([f"natural/{name}.mkv", preset, seed, output, layers])
    return manifest


def write_pairs(folder: Path, part: str, seeds: Sequence[int]) -> Path:
    """Write which stimuli the study is of, under the names of their presets; give the manifest."""
    path = folder / "set.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["natural", "other", "label", "condition"])
        for natural in sorted((folder / "natural").glob("*.mkv")):
            for seed, preset in product(seeds, PRESETS[part]):
                label = f"{natural.stem}_{preset}_{seed}"
                other = f"stimuli/{label}.mkv"
                if (folder / other).exists():
                    writer.writerow([f"natural/{natural.name}", other, label, preset])
    return path


def keep_table(folder: Path, part: str) -> None:
    """Keep what the study found: a row for each measure, a column for each preset."""
    with (folder / "page" / "study.csv").open(newline="") as file:
        # of one clip there are no columns of intervals and verdicts
        found = [defaultdict(str, row) for row in csv.DictReader(file)]
    with (folder / "set.csv").open(newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    presets = list(dict.fromkeys(row["condition"] for row in found))
    rows: dict[str, dict[str, str]] = {}
    for row in found:
        where = " ".join(filter(None, (row["model"].partition(" [")[0], row["layer"])))
        shown = rows.setdefault(f"{row['measure']} {where}".strip(), {})
        shown[row["condition"]] = _cell(row)
        shown["clips"] = row["clips"]
        shown["natural"] = _short(row["natural"])
        shown["null"] = _short(row["null_value"])
        if row["null_low"] != row["null_high"]:
            shown["null"] += f" [{_short(row['null_low'])}, {_short(row['null_high'])}]"
    columns = [*presets, "natural", "null", "clips"]
    table = [["measure", *columns]]
    table += [[name, *(shown.get(one, "") for one in columns)] for name, shown in rows.items()]
    keep(
        f"evidence_{part}",
        f"What presets keep and lose, {part} set: mean [95 % interval], margins stated before",
        {"machine": machine(), "margins": MARGINS, "stimuli": labels, "findings": found},
        table,
    )


def _cell(row: Mapping[str, str]) -> str:
    """Write a mean, its interval and what the margin says of it."""
    interval = f" [{_short(row['low'])}, {_short(row['high'])}]" if row["low"] else ""
    verdict = row["verdict"].partition(" (")[0]
    return f"{_short(row['value'])}{interval} {verdict}".strip()


def _short(number: str) -> str:
    return f"{float(number):.3g}" if number else ""


def run(*words: str) -> None:
    """Run a command of this package."""
    subprocess.run([sys.executable, "-m", *words], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--part", choices=sorted(PRESETS), default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("--cka", action="append", default=[])
    parser.add_argument("--jobs", default="2")
    asked = parser.parse_args()
    folder = asked.folder / asked.part
    manifest = write_set(folder, asked.part, asked.seeds, asked.videos, asked.photographs)
    run("stst_cli", "batch", str(manifest), "-o", str(folder / "stimuli"), "--jobs", asked.jobs,
        "--threads", "1", "--device", "cpu")  # fmt: skip
    options = [word for judge in asked.judge for word in ("--judge", judge)]
    options += [word for model in asked.cka for word in ("--cka", model)]
    options += [word for name, one in MARGINS.items() for word in ("--margin", f"{name}={one}")]
    run("stst_cli.analyze", "study", str(write_pairs(folder, asked.part, asked.seeds)), "-o",
        str(folder / "page"), "--jobs", asked.jobs, *options)  # fmt: skip
    keep_table(folder, asked.part)


if __name__ == "__main__":
    main()
