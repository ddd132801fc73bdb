"""How long does a preset take to reach the losses that the paper's schedule ends with?

    python benchmarks/quality.py CLIP --frames 0:3 --max-side 284 --presets paper fast [--cache DIR]

Frames after the first are compared one by one. Judged are the finished frames at full size, before
colour transfer: unweighted texture losses (equations 3 and 4) of VGG-19's conv1_1, conv2_1, conv3_1
and of MSOE, in float32, targets from the natural clip itself, with the previous frame that the
preset had itself made. Intensity, contrast and optical flow are of the finished clips. With
--cache, frames that were made before with the same settings and code are read again. The time of a
frame is that of its steps, timed side by side, times their number.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import keep, machine, side_by_side
from torch import Tensor

import stst.methods.stst.synthesis as loop
from stst.analysis.features import features
from stst.config import StreamConfig, StstConfig, build, load_preset, merge
from stst.engine.color_transfer import color_transfer
from stst.engine.events import Event, FrameDone, RunStarted
from stst.engine.loop import make_optimizer, optimize
from stst.engine.pixels import as_tensor
from stst.engine.process import run_in_memory
from stst.methods.stst.objective import Statistician, StstObjective, active_terms
from stst.methods.stst.octaves import Octave, through_octaves
from stst.methods.stst.prepare import prepare
from stst.methods.stst.variants import PAPER
from stst.models import load_stream
from stst.utils.devices import numerics
from stst.video import Video, read_video

LAYERS = ("conv1_1", "conv2_1", "conv3_1")


def setting(preset: str, seed: int, changes: dict[str, Any]) -> StstConfig:
    """Give a preset with the layers that are judged, and no padding frames.

    Octaves too small for a model are left out of both, as small clips ask for.
    """
    own = {
        "seed": seed, "padding_frames": 0, "device": "cpu", "small_octaves": "skip",
        "spatial": {"texture_layers": LAYERS},
    }  # fmt: skip
    tree = load_preset(preset).model_dump(mode="json", exclude_none=True)
    return build(merge(merge(tree, own), changes), StstConfig)


def made(clip: Video, config: StstConfig, cache: Path | None) -> dict[str, Any]:
    """Make a metamer; give its frames, those before colour transfer, and seconds per frame."""
    text = config.model_dump_json() + clip.sha256()
    file = (
        None if cache is None else cache / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
    )
    if file is not None and file.exists():
        with np.load(file) as kept:
            return dict(kept)
    before: list[np.ndarray[Any, Any]] = []
    states: list[np.ndarray[Any, Any]] = []
    taken: list[float] = []
    clock = [0.0]
    transfer = loop.color_transfer

    def watched(pictures: Tensor, *rest: Any) -> Tensor:
        before.append(pictures[0].numpy().copy())
        return transfer(pictures, *rest)

    def note(event: Event) -> None:
        now = time.perf_counter()
        if isinstance(event, FrameDone):
            taken.append(now - clock[0])
            states.append(event.state[0].copy())
        if isinstance(event, FrameDone | RunStarted):
            clock[0] = time.perf_counter()

    loop.color_transfer = watched
    try:
        (video,) = run_in_memory(prepare({"natural": clip}, config), note)
    finally:
        loop.color_transfer = transfer
    found = {
        "frames": video.frames, "before": np.stack(before), "states": np.stack(states),
        "seconds": np.array(taken),
    }  # fmt: skip
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **found)
    return found


class Judge:
    """Unweighted texture losses of finished frames."""

    def __init__(self, clip: Video) -> None:
        spatial = load_stream("spatial", StreamConfig(model="vgg19")).stream
        temporal = load_stream("temporal", StreamConfig(model="msoe")).stream
        self.statistician = Statistician(spatial, temporal, PAPER, "fp32")
        self.clip = clip

    def losses(self, frame: int, image: Tensor, previous: Tensor) -> dict[str, float]:
        """Give both losses of a frame (1, 3, H, W), its predecessor as the preset made it."""
        here, before = (
            as_tensor(self.clip.frames[one], image.device) for one in (frame, frame - 1)
        )
        pairs = torch.stack([before, here], 1), torch.stack([previous, image], 1)
        out = {}
        for term, layers, (natural, own) in (
            ("spatial_texture", LAYERS, (here, image)),
            ("temporal_texture", ("concat",), pairs),
        ):
            want = self.statistician.compute_targets(term, natural, layers).by_layer
            have = self.statistician.compute_targets(term, own, layers).by_layer
            out[term] = float(self.statistician.compared("texture", have, want))
        return out


def seconds_per_frame(
    clip: Video, configs: dict[str, StstConfig], rounds: int, threads: int
) -> dict[str, dict[str, Any]]:
    """Time what a frame after the first takes, step by step side by side.

    A whole schedule takes minutes, in which a machine has other moods; single steps of all presets
    and octaves are taken in turn instead, and counted.
    """
    cpu = torch.device("cpu")
    calls: dict[str, Callable[[], object]] = {}
    counts: dict[str, dict[str, int]] = {}
    for preset, config in configs.items():
        process = prepare({"natural": clip}, config).process
        assert isinstance(process, loop.Synthesis)
        setting, counts[preset] = process.config.for_frame(1), {}
        octaves = process._octaves[1]
        sizes = [one.size for one in octaves]
        here, before = (as_tensor(clip.frames[one], cpu) for one in (1, 0))
        for octave in octaves:
            name = f"{preset}, octave {octave.config.exponent}"
            counts[preset][name] = octave.config.iterations
            calls[name] = _stepping(process, setting, octave, before)
        for name, call in {
            "statistics of the targets": partial(process._compute_targets, 1, setting,
                                                 active_terms(setting, False), sizes, None),
            "colour transfer": partial(color_transfer, before, here),
        }.items():  # fmt: skip
            calls[f"{preset}, {name}"], counts[preset][f"{preset}, {name}"] = call, 1
    with numerics(cpu, "fp32", threads):
        taken = side_by_side(calls, rounds)
    return {
        preset: {
            "seconds": sum(taken[name]["seconds"] * count for name, count in steps.items()),
            "steps": {name: (count, taken[name]["seconds"]) for name, count in steps.items()},
        }
        for preset, steps in counts.items()
    }


def _stepping(
    process: loop.Synthesis, setting: StstConfig, octave: Octave, before: Tensor
) -> Callable[[], object]:  # fmt: skip
    """Give a call that takes one step of an octave."""
    terms = active_terms(setting, False)
    (wanted,) = process._compute_targets(1, setting, terms, [octave.size], None)
    (previous,) = through_octaves(before, [octave.size], False)
    objective = StstObjective(
        process.statistician, wanted, {term: setting.term_weight(term) for term in terms},
        octave.config.tv_weight, setting.equalize, previous,
    )  # fmt: skip
    noise = torch.rand(previous.shape, generator=torch.Generator().manual_seed(0))
    steps = optimize(
        0.95 * previous + 0.05 * noise, objective, rule=make_optimizer(setting.optimizer, True),
        iterations=10**6, learning_rate=octave.config.learning_rate,
    )  # fmt: skip
    return lambda: next(steps)


def judged(clip: Video, found: dict[str, Any], judge: Judge) -> dict[str, Any]:
    """Judge all frames after the first."""
    rows = []
    for frame in range(1, len(clip.frames)):
        image = torch.from_numpy(found["before"][frame])[None]
        previous = torch.from_numpy(found["states"][frame - 1])[None]
        rows.append(judge.losses(frame, image, previous))
    seen = features(Video(found["frames"], clip.fps)).values
    means = {
        name: float(np.nanmean(seen[name]))
        for name in ("pixel_intensity", "contrast", "flow_magnitude")
    }
    return {"losses": rows, "wall_seconds": found["seconds"][1:].tolist(), "features": means}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", default="0:3")
    parser.add_argument("--max-side", type=int, default=284)
    parser.add_argument("--presets", nargs="+", default=["paper", "fast"])
    parser.add_argument("--set", default="{}", help="JSON that changes all presets but the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--name", default="quality")
    asked = parser.parse_args()
    clip = read_video(asked.clip, frames=asked.frames, max_side=asked.max_side)
    judge = Judge(clip)
    found, configs = {}, {}
    natural = features(clip).values
    for place, preset in enumerate(asked.presets):
        config = setting(preset, asked.seed, json.loads(asked.set) if place else {})
        configs[preset] = config
        with numerics(torch.device("cpu"), "fp32", asked.threads):
            result = made(clip, config, asked.cache)
            found[preset] = judged(clip, result, judge)
    yardstick = found[asked.presets[0]]
    timed = seconds_per_frame(clip, configs, asked.rounds, asked.threads)
    whole = timed[asked.presets[0]]["seconds"]
    rows = [["preset", "s per frame", "times as fast", "spatial / its", "temporal / its",
             "intensity", "contrast", "flow (px/frame)"]]  # fmt: skip
    first = {name: float(np.nanmean(natural[name])) for name in yardstick["features"]}
    rows.append(["natural clip", "", "", "", "", *(f"{one:.4f}" for one in first.values())])
    for preset, one in found.items():
        ratios = {
            term: [
                a[term] / b[term] for a, b in zip(one["losses"], yardstick["losses"], strict=True)
            ]
            for term in ("spatial_texture", "temporal_texture")
        }
        one |= {"ratios": ratios, "counted": timed[preset]}
        seconds = timed[preset]["seconds"]
        rows.append([
            preset, f"{seconds:.1f}", f"{whole / seconds:.1f}",
            *(" ".join(f"{value:.2f}" for value in values) for values in ratios.values()),
            *(f"{value:.4f}" for value in one["features"].values()),
        ])  # fmt: skip
    height, width = clip.frames.shape[1:3]
    keep(
        asked.name,
        f"Time and quality by preset, {asked.clip.name}, frames {asked.frames} at {height}x{width}",
        {"machine": machine() | {"threads": asked.threads}, "natural": first, "presets": found},
        rows,
    )


if __name__ == "__main__":
    main()
