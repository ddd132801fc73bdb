"""``stst export``: a clip of what an unfinished run has so far."""

from __future__ import annotations

from pathlib import Path

import click

from stst_cli.shared.options import PATH
from stst_cli.shared.terminal import say


@click.command(no_args_is_help=True)
@click.argument("run", type=PATH)
@click.option("-o", "--output", required=True, metavar="OUT",
              help="X.mkv, X.npy, X.npz or X/ for a PNG sequence.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
def export(run: Path, output: str, overwrite: bool) -> None:
    """Write the finished frames of the unfinished run folder RUN (X.run) as a clip."""
    from stst.errors import InputError
    from stst.runs.checkpoint import RunFolder, rate_of
    from stst.runs.outputs import outputs_for
    from stst.video import write_video

    folder = RunFolder(run)
    if not (run / "job.json").is_file():
        raise InputError(f"{run}: not the folder of an unfinished run (it has no job.json).")
    job = folder.job()
    finished = folder.finished()
    if finished == 0:
        raise InputError(f"{run}: no frame is finished yet.")
    seeds = job["environment"]["batch"]
    fps = rate_of(job)
    for sample, one in enumerate(outputs_for(output, seeds)):
        write_video(one.target, folder.frames(sample), fps, overwrite=overwrite)
        say(str(one.master))
    click.echo(f"{finished} frames of an unfinished run", err=True)
