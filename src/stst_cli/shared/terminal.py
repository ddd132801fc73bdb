"""Words on the terminal, whatever the names and notes in them hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from stst.utils.text import join_lines
from stst_cli.shared.wording import in_options


def say(text: str, err: bool = False) -> None:
    """Print one line; control characters in it are written out.

    Parameters
    ----------
    text
        What is said.
    err
        Whether it goes to stderr, where settings are named as options.
    """
    click.echo(join_lines(in_options(text) if err else text), err=err)


def say_notes(notes: Iterable[str]) -> None:
    """Print each note once, on stderr."""
    for note in dict.fromkeys(notes):
        say(f"Note: {note}", err=True)


def give(text: str) -> None:
    """Print a table or JSON of several lines: as it is, but written out on a terminal."""
    if sys.stdout.isatty():
        text = "".join(f"{join_lines(line)}\n" for line in text.removesuffix("\n").split("\n"))
    click.echo(text, nl=False, color=True)  # else click would leave parts of names out
