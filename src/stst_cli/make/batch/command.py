"""``stst batch``: many stimuli at once."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.make.batch.options import batch_options
from stst_cli.make.batch.printing import print_plan, print_summary
from stst_cli.shared.commands import INTERRUPTED, terminable
from stst_cli.shared.jobs import show_jobs
from stst_cli.shared.options import PATH, pairs
from stst_cli.shared.terminal import say

if TYPE_CHECKING:
    from stst.batch.errors import Problems
    from stst.batch.manifest import JobRequest
    from stst.batch.plan import BatchDefaults
    from stst.batch.run import Batch, BatchSettings
    from stst.batch.states import JobEnd


@click.command(no_args_is_help=True)
@click.argument("sources", nargs=-1, required=True, metavar="MANIFEST | CLIP...")
@click.option(
    "-o", "--output", "folder", type=PATH, required=True, metavar="DIR",
    help="Folder of stimuli; made if it does not exist.",
)  # fmt: skip
@batch_options
def batch(sources: tuple[str, ...], folder: Path, **words: Any) -> None:
    """Make many stimuli: a manifest's, or clips times presets times seeds.

    \b
      stst batch jobs.csv -o DIR
      stst batch "clips/*.mp4" --preset fast --preset stps --seed 1:4 -o DIR

    MANIFEST is a .csv or .tsv file with the columns natural, method (synthesize, scramble, leaps),
    preset, config, seed, output and any key of a config, such as octave_scale or
    spatial.texture_weight, all of which may be left out; or a .toml file with tables [[jobs]] of
    these keys, where a list stands for one job each, and a table [defaults]. Paths in it are
    relative to its folder; what a row says wins over options.

    DIR/jobs.csv says what became of each job, DIR/summary.csv how each stimulus compares with its
    clip. The same command once more does what is not done yet, failed jobs too, and goes on with
    what was begun; what was made of another config or clip is refused without --overwrite.
    Everything is checked before anything is made.
    """  # noqa: D301
    from stst.batch.errors import BatchError
    from stst.errors import InputError

    try:
        _make_batch(sources, folder, words)
    except BatchError as error:
        if len(error.problems) == 1:
            raise
        for problem in error.problems:
            say(problem, err=True)
        count = len(error.problems)
        raise InputError(f"{count} problems, see above; nothing was started.") from None


def _make_batch(sources: Sequence[str], folder: Path, words: dict[str, Any]) -> None:
    from stst.batch.run import plan_batch

    requests, defaults, problems = _requests(sources, words)
    batch = plan_batch(requests, folder, defaults, _settings(words), problems)
    for line in batch.warnings():
        say(f"Warning: {line}", err=True)
    say(batch.outlook(), err=True)
    if batch.left:
        click.echo("Checking clips and settings …", err=True)
    for note in batch.check():
        say(f"Note: {note}", err=True)
    if words["dry_run"]:
        print_plan(batch, words["as_json"])
        return
    ended = _follow(batch)

    def tell(label: str, note: str | None) -> None:
        if note is not None:
            say(f"{label}: {note}", err=True)

    with terminable():
        batch.write_tables(tell)
    if print_summary(batch, ended, words["as_json"]):
        raise click.exceptions.Exit(1)


def _requests(
    sources: Sequence[str], words: dict[str, Any]
) -> tuple[list[JobRequest], BatchDefaults, Problems]:
    """Take what the manifest asks for, or the clips, and what options say of all jobs."""
    from stst.batch.errors import Problems
    from stst.batch.manifest import read_manifest, requests_for, seeds_of
    from stst.batch.plan import BatchDefaults
    from stst.utils.files import resolve_path

    presets, problems = words["presets"], Problems()
    manifest = _is_manifest(sources)
    if manifest and len(presets) > 1:
        raise click.UsageError("--preset: a manifest names its presets itself; give one at most.")
    options: dict[str, Any] = {
        key: words[key] for key in ("device", "precision") if words[key] is not None
    }
    inputs = ("frames", "max_side", "grey", "bits", "tonemap", "peak_nits")
    taken = {key: words[key] for key in inputs if words[key] is not None}
    defaults = BatchDefaults(
        preset=presets[0] if len(presets) == 1 else None,
        config=words["config_file"],
        seeds=tuple(seed for text in words["seeds"] for seed in seeds_of(text, "--seed")),
        options=options | ({"input": taken} if taken else {}),
        assignments=words["assignments"],
        trusted=words["trusted"],
    )
    if manifest:
        return read_manifest(resolve_path(sources[0]), problems), defaults, problems
    return requests_for(sources, presets, problems), defaults, problems


def _settings(words: dict[str, Any]) -> BatchSettings:
    """Take what options say of how jobs are done."""
    from stst.batch.run import BatchSettings
    from stst.batch.slurm import Resources

    cluster = None
    if words["engine"] == "slurm":
        cluster = Resources(
            words["minutes"], words["memory"], words["gpus"], words["partition"], words["jobs"],
            words["retries"], pairs(words["sbatch"], "--slurm"), words["wait"],
            words["wait_limit"],
        )  # fmt: skip
    return BatchSettings(
        words["layout"], words["threads"], words["side_by_side"], words["jobs"],
        _shard(words["shard"]), words["overwrite"], words["skip_failed"], cluster,
    )  # fmt: skip


def _is_manifest(sources: Sequence[str]) -> bool:
    from stst.utils.manifests import MANIFEST_SUFFIXES, SHEET_SUFFIXES

    suffixes = (*MANIFEST_SUFFIXES, *SHEET_SUFFIXES, ".txt")
    manifests = [one for one in sources if one.lower().endswith(suffixes)]
    if manifests and len(sources) > 1:
        raise click.UsageError(f"{manifests[0]}: a manifest stands alone; give no clips beside it.")
    return bool(manifests)


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise click.UsageError(
            f"--shard: expected I/N with I from 1 to N, e.g. 1/4 to 4/4; found {text!r}."
        )
    return int(match[1]), int(match[2])


def _follow(batch: Batch) -> list[JobEnd]:
    """Do the jobs and show how far they are."""
    cluster = batch.settings.cluster is not None
    outcomes = batch.run(lambda line: say(line, err=True))
    seconds = {label: cost.seconds for label, cost in batch.costs.items()}
    try:
        at_end = None if cluster else "Stopping after the steps that are being made …"
        with terminable(at_end), closing(outcomes):
            return list(show_jobs(outcomes, seconds))
    except KeyboardInterrupt:
        if cluster:
            click.echo("Jobs that are submitted go on.", err=True)
        click.echo(
            f"Interrupted. What is finished is kept in {click.format_filename(batch.folder)}. "
            f"Continue with:\n  {_this_command()}",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED) from None


def _this_command() -> str:
    program = Path(sys.argv[0]).name
    start = [program] if program != "__main__.py" else ["python", "-m", "stst_cli"]
    return shlex.join([*start, *sys.argv[1:]])
