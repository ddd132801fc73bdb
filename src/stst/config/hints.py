"""What is wrong with a config, in its own words, and which key may have been meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from stst.config.schema import RunConfig
from stst.utils.manifests import spreadsheet_hint
from stst.utils.text import format_value

# what pydantic says in words of Python, by its names of errors
_WORDS = {
    **dict.fromkeys(("string_type", "string_unicode"), "should be text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "should be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "should be a number"),
    "finite_number": "should be a finite number",
    "int_parsing_size": "is too large a number",
    **dict.fromkeys(("bool_type", "bool_parsing"), "should be true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "should be a list"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "should be a table"),
    "string_too_short": "should not be empty",
    "too_short": "should have at least {min_length} entries",
    "too_long": "should have at most {max_length} entries",
}


def key_hint(key: str, kinds: Iterable[type[RunConfig]]) -> str:
    """Say which key may have been meant by one that is unknown.

    Parameters
    ----------
    key
        ``a.b.0.c``.
    kinds
        Config classes that may have it.

    Returns
    -------
    str
        ``did you mean 'input.frames'?``; empty where nothing is like it.
    """
    table, _, name = key.rpartition(".")
    lower = name.lower().replace("-", "_").replace(" ", "_")
    places: dict[str, list[str]] = {}
    for place in dict.fromkeys(place for kind in kinds for place in _places(kind)):
        if place != key:
            places.setdefault(place.rpartition(".")[2], []).append(place)
    leaf = lower if lower in places else next(iter(_close(lower, places)), "")
    meant = places.get(leaf, [])
    # what is beside it goes first, then what is least deep
    beside = re.sub(r"\.\d+", ".0", f"{table}.{leaf}") if table else leaf
    least = min((place.count(".") for place in meant), default=0)
    if beside in meant:
        meant = [f"{table}.{leaf}" if table else leaf]
    else:
        meant = [place for place in meant if place.count(".") == least]
    return f"did you mean {' or '.join(map(repr, meant))}?" if meant else ""


@cache
def _places(kind: type[BaseModel]) -> tuple[str, ...]:
    """List all keys of a config, those of tables and of lists of tables too."""
    return tuple(_places_below(kind))


def _places_below(kind: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, info in kind.model_fields.items():
        yield f"{above}{name}"
        below = _model_in(info.annotation)
        if below is not None:
            several = get_origin(info.annotation) is tuple or "tuple[" in str(info.annotation)
            yield from _places_below(below, f"{above}{name}.{'0.' if several else ''}")


def explain(error: Any, kind: type[RunConfig]) -> str:
    """Say in words what pydantic found wrong: where, what was found, what is allowed."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys_at(kind, error["loc"][:-1])
        hint = _hint_in_table(where, known, key_hint(where, [kind]))
        hint = f" ({hint})" if hint else ""
        return f"unknown key {where!r}{hint}; allowed here: {', '.join(known)}"
    if error["type"] == "missing":
        return f"{where} is missing"
    message = _in_words(error)
    if not where:
        return message
    if isinstance(error["input"], dict):
        return f"{where}: {message}"
    hint = spreadsheet_hint(error["input"])
    if error["type"] == "tuple_type" and isinstance(error["input"], str):
        hint = key_hint(where, [kind])  # frames of the run are not those of its clip
    hint = f"; {hint}" if hint else ""
    return f"{where}: {message} (found {format_value(error['input'])}{hint})"


def _hint_in_table(key: str, known: Sequence[str], hint: str) -> str:
    """Prefer keys of the same table that hold what was written to keys of other tables."""
    table, _, name = key.rpartition(".")
    meant = [f"{table}.{one}" for one in known if name.lower() in one]
    if not table or not name or f"'{table}." in hint or not meant:
        return hint
    return f"did you mean {' or '.join(map(repr, meant))}?"


def _in_words(error: Any) -> str:
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    known = _WORDS.get(error["type"])
    if known is None:
        return str(said[0].lower() + said[1:])
    return known.format(**error.get("ctx", {}))


def _keys_at(kind: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """List the keys of the table that a path of keys and indices leads to."""
    for part in path:
        if isinstance(part, int):
            continue
        found = _model_in(kind.model_fields[part].annotation)
        if found is None:
            break
        kind = found
    return list(kind.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _close(word: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(word, list(known), n=1)


def suggestion(word: str, known: Collection[str]) -> str:
    """Ask in brackets whether a known word was meant; empty where none is like it."""
    close = _close(word, known)
    return f" (did you mean {close[0]!r}?)" if close else ""
