"""Commands of methods that other packages bring: ``stst NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stst_cli.shared.options import PATH, run_options


class OtherCommand(click.Command):
    """Stands for the command of another package's method, whose code is imported when it is run.

    Parameters
    ----------
    name
        Of the method.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, short_help="A method of another package.")

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:  # fmt: skip
        """Become the command itself."""
        return command_of(str(self.name)).make_context(info_name, args, parent, **extra)


def command_of(name: str) -> click.Command:
    """Make the command of a method that another package has registered.

    Parameters
    ----------
    name
        Of the method.

    Returns
    -------
    click.Command
        With the options that all methods share; keys of its own are set by ``--set``.
    """
    from stst.config import METHODS

    spec = METHODS[name]

    @click.command(
        name,
        no_args_is_help=True,
        help=f"{spec.stimulus}: {spec.long_title}, of another package.\n\n"
        "Settings of its own are given by --set KEY=VALUE: "
        f"{', '.join(_own_keys(spec.config))}.",
    )
    @click.argument("clip", type=PATH, required=spec.needs_clip)
    @run_options
    def make(clip: Path | None, **options: Any) -> None:
        from stst_cli.shared.job import run_command

        # the user has named the method, which is as good as trusting it
        options["trusted"] = (*options["trusted"], name)
        run_command(clip, spec.config, "", {}, **options)

    return make


def _own_keys(config: Any) -> list[str]:
    from stst.config import RunConfig

    own = [key for key in config.model_fields if key not in RunConfig.model_fields]
    return own or ["it has none"]
