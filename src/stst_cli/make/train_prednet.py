"""``stst train-prednet``: clips in, a network that predicts the next frame out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.shared.options import (
    PATH,
    WHOLE,
    device_option,
    levels_options,
    overwrite_option,
    size_option,
    together,
)
from stst_cli.shared.terminal import say

if TYPE_CHECKING:
    from stst.training.job import StepTrained, TrainingDone, TrainingJob, TrainingStopped
    from stst.video import Levels

    Event = StepTrained | TrainingDone | TrainingStopped

_LINE_SECONDS = 10.0  # between two lines of a log


def _stack(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    if re.fullmatch(r"\d+(,\d+)*", value) is None:
        raise click.BadParameter(f"expected channels such as 3,48,96,192, found {value!r}.")
    return tuple(int(channels) for channels in value.split(","))


_options = together(
    click.option("-o", "--output", required=True, type=PATH, metavar="WEIGHTS",
                 help="File to be made, X.safetensors."),
    click.option("--loss", type=click.Choice(["l0", "lall"]), default="l0", show_default=True,
                 help="Error of the lowest level; or also of the others, with a weight of 0.1."),
    click.option("--size", metavar="HxW", default="128x160", show_default=True,
                 callback=size_option,
                 help="Height and width of the frames that the network sees."),
    click.option("--fit", type=click.Choice(["stretch", "crop"]), default="stretch",
                 show_default=True, help="How frames of another shape come to that size."),
    click.option("--stack", metavar="N,N,…", default="3,48,96,192", show_default=True,
                 callback=_stack, help="Channels of every level."),
    click.option("--steps", type=WHOLE, default=18750, show_default=True,
                 help="Updates of the weights; the authors' are 150 times 500 sequences."),
    click.option("--batch", type=WHOLE, default=4, show_default=True,
                 help="Sequences in an update."),
    click.option("--sequence", type=WHOLE, default=10, show_default=True,
                 help="Frames in a sequence."),
    click.option("--skip", type=WHOLE, default=0, show_default=True,
                 help="Frames left out between two of a sequence: faster motion."),
    click.option("--flip", is_flag=True, help="Mirror sequences left to right, at random."),
    click.option("--lr", "learning_rate", type=float, default=0.001, show_default=True,
                 help="Learning rate; a tenth of it in the second half."),
    click.option("--validate", "validation", type=PATH, metavar="CLIP",
                 help="Compare the result with copies of the last frame on this clip, of which no "
                 "frame is left out."),
    click.option("--seed", type=WHOLE, default=0, show_default=True, help="Of weights and draws."),
    device_option,
    click.option("--threads", type=WHOLE, help="Of the CPU.  [default: one a core]"),
    click.option("--dry-run", is_flag=True,
                 help="Print the plan with estimated time and memory; make nothing."),
    overwrite_option,
    click.option("--resume", is_flag=True,
                 help="Continue an unfinished run; begin where there is none; do nothing where the "
                 "very same weights are there."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)  # fmt: skip


@click.command("train-prednet", no_args_is_help=True)
@click.argument("clips", type=PATH, nargs=-1, required=True)
@_options
@levels_options
def train_prednet(
    clips: tuple[Path, ...],
    output: Path,
    validation: Path | None,
    device: str,
    threads: int | None,
    dry_run: bool,
    overwrite: bool,
    resume: bool,
    as_json: bool,
    levels: Levels,
    **settings: Any,
) -> None:
    """Train PredNet, which predicts the next frame, on CLIPS.

    Writes WEIGHTS, which `stst-analyze prednet` takes. The same clips, settings, device, threads
    and versions give the same bytes, interrupted or not.
    """
    from stst.training.job import TrainingJob
    from stst.training.prednet import TrainingSettings

    job = TrainingJob(
        clips, output, TrainingSettings(**settings), validation=validation, device=device,
        threads=threads, overwrite=overwrite, resume=resume,
        levels=levels,
    )  # fmt: skip
    if dry_run:
        _print_plan(job, as_json)
    else:
        _print_result(_end(job), as_json)


def _end(job: TrainingJob) -> TrainingDone:
    """Train with progress on stderr; exit where the user stops it."""
    from stst.errors import InputError, StstError
    from stst.training.job import TrainingStopped
    from stst_cli.shared.following import interruptible
    from stst_cli.shared.job import command_to_resume

    folder = job.folder.path
    try:
        with interruptible() as asked:
            end = _follow(job.run(asked))
    except KeyboardInterrupt:
        # asked twice, so at once; or before there was anything to keep
        if not folder.exists():
            raise
        end = TrainingStopped(0, folder)
    except StstError as error:
        if not isinstance(error, InputError) and folder.exists():
            say(f"What was saved is kept in {folder}.", err=True)
        raise
    if isinstance(end, TrainingStopped):
        say(f"Interrupted. What was saved is kept in {folder}. Continue with:", err=True)
        say(f"  {command_to_resume()}", err=True)
        raise click.exceptions.Exit(130)
    return end


def _follow(events: Iterator[Event]) -> TrainingDone | TrainingStopped:
    """Show a run on stderr until it ends: a bar, or lines in a log."""
    from rich.progress import BarColumn, TimeRemainingColumn

    from stst.training.job import StepTrained
    from stst.utils.clock import duration
    from stst_cli.shared.progress import bar

    began, first, written = time.monotonic(), 0, 0.0
    with bar(
        "step {task.completed}/{task.total}", BarColumn(), "left", TimeRemainingColumn(),
        "{task.description}",
    ) as shown:  # fmt: skip
        for event in events:
            if not isinstance(event, StepTrained):
                return event
            step, steps, now = event.step, event.steps, time.monotonic()
            loss = "" if event.loss is None else f"loss {event.loss:.4g}"
            shown.update(completed=step, total=steps, description=loss)
            if event.loss is None:
                began, first = now, step
            elif not shown.drawn and (now - written > _LINE_SECONDS or step == steps):
                written = now
                left = duration((now - began) / (step - first) * (steps - step))
                shown.say(f"step {step}/{steps}, {loss}, left {left}")
    raise AssertionError("a run ends with TrainingDone or TrainingStopped")


def _print_result(end: TrainingDone, as_json: bool) -> None:
    from stst.utils.clock import duration

    judged = end.validation
    if as_json:
        result: dict[str, Any] = {
            "weights": str(end.path),
            "steps": end.steps,
            "loss": end.loss,
            "seconds": round(end.seconds, 1),
        }
        if judged is not None:
            result["validation"] = {
                "model_mse": judged.model, "copy_mse": judged.copy, "frames": judged.frames
            }  # fmt: skip
        click.echo(json.dumps(result, indent=1))
        return
    say(f"weights:    {end.path}")
    if judged is not None:
        click.echo(
            f"validation: MSE {judged.model:.3g}, of copies of the last frame {judged.copy:.3g} "
            f"({judged.frames} frames)"
        )
    nothing = "nothing to do: they are there"
    click.echo(nothing if end.loss is None else f"done in {duration(end.seconds)}", err=True)


def _print_plan(job: TrainingJob, as_json: bool) -> None:
    from stst.utils.clock import duration

    job.check()
    estimate, settings = job.estimate(), job.settings
    result = {
        "clips": [str(path) for path in job.clips],
        "size": list(settings.size),
        "stack": list(settings.stack),
        "steps": settings.steps,
        "batch": settings.batch,
        "sequence": settings.sequence,
        "memory_bytes": estimate.memory,
        "seconds": round(estimate.seconds, 1),
        "output": str(job.output),
    }
    if as_json:
        click.echo(json.dumps(result, indent=1))
        return
    height, width = settings.size
    click.echo(f"clips       {len(job.clips)}")
    click.echo(f"network     {len(settings.stack)} levels of {settings.stack} channels")
    click.echo(
        f"steps       {settings.steps}, of {settings.batch} sequences of {settings.sequence} "
        f"frames of {height}x{width} px"
    )
    click.echo(f"memory      about {estimate.memory / 2**30:.2f} GiB")
    click.echo(f"time        about {duration(estimate.seconds)}")
    say(f"output      {job.output}")
