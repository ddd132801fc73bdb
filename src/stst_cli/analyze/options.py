"""What several commands share: their options, and how they give a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stst_cli.shared.options import PATH, WHOLE, overwrite_option, together
from stst_cli.shared.terminal import give, say

if TYPE_CHECKING:
    from stst.config.cka import Estimator

#: ``estimator``, ``unbiased`` and ``null`` of every command that takes CKA.
cka_options = together(
    click.option("--estimator", type=click.Choice(["unbiased", "biased"]),
                 help="Of CKA's HSIC: unbiased (Song et al. 2012), or biased as in the paper, "
                 "which is near 1 in early layers for any two clips.  [default: unbiased]"),
    # what the default was asked for with, before it was the default
    click.option("--unbiased", is_flag=True, hidden=True),
    click.option("--null", type=PATH, multiple=True, metavar="CLIP",
                 help="A natural clip of other content, for the nulls that CKA, and what else "
                 "has them, is shown with; the sample clips are among them anyway. Repeatable."),
)  # fmt: skip
#: Names of measures as ``measures``.
measure_option = click.option(
    "--measure", "measures", multiple=True,
    type=click.Choice(["energy", "coherence", "photometry"]),
    help="Measure this, too, beside nulls: energy over frequencies, coherence of motion, or light. "
    "Repeatable.",
)  # fmt: skip
#: How frames are brought to the models of a command that is about models alone.
classifier_options = together(
    click.option("--window", type=WHOLE, default=5, show_default=True, metavar="N",
                 help="Frames that a video model sees at once; a value belongs to the last."),
    click.option("--input", default="default", show_default=True, metavar="default|native|HxW",
                 help="Resize and crop as the weights were made for, not at all, or resize to "
                 "HxW px."),
    click.option("--mean", metavar="R,G,B",
                 help="Subtracted from [0, 1].  [default: the weights']"),
    click.option("--std", metavar="R,G,B", help="Divided into that.  [default: the weights']"),
    click.option("--kind", type=click.Choice(["auto", "image", "video"]), default="auto",
                 show_default=True, help="What own models take; auto tries."),
)  # fmt: skip


def choose_estimator(estimator: str | None, unbiased: bool) -> Estimator:
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


@dataclass(frozen=True)
class TableOutput:
    """Where the table of a command goes.

    Attributes
    ----------
    path
        The file to be made; None to print the table as CSV.
    as_json
        Whether the rows are printed as JSON instead, beside the file if there is one.
    overwrite
        Whether the file may exist.
    """

    path: Path | None
    as_json: bool
    overwrite: bool

    def check(self, clips: Iterable[Path]) -> None:
        """Refuse a file that cannot be written, or is the sidecar of a clip, before any work."""
        from stst.analysis.tables import check_table_output
        from stst.errors import InputError
        from stst.video import sidecar_path

        if self.path is None:
            return
        for clip in clips:
            if sidecar_path(clip).resolve() == self.path.resolve():
                raise InputError(
                    f"{self.path}: the sidecar of {clip} has this name. Choose another one for "
                    "the table."
                )
        check_table_output(self.path, self.overwrite)

    def give(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows, see `stst.analysis.tables.table`, and say where they are; or print them."""
        from stst.analysis import tables

        data = tables.table(rows)
        if self.path is not None:
            tables.write_table(data, self.path, self.overwrite)
        if self.as_json:
            give(tables.as_json(data))
        elif self.path is None:
            give(tables.as_csv(data))
        else:
            say(f"table:    {self.path}")


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that makes a table; the function takes it as ``table``."""

    @wraps(function)
    def with_table(output: Path | None, as_json: bool, overwrite: bool, **words: Any) -> Any:
        return function(table=TableOutput(output, as_json, overwrite), **words)

    return together(
        click.option("-o", "--output", type=PATH, metavar="TABLE",
                     help="Write to X.csv, X.parquet or X.json.  [default: CSV on stdout]"),
        click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON."),
        overwrite_option,
    )(with_table)  # fmt: skip
