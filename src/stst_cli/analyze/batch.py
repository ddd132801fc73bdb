"""``stst-analyze batch``: many pairs of clips at once."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.analyze.models import choose_judges, choose_models, load_parts, model_options
from stst_cli.analyze.options import measure_option
from stst_cli.shared.commands import INTERRUPTED, terminable
from stst_cli.shared.jobs import show_jobs
from stst_cli.shared.options import PATH, ClipPart, clip_options
from stst_cli.shared.terminal import say, say_notes

if TYPE_CHECKING:
    from stst.analysis.manifest import NamedPair
    from stst.analysis.settings import Settings
    from stst.batch.pairs import PairBatch
    from stst.batch.states import JobEnd


@click.command(no_args_is_help=True)
@click.argument(
    "sources", type=PATH, nargs=-1, required=True, metavar="MANIFEST | NATURAL_DIR OTHER_DIR"
)
@click.option(
    "-o", "--output", "folder", type=PATH, required=True, metavar="DIR",
    help="Folder of results; made if it does not exist.",
)  # fmt: skip
@measure_option
@click.option(
    "--judge", "judges", multiple=True, metavar="MODEL[=WEIGHTS]",
    help="A classifier that says what it still recognises, as `stst-analyze recognize` has it, "
    "beside nulls. Repeatable.",
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
    measures: tuple[str, ...],
    judges: tuple[str, ...],
    part: ClipPart,
    jobs: int | None,
    as_json: bool,
    **words: Any,
) -> None:
    """Compare many stimuli with the natural clips they were made of.

    MANIFEST is a .csv or .tsv file with the columns natural, other and, if wanted, label; or a
    .toml file with tables [[pairs]] of these keys. Paths in it are relative to its folder. From
    two folders, clips are matched by name: cat.mkv and cat_seed7.mkv belong to cat.mp4.

    Each pair gets a folder DIR/<label>; DIR/features.csv and DIR/comparison.csv hold all of them,
    and so do cka.csv, prediction.csv, recognition.csv, energy.csv, coherence.csv and photometry.csv
    where --cka, --prednet, --judge or --measure asks for it. DIR/pairs.csv says which label is
    which clip, DIR/errors.csv what failed. The same command once more does only what is not done
    yet, or not any more with these clips and options.
    """
    from stst.analysis.settings import Settings
    from stst.batch.pairs import PairBatch
    from stst.utils.machine import available_cores

    pairs, notes = _pairs(sources)
    say_notes(notes)
    words["beside_nulls"] = bool(measures or judges)
    settings = Settings(
        part.frames, part.max_side, *choose_models(words), words["device"], words["null"],
        part.levels, tuple(dict.fromkeys(measures)), choose_judges(judges),
    )  # fmt: skip
    # each process loads its own: what is wrong is better said once
    load_parts(words, part.levels)
    say_notes(_judge_notes(settings))
    measuring = PairBatch(pairs, folder, settings)
    kept = f"Finished pairs are kept in {click.format_filename(folder)}"
    ended = follow_pairs(measuring, jobs or available_cores(), kept)
    if _print_summary(ended, measuring, as_json):
        raise click.exceptions.Exit(1)


def follow_pairs(measuring: PairBatch, processes: int, kept: str) -> list[JobEnd]:
    """Measure what is left and show how far that is; on Ctrl-C say what is kept."""
    left = set(measuring.left)
    weights = {pair.label: float(pair.label in left) for pair in measuring.pairs}
    outcomes = measuring.run(processes)
    try:
        with terminable(), closing(outcomes):
            return list(show_jobs(outcomes, weights))
    except KeyboardInterrupt:
        click.echo(f"Interrupted. {kept}; the same command continues.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


def _judge_notes(settings: Settings) -> list[str]:
    if not settings.judges:
        return []
    from stst.analysis.measures.judges import load_judge
    from stst.utils.devices import pick_device

    device = pick_device(settings.device)
    return [note for one in settings.judges for note in load_judge(one, device).notes]


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


def _print_summary(ended: list[JobEnd], measuring: PairBatch, as_json: bool) -> int:
    """Say what there is now; give the number of pairs that failed."""
    from stst.analysis.settings import TABLES
    from stst.batch.pairs import ERRORS, PAIRS

    labels: dict[str, list[str]] = {"done": [], "up to date": [], "failed": []}
    for one in ended:
        labels[one.state].append(one.label)
    tables = [measuring.folder / name for name in (*TABLES, PAIRS, ERRORS)]
    outputs = {path.stem: click.format_filename(path) for path in tables if path.exists()}
    counts = ", ".join(f"{len(found)} {state}" for state, found in labels.items())
    see = f"; see {outputs['errors']}" if labels["failed"] else ""
    if as_json:
        errors = {one.label: one.error for one in ended if one.error is not None}
        failed = [
            {"label": p.label, "natural": p.natural, "other": p.other, "error": errors[p.label]}
            for p in measuring.pairs
            if p.label in errors
        ]
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
