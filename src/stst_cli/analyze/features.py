"""``stst-analyze features``: low-level features of clips, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.analyze.options import TableOutput, table_options
from stst_cli.shared.options import PATH, ClipPart, clip_options


@click.command(no_args_is_help=True)
@click.argument("clips", type=PATH, metavar="CLIP...", nargs=-1, required=True)
@clip_options
@table_options
def features(
    clips: tuple[Path, ...],
    part: ClipPart,
    table: TableOutput,
) -> None:
    """Measure the low-level features of every CLIP, frame by frame.

    One tidy table of all clips: pixel intensity, contrast, pixel change, and magnitude and angle
    of the optical flow. The value of an angle is empty where next to nothing moves. A clip that is
    named twice is measured once.
    """
    from stst.analysis.features import features as measure
    from stst.video import LazyVideo
    from stst_cli.shared.progress import count_frames

    table.check(clips)
    # a bad clip is found before any is measured; none stays open, for there may be many
    frames, max_side, levels = part
    lengths = {clip: len(LazyVideo(clip, frames, max_side, levels=levels)) for clip in clips}
    rows: list[dict[str, Any]] = []
    with count_frames(sum(lengths.values())) as begin:
        for clip, length in lengths.items():
            name = click.format_filename(clip)
            video = LazyVideo(clip, frames, max_side, levels=levels)
            rows += measure(video, on_frame=begin(name, length)).rows(name)
    table.give(rows)
