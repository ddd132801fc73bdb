"""``stst weights``: see, fetch, check and import pretrained weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stst.utils.text import join_lines
from stst_cli.shared.commands import Commands
from stst_cli.shared.options import PATH
from stst_cli.shared.terminal import say

if TYPE_CHECKING:
    from stst.weights import Status

# stst.weights is imported inside the commands, so that --help stays quick


@click.group("weights", cls=Commands)
def weights() -> None:
    """See, fetch, check and import pretrained weights.

    STST_WEIGHTS_DIR is looked in first, by file name; then the cache (STST_CACHE_DIR, else the
    system's folder for caches).
    """


@weights.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the known weights: whether they are here, where, and how large."""
    from stst.weights import list_weights

    found = list_weights()
    if as_json:
        click.echo(json.dumps([status.as_dict() for status in found], indent=2))
        return
    _table(found)
    for status in found:
        if status.message and status.state != "missing":
            say(status.message, err=True)


@weights.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--overwrite", is_flag=True, help="Download even what is already here.")
def fetch_command(names: tuple[str, ...], overwrite: bool) -> None:
    """Download weights from their publishers and check their hash.

    Without NAME: all that the preset paper needs.
    """
    from stst.weights import PAPER, fetch, find, get_entry

    entries = [get_entry(name) for name in names or PAPER]
    for entry in entries:
        click.echo(f"{entry.name}: {entry.url}\n  {entry.licence}", err=True)
        with _show_bytes(entry.name) as progress:
            found = fetch(entry.name, progress, overwrite)
        if found.hash_state == "unverified":
            click.echo(
                f"{entry.name}: its publisher gives no hash, so this is unverified; recorded "
                f"{found.found}.",
                err=True,
            )
        click.echo(f"{entry.name}\t{found.hash_state}\t{join_lines(str(found.path))}")
        _warn_if_shadowed(found.path, find(entry.name))


@weights.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(names: tuple[str, ...], as_json: bool) -> None:
    """Check hashes, and that the files can be read. Exit code 1 when one fails.

    Without NAME: all that are here.
    """
    from stst.errors import StstError
    from stst.weights import REGISTRY, verify

    results = [verify(name) for name in names or REGISTRY]
    if not names:
        results = [status for status in results if status.state != "missing"]
    if as_json:
        click.echo(json.dumps([status.as_dict() for status in results], indent=2))
    else:
        for status in results:
            where = status.message or str(status.path)
            click.echo(f"{status.entry.name}\t{status.state}\t{join_lines(str(where))}")
    if not results:
        raise StstError("There are no weights here to check. Fetch some with `stst weights fetch`.")
    failed = [status.entry.name for status in results if not status.usable]
    if failed:
        raise StstError(f"{len(failed)} of {len(results)} failed: {', '.join(failed)}.")


@weights.command("import")
@click.argument("file", type=PATH)
@click.argument("name")
@click.option("--overwrite", is_flag=True, help="Replace an earlier import.")
def import_command(file: Path, name: str, overwrite: bool) -> None:
    """Convert FILE to safetensors in the cache, as the weights NAME.

    FILE is h5, npz, safetensors, or one of torch's (pth, pt, bin, ckpt, pth.tar): a state
    dictionary, or a checkpoint with one in it.

    Only for a file that you trust to be what it is called: its values are checked for shape and
    finiteness, not for being the published ones.
    """
    from stst.weights import find, import_file

    made = import_file(file, name, overwrite)
    click.echo(f"{name}\t{made.hash_state}\t{join_lines(str(made.path))}")
    _warn_if_shadowed(made.path, find(name))


def _warn_if_shadowed(path: Path, used: object) -> None:
    from stst.weights import FoundWeights

    if isinstance(used, FoundWeights) and used.path != path:
        say(f"Note: {used.path} goes before it and is what will be used.", err=True)


def _table(found: list[Status]) -> None:
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    table = Table("name", "state", "size", "where", box=None, pad_edge=False)
    for status in found:
        size = status.size if status.size is not None else status.entry.size
        where = str(status.path) if status.path is not None else status.entry.url
        table.add_row(status.entry.name, status.state, "" if size is None else decimal(size), where)
    # a path cut at the window's edge could not be copied, so lines may be longer than that
    Console(markup=False, highlight=False, width=1000).print(table, soft_wrap=True)


@contextmanager
def _show_bytes(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Draw a bar on stderr while bytes come in."""
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    from stst_cli.shared.progress import bar

    columns = "{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with bar(*columns, description=name, visible=False) as shown:
        yield lambda have, total: shown.update(completed=have, total=total, visible=True)
