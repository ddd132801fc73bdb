"""Commands in this process, as the fuzz reads with them."""

from __future__ import annotations

from click import Group
from click.testing import CliRunner

from fuzz.pool import printable
from stst.errors import InputError, StstError


def command(program: Group, *words: object) -> str:
    """Run a command; what it refuses is raised, what it prints must be fit for a terminal.

    Returns
    -------
    str
        What it printed on stdout.

    Raises
    ------
    StstError
        With the command's own message.
    """
    result = CliRunner().invoke(program, [str(word) for word in words], prog_name="stst")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    for line in (result.stdout + result.stderr).split("\n"):
        if not printable(line.replace("\t", " ")):
            raise AssertionError(f"this goes to the terminal: {line[:300]!r}")
    if result.exit_code == 0:
        return result.stdout
    said = result.stderr.rstrip("\n").split("\n")[-1]
    assert said.startswith("Error: "), f"exit code {result.exit_code}, {result.stderr[-300:]!r}"
    kind = {1: StstError, 2: InputError}[result.exit_code]
    raise kind(said.removeprefix("Error: "))
