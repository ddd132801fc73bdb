"""TOML that others wrote, read without taking memory or time out of proportion."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# a key of thousands of parts costs gigabytes, for the parser remembers every part of every prefix
_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){50}""")

# what people write who know other programs better
_MEANT = (
    (re.compile(r'"[^"\\]*\\'), "paths are written with /, or in single quotes"),
    (re.compile(r"=\s*(?i:true|false)\b"), "it is written true or false, in small letters"),
    (re.compile(r"=\s*[+-]?\d+,\d"), "decimals are written with a point"),
)


def toml_tree(text: str) -> dict[str, Any]:
    """Read TOML.

    Parameters
    ----------
    text
        A whole file.

    Returns
    -------
    dict
        Nested tables.

    Raises
    ------
    ValueError
        If it is no TOML, nested too deeply, or holds numbers that are too long; says where.
    """
    deep = _DEEP_KEY.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        raise ValueError(f"a key of more than 50 parts (at line {line})")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("values are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{error}{_hint(text, str(error))}") from None
    except ValueError:  # Python advises to lift its own limit
        raise ValueError("a number has too many digits") from None


def _hint(text: str, said: str) -> str:
    """Say what was likely meant on the line that an error names."""
    place = re.search(r"at line (\d+)", said)
    line = text.split("\n")[int(place[1]) - 1] if place else ""
    return next((f"; {hint}" for pattern, hint in _MEANT if pattern.search(line)), "")
