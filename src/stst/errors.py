"""The two kinds of failure a user can meet.

Every message names the file or the field, what was found, what is allowed and what to do.
"""

from __future__ import annotations

import re

from stst.utils.text import join_lines

#: Characters of a message; a file may hold names and values of any length.
LONGEST_MESSAGE = 1000
#: How a run that was stopped goes on, for messages.
TO_RESUME = "the same again with `resume=True`, or a batch as it was"
# how Python writes what has no words of its own
_ADDRESS = re.compile(r"<([\w.]+) object at 0x[0-9a-f]+>")


class StstError(Exception):
    """A run failed although it was asked for correctly (exit code 1).

    As text it is one line that can be shown anywhere, whatever the names in it hold.
    """

    exit_code = 1

    def __str__(self) -> str:
        return join_lines(super().__str__(), LONGEST_MESSAGE)


class InputError(StstError, ValueError):
    """The request itself is wrong: a bad file, option, key or value (exit code 2)."""

    exit_code = 2


class DivergedError(StstError):
    """A loss or a pixel is no longer a finite number."""


def in_words(error: BaseException) -> str:
    """Give an error's message as one line, with its class where it is none of ours."""
    line = " ".join(str(error).splitlines())
    if isinstance(error, StstError):
        return line
    return f"{type(error).__name__}: {line}".removesuffix(": ")


def first_line(error: BaseException) -> str:
    """Give the first line of an error's message, or its class."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _ADDRESS.sub(r"\1", line)
