"""Options of ``stst batch``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from stst_cli.options import PATH

Function = TypeVar("Function", bound=Callable[..., Any])


def batch_options(function: Function) -> Function:
    """Add all options but the folder."""
    options = [
        click.option("--preset", "presets", multiple=True, metavar="NAME",
                     help="Named settings; see `stst presets`. Repeatable where clips are given."),
        click.option("--config", "config_file", type=PATH, metavar="FILE",
                     help="Settings as TOML, over the preset's."),
        click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
                     help="One setting, e.g. octaves.0.iterations=10. Repeatable; a row of the "
                     "manifest wins."),
        click.option("--seed", "seeds", multiple=True, metavar="N|A:B",
                     help="A seed, or seeds A to B-1, where a row names none. Repeatable.  "
                     "[default: 0]"),
        click.option("--device", metavar="auto|cpu|cuda|mps",
                     help="Where to compute.  [default: auto]"),
        click.option("--precision", type=click.Choice(["auto", "fp64", "fp32", "tf32", "bf16"]),
                     help="Of the arithmetic.  [default: the preset's]"),
        click.option("--frames", metavar="A:B", help="Frames A to B-1 of each clip, 0-based."),
        click.option("--max-side", type=int, metavar="PX",
                     help="Shrink so that the longer side has at most PX pixels."),
        click.option("--trust-model", "trusted", multiple=True, metavar="PACKAGE.MODULE:FACTORY",
                     help="Allow a manifest or file to name this model. Repeatable."),
        click.option("--jobs", type=click.IntRange(min=1), metavar="N",
                     help="How many jobs are done side by side.  [default: as many as cores and "
                     "memory allow; 1 on a GPU]"),
        click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True,
                     metavar="N", help="CPU threads of each job. One thread each makes the most of "
                     "many jobs, and bytes then do not depend on the number of cores."),
        click.option("--side-by-side", type=click.IntRange(min=1), metavar="N",
                     help="How many seeds of a clip go in one run.  [default: 4 on a GPU, else 1]"),
        click.option("--shard", metavar="I/N",
                     help="Do only the I-th of N parts, I from 1 to N, e.g. one in each job of "
                     "another scheduler. All may run at once in the same DIR."),
        click.option("--layout", type=click.Choice(["plain", "bids"]), default="plain",
                     show_default=True, help="bids: DIR/stimuli with stimuli.tsv, as the proposal "
                     "BEP044 has it."),
        click.option("--skip-failed", is_flag=True, help="Leave out jobs that failed before."),
        click.option("--dry-run", is_flag=True,
                     help="Print the plan with estimated time and memory; make nothing."),
        click.option("--overwrite", is_flag=True,
                     help="Make anew what was made of another config or clip. What is done stays."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ]  # fmt: skip
    return with_options(options, function)


def with_options(options: list[Callable[[Any], Any]], function: Function) -> Function:
    """Add options in order."""
    for option in reversed(options):
        function = option(function)
    return function
