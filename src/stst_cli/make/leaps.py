"""``stst leaps``: a class of a video classifier in, a clip that it takes for that class out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.shared.options import PATH, WHOLE, run_options

_OWN = (
    "model", "weights", "target", "verifier", "verifier_weights", "length", "size", "rate",
    "iterations", "priming", "flip", "keep",
)  # fmt: skip


@click.command(no_args_is_help=True)
@click.argument("stimulus", type=PATH, required=False)
@click.option(
    "--model", metavar="MODEL",
    help="The video classifier: r3d_18, mc3_18, r2plus1d_18, s3d, mvit_v1_b, mvit_v2_s, swin3d_t, "
    "swin3d_s, swin3d_b, one of an optional library, e.g. x3d_m or timesformer_b (see "
    "docs/leaps_models.md), or your own package.module:factory.  [default: r3d_18]",
)  # fmt: skip
@click.option(
    "--weights", metavar="NAME|FILE|none",
    help="Its weights; none: random, from a fixed seed.  [default: torchvision's]",
)  # fmt: skip
@click.option("--target", metavar="CLASS",
              help="The class: its name, the beginning of it, or its number.")  # fmt: skip
@click.option(
    "--verifier", metavar="auto|none|MODEL",
    help="Another video model with batch normalisation, whose running statistics the clip comes "
    "close to. auto: mc3_18 beside models of torchvision.  [default: auto]",
)  # fmt: skip
@click.option("--verifier-weights", metavar="NAME|FILE", help="Its weights.")
@click.option(
    "--length", type=WHOLE, metavar="N", help="Frames of the clip.  [default: the model's]"
)
@click.option("--size", metavar="HxW",
              help="Height and width of the clip in pixels.  [default: the model's]")  # fmt: skip
@click.option(
    "--rate", type=float, metavar="HZ",
    help="Frame rate of the clip, and at which STIMULUS is read.  [default: the model's]",
)  # fmt: skip
@click.option("--iterations", type=WHOLE, help="Steps of the optimiser.  [default: 2000]")
@click.option(
    "--priming", type=click.Choice(["difference", "jaccard"]),
    help="How mean features are compared with the stimulus'.  [default: difference]",
)  # fmt: skip
@click.option(
    "--no-flip", "flip", flag_value=False, default=None,
    help="Never mirror the clip while it is made. Needed for classes that have a direction, such "
    "as moving to the left.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Choice(["best", "last"]),
    help="Which clip is OUT; the other is written beside it.  [default: best]",
)  # fmt: skip
@run_options
def leaps(stimulus: Path | None, **options: Any) -> None:
    """Invert a video classifier: make a clip that it takes for a class (LEAPS).

    The clip is optimised from noise. With STIMULUS, a clip that primes the model, its mean features
    come close to that clip's. Writes the lossless master OUT, beside it the last clip of the
    optimisation (OUT is the best one), a preview for looking at and a sidecar that says how it was
    made (`stst remake` makes it again).
    """
    from stst.config import LeapsConfig
    from stst_cli.shared.job import run_command

    own = {name: options.pop(name) for name in _OWN}
    own = {name: value for name, value in own.items() if value is not None}
    run_command(stimulus, LeapsConfig, "leaps", own, **options)
