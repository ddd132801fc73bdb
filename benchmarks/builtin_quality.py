"""Judge metamers of the built-in pair of streams by measures they were not optimised for.

    python benchmarks/builtin_quality.py CLIP --frames 0:8 --max-side 224 [--save]

makes a table with a row for the phase-scrambled clip, for the metamer of the built-in pair and,
where the paper's weights are at hand (`stst weights list`), for that of VGG-19 and MSOE with the
same preset. Columns: relative Frobenius distance of Gram matrices to the natural clip's,
||G - G_nat|| / ||G_nat||, averaged over frames (or pairs of frames); mean Farnebäck flow magnitude
in px per frame; contrast. The paper's models judge only if their weights are at hand.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import stst
from stst.analysis.features import features
from stst.config import StpsConfig, StreamConfig, StstConfig, load_preset
from stst.engine.losses import gram
from stst.errors import InputError
from stst.methods.stst.prepare import synthesize
from stst.models import Kind, Stream, load_stream
from stst.video import Video, read_video

RESULTS = Path(__file__).parent / "results"
VGG_LAYERS = ("conv1_1", "conv2_1", "conv3_1")
Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Judge:
    """One stream and the layers whose Gram matrices are compared."""

    name: str
    kind: Kind
    stream: Stream
    layers: tuple[str, ...]


def judge(name: str, kind: Kind, layers: tuple[str, ...]) -> Judge:
    return Judge(name, kind, load_stream(kind, StreamConfig(model=name)).stream, layers)


def builtin_judges() -> list[Judge]:
    return [
        judge("filterbank", "spatial", ("conv1", "conv2", "conv3")),
        judge("motion_energy", "temporal", ("energy",)),
    ]


def paper_judges() -> list[Judge]:
    """Load the paper's models; an empty list where their weights are not at hand."""
    try:
        return [judge("vgg19", "spatial", VGG_LAYERS), judge("msoe", "temporal", ("concat",))]
    except InputError as error:
        print(f"The paper's models do not judge: {error}")
        return []


def scrambled(natural: Video, seed: int) -> Frames:
    """Scramble the phases of the clip as the paper does."""
    return stst.scramble(natural, StpsConfig(seed=seed))[0].frames


def gram_distances(judges: list[Judge], natural: Frames, other: Frames) -> dict[str, float]:
    """Compare Gram matrices; the key is ``model layer``."""
    found = {}
    for one in judges:
        wanted, have = (grams(one, frames) for frames in (natural, other))
        for layer in one.layers:
            difference = (have[layer] - wanted[layer]).flatten(1).norm(dim=1)
            ratio = difference / wanted[layer].flatten(1).norm(dim=1)
            found[f"{one.name} {layer}"] = float(ratio.mean())
    return found


def grams(one: Judge, frames: Frames) -> dict[str, torch.Tensor]:
    images = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    inputs = images if one.kind == "spatial" else torch.stack([images[:-1], images[1:]], dim=1)
    with torch.no_grad():
        # one at a time: the activations of a whole clip would not fit everywhere
        parts = [{k: gram(v) for k, v in one.stream(x[None], one.layers).items()} for x in inputs]
    return {layer: torch.cat([part[layer] for part in parts]) for layer in one.layers}


def measured(judges: list[Judge], natural: Video, other: Frames) -> dict[str, float]:
    values = features(Video(other, natural.fps)).values
    return {
        **gram_distances(judges, natural.frames, other),
        "flow, px": float(np.nanmean(values["flow_magnitude"])),
        "contrast": float(values["contrast"].mean()),
    }


def paper_config(config: StstConfig) -> StstConfig:
    """Give the same schedule with the paper's models, as deep as the comparison goes."""
    spatial = config.spatial.model_copy(update={"model": "vgg19", "texture_layers": VGG_LAYERS})
    temporal = config.temporal.model_copy(update={"model": "msoe"})
    return config.model_copy(update={"spatial": spatial, "temporal": temporal})


def compared(natural: Video, config: StstConfig) -> dict[str, dict[str, float]]:
    """Make every stimulus and measure it; a row for each."""
    paper = paper_judges()
    judges = builtin_judges() + paper
    seed, frames = config.seed, natural.frames
    rows = {
        "natural": measured(judges, natural, frames),
        "phase scrambled": measured(judges, natural, scrambled(natural, seed)),
    }
    configs = {"filterbank + motion_energy": config}
    if paper:
        configs["VGG-19 conv1-3 + MSOE"] = paper_config(config)
    for name, chosen in configs.items():
        began = time.monotonic()
        made = synthesize(natural, chosen)[0].frames
        seconds = (time.monotonic() - began) / (len(frames) + max(config.padding_frames - 1, 0))
        rows[name] = {**measured(judges, natural, made), "s per frame": seconds}
    return rows


def as_markdown(rows: Mapping[str, Mapping[str, float]]) -> str:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = ["| stimulus | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [f"{row[c]:.3f}" if c in row else "" for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", default="0:8", help="A:B, half-open")
    parser.add_argument("--max-side", type=int, default=224, help="px")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--save", action="store_true", help="write into benchmarks/results/")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    natural = read_video(options.clip, frames=options.frames, max_side=options.max_side)
    config = load_preset(options.preset).model_copy(update={"seed": options.seed, "device": "cpu"})
    rows = compared(natural, config)
    height, width = natural.frames.shape[1:3]
    setting = {
        "clip": options.clip.name,
        "frames": options.frames,
        "size": [height, width],
        "preset": options.preset,
        "seed": options.seed,
        "threads": options.threads,
        "stst": stst.__version__,
        "torch": torch.__version__,
    }
    title = ", ".join(f"{key} {value}" for key, value in setting.items())
    text = f"{title}\n\n{as_markdown(rows)}"
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        stem = RESULTS / f"builtin_quality_{options.clip.stem}"
        stem.with_suffix(".md").write_text(text, encoding="utf-8")
        stem.with_suffix(".json").write_text(
            json.dumps({"setting": setting, "rows": rows}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
