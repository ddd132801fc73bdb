"""What a batch would take, and what became of it, in words or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from stst_cli.shared.terminal import say

if TYPE_CHECKING:
    from stst.batch.costs import Cost
    from stst.batch.plan import BatchJob
    from stst.batch.run import Batch
    from stst.batch.states import JobEnd


def print_plan(batch: Batch, as_json: bool) -> None:
    """Say what would be made, and what all of it would cost."""
    from stst.utils.clock import duration

    costs, processes = batch.costs, batch.processes
    total = sum(cost.seconds for cost in costs.values())
    longest = max((cost.seconds for cost in costs.values()), default=0.0)
    seconds = max(total / processes, longest)
    memory = sum(sorted((cost.memory for cost in costs.values()), reverse=True)[:processes])
    if as_json:
        jobs = [_describe_plan(job, batch.left, costs.get(job.label)) for job in batch.own]
        result = {
            "jobs": jobs, "lanes": processes, "seconds": round(seconds, 1),
            "memory_bytes": memory,
        }  # fmt: skip
        click.echo(json.dumps(result, indent=1))
        return
    for job in batch.own:
        cost = costs.get(job.label)
        what = "left out" if job.label in batch.left else "done"
        if cost is not None:
            height, width = cost.size
            what = (
                f"{cost.frames} frames of {height}x{width} px, about {duration(cost.seconds)}, "
                f"{cost.memory / 2**30:.2f} GiB"
            )
        say(f"{job.label}  {what}")
    click.echo(f"lanes       {processes}")
    click.echo(f"memory      about {memory / 2**30:.2f} GiB in all")
    click.echo(f"time        about {duration(seconds)} in all")


def _describe_plan(job: BatchJob, left: set[str], cost: Cost | None) -> dict[str, Any]:
    plan: dict[str, Any] = {
        **job.columns(), "output": job.target, "done": job.label not in left,
    }  # fmt: skip
    if cost is not None:
        plan |= {
            "frames": cost.frames, "size": list(cost.size), "fps": cost.fps,
            "device": cost.device, "seconds": round(cost.seconds, 1), "memory_bytes": cost.memory,
        }  # fmt: skip
    return plan


def print_summary(batch: Batch, ended: Sequence[JobEnd], as_json: bool) -> int:
    """Say what there is now; give the number of jobs that failed."""
    from stst.batch.run import JOBS, SUMMARY

    by_state: dict[str, list[str]] = {}
    for job in batch.own:
        by_state.setdefault(batch.states.state(job.label), []).append(job.label)
    outputs = {"jobs": batch.folder / JOBS, "summary": batch.folder / SUMMARY}
    failed = by_state.get("failed", [])
    if as_json:
        result = {
            "done": by_state.get("done", []),
            "failed": [{"label": j, "error": batch.states.get(j).get("error")} for j in failed],
            "other": {
                label: state for state, labels in by_state.items()
                if state not in ("done", "failed") for label in labels
            },
            "made": [one.label for one in ended if one.state == "done"],
            "outputs": {name: click.format_filename(path) for name, path in outputs.items()},
        }  # fmt: skip
        click.echo(json.dumps(result, indent=1))
    else:
        for name, path in outputs.items():
            say(f"{name + ':':9} {path}")
    counts = ", ".join(f"{len(labels)} {state}" for state, labels in by_state.items())
    see = f"; see {click.format_filename(outputs['jobs'])}" if failed else ""
    click.echo(f"{counts}{see}", err=True)
    return len(failed)
