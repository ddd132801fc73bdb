"""``stst convert``: one kind of clip into another."""

from __future__ import annotations

from pathlib import Path

import click

from stst_cli.shared.options import PATH, ClipPart, clip_options, overwrite_option
from stst_cli.shared.terminal import say


@click.command(no_args_is_help=True)
@click.argument("source", metavar="IN", type=PATH)
@click.argument("output", metavar="OUT")
@click.option("--fps", metavar="HZ",
              help="Rate where IN holds none or a wrong one, e.g. 25 or 60000/1001.")  # fmt: skip
@click.option("--resample-fps", metavar="HZ",
              help="Resample in time to this rate; takes the nearest frame.")  # fmt: skip
@click.option("--grey", is_flag=True,
              help="Take the colour away: 0.299 R + 0.587 G + 0.114 B.")  # fmt: skip
@clip_options
@overwrite_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def convert(
    source: Path,
    output: str,
    fps: str | None,
    resample_fps: str | None,
    grey: bool,
    part: ClipPart,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Convert the clip IN to OUT, frame by frame and without loss.

    IN: a video file, a folder of numbered pictures, X.npy or X.npz. OUT: X.mkv (FFV1), X/ (PNG
    sequence), X.npy, X.npz, or X.mp4 for a lossy preview. The sidecar of IN, if it has one, goes
    along as X.json; an X.npy always has one, which holds its rate.
    """
    import json

    from stst.video import convert as convert_clip

    done = convert_clip(
        source, output, part.frames, part.max_side, fps, resample_fps, overwrite, grey,
        **part.levels.as_dict(),
    )  # fmt: skip
    for note in done.notes:
        say(note, err=True)
    if as_json:
        click.echo(json.dumps(done.as_dict(), indent=2))
        return
    made = done.written
    say(f"{made.path}: {made.frames} frames of {made.width}x{made.height} at {made.fps} Hz")
    if done.sidecar is not None:
        say(f"{done.sidecar}: sidecar")
