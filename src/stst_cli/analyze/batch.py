"""``stst-analyze batch``: many pairs of clips at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.models import chosen_models, loaded_parts, model_options
from stst_cli.analyze.options import clip_options
from stst_cli.shared.commands import INTERRUPTED, terminable
from stst_cli.shared.options import PATH
from stst_cli.shared.terminal import say

if TYPE_CHECKING:
    from stst.analysis.batch import Outcome
    from stst.analysis.manifest import NamedPair
    from stst.video import Levels


@click.command(no_args_is_help=True)
@click.argument(
    "sources", type=PATH, nargs=-1, required=True, metavar="MANIFEST | NATURAL_DIR OTHER_DIR"
)
@click.option(
    "-o", "--output", "folder", type=PATH, required=True, metavar="DIR",
    help="Folder of results; made if it does not exist.",
)  # fmt: skip
@clip_options
@model_options
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N",
    help="How many pairs are measured side by side.  [default: number of cores]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def batch(
    sources: tuple[Path, ...],
    folder: Path,
    frames: str | None,
    max_side: int | None,
    levels: Levels,
    jobs: int | None,
    as_json: bool,
    **words: Any,
) -> None:
    """Compare many stimuli with the natural clips they were made of.

    MANIFEST is a .csv or .tsv file with the columns natural, other and, if wanted, label; or a
    .toml file with tables [[pairs]] of these keys. Paths in it are relative to its folder. From
    two folders, clips are matched by name: cat.mkv and cat_seed7.mkv belong to cat.mp4.

    Each pair gets a folder DIR/<label>; DIR/features.csv and DIR/comparison.csv (and, with --cka
    and --prednet, cka.csv and prediction.csv) hold all of them, DIR/pairs.csv says which label is
    which clip, DIR/errors.csv what failed. The same command once more does only what is not done
    yet, or not any more with these clips and options.
    """
    from stst.analysis.batch import run_batch
    from stst.analysis.settings import Settings
    from stst.utils.machine import available_cores

    pairs, notes = _pairs(sources)
    for note in notes:
        say(f"Note: {note}", err=True)
    settings = Settings(
        frames, max_side, *chosen_models(words), words["device"], words["null"], levels
    )
    loaded_parts(words, levels)  # each process loads its own: what is wrong is better said once
    outcomes = run_batch(pairs, folder, settings, jobs or available_cores())
    try:
        with terminable(), closing(outcomes):
            seen = list(_shown(outcomes, len(pairs)))
    except KeyboardInterrupt:
        click.echo(
            f"Interrupted. Finished pairs are kept in {click.format_filename(folder)}; the same "
            "command continues.",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED) from None
    if _summed_up(seen, folder, as_json):
        raise click.exceptions.Exit(1)


def _pairs(sources: tuple[Path, ...]) -> tuple[list[NamedPair], list[str]]:
    from stst.analysis.manifest import match_folders, read_pairs

    if len(sources) == 1 and not sources[0].is_dir():
        return read_pairs(sources[0]), []
    if len(sources) == 2:
        return match_folders(*sources)
    raise click.UsageError(
        f"expected a manifest or two folders, found {len(sources)} "
        + ("folder." if len(sources) == 1 else "names.")
    )


def _shown(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """Show on stderr what has become of each pair: below a bar, or as a line each in a log."""
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    from stst_cli.shared.progress import bar

    columns = BarColumn(), MofNCompleteColumn(), "left", TimeRemainingColumn()
    with bar(*columns, total=total) as shown:
        for number, outcome in enumerate(outcomes, 1):
            shown.update(completed=number)
            if not shown.drawn or outcome.error is not None or outcome.notes:
                for line in _lines(outcome):
                    shown.say(line if shown.drawn else f"{number}/{total} {line}")
            yield outcome


def _lines(outcome: Outcome) -> list[str]:
    label = outcome.pair.label
    ending = "" if outcome.error is None else f": {outcome.error}"
    return [f"{label}: {outcome.state}{ending}", *(f"{label}: {note}" for note in outcome.notes)]


def _summed_up(outcomes: list[Outcome], folder: Path, as_json: bool) -> int:
    """Print what there is now; give the number of pairs that failed."""
    from stst.analysis.batch import ERRORS, PAIRS
    from stst.analysis.settings import TABLES

    labels: dict[str, list[str]] = {"done": [], "up to date": [], "failed": []}
    for outcome in outcomes:
        labels[outcome.state].append(outcome.pair.label)
    tables = [folder / name for name in (*TABLES, PAIRS, ERRORS)]
    outputs = {path.stem: click.format_filename(path) for path in tables if path.exists()}
    counts = ", ".join(f"{len(found)} {state}" for state, found in labels.items())
    see = f"; see {outputs['errors']}" if labels["failed"] else ""
    if as_json:
        failed = [_failure(outcome) for outcome in outcomes if outcome.error is not None]
        result = {
            "done": labels["done"],
            "skipped": labels["up to date"],
            "failed": failed,
            "outputs": outputs,
        }
        click.echo(json.dumps(result, indent=1))
    else:
        for name, path in outputs.items():
            say(f"{name + ':':12} {path}")
    click.echo(counts + see, err=True)
    return len(labels["failed"])


def _failure(outcome: Outcome) -> dict[str, Any]:
    pair = outcome.pair
    return {
        "label": pair.label,
        "natural": pair.natural,
        "other": pair.other,
        "error": outcome.error,
    }
