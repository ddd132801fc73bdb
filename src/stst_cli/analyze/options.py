"""What several commands share: their options, and how they give a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stst_cli.shared.options import PATH, WHOLE, levels_options
from stst_cli.shared.terminal import give, say

if TYPE_CHECKING:
    from stst.config.choice import Estimator

Function = TypeVar("Function", bound=Callable[..., Any])


def table_options(function: Function) -> Function:
    """Add ``output``, ``as_json`` and ``overwrite`` of every command that makes a table."""
    options = [
        click.option("-o", "--output", type=PATH, metavar="TABLE",
                     help="Write to X.csv, X.parquet or X.json.  [default: CSV on stdout]"),
        click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON."),
        overwrite_option,
    ]  # fmt: skip
    return _with(options, function)


def clip_options(function: Function) -> Function:
    """Add ``frames``, ``max_side`` and ``levels`` of every command that reads a part of a clip."""
    options = [
        click.option("--frames", metavar="A:B", help="Frames A to B-1 of the clip, 0-based."),
        click.option("--max-side", type=WHOLE, metavar="PX",
                     help="Shrink so that the longer side has at most PX pixels."),
        levels_options,
    ]  # fmt: skip
    return _with(options, function)


def cka_options(function: Function) -> Function:
    """Add ``estimator``, ``unbiased`` and ``null`` of every command that takes CKA."""
    options = [
        click.option("--estimator", type=click.Choice(["unbiased", "biased"]),
                     help="Of CKA's HSIC: unbiased (Song et al. 2012), or biased as in the paper, "
                     "which is near 1 in early layers for any two clips.  [default: unbiased]"),
        # what the default was asked for with, before it was the default
        click.option("--unbiased", is_flag=True, hidden=True),
        click.option("--null", type=PATH, multiple=True, metavar="CLIP",
                     help="A natural clip of other content, for the band of unrelated pairs that "
                     "CKA is shown with; the sample clips are among them anyway. Repeatable."),
    ]  # fmt: skip
    return _with(options, function)


def chosen_estimator(estimator: str | None, unbiased: bool) -> Estimator:
    """Read which estimator was asked for by the options of `cka_options`.

    Raises
    ------
    click.UsageError
        If they contradict each other.
    """
    if estimator != "biased":
        return "unbiased"
    if unbiased:
        raise click.UsageError("--unbiased and --estimator biased exclude each other; name one.")
    return "biased"


#: ``overwrite``
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")


def check_table(output: Path | None, overwrite: bool, clips: Iterable[Path] = ()) -> None:
    """Refuse an output that no table can be written to, before any work.

    Parameters
    ----------
    output
        The file to be made, if one is.
    overwrite
        Whether it may exist.
    clips
        Those whose sidecars must stay.
    """
    from stst.analysis.tables import check_table_output
    from stst.errors import InputError
    from stst.video import sidecar_path

    if output is None:
        return
    for clip in clips:
        if sidecar_path(clip).resolve() == output.resolve():
            raise InputError(
                f"{output}: the sidecar of {clip} has this name. Choose another one for the table."
            )
    check_table_output(output, overwrite)


def give_table(
    rows: Iterable[Mapping[str, Any]], output: Path | None, as_json: bool, overwrite: bool
) -> None:
    """Write a table and say where it is, or print it.

    Parameters
    ----------
    rows
        See `stst.analysis.tables.table`.
    output
        The file to be made; None to print the table as CSV.
    as_json
        Print the rows as JSON instead, beside the file if there is one.
    overwrite
        Whether the file may exist.
    """
    from stst.analysis import tables

    data = tables.table(rows)
    if output is not None:
        tables.write_table(data, output, overwrite)
    if as_json:
        give(tables.as_json(data))
    elif output is None:
        give(tables.as_csv(data))
    else:
        say(f"table:    {output}")


def _with(options: Sequence[Callable[[Any], Any]], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function
