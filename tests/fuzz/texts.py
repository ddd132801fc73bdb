"""Text that follows a grammar and means nonsense: JSON, TOML, CSV and single values."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from random import Random
from typing import Any

#: What names and free text are made of by somebody who wants to see what happens.
STRINGS = (
    "", " ", "x", "../../../escaped", "/escaped", "..", ".", "a/../../b", "C:\\escaped", "con",
    "nul.txt", "a\x00b", "a\nb", "a\r\nb", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m",
    "\u202etxt.exe", "\u2066x\u2069", "\ufeff", "\ud800", "\U0001f600", "e\u0301", "ﬁ",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{ 7*7 }}", "{% raw %}",
    "%s%n", "$(touch escaped)", "`touch escaped`", "; touch escaped", "=cmd|' /C calc'!A0",
    "!!python/object/apply:os.system ['touch escaped']", "fuzz_canary:make", "os:system",
    "a" * 300, "a" * 70_000, "0", "-1", "1e999999999", "-1e99999999", "1/0", "0/0", "999999999/1",
    "2147483648", "1" * 5000, "nan", "inf", "-inf", "1e400", "true", "null", "25", "30000/1001",
    "0:3", "3:0", "-1:2", ":", "0:99999999999999999999", "12x16", "100000x100000", "１２", "٣",
    "stps", "stst", "leaps", "cpu", "cuda:99", "default", "none", "auto", "builtin",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 3, 25, 255, 256, 2**31 - 1, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**30),
    10**400, 0.5, -0.0, 1e-308, 1e308, float("inf"), float("-inf"), float("nan"), True, False,
)  # fmt: skip
#: Stands for a number that Python refuses to write.
_ENDLESS = "@endless@"
_DEEP = "@deep@"


def value(rng: Random, depth: int = 0) -> Any:
    """Make any value that JSON has, and some that it has not."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(STRINGS)
    if kind < 0.75:
        return rng.choice(NUMBERS)
    if kind < 0.8 or depth > 2:
        return None
    if kind < 0.9:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(STRINGS[:40]): value(rng, depth + 1) for _ in range(rng.randrange(3))}


def _nodes(tree: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """List all places of a tree: what holds them, and their key or index."""
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    )
    for key in keys:
        found.append((tree, key))
        _nodes(tree[key], found)
    return found


def changed(tree: Any, rng: Random) -> Any:
    """Change a tree of values in one to three places."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = _nodes(tree, [])
        if not places:
            return value(rng)
        holder, key = rng.choice(places)
        way = rng.randrange(10)
        if way < 6:
            holder[key] = value(rng)
        elif way == 6:
            del holder[key]
        elif way == 7:
            other, place = rng.choice(places)
            if isinstance(other, dict) or place < len(other):
                holder[key] = copy.deepcopy(
                    other.get(place) if isinstance(other, dict) else other[place]
                )
        elif way == 8 and isinstance(holder, dict):
            holder[rng.choice(STRINGS[:50])] = holder.pop(key)
        elif isinstance(holder, list):
            holder[key:key] = [holder[key]] * rng.choice((1, 2, 50))
        else:
            holder[key] = rng.choice((_ENDLESS, _DEEP))
    return tree


def as_json(tree: Any, rng: Random) -> bytes:
    """Write a tree as JSON, or nearly so."""
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1)))
    text = text.replace(f'"{_ENDLESS}"', "9" * rng.choice((400, 5000)))
    depth = rng.choice((30, 3000, 100_000))
    text = text.replace(f'"{_DEEP}"', "[" * depth + "]" * depth)
    if rng.random() < 0.05:
        text = "\ufeff" + text
    if rng.random() < 0.05:
        text = text.replace("{", '{"schema_version": 1, "schema_version": 2,', 1)
    return text.encode("utf-8", "surrogatepass")


def toml_value(one: Any, rng: Random) -> str:
    """Write a value behind the sign of a line of TOML, or nearly so."""
    if one == _ENDLESS:
        return "9" * rng.choice((400, 5000))
    if one == _DEEP:
        depth = rng.choice((30, 3000, 50_000))
        return "[" * depth + "]" * depth
    if isinstance(one, bool):
        return "true" if one else "false"
    if isinstance(one, dict):
        inner = ", ".join(
            f"{_toml_key(key)} = {toml_value(part, rng)}" for key, part in one.items()
        )
        return "{" + inner + "}"
    if isinstance(one, list):
        return "[" + ", ".join(toml_value(part, rng) for part in one) + "]"
    if one is None:
        return rng.choice(
            ("''", "1979-05-27T07:32:00Z", "07:32:00", "0x7f", "0b1", "1_000", '"""a\nb"""')
        )
    return json.dumps(one).replace("Infinity", "inf").replace("NaN", "nan")


def _toml_key(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else json.dumps(key)


def as_toml(tree: Any, rng: Random) -> bytes:
    """Write a tree as TOML, or nearly so."""
    if not isinstance(tree, dict):
        return toml_value(tree, rng).encode("utf-8", "surrogatepass")
    lines, tables = [], []
    for key, one in tree.items():
        if isinstance(one, dict) and rng.random() < 0.8:
            tables.append(f"[{_toml_key(key)}]")
            tables += [f"{_toml_key(name)} = {toml_value(part, rng)}" for name, part in one.items()]
        elif isinstance(one, list) and one and all(isinstance(part, dict) for part in one):
            for part in one:
                tables.append(f"[[{_toml_key(key)}]]")
                tables += [f"{_toml_key(n)} = {toml_value(p, rng)}" for n, p in part.items()]
        else:
            lines.append(f"{_toml_key(key)} = {toml_value(one, rng)}")
    text = "\n".join(lines + tables)
    if rng.random() < 0.05:
        text += "\n" + ".".join("a" * rng.choice((3, 30, 20_000))) + " = 1"
    return text.encode("utf-8", "surrogatepass")


def as_table(rows: Sequence[Sequence[str]], separator: str, rng: Random) -> bytes:
    """Write rows as CSV, or nearly so, after changing some cells."""
    cells = [list(row) for row in rows]
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        row = rng.choice(cells)
        way = rng.randrange(6)
        if way < 3 and row:
            row[rng.randrange(len(row))] = rng.choice(STRINGS)
        elif way == 3 and row:
            del row[rng.randrange(len(row))]
        elif way == 4:
            row.append(rng.choice(STRINGS))
        else:
            cells.insert(rng.randrange(len(cells) + 1), list(row))
    if rng.random() < 0.1:
        separator = rng.choice(",;\t| ")
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r"))
    lines = []
    for row in cells:
        quoted = rng.random() < 0.5
        lines.append(
            separator.join(f'"{c.replace(chr(34), chr(34) * 2)}"' if quoted else c for c in row)
        )
    text = end.join(lines) + (end if rng.random() < 0.8 else "")
    if rng.random() < 0.05:
        text = "\ufeff" + text
    return text.encode(rng.choice(("utf-8",) * 9 + ("utf-16",)), "surrogatepass")
