"""``stst-analyze compare``: stimuli beside the natural clip they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.analyze.options import TableOutput, table_options
from stst_cli.shared.options import PATH, ClipPart, clip_options
from stst_cli.shared.terminal import say_notes


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.argument("others", type=PATH, metavar="OTHER...", nargs=-1, required=True)
@clip_options
@table_options
def compare(
    natural: Path,
    others: tuple[Path, ...],
    part: ClipPart,
    table: TableOutput,
) -> None:
    """Compare the low-level features of every OTHER clip with those of the clip NATURAL.

    Where the sidecar of a stimulus names NATURAL, the frames and the size that it was made with
    are compared, or of these the --frames that you ask for, in NATURAL's numbering; for other
    clips, --frames and --max-side say what to take of NATURAL, and of an OTHER that is as long, or
    as large. Frames in which either clip lacks a measure are left out; rows that end in .frames
    say how many are left.
    """
    from stst.analysis import comparison
    from stst.analysis.features import Features, features
    from stst.analysis.pairs import NaturalClip
    from stst.video import LazyVideo
    from stst_cli.shared.progress import count_frames

    table.check((natural, *others))
    clip = NaturalClip(natural, *part)
    # a bad clip is found before any is measured; none stays open, for there may be many
    lengths: dict[Path, int] = {}
    naturals: dict[LazyVideo, Features | None] = {}
    notes: dict[str, None] = {}
    for other in dict.fromkeys(others):
        pair = clip.pair(other)
        lengths[other] = len(pair.other)
        naturals[pair.natural] = None
        notes |= dict.fromkeys(pair.notes)
    say_notes(notes)
    rows: list[dict[str, Any]] = []
    with count_frames(sum(lengths.values()) + sum(map(len, naturals))) as begin:
        for other, length in lengths.items():
            pair = clip.pair(other)
            reference = click.format_filename(pair.reference)
            measured = naturals[pair.natural]
            if measured is None:
                measured = features(pair.natural, on_frame=begin(reference, length))
                naturals[pair.natural] = measured
            name = click.format_filename(other)
            changed = features(pair.other, on_frame=begin(name, length))
            rows += comparison.comparison_rows(
                comparison.compare(measured, changed), name, reference
            )
    table.give(rows)
