"""``stst``: make stimuli."""

from __future__ import annotations

import click

from stst_cli.make.batch.command import batch
from stst_cli.make.convert import convert
from stst_cli.make.export import export
from stst_cli.make.info import info
from stst_cli.make.leaps import leaps
from stst_cli.make.other import OtherCommand
from stst_cli.make.presets import presets
from stst_cli.make.remake import remake
from stst_cli.make.samples import samples
from stst_cli.make.scramble import scramble
from stst_cli.make.synthesize import synthesize
from stst_cli.make.train_prednet import train_prednet
from stst_cli.make.weights import weights
from stst_cli.shared.commands import Commands, version_option


class Main(Commands):
    """Has a command for every method; other packages' are imported when theirs is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        from stst.config import METHODS

        return sorted({*super().list_commands(ctx), *METHODS.foreign()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Find a command, also that of another package's method."""
        found = super().get_command(ctx, name)
        if found is not None:
            return found
        from stst.config import METHODS

        return OtherCommand(name) if name in METHODS.foreign() else None


@click.group(cls=Main)
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
