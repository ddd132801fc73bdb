"""A job on the terminal: its plan, its progress, where its outputs are."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.shared.settings import run_config
from stst_cli.shared.terminal import say
from stst_cli.shared.wording import in_options

if TYPE_CHECKING:
    from stst.config import RunConfig
    from stst.runs.job import Job


def run_command(
    clip: Path | None,
    kind: type[RunConfig],
    default_preset: str,
    own: Mapping[str, Any],
    *,
    output: str,
    as_json: bool,
    dry_run: bool,
    overwrite: bool,
    resume: bool,
    **settings: Any,
) -> None:
    """Do what a command that makes stimuli was asked for by `stst_cli.shared.options.run_options`.

    Parameters
    ----------
    clip
        What the stimulus is made of; None without.
    kind, default_preset, own, settings
        See `run_config`.
    output, as_json, dry_run, overwrite, resume
        The options of these names.
    """
    from stst.runs.job import Job

    config = run_config(kind, default_preset, own, **settings)
    job = Job(clip, output, config, overwrite=overwrite, resume=resume)
    if dry_run:
        print_plan(job, as_json)
    else:
        run_job(job, as_json)


def run_job(job: Job, as_json: bool) -> dict[str, Any]:
    """Run a job on the terminal and print where its outputs are.

    Parameters
    ----------
    job
        What to do.
    as_json
        Print one JSON object instead of lines.

    Returns
    -------
    dict
        What was printed.
    """
    from stst.engine.events import RunStopped
    from stst.errors import InputError, StstError
    from stst.utils.clock import duration
    from stst_cli.shared.following import follow, interruptible

    path = job.folder.path
    try:
        with interruptible() as asked:
            end = follow(job.run(stop=asked))
    except KeyboardInterrupt:
        # asked twice, so at once; or before there was anything to keep
        if not path.exists():
            raise
        end = RunStopped(0, path)
    except StstError as error:
        if not isinstance(error, InputError) and path.exists():
            say(f"What is finished is kept in {path}; --resume continues it.", err=True)
        raise
    if isinstance(end, RunStopped):
        say(f"Interrupted. What is finished is kept in {path}. Continue with:", err=True)
        say(f"  {command_to_resume()}", err=True)
        raise click.exceptions.Exit(130)
    result = {
        "outputs": [{name: str(path) for name, path in one.items()} for one in end.outputs],
        "seconds": round(end.seconds, 1),
    }
    for warning in end.warnings:
        say(f"Warning: {warning}", err=True)
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return result
    for one in end.outputs:
        for name, path in one.items():
            say(f"{name + ':':9} {path}")
    done = f"done in {duration(end.seconds)}" if end.made else "nothing to do: all are there"
    click.echo(done, err=True)
    return result


def print_plan(job: Job, as_json: bool) -> None:
    """Say what a job would do, and what it would cost."""
    from stst.utils.clock import duration

    job.check_outputs()
    prepared = job.prepared
    plan, estimate = prepared.process.describe(), job.estimate(prepared)
    height, width = prepared.process.size
    disk = job.disk(prepared)
    result = {
        "frames": plan.frames,
        "size": [height, width],
        "fps": str(prepared.fps),
        "padding_frames": plan.padding,
        "octaves": [list(size) for size in plan.octaves],
        "iterations": plan.iterations,
        "samples": prepared.config.samples,
        "device": str(prepared.device),
        "memory_bytes": estimate.memory,
        "disk_bytes": disk,
        "seconds": round(estimate.seconds, 1),
        "notes": job.notes(prepared),
        "outputs": [{name: str(path) for name, path in one.files().items()} for one in job.outputs],
    }
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    click.echo(f"frames      {plan.frames} of {height}x{width} px at {prepared.fps} Hz")
    if plan.octaves:
        click.echo(f"padding     {plan.padding} frames")
        click.echo(f"octaves     {', '.join(f'{h}x{w}' for h, w in plan.octaves)} px")
    if plan.iterations:
        click.echo(f"iterations  {plan.iterations} in all")
    click.echo(f"samples     {prepared.config.samples} side by side on {prepared.device}")
    click.echo(f"memory      about {estimate.memory / 2**30:.2f} GiB")
    click.echo(f"disk        up to {disk / 2**20:.1f} MiB")
    click.echo(f"time        about {duration(estimate.seconds)}")
    for one in job.outputs:
        say(f"output      {one.master}")
    for note in job.notes(prepared):
        say(f"note        {in_options(note)}")


def command_to_resume() -> str:
    """Give the words of this call, with ``--resume``."""
    program = Path(sys.argv[0]).name
    start = [program] if program != "__main__.py" else ["python", "-m", "stst_cli"]
    words = [*start, *sys.argv[1:]]
    words = [word for word in words if word not in ("--overwrite", "--resume")]
    return shlex.join([*words, "--resume"])
