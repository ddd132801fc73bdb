"""``stst-analyze``: measure stimuli and compare them with the clips they were made of."""

from __future__ import annotations

import click

from stst_cli.analyze import (
    batch,
    cka,
    compare,
    features,
    figure,
    prednet,
    recognize,
    report,
    study,
    validity,
)
from stst_cli.shared.commands import Commands, version_option


@click.group(cls=Commands)
@version_option
def main() -> None:
    """Measure stimuli and compare them with the natural clips they were made of.

    How closely does a metamer keep the low-level features of its clip?

      stst-analyze compare clip.mp4 metamer.mkv -o comparison.csv

    Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 interrupted.
    """


for command in (
    features.features, compare.compare, cka.cka, prednet.prednet, validity.validity,
    recognize.recognize, report.report, figure.figure, batch.batch, study.study,
):  # fmt: skip
    main.add_command(command)
