"""``stst-analyze study``: what a set of stimuli keeps and has lost, on a page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.batch import follow_pairs
from stst_cli.analyze.models import (
    choose_judges,
    choose_models,
    command_words,
    load_parts,
    model_options,
)
from stst_cli.shared.commands import terminable
from stst_cli.shared.options import PATH, ClipPart, clip_options
from stst_cli.shared.terminal import say, say_notes

if TYPE_CHECKING:
    from stst.batch.states import JobEnd
    from stst.study.run import StudySettings


def _margins(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    margins: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            margin = float(value) if equals else float("nan")
        except ValueError:
            margin = float("nan")
        if not name.strip() or margin != margin:
            raise click.BadParameter(f"expected MEASURE=NUMBER, found {text!r}.")
        if margins.setdefault(name.strip(), margin) != margin:
            raise click.BadParameter(f"{name.strip()} has two margins. Give one.")
    return margins


@click.command(no_args_is_help=True)
@click.argument("source", type=PATH, metavar="MANIFEST | DIR")
@click.option(
    "-o", "--output", "folder", type=PATH, required=True, metavar="DIR",
    help="Folder of the page and all tables; made if it does not exist.",
)  # fmt: skip
@click.option(
    "--judge", "judges", multiple=True, metavar="MODEL[=WEIGHTS]",
    help="A classifier that says what it still recognises, as `stst-analyze recognize` has it. "
    "Repeatable; natural clips are nameable where two agree.",
)  # fmt: skip
@click.option(
    "--margin", "margins", multiple=True, metavar="MEASURE=NUMBER", callback=_margins,
    help="What does not matter to the experiment, by the measure's name in study.csv: of ratios a "
    "factor (contrast.ratio=1.1), of others a difference (recognition.top10.clip=0.1). "
    "Repeatable; equivalence is tested only where one is given.",
)  # fmt: skip
@click.option(
    "--trust-model", "trusted", multiple=True, metavar="PACKAGE.MODULE:FACTORY",
    help="Allow sidecars to name this model. Repeatable.",
)  # fmt: skip
@clip_options
@model_options
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N",
    help="How many natural clips are worked on side by side.  [default: number of cores]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def study(
    source: Path,
    folder: Path,
    judges: tuple[str, ...],
    margins: Mapping[str, float],
    trusted: tuple[str, ...],
    part: ClipPart,
    jobs: int | None,
    as_json: bool,
    **words: Any,
) -> None:
    """Measure a whole set of stimuli and write a page that says what it keeps and has lost.

    MANIFEST is a .csv or .tsv file with the columns natural, other and, if wanted, label and
    condition; or a .toml file with tables [[stimuli]] of these keys. DIR is a folder of stimuli
    whose sidecars name their natural clips, such as `stst batch` makes.

    Every measure stands beside its nulls: unrelated clips, the clip scrambled, noise. The clip is
    the unit of all intervals and tests. DIR/index.html is the page, DIR/study.csv its numbers. A
    stimulus that is missing or cannot be read is listed, and the rest is done. The same command
    once more does only what is not done yet.
    """
    from stst.study.entries import read_set
    from stst.study.results import evaluate
    from stst.study.run import Study
    from stst.study.write import write_study
    from stst.utils.machine import available_cores

    settings = _settings(judges, margins, trusted, part, words)
    command = _command(source, judges, margins, trusted, part, words)
    measured = Study(read_set(source, folder), folder, settings)
    say_notes(measured.notes)
    kept = f"What is measured is kept in {click.format_filename(folder)}"
    ended = follow_pairs(measured.batch, jobs or available_cores(), kept)
    with terminable():
        results = evaluate(measured)
        files = write_study(results, command)
    for sentence in results.confounds:
        say(f"Warning: {sentence}", err=True)
    if _print_summary(results.problems, ended, files, as_json):
        raise click.exceptions.Exit(1)


def _settings(
    judges: tuple[str, ...],
    margins: Mapping[str, float],
    trusted: tuple[str, ...],
    part: ClipPart,
    words: dict[str, Any],
) -> StudySettings:
    from stst.analysis.settings import Settings
    from stst.study.run import StudySettings

    words = {**words, "beside_nulls": True}
    load_parts(words, part.levels)
    measuring = Settings(
        part.frames, part.max_side, *choose_models(words), words["device"], words["null"],
        part.levels, judges=choose_judges(judges),
    )  # fmt: skip
    return StudySettings(measuring, margins, trusted)


def _command(
    source: Path,
    judges: tuple[str, ...],
    margins: Mapping[str, float],
    trusted: tuple[str, ...],
    part: ClipPart,
    words: dict[str, Any],
) -> str:
    """Write the command that makes the page, without what does not change it."""
    out = ["stst-analyze", "study", str(source), "-o", "DIR"]
    for option, values in (
        ("--judge", judges),
        ("--margin", [f"{name}={margin:g}" for name, margin in margins.items()]),
        ("--trust-model", trusted),
        ("--frames", [] if part.frames is None else [part.frames]),
        ("--max-side", [] if part.max_side is None else [str(part.max_side)]),
    ):
        out += [word for value in values for word in (option, value)]
    return shlex.join([*out, *part.levels.options(), *command_words(words)])


def _print_summary(
    problems: Mapping[str, str], ended: list[JobEnd], files: tuple[Path, ...], as_json: bool
) -> int:
    """Say what there is; give the number of stimuli that have no values."""
    states: dict[str, list[str]] = {}
    for one in ended:
        states.setdefault(one.state, []).append(one.label)
    if as_json:
        result = {
            "done": states.get("done", []),
            "skipped": states.get("up to date", []),
            "left_out": [{"label": label, "why": why} for label, why in problems.items()],
            "outputs": [click.format_filename(path) for path in files],
        }
        click.echo(json.dumps(result, indent=1))
    else:
        say(f"{files[0]}")
    for label, why in problems.items():
        say(f"{label}: {why}", err=True)
    counts = ", ".join(f"{len(labels)} {state}" for state, labels in states.items())
    click.echo(counts, err=True)
    return len(problems)
