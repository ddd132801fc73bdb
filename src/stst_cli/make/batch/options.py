"""Options of ``stst batch``."""

from __future__ import annotations

import click

from stst_cli.shared.options import PATH, WHOLE, bits_options, together

#: All but the folder.
batch_options = together(
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
    click.option("--max-side", type=WHOLE, metavar="PX",
                 help="Shrink so that the longer side has at most PX pixels."),
    click.option("--grey", is_flag=True, default=None,
                 help="Make stimuli of the clips' luminance alone, without colour."),
    bits_options,
    click.option("--trust-model", "trusted", multiple=True, metavar="PACKAGE.MODULE:FACTORY",
                 help="Allow a manifest or file to name this model. Repeatable."),
    click.option("--jobs", type=click.IntRange(min=1), metavar="N",
                 help="How many jobs are done side by side.  [default: as many as cores and "
                 "memory allow, 1 on a GPU; slurm: no limit]"),
    click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True,
                 metavar="N", help="CPU threads of each job. One thread each makes the most of "
                 "many jobs, and bytes then do not depend on the number of cores."),
    click.option("--side-by-side", type=click.IntRange(1, 4096), metavar="N",
                 help="How many seeds of a clip go in one run.  [default: 4 on a GPU, else 1]"),
    click.option("--shard", metavar="I/N",
                 help="Do only the I-th of N parts, I from 1 to N, e.g. one in each job of "
                 "another scheduler. All may run at once in the same DIR."),
    click.option("--engine", type=click.Choice(["local", "slurm"]), default="local",
                 show_default=True, help="slurm: submit an array of jobs, and follow them."),
    click.option("--time", "minutes", type=click.IntRange(min=1), default=60,
                 show_default=True, metavar="MIN",
                 help="slurm: time limit of a job. One that needs longer is put back into the "
                 "queue and goes on."),
    click.option("--memory", type=click.FloatRange(min=0.1), metavar="GB",
                 help="slurm: memory of a job.  [default: what it is expected to need, and "
                 "half as much again]"),
    click.option("--gpus", type=click.IntRange(min=0), default=0, show_default=True,
                 metavar="N", help="slurm: graphics cards of a job."),
    click.option("--partition", metavar="NAME", help="slurm: where jobs are queued."),
    click.option("--slurm", "sbatch", multiple=True, metavar="KEY=VALUE",
                 help="slurm: another option of sbatch, e.g. account=lab. Repeatable."),
    click.option("--retries", type=click.IntRange(min=0), default=2, show_default=True,
                 metavar="N", help="slurm: how often a killed job is submitted again."),
    click.option("--no-wait", "wait", is_flag=True, flag_value=False, default=True,
                 help="slurm: submit and return; the same command says later how it went."),
    click.option("--wait-limit", type=click.FloatRange(min=0), metavar="MIN",
                 help="slurm: follow jobs for so long at most; they go on."),
    click.option("--layout", type=click.Choice(["plain", "bids"]), default="plain",
                 show_default=True, help="bids: DIR/stimuli with stimuli.tsv, as the proposal "
                 "BEP044 has it."),
    click.option("--skip-failed", is_flag=True, help="Leave out jobs that failed before."),
    click.option("--dry-run", is_flag=True,
                 help="Print the plan with estimated time and memory; make nothing."),
    click.option("--overwrite", is_flag=True,
                 help="Make anew what was made of another config or clip. What is done stays."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
)  # fmt: skip
