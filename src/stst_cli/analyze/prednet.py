"""``stst-analyze prednet``: how well a network foresees the frames of stimuli."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.options import TableOutput, table_options
from stst_cli.shared.options import PATH, ClipPart, clip_options, device_option, size_option
from stst_cli.shared.terminal import say_notes

if TYPE_CHECKING:
    from stst.analysis.pairs import NaturalClip
    from stst.video import LazyVideo


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.argument("others", type=PATH, metavar="OTHER...", nargs=-1, required=True)
@click.option(
    "--weights",
    required=True,
    metavar="FILE|none",
    help="The authors' HDF5 file, or one of our own; `none` for random weights.",
)
@click.option(
    "--kernels",
    type=click.Choice(["auto", "as-is", "rotated"]),
    default="auto",
    help="`rotated` for an HDF5 file made with Theano.  [default: as the file says]",
)
@click.option(
    "--fit",
    type=click.Choice(["stretch", "crop"]),
    default="stretch",
    show_default=True,
    help="How frames of another shape come to the network's size.",
)
@click.option(
    "--size",
    default="128x160",
    show_default=True,
    metavar="HxW",
    callback=size_option,
    help="What the network sees, in pixels.",
)
@device_option
@clip_options
@table_options
def prednet(
    natural: Path,
    others: tuple[Path, ...],
    weights: str,
    kernels: Any,
    fit: Any,
    size: tuple[int, int],
    device: str,
    part: ClipPart,
    table: TableOutput,
) -> None:
    """Predict every frame of NATURAL and of every OTHER clip from the ten before it, by PredNet.

    One tidy table, frame by frame: how alike prediction and frame are (SSIM, cSSIM, mean squared
    error), the error of every level, and what repeating the frame before would have given. Clips
    are aligned as `compare` does, and need at least 11 frames.
    """
    from stst.analysis.pairs import NaturalClip
    from stst.analysis.prediction import PredictionSettings, load_predictor
    from stst.analysis.prediction import predictions as predict
    from stst_cli.shared.progress import count_frames

    table.check((natural, *others))
    settings = PredictionSettings(weights, fit, size, device, kernels=kernels)
    clip = NaturalClip(natural, *part)
    # a bad clip is found before any is measured
    counts, naturals, notes = _count(clip, others, settings.window)
    loaded = load_predictor(settings)
    say_notes(notes)
    rows: list[dict[str, Any]] = []
    total = sum(counts.values()) + sum(len(one) - settings.window + 1 for one in naturals)
    with count_frames(total) as begin:
        for other, count in counts.items():
            pair = clip.pair(other)
            reference = click.format_filename(pair.reference)
            if pair.natural in naturals:
                naturals.remove(pair.natural)
                rows += predict(pair.natural, loaded, begin(reference, count)).rows(reference)
            name = click.format_filename(other)
            rows += predict(pair.other, loaded, begin(name, count)).rows(name, reference)
    table.give(rows)


def _count(
    clip: NaturalClip, others: tuple[Path, ...], window: int
) -> tuple[dict[Path, int], set[LazyVideo], list[str]]:
    """Count the frames that are predicted of each clip; none stays open, for there may be many."""
    from stst.analysis.prediction import check_length

    counts: dict[Path, int] = {}
    naturals: set[LazyVideo] = set()
    notes: list[str] = []
    for other in dict.fromkeys(others):
        pair = clip.pair(other)
        check_length(pair.natural, window)
        counts[other] = len(pair.other) - window + 1
        naturals.add(pair.natural)
        notes += pair.notes
    return counts, naturals, notes
