"""What both programs share: errors become a line and an exit code."""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from stst.errors import StstError
from stst_cli.shared.crash_watcher import run_watched
from stst_cli.shared.streams import forgiving_streams, stop_signals
from stst_cli.shared.terminal import say
from stst_cli.shared.wording import in_options

INTERRUPTED = 130


@contextmanager
def terminable(words: str | None = None) -> Iterator[None]:
    """Stop in order when asked to by another program, too.

    Parameters
    ----------
    words
        Said on stderr at once; None for nothing.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if words is not None:
            sys.stderr.write(f"\n{words}\n")
        signal.default_int_handler(number, frame)

    before = {one: signal.signal(one, stop) for one in stop_signals()}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class Commands(click.Group):
    """A group that turns the core's errors into a line and an exit code."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        """Run the program; from a terminal, in a process that is watched, see `watched`."""
        if args is not None:
            return super().main(args, *others, **options)
        with forgiving_streams():
            run_watched(sys.argv[1:])
            return super().main(args, *others, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit 1 where it failed, 2 for bad input, 130 when interrupted."""
        try:
            return super().invoke(ctx)
        except StstError as error:
            click.echo(f"Error: {in_options(str(error), self._invoked(ctx))}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            click.echo(
                "Error: out of memory. Take fewer frames, smaller ones, or fewer samples at once.",
                err=True,
            )
            ctx.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # nobody reads any more; click ends quietly
            where = f"{error.filename}: " if error.filename else ""
            say(f"Error: {where}{error.strerror or error}.", err=True)
            ctx.exit(1)

    def _invoked(self, ctx: click.Context) -> click.Command:
        """Find the command that ran, whose context is gone; the group where that fails, too."""
        name = ctx.invoked_subcommand
        command = None if name is None else self.get_command(ctx, name)
        if name is None or command is None:
            return self
        try:
            # a command of another package becomes itself only here
            return command.make_context(name, [], ctx, resilient_parsing=True).command
        except StstError:
            return self


def _is_out_of_memory(error: Exception) -> bool:
    """Say whether this is Python's error, or one of torch's, without importing torch."""
    return (
        type(error).__name__ in ("MemoryError", "OutOfMemoryError")
        or "DefaultCPUAllocator" in str(error)
        or "MPS backend out of memory" in str(error)
    )


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib import metadata

    import stst

    name = ctx.find_root().info_name
    click.echo(f"{name} {stst.__version__} (torch {metadata.version('torch')})")
    ctx.exit()


#: ``--version`` of a program.
version_option = click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the versions and exit.",
)  # fmt: skip
