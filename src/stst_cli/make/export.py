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
    from stst.runs.folder import RunFolder
    from stst.runs.outputs import outputs_for
    from stst.video import write_video

    folder = RunFolder(run)
    if not (run / "job.json").is_file():
        raise InputError(f"{run}: not the folder of an unfinished run (it has no job.json).")
    record = folder.record()
    groups = [(one, one.count_finished()) for one in folder.checkpoints()]
    if not any(finished for _, finished in groups):
        raise InputError(f"{run}: no frame is finished yet.")
    outputs = iter(outputs_for(output, record.environment.batch))
    for group, finished in groups:
        for sample, seed in enumerate(group.seeds):
            one = next(outputs)
            if finished == 0:
                click.echo(f"seed {seed}: no frame is finished yet", err=True)
                continue
            frames = group.frames(sample)
            write_video(one.target, frames, record.rate, overwrite=overwrite)
            say(str(one.master))
    counts = " and ".join(str(finished) for _, finished in groups if finished)
    click.echo(f"{counts} frames of an unfinished run", err=True)
