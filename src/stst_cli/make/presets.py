"""``stst presets``: the named settings."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """List the presets, or print the TOML of the preset NAME (a start for your own --config)."""
    from stst.config import preset_names, preset_text

    if name is not None:
        click.echo(preset_text(name), nl=False)
        return
    for one in preset_names():
        click.echo(f"{one:10} {preset_text(one).splitlines()[0].removeprefix('# ')}")
