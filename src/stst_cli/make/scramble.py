"""``stst scramble``: a natural clip in, a phase-scrambled one out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.shared.options import PATH, run_options


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.option(
    "--mode", type=click.Choice(["both", "spatial", "spatiotemporal", "temporal"]),
    help="spatial: one random phase field for all frames, keeps each frame's amplitude spectrum. "
    "spatiotemporal: a field over space and time, keeps the clip's. both: one after the other, "
    "as in the paper. temporal: a random phase for each temporal frequency, the same in every "
    "pixel.  [default: both]",
)  # fmt: skip
@click.option("--coherence", type=float, metavar="0..1",
              help="0: phases fully random, 1: the natural ones.  [default: 0]")  # fmt: skip
@click.option("--phase-per-channel", is_flag=True, default=None,
              help="A phase field of its own for red, green and blue.")  # fmt: skip
@click.option("--no-color-transfer", "color_transfer", flag_value=False, default=None,
              help="Leave out the natural colours; what leaves [0, 1] is clipped.")  # fmt: skip
@run_options
def scramble(natural: Path, **options: Any) -> None:
    """Scramble the phases of the clip NATURAL in space and time.

    Keeps the amplitude spectrum and then takes the natural colours frame by frame, as in the
    paper; that moves the spectrum and softens the contrast somewhat, even at coherence 1, which is
    the natural clip itself only with --no-color-transfer. Writes the lossless master OUT, a
    preview for looking at and a sidecar that says how it was made (`stst remake` makes it again).
    """
    from stst.config import StpsConfig
    from stst_cli.shared.job import run_command

    names = ("mode", "coherence", "phase_per_channel", "color_transfer")
    own = {name: options.pop(name) for name in names}
    own = {name: value for name, value in own.items() if value is not None}
    run_command(natural, StpsConfig, "stps", own, **options)
