"""The pictures of the documentation that our own code draws; ``make docs-figures`` runs this.

Stimuli are made once, in ``docs/_build/stimuli``, by the commands that the gallery shows; pictures
go to ``docs/images``. It takes about 15 minutes on two cores. What needs pretrained weights is left
as it is where they are missing.
"""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from palette import small_png
from PIL import Image

import stst
from stst.analysis.cka.similarity import linear_cka
from stst.config import build
from stst.engine.color_transfer import color_transfer
from stst.engine.events import FrameDone, Preview
from stst.engine.losses import gram
from stst.engine.pixels import as_tensor, to_frames
from stst.errors import InputError
from stst.figures.style import COLORS, new_figure, picture, use_style
from stst.methods.stst.prepare import prepare
from stst.models.filterbank import FilterBank

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "sample_data"
STIMULI = HERE / "_build" / "stimuli"
IMAGES = HERE / "images"
CLIPS = ("cat", "astronaut", "coffee")
CPU = torch.device("cpu")
PAPER_LAYERS = 'spatial.texture_layers=["conv1_1","conv2_1","conv3_1"]'

#: What makes the stimuli of the gallery, by the name of the file.
COMMANDS = {
    f"{clip}_{what}.mkv": (command, f"{clip}.mkv", *options)
    for clip in CLIPS
    for what, command, options in (
        ("scrambled", "scramble", ()),
        ("metamer", "synthesize", ("--model", "builtin")),
    )
} | {
    "cat_fast.mkv": (*("synthesize", "cat.mkv", "--set", PAPER_LAYERS, "--set", "precision=fp32"),)
}


def stimulus(name: str) -> stst.Video:
    """Read a stimulus of the gallery; make it first where it does not exist."""
    path = STIMULI / name
    if not path.exists():
        command, clip, *options = COMMANDS[name]
        STIMULI.mkdir(parents=True, exist_ok=True)
        words = [command, str(SAMPLES / clip), "-o", str(path), *options]
        print(shlex.join(["stst", *words]), flush=True)
        done = subprocess.run([sys.executable, "-m", "stst_cli", *words], check=False)
        if done.returncode:
            raise InputError(f"{name} could not be made.")
    return stst.read_video(path)


def natural(clip: str, frames: str | None = None) -> stst.Video:
    return stst.read_video(SAMPLES / f"{clip}.mkv", frames=frames)


# ---------------------------------------------------------------- gallery


def gallery(clip: str) -> bytes:
    """Natural clip, metamer and scrambled clip beside each other, as an animated WebP."""
    clips = [natural(clip), stimulus(f"{clip}_metamer.mkv"), stimulus(f"{clip}_scrambled.mkv")]
    return animated([one.frames[::2] for one in clips], clips[0].fps / 2)


def gallery_of_streams() -> bytes:
    """A metamer of the built-in pair beside one of VGG-19 and MSOE."""
    names = ("cat_metamer.mkv", "cat_fast.mkv")
    clips = [natural("cat"), *(stimulus(name) for name in names)]
    return animated([one.frames[::2] for one in clips], clips[0].fps / 2)


def animated(clips: Sequence[np.ndarray], fps: Any, gap: int = 6) -> bytes:
    white = np.full((*clips[0].shape[:2], gap, 3), 255, np.uint8)
    joined = [part for clip in clips for part in (white, clip)][1:]
    frames = [Image.fromarray(frame) for frame in np.concatenate(joined, axis=2)]
    out = io.BytesIO()
    frames[0].save(
        out, "WEBP", save_all=True, append_images=frames[1:], quality=45, method=6, loop=0,
        duration=round(1000 / fps),
    )  # fmt: skip
    return out.getvalue()


# ---------------------------------------------------------------- style transfer


def two_streams() -> bytes:
    """What is compared, and where the gradient goes."""
    figure, panel = canvas(7.2, 3.6)
    rows = {"natural clip": 2.6, "generated clip": 0.7}
    for label, low in rows.items():
        color = "#000000" if low > 1 else COLORS[0]
        text(panel, 0.02, low + 0.62, label, color=color, weight="bold", ha="left")
        for place, name in ((0.35, "ₜ₋₁"), (0.85, "ₜ")):
            letter = "x" if low > 1 else "g"
            box(panel, place - 0.22, low, 0.44, 0.42, f"{letter}{name}", color)
        for left, name in ((2.0, "spatial stream"), (4.1, "temporal stream")):
            box(panel, left, low, 1.35, 0.42, name, "#666666")
        arrow(panel, (1.07, low + 0.21), (2.0, low + 0.21), color)
        arrow(panel, (0.57, low + 0.42), (4.5, low + 0.42), color, curve=-0.16)
    for left in (2.0, 4.1):
        box(panel, left, 1.65, 1.35, 0.42, "compare Grams", COLORS[1])
        arrow(panel, (left + 0.67, 2.6), (left + 0.67, 2.07), "#000000")
        arrow(panel, (left + 0.67, 1.12), (left + 0.67, 1.65), COLORS[0])
    box(panel, 6.0, 1.65, 1.1, 0.42, "loss", COLORS[1])
    arrow(panel, (3.3, 2.07), (6.1, 2.07), COLORS[1], curve=-0.1)
    arrow(panel, (5.45, 1.86), (6.0, 1.86), COLORS[1])
    arrow(panel, (6.75, 1.65), (0.85, 0.7), COLORS[2], curve=-0.34, style="--")
    text(panel, 6.6, 0.5, "gradient,\ninto gₜ alone", color=COLORS[2])
    return saved(figure, "svg")


def textures() -> bytes:
    """Gram matrices do not see where things are, only what goes with what."""
    cat = natural("cat", "12:13").frames[0]
    shuffled = cat.reshape(-1, 3)[np.random.default_rng(0).permutation(cat.size // 3)]
    shown = {
        "natural": cat,
        "upside down": cat[::-1],
        "metamer": stimulus("cat_metamer.mkv").frames[12],
        "pixels shuffled": shuffled.reshape(cat.shape),
    }
    bank = FilterBank()
    grams = {}
    for label, frame in shown.items():
        values = bank(as_tensor(frame.copy(), CPU), ("conv2",))["conv2"]
        grams[label] = gram(values)[0].numpy()
    first = grams["natural"]
    with use_style():
        figure = new_figure(8.0, 3.9, layout="constrained")
        for place, (label, frame) in enumerate(shown.items()):
            above = figure.add_subplot(2, 4, place + 1)
            above.imshow(frame)
            above.set_title(label, fontsize=9)
            below = figure.add_subplot(2, 4, place + 5)
            below.imshow(np.log10(grams[label] + 1e-6), vmin=-5, vmax=-1.5, cmap="viridis")
            away = np.linalg.norm(grams[label] - first) / np.linalg.norm(first)
            below.set_xlabel(f"distance {away:.2f}" if place else "Gram matrix of conv2, log")
            for panel in (above, below):
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(False)
    return saved(figure, "png")


def octaves() -> bytes:
    """The first frame, as it leaves each octave."""
    tree = {**stst.load_preset("quick").model_dump(), "padding_frames": 0}
    config = build(tree, stst.StstConfig, "the figure")
    last: dict[int, np.ndarray] = {}
    prepared = prepare({"natural": natural("cat", "0:2")}, config)
    for event in prepared.process.run(preview_seconds=0.0):
        if isinstance(event, Preview) and event.frame == 0:
            last[event.octave] = event.images[0]
        if isinstance(event, FrameDone):
            last[len(last)] = event.images[0]
            break
    labels = [f"o = {place + 2 - len(last)}" for place in range(len(last) - 1)]
    return row([*zip([*labels, "colours transferred"], last.values(), strict=True)])


def total_variations() -> bytes:
    """The same frame with more and more weight on smoothness."""
    shown = []
    for weight in (0.0, 0.1, 1.0):
        tree = stst.load_preset("quick").model_dump()
        for octave in [*tree["octaves"], *tree["frames"][0]["octaves"]]:
            octave["tv_weight"] = weight
        tree["padding_frames"] = 0
        config = build(tree, stst.StstConfig, "the figure")
        (metamer,) = stst.synthesize(natural("coffee", "0:2"), config)
        shown.append((f"ω = {weight:g}", metamer.frames[0]))
    return row(shown)


def mirrored() -> bytes:
    """Where a frame starts, and what precedes the first one."""
    figure, panel = canvas(7.2, 2.2)
    text(panel, 0.05, 1.92, "targets", weight="bold", ha="left")
    text(panel, 0.05, 0.92, "generated", weight="bold", ha="left")
    names = ["x₂", "x₁", "x₀", "x₀", "x₁", "x₂", "x₃"]
    for place, name in enumerate(names):
        left = 1.05 + place * 0.86
        padding = place < 3
        grey = "#999999" if padding else "#000000"
        box(panel, left, 1.65, 0.5, 0.42, name, grey)
        made = name.replace("x", "g") if place else "noise"
        box(panel, left, 0.65, 0.5, 0.42, made, grey if padding else COLORS[0])
        arrow(panel, (left + 0.25, 1.65), (left + 0.25, 1.07), "#999999")
        if place:
            arrow(panel, (left - 0.36, 0.86), (left, 0.86), COLORS[1])
    text(panel, 2.15, 0.3, "padding frames (here ξ = 3): made, then dropped", color="#777777")
    text(panel, 5.2, 0.3, "each starts from φ · previous + (1 − φ) · noise", color=COLORS[1])
    return saved(figure, "svg")


def colors() -> bytes:
    """A frame takes the colours of another and keeps its own structure."""
    here, there = natural("astronaut", "0:1").frames[0], natural("coffee", "0:1").frames[0]
    changed = to_frames(color_transfer(as_tensor(here, CPU), as_tensor(there, CPU)))[0]
    shown = (("before", here), ("colours of", there), ("after", changed))
    with use_style():
        figure = new_figure(6.6, 3.1, layout="constrained")
        grid = figure.add_gridspec(2, 3, height_ratios=(3, 2))
        for place, (label, frame) in enumerate(shown):
            above = figure.add_subplot(grid[0, place])
            above.imshow(frame)
            above.set_title(label, fontsize=9)
            above.set_axis_off()
            below = figure.add_subplot(grid[1, place])
            for channel, color in enumerate(("#D55E00", "#009E73", "#0072B2")):
                values = frame[..., channel].ravel() / 255
                below.hist(values, 64, range=(0, 1), histtype="step", color=color)
            below.set(yticks=[], xlim=(0, 1), ylim=(0, 2600), xlabel="red, green, blue")
    return saved(figure, "png")


# ---------------------------------------------------------------- scrambling


def coherences() -> bytes:
    clip = natural("astronaut")
    shown = []
    for share in (1.0, 0.75, 0.5, 0.25, 0.0):
        (made,) = stst.scramble(clip, stst.StpsConfig(coherence=share))
        shown.append((f"coherence {share:g}", made.frames[12]))
    return row(shown)


def modes() -> bytes:
    """What each mode does to a frame, and to a row of pixels over time."""
    clip = natural("cat")
    shown = {"natural": clip.frames}
    for mode in ("spatial", "temporal", "both"):
        config = stst.StpsConfig(mode=mode)
        shown[mode] = stst.scramble(clip, config)[0].frames
    with use_style():
        figure = new_figure(8.0, 2.9, layout="constrained")
        grid = figure.add_gridspec(2, len(shown), height_ratios=(3, 1.3))
        for place, (label, frames) in enumerate(shown.items()):
            above = figure.add_subplot(grid[0, place])
            above.imshow(frames[12])
            above.set_title(label, fontsize=9)
            above.set_axis_off()
            below = figure.add_subplot(grid[1, place])
            below.imshow(frames[:, 72], aspect="auto", interpolation="nearest")
            below.set(xticks=[], yticks=[])
            below.set_xlabel("x")
            if not place:
                below.set_ylabel("time")
    return saved(figure, "png")


# ---------------------------------------------------------------- inversion and measures


def inversion() -> bytes:
    figure, panel = canvas(7.2, 2.5)
    box(panel, 0.1, 1.5, 1.1, 0.45, "clip, from noise", COLORS[0])
    box(panel, 0.1, 0.35, 1.1, 0.45, "stimulus", "#000000")
    box(panel, 2.0, 0.9, 1.3, 0.5, "video classifier", "#666666")
    box(panel, 2.0, 1.85, 1.3, 0.45, "verifier", "#666666")
    arrow(panel, (1.2, 1.65), (2.0, 1.2), COLORS[0])
    arrow(panel, (1.2, 1.8), (2.0, 2.05), COLORS[0])
    arrow(panel, (1.2, 0.57), (2.0, 1.05), "#000000")
    terms = (
        ("class: is it taken for the target?", 1.12, 1.35),
        ("priming: mean features as of the stimulus", 1.0, 0.95),
        ("coherence: features change little by little", 0.95, 0.55),
        ("diversity: statistics the verifier has seen", 2.07, 1.75),
        ("norm: no brighter than it has to be", 0.0, 0.15),
    )
    for words, low, place in terms:
        if low:
            arrow(panel, (3.3, low), (4.0, place), "#999999")
        text(panel, 4.08, place, words, ha="left")
    text(panel, 4.08, 2.25, "added up, and followed down by Adam", color=COLORS[2], ha="left")
    return saved(figure, "svg")


def prednet() -> bytes:
    figure, panel = canvas(7.2, 3.0)
    for level in range(3):
        low = 0.35 + level * 0.9
        name = "frame" if level == 0 else f"A{level}"
        box(panel, 0.3, low, 0.9, 0.45, name, "#000000")
        box(panel, 2.0, low, 1.1, 0.45, f"error E{level}", COLORS[0])
        box(panel, 4.0, low, 1.1, 0.45, f"prediction Â{level}", COLORS[1])
        box(panel, 5.9, low, 1.1, 0.45, f"state R{level}", COLORS[2])
        arrow(panel, (1.2, low + 0.22), (2.0, low + 0.22), "#000000")
        arrow(panel, (4.0, low + 0.22), (3.1, low + 0.22), COLORS[1])
        arrow(panel, (5.9, low + 0.22), (5.1, low + 0.22), COLORS[2])
        arrow(panel, (2.9, low), (6.2, low), COLORS[0], curve=0.12)
        if level < 2:
            arrow(panel, (2.3, low + 0.45), (0.8, low + 0.9), COLORS[0])
            arrow(panel, (6.45, low + 0.9), (6.45, low + 0.45), COLORS[2])
    text(panel, 3.6, 2.85, "three of its four levels", color="#777777")
    return saved(figure, "svg")


def layouts() -> bytes:
    """CKA with channels as examples ignores where things are, with positions it does not.

    An unrelated picture stands beside what was made of the frame: without it, no value says much.
    """
    cat = natural("cat", "12:13").frames[0]
    others = {
        "upside down": cat[::-1].copy(),
        "metamer": stimulus("cat_metamer.mkv").frames[12],
        "scrambled": stimulus("cat_scrambled.mkv").frames[12],
        "unrelated:\nastronaut": natural("astronaut", "12:13").frames[0],
    }
    bank = FilterBank()

    def layer(frame: np.ndarray) -> torch.Tensor:
        return bank(as_tensor(frame, CPU), ("conv3",))["conv3"][0].flatten(1)

    here = layer(cat)
    with use_style():
        figure = new_figure(4.6, 2.1, layout="constrained")
        panel = figure.add_subplot()
        for offset, (label, color) in enumerate(
            (("channels as examples", COLORS[1]), ("positions as examples", COLORS[4]))
        ):
            values = [
                linear_cka(*((here, layer(one)) if not offset else (here.T, layer(one).T)))
                for one in others.values()
            ]
            places = np.arange(len(values)) + (offset - 0.5) * 0.38
            bars = panel.bar(places, values, 0.36, color=color, label=label)
            panel.bar_label(bars, fmt="%.2f", fontsize=7)
        panel.set_xticks(range(len(others)), list(others))
        panel.set(ylim=(min(0, panel.get_ylim()[0]), 1.15), ylabel="CKA with the natural frame")
        panel.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return saved(figure, "png")


# ---------------------------------------------------------------- drawing


def row(shown: Sequence[tuple[str, np.ndarray]]) -> bytes:
    """Frames beside each other, each at its own size, under their labels."""
    height = max(frame.shape[0] for _, frame in shown)
    widths = [frame.shape[1] for _, frame in shown]
    across, down = sum(widths) + 8 * (len(shown) - 1), height + 22
    with use_style():
        figure = new_figure(across / 100, down / 100)
        left = 0
        for (label, frame), width in zip(shown, widths, strict=True):
            tall = frame.shape[0]
            panel = figure.add_axes((left / across, 0, width / across, tall / down))
            panel.imshow(frame, interpolation="none", aspect="auto")
            panel.set_axis_off()
            figure.text((left + 2) / across, (tall + 6) / down, label, fontsize=8)
            left += width + 8
    return saved(figure, "png")


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    with use_style():
        figure = new_figure(width, height)
        panel = figure.add_axes((0, 0, 1, 1))
        panel.set(xlim=(0, width), ylim=(0, height))
        panel.set_axis_off()
    return figure, panel


def box(
    panel: Axes, left: float, low: float, width: float, height: float, words: str, color: str
) -> None:
    shape = FancyBboxPatch(
        (left, low), width, height, boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="white", edgecolor=color, linewidth=1.3,
    )  # fmt: skip
    panel.add_patch(shape)
    text(panel, left + width / 2, low + height / 2, words)


def text(panel: Axes, x: float, y: float, words: str, **options: Any) -> None:
    panel.text(x, y, words, **{"ha": "center", "va": "center", "fontsize": 8, **options})


def arrow(
    panel: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    curve: float = 0.0,
    style: str = "-",
) -> None:
    shape = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=9, color=color, linewidth=1.1,
        connectionstyle=f"arc3,rad={curve}", linestyle=style, shrinkA=1, shrinkB=1,
    )  # fmt: skip
    panel.add_patch(shape)


def saved(figure: Figure, kind: str) -> bytes:
    if kind == "svg":
        return picture(figure, kind)
    return small_png(Image.open(io.BytesIO(picture(figure, "png", dpi=110))))


PICTURES: dict[str, Callable[[], bytes]] = {
    "two_streams.svg": two_streams,
    "mirrored.svg": mirrored,
    "inversion.svg": inversion,
    "prednet.svg": prednet,
    "color_transfer.png": colors,
    "coherence.png": coherences,
    "scrambling_modes.png": modes,
    "octaves.png": octaves,
    "total_variation.png": total_variations,
    "textures.png": textures,
    "cka_examples.png": layouts,
    **{f"gallery_{clip}.webp": (lambda clip=clip: gallery(clip)) for clip in CLIPS},
    "gallery_streams.webp": gallery_of_streams,
}


def main(names: Sequence[str]) -> None:
    """Draw the pictures named, or all."""
    for name in names or PICTURES:
        try:
            content = PICTURES[name]()
        except InputError as error:
            print(f"{name}: left as it is. {error}", file=sys.stderr)
            continue
        (IMAGES / name).write_bytes(content)
        print(f"{name}: {len(content) / 1024:.0f} KiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
