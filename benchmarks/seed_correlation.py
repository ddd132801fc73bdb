"""Are stimuli of different clips more alike with one seed than with several?

    python benchmarks/seed_correlation.py CLIP[@A:B] CLIP[@A:B] ... --size 72x128 --folder WORK
        [--presets quick stps] [--seeds 10] [--permutations 1000] [--threads 2] [--name NAME]

The frames A to B-1 of every clip are shrunk until one side is that of --size, and the middle is cut
out, before anything is made. Then every preset makes a stimulus of every clip with every seed, in
memory, once with the noise of each clip its own (the default) and once with noise = "shared", which
shows that the measure can fail. (Of metamers: scrambling adds random phases to a clip's own, which
makes sums that are independent even where the random part is the same.) Each is kept in WORK under
a name that says what it was made from: the same command once more goes on where it was.

The measure: Pearson's r of the RGB values of two whole stimuli of different clips (all frames,
pixels and channels, less their mean), and of that the mean |r| over pairs of clips and seeds. It is
compared with what pairings of different seeds give: seeds are dealt out to the clips anew, so that
no two clips have the same one, as often as --permutations says. Natural clips correlate as well, by
their light from above and dark edges; with what they are alike, both sides of the comparison are.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import keep, machine

import stst
from stst.config import METHODS, RunConfig, build, preset_method, preset_tree
from stst.utils.devices import numerics, pick_device
from stst.video import Video, open_video, read_video

NOISE = ("per_clip", "shared")


def cropped(text: str, size: tuple[int, int]) -> Video:
    """Read ``PATH`` or ``PATH@A:B``, shrunk as far as `size` fits into it, and take the middle."""
    path, at, frames = text.rpartition("@") if ":" in text.rpartition("@")[2] else (text, "", "")
    with open_video(path) as reader:
        height, width = reader.height, reader.width
    if height < size[0] or width < size[1]:
        raise SystemExit(f"{path} has {height}x{width} px, less than {size[0]}x{size[1]}.")
    # sides are rounded down, so the smallest side that will do may be one larger
    side = math.ceil(max(height, width) * max(size[0] / height, size[1] / width))
    clip = read_video(path, frames if at else None, side)
    if clip.height < size[0] or clip.width < size[1]:
        clip = read_video(path, frames if at else None, side + 1)
    top, left = (clip.height - size[0]) // 2, (clip.width - size[1]) // 2
    middle = clip.frames[:, top : top + size[0], left : left + size[1]]
    return Video(np.ascontiguousarray(middle), clip.fps)


def made(clip: Video, config: RunConfig, folder: Path) -> NDArray[np.uint8]:
    """Make a stimulus (T, H, W, 3), or read it where it was made before."""
    text = config.model_dump_json() + clip.sha256() + stst.__version__
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = folder / f"{config.method}_{config.noise}_seed{config.seed}_{name}.npy"
    if not path.exists():
        make: Any = stst.scramble if config.method == "stps" else stst.synthesize
        (video,) = make(clip, config)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, video.frames)
        os.replace(part, path)
    frames: NDArray[np.uint8] = np.load(path)
    return frames


def correlations(stimuli: NDArray[Any]) -> NDArray[np.float64]:
    """Correlate all stimuli.

    Parameters
    ----------
    stimuli
        (clips, seeds, ...), any values.

    Returns
    -------
    numpy.ndarray
        Pearson's r, (clips, seeds, clips, seeds).
    """
    count = stimuli.shape[:2]
    flat = stimuli.reshape(math.prod(count), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat @ flat.T).astype(np.float64).reshape(*count, *count)


def mean_correlation(r: NDArray[np.float64], seeds: NDArray[np.int_]) -> float:
    """Average |r| over pairs of clips.

    Parameters
    ----------
    r
        As of `correlations`.
    seeds
        (clips, n): the stimuli of each clip that are compared with those of the others in the same
        column.
    """
    return float(
        np.mean([
            np.abs(r[one, seeds[one], other, seeds[other]])
            for one, other in combinations(range(len(r)), 2)
        ])
    )  # fmt: skip


def dealt(clips: int, seeds: int, rng: np.random.Generator) -> NDArray[np.int_]:
    """Deal seeds out to clips, (clips, seeds): each row has all, and no column one twice."""
    order, shifts = rng.permutation(seeds), rng.permutation(seeds)[:clips]
    return order[(np.arange(seeds)[None] + shifts[:, None]) % seeds]


def compared(r: NDArray[np.float64], permutations: int, seed: int = 0) -> dict[str, Any]:
    """Compare pairs of one seed with pairs of different ones.

    Parameters
    ----------
    r
        As of `correlations`; at least as many seeds as clips.
    permutations
        How often seeds are dealt out.
    seed
        Of the dealing.

    Returns
    -------
    dict
        ``same_seed`` and ``other_seeds``, mean |r|; ``range``, within which 95 % of the dealings
        lie; ``inside``, whether the first lies there; ``share_above``, of dealings with as much.
    """
    clips, seeds = r.shape[:2]
    rng = np.random.default_rng(seed)
    null = np.array([mean_correlation(r, dealt(clips, seeds, rng)) for _ in range(permutations)])
    low, high = np.percentile(null, [2.5, 97.5])
    found = mean_correlation(r, np.tile(np.arange(seeds), (clips, 1)))
    return {
        "same_seed": found,
        "other_seeds": float(null.mean()),
        "range": [float(low), float(high)],
        "inside": bool(low <= found <= high),
        "share_above": float(np.mean(null >= found)),
    }


def settings(preset: str, noise: str, seed: int) -> RunConfig:
    """Give a preset's config on this machine's CPU."""
    tree = {**preset_tree(preset), "noise": noise, "seed": seed, "device": "cpu"}
    return build(tree, METHODS[preset_method(preset)].config)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", metavar="CLIP[@A:B]")
    parser.add_argument("--size", default="72x128", metavar="HxW")
    parser.add_argument("--folder", type=Path, required=True, help="where stimuli are kept")
    parser.add_argument("--presets", nargs="+", default=["quick", "stps"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", default="seed_correlation")
    asked = parser.parse_args(words)
    height, width = (int(side) for side in asked.size.split("x"))
    clips = {text: cropped(text, (height, width)) for text in asked.clips}
    lengths = {text: len(clip) for text, clip in clips.items()}
    if not 2 <= len(clips) <= asked.seeds or len(set(lengths.values())) > 1:
        parser.error(f"2 to --seeds clips of one length are needed; there are {lengths}.")
    asked.folder.mkdir(parents=True, exist_ok=True)
    rows = [["preset", "noise", "mean abs. r, one seed", "different seeds", "95 % of these",
             "one seed lies inside"]]  # fmt: skip
    found: dict[str, Any] = {}
    for preset in asked.presets:
        for noise in NOISE:
            configs = [settings(preset, noise, seed) for seed in range(asked.seeds)]
            with numerics(pick_device("cpu"), configs[0].precision, asked.threads):
                stimuli = []
                for text, clip in clips.items():
                    stimuli.append([made(clip, config, asked.folder) for config in configs])
                    print(f"{preset}, noise {noise}: {Path(text).name}", flush=True)
            r = correlations(np.array(stimuli))
            one = compared(r, asked.permutations)
            found[f"{preset}, {noise}"] = {**one, "correlations": r.round(4).tolist()}
            low, high = one["range"]
            rows.append([
                preset, noise, f"{one['same_seed']:.4f}", f"{one['other_seeds']:.4f}",
                f"{low:.4f} to {high:.4f}", "yes" if one["inside"] else "no",
            ])  # fmt: skip
    natural = correlations(np.array([[clip.frames] for clip in clips.values()]))
    keep(
        asked.name,
        f"Mean |r| of RGB values between stimuli of different clips ({len(clips)} clips, "
        f"{next(iter(lengths.values()))} frames of {height}x{width}, {asked.seeds} seeds)",
        {
            "machine": machine() | {"threads": asked.threads},
            "clips": {Path(text).name: clip.sha256() for text, clip in clips.items()},
            "natural": mean_correlation(natural, np.zeros((len(clips), 1), int)),
            "permutations": asked.permutations,
            "found": found,
        },
        rows,
    )


if __name__ == "__main__":
    main()
