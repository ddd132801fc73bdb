"""``stst``: make stimuli."""

from __future__ import annotations

import click

from stst_cli.make.batch import batch
from stst_cli.make.convert import convert
from stst_cli.make.export import export
from stst_cli.make.info import info
from stst_cli.make.leaps import leaps
from stst_cli.make.presets import presets
from stst_cli.make.remake import remake
from stst_cli.make.samples import samples
from stst_cli.make.scramble import scramble
from stst_cli.make.synthesize import synthesize
from stst_cli.make.train_prednet import train_prednet
from stst_cli.make.weights import weights
from stst_cli.shared.commands import Commands, version_option


@click.group(cls=Commands)
@version_option
def main() -> None:
    """Make dynamic visual stimuli that keep a natural clip's low-level statistics.

    By spatiotemporal style transfer, by scrambling the phases of the clip's spectrum, or by
    inverting a classifier, which keeps what the classifier sees:

    \b
      stst synthesize clip.mp4 -o metamer.mkv
      stst scramble clip.mp4 -o scrambled.mkv
      stst leaps clip.mp4 -o seen.mkv --model r3d_18 --target "juggling balls"

    Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 interrupted.
    """  # noqa: D301


for command in (
    synthesize, scramble, leaps, batch, remake, export, convert, info, presets, samples, weights,
    train_prednet,
):  # fmt: skip
    main.add_command(command)
