"""``stst synthesize``: a natural clip in, a metamer out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.shared.options import PATH, pairs, run_options


@click.command(no_args_is_help=True)
@click.argument("natural", type=PATH)
@click.option(
    "--model", metavar="paper|builtin",
    help="paper: VGG-19 and MSOE (need weights); builtin: a pair that ships with the program.",
)  # fmt: skip
@click.option(
    "--target", "targets", multiple=True, metavar="TERM=CLIP",
    help="Another clip for one term: spatial_texture, spatial_content, temporal_texture, "
    "temporal_content, color. Repeatable.",
)  # fmt: skip
@click.option(
    "--mask", metavar="FILE",
    help="Replace the clip only where this picture or clip is white; the rest stays natural.",
)  # fmt: skip
@run_options
def synthesize(
    natural: Path,
    model: str | None,
    targets: tuple[str, ...],
    mask: str | None,
    **options: Any,
) -> None:
    """Make a metamer of the clip NATURAL by spatiotemporal style transfer.

    Writes the lossless master OUT, a preview for looking at and a sidecar that says how it was
    made (`stst remake` makes it again). Without options: preset fast, model paper.
    """
    from stst.config import StstConfig, model_override
    from stst_cli.shared.job import run_command

    own = model_override(model) if model is not None else {}
    own = {**own, "targets": pairs(targets, "--target")}
    if mask is not None:
        own["mask"] = mask
    run_command(natural, StstConfig, "fast", own, **options)
