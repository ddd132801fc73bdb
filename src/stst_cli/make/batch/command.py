"""``stst batch``: many stimuli at once."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.make.batch.options import batch_options
from stst_cli.shared.commands import INTERRUPTED, terminable
from stst_cli.shared.options import PATH, pairs
from stst_cli.shared.terminal import say

if TYPE_CHECKING:
    from stst.batch.checks import Cost
    from stst.batch.plan import BatchJob, Common
    from stst.batch.states import States
    from stst.batch.work import Ended, Going, Task

# seconds between two questions to a cluster
_POLL = 15.0


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
    from stst.batch.problems import BatchError
    from stst.errors import InputError

    try:
        _batch(sources, folder, words)
    except BatchError as error:
        if len(error.problems) == 1:
            raise
        for problem in error.problems:
            say(problem, err=True)
        count = len(error.problems)
        raise InputError(f"{count} problems, see above; nothing was started.") from None


def _batch(sources: Sequence[str], folder: Path, words: dict[str, Any]) -> None:
    from stst.batch.bids import check_folder
    from stst.batch.manifest import from_words, read_manifest
    from stst.batch.plan import planned
    from stst.batch.problems import Problems, counted
    from stst.batch.states import States
    from stst.batch.survey import shard_of, surveyed
    from stst.batch.work import tasks_of
    from stst.errors import InputError
    from stst.utils.files import written_path

    if words["engine"] == "slurm":
        from stst.batch.slurm import check_slurm

        check_slurm()
    common, problems = _common(sources, words), Problems()
    if _is_manifest(sources):
        wanted = read_manifest(written_path(sources[0]), problems)
    else:
        wanted = from_words(sources, words["presets"], [], problems)
    if words["layout"] == "bids":
        check_folder(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; stimuli go to a folder. Choose another name.")
    jobs = planned(wanted, folder, common, problems, words["layout"])
    problems.check()
    _warn(jobs)
    states = States(folder)
    side_by_side = words["side_by_side"] or _side_by_side(jobs, words)
    tasks = tasks_of(jobs, words["threads"], side_by_side, words["overwrite"])
    tasks = shard_of(tasks, _shard(words["shard"]))
    own = [job for task in tasks for job in task.jobs]
    standings = surveyed(own, states, words["overwrite"], problems)
    problems.check()
    left = {label for label, found in standings.items() if found.kind != "done"}
    if words["skip_failed"]:
        left -= {job.label for job in own if states.get(job).get("state") == "failed"}
    todo = [task for task in tasks if any(job.label in left for job in task.jobs)]
    begun = sum(found.kind == "begun" for found in standings.values())
    click.echo(
        f"{counted(len(own), 'job')}: {len(own) - len(left)} are done or left out, "
        f"{len(left)} to do" + (f", {begun} of them begun" if begun else ""),
        err=True,
    )
    found = _costs([job for job in own if job.label in left], problems, words)
    lanes = words["jobs"] or (_lanes(found, words["threads"]) if words["engine"] == "local" else 1)
    if words["dry_run"]:
        _print_plan(own, left, found, lanes, words["as_json"])
        return
    states.begin()
    if words["layout"] == "bids":
        (folder / "stimuli").mkdir(exist_ok=True)
    for job in own:
        if standings[job.label].kind == "done" and states.get(job).get("state") != "done":
            states.put(job, "done")
    states.write_table(jobs)
    seconds = {label: cost.seconds for label, cost in found.items()}
    if words["memory"] is None:
        # never less than Python and its libraries take
        largest = max((cost.memory for cost in found.values()), default=0)
        words["memory"] = round(max(1.0, 1.5 * largest / 1e9), 1)
    outcomes = _engine(todo, lanes, states, jobs, words)
    ended = _followed(outcomes, seconds, folder, words)
    _tables(folder, jobs, states, lanes, words)
    if _summed_up(own, states, folder, ended, words["as_json"]):
        raise click.exceptions.Exit(1)


def _warn(jobs: Sequence[BatchJob]) -> None:
    """Say what is likely not meant, before anything is made."""
    from stst.batch.checks import shared_noise

    for line in shared_noise(jobs):
        say(f"Warning: {line}", err=True)


def _is_manifest(sources: Sequence[str]) -> bool:
    from stst.utils.manifests import MANIFEST_SUFFIXES, SHEET_SUFFIXES

    suffixes = (*MANIFEST_SUFFIXES, *SHEET_SUFFIXES, ".txt")
    manifests = [one for one in sources if one.lower().endswith(suffixes)]
    if manifests and len(sources) > 1:
        raise click.UsageError(f"{manifests[0]}: a manifest stands alone; give no clips beside it.")
    return bool(manifests)


def _common(sources: Sequence[str], words: dict[str, Any]) -> Common:
    """Take what options say of all jobs."""
    from stst.batch.manifest import seeds_of
    from stst.batch.plan import Common

    presets = words["presets"]
    if _is_manifest(sources) and len(presets) > 1:
        raise click.UsageError("--preset: a manifest names its presets itself; give one at most.")
    options: dict[str, Any] = {
        key: words[key] for key in ("device", "precision") if words[key] is not None
    }
    inputs = ("frames", "max_side", "grey", "bits", "tonemap", "peak_nits")
    taken = {key: words[key] for key in inputs if words[key] is not None}
    return Common(
        preset=presets[0] if len(presets) == 1 else None,
        config=words["config_file"],
        seeds=tuple(seed for text in words["seeds"] for seed in seeds_of(text, "--seed")),
        options=options | ({"input": taken} if taken else {}),
        assignments=words["assignments"],
        trusted=words["trusted"],
    )


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise click.UsageError(
            f"--shard: expected I/N with I from 1 to N, e.g. 1/4 to 4/4; found {text!r}."
        )
    return int(match[1]), int(match[2])


def _side_by_side(jobs: Sequence[BatchJob], words: dict[str, Any]) -> int:
    """Put seeds in one run where a graphics card does the work."""
    from stst.utils.devices import pick_device

    if words["engine"] == "slurm":
        return 4 if words["gpus"] else 1
    wanted = {job.config.device for job in jobs}
    return 4 if any(pick_device(name).type == "cuda" for name in wanted) else 1


def _costs(jobs: Sequence[BatchJob], problems: Any, words: dict[str, Any]) -> dict[str, Cost]:
    from stst.batch.checks import costs

    if jobs:
        click.echo("Checking clips and settings …", err=True)
    here = words["engine"] == "local"
    found = costs(jobs, problems, words["threads"], here)
    problems.check()
    for note in dict.fromkeys(note for cost in found.values() for note in cost.notes):
        say(f"Note: {note}", err=True)
    return found


def _lanes(found: dict[str, Cost], threads: int) -> int:
    import torch

    from stst.batch.local import lanes_for
    from stst.batch.problems import counted
    from stst.utils.devices import free_memory
    from stst.utils.machine import available_cores

    lanes = lanes_for(found.values(), threads, free_memory(torch.device("cpu")))
    on_cpu = any(cost.device == "cpu" for cost in found.values())
    could = available_cores() // max(1, len(found))
    if on_cpu and could > threads:
        click.echo(
            f"Note: {counted(len(found), 'job')} on {available_cores()} cores: --threads {could} "
            "would use them all. Bytes depend on it, so choose it for a whole batch.",
            err=True,
        )
    return min(lanes, max(1, len(found)))


def _engine(
    todo: Sequence[Task], lanes: int, states: States, jobs: Sequence[BatchJob],
    words: dict[str, Any],
) -> Generator[Going | Ended, None, None]:  # fmt: skip
    if words["engine"] == "local":
        from stst.batch.local import run_local

        return run_local(todo, lanes, states, jobs)
    from stst.batch.slurm import Resources, run_slurm

    resources = Resources(
        words["minutes"], words["memory"], words["gpus"], words["partition"], words["jobs"],
        words["retries"], pairs(words["sbatch"], "--slurm"),
    )  # fmt: skip
    limit = None if words["wait_limit"] is None else 60 * words["wait_limit"]
    return run_slurm(
        todo, resources, states, jobs, words["wait"], limit, poll=_POLL,
        tell=lambda line: click.echo(line, err=True),
    )  # fmt: skip


def _followed(
    outcomes: Generator[Going | Ended, None, None],
    seconds: dict[str, float],
    folder: Path,
    words: dict[str, Any],
) -> list[Ended]:
    from stst_cli.make.batch.progress import shown

    try:
        words_of_end = "Stopping after the steps that are being made …"
        with terminable(words_of_end if words["engine"] == "local" else None), closing(outcomes):
            return list(shown(outcomes, seconds))
    except KeyboardInterrupt:
        if words["engine"] == "slurm":
            click.echo("Jobs that are submitted go on.", err=True)
        click.echo(
            f"Interrupted. What is finished is kept in {click.format_filename(folder)}. Continue "
            f"with:\n  {_this_command()}",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED) from None


def _this_command() -> str:
    program = Path(sys.argv[0]).name
    start = [program] if program != "__main__.py" else ["python", "-m", "stst_cli"]
    return shlex.join([*start, *sys.argv[1:]])


def _tables(
    folder: Path, jobs: Sequence[BatchJob], states: States, lanes: int, words: dict[str, Any]
) -> None:
    from stst.batch.bids import write_catalogue
    from stst.batch.states import described
    from stst.batch.summary import write_summary
    from stst.utils.machine import available_cores

    def tell(label: str, note: str | None) -> None:
        if note is not None:
            say(f"{label}: {note}", err=True)

    if words["layout"] == "bids":
        done = {job.label for job in jobs if states.get(job).get("state") == "done"}
        write_catalogue(folder, [{**described(j), "done": j.label in done} for j in jobs])
    with terminable():
        write_summary(folder, jobs, states, available_cores(), tell)


def _print_plan(
    own: Sequence[BatchJob], left: set[str], found: dict[str, Cost], lanes: int, as_json: bool
) -> None:
    """Say what would be made, and what all of it would cost."""
    from stst.utils.clock import duration

    total = sum(cost.seconds for cost in found.values())
    longest = max((cost.seconds for cost in found.values()), default=0.0)
    seconds = max(total / lanes, longest)
    memory = sum(sorted((cost.memory for cost in found.values()), reverse=True)[:lanes])
    if as_json:
        jobs = [_planned(job, left, found.get(job.label)) for job in own]
        result = {
            "jobs": jobs, "lanes": lanes, "seconds": round(seconds, 1), "memory_bytes": memory,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=1))
        return
    for job in own:
        cost = found.get(job.label)
        what = "done"
        if cost is not None:
            height, width = cost.size
            what = (
                f"{cost.frames} frames of {height}x{width} px, about {duration(cost.seconds)}, "
                f"{cost.memory / 2**30:.2f} GiB"
            )
        elif job.label in left:
            what = "left out"
        say(f"{job.label}  {what}")
    click.echo(f"lanes       {lanes}")
    click.echo(f"memory      about {memory / 2**30:.2f} GiB in all")
    click.echo(f"time        about {duration(seconds)} in all")


def _planned(job: BatchJob, left: set[str], cost: Cost | None) -> dict[str, Any]:
    from stst.batch.states import described

    plan: dict[str, Any] = {**described(job), "output": job.target, "done": job.label not in left}
    if cost is not None:
        plan |= {
            "frames": cost.frames, "size": list(cost.size), "fps": cost.fps,
            "device": cost.device, "seconds": round(cost.seconds, 1), "memory_bytes": cost.memory,
        }  # fmt: skip
    return plan


def _summed_up(
    own: Sequence[BatchJob], states: States, folder: Path, ended: Sequence[Ended], as_json: bool
) -> int:
    """Print what there is now; give the number of jobs that failed."""
    from stst.batch.plan import JOBS, SUMMARY

    by_state: dict[str, list[BatchJob]] = {}
    for job in own:
        by_state.setdefault(states.get(job).get("state", "waiting"), []).append(job)
    outputs = {"jobs": folder / JOBS, "summary": folder / SUMMARY}
    failed = by_state.get("failed", [])
    if as_json:
        result = {
            "done": [job.label for job in by_state.get("done", [])],
            "failed": [{"label": j.label, "error": states.get(j).get("error")} for j in failed],
            "other": {
                job.label: state for state, jobs in by_state.items()
                if state not in ("done", "failed") for job in jobs
            },
            "made": [one.label for one in ended if one.state == "done"],
            "outputs": {name: click.format_filename(path) for name, path in outputs.items()},
        }  # fmt: skip
        click.echo(json.dumps(result, indent=1))
    else:
        for name, path in outputs.items():
            say(f"{name + ':':9} {path}")
    counts = ", ".join(f"{len(jobs)} {state}" for state, jobs in by_state.items())
    see = f"; see {click.format_filename(outputs['jobs'])}" if failed else ""
    click.echo(f"{counts}{see}", err=True)
    return len(failed)
