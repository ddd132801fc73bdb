"""Numbers and foreign text as they are shown."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from stst.utils.text import UNPRINTABLE
from stst.video import AS_STORED, Levels

_LONG = 600  # characters of a value


def printable(text: str) -> str:
    """Replace what cannot be shown as it is; line breaks and tabs can."""
    return UNPRINTABLE.sub(
        lambda found: found[0] if found[0] in "\n\t" else "\N{REPLACEMENT CHARACTER}", text
    )


def report_command(
    natural: Path | str,
    others: Sequence[Path | str],
    frames: str | None = None,
    max_side: int | None = None,
    models: Sequence[str] = (),
    levels: Levels = AS_STORED,
) -> str:
    """Write the command that makes a report, without what does not change the page.

    Parameters
    ----------
    natural, others, frames, max_side, levels
        As in `stst.report.open_clips`.
    models
        Words of the options that add models.

    Returns
    -------
    str
        For a shell.
    """
    words = ["stst-analyze", "report", str(natural), *map(str, others), "-o", "DIR"]
    words += ["--frames", frames] if frames is not None else []
    words += ["--max-side", str(max_side)] if max_side is not None else []
    return shlex.join([*words, *levels.options(), *models])


def text(value: object) -> str:
    """Write any JSON value in one line."""
    if isinstance(value, str):
        shown = value
    elif value is None:
        shown = "none"
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    elif isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        shown = ", ".join(text(one) for one in value) or "none"
    else:
        shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= _LONG else f"{shown[:_LONG]} …"


def number(value: float) -> str:
    """Write a number with three digits; a dash where it is undefined."""
    if value != value:
        return "–"
    shown = f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"
    return shown.rstrip(".").replace("-", "−")


def rate_text(rate: Fraction) -> str:
    """Write a rate exactly, and as a decimal where it is a fraction."""
    return f"{rate} Hz" if rate.denominator == 1 else f"{rate} Hz ({float(rate):.4g} Hz)"
