"""The two kinds of failure a user can meet.

Every message names the file or the field, what was found, what is allowed and what to do.
"""

from __future__ import annotations


class StstError(Exception):
    """A run failed although it was asked for correctly (exit code 1)."""

    exit_code = 1


class InputError(StstError, ValueError):
    """The request itself is wrong: a bad file, option, key or value (exit code 2)."""

    exit_code = 2


class DivergedError(StstError):
    """A loss or a pixel is no longer a finite number."""


def first_line(error: BaseException) -> str:
    """Give the first line of an error's message, or its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
