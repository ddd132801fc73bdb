"""``.. config-keys:: CLASS``: every key of a config with its type, range, default and meaning.

All of it comes from the pydantic models and their docstrings, so it is never behind them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from docutils import nodes
from pydantic import BaseModel
from sphinx.util.docutils import SphinxDirective

import stst.config

_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Give path, type, default and meaning of every key; keys of sections follow the section."""
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        annotation = field.annotation
        sections = [part for part in _parts(annotation) if _is_model(part)]
        many = any(get_origin(part) is tuple for part in _parts(annotation))
        path = f"{prefix}{name}"
        if prefix == "frames.N." and name != "range":
            yield path, f"as ``{name}``, for these frames", "", ""
        elif sections:
            kind = "list of tables" if many else "table"
            meaning = meanings.get(name) or _summary(sections[0])
            yield path, kind, "required" if field.is_required() else "", meaning
            yield from keys_of(sections[0], f"{path}.{'N.' if many else ''}")
        else:
            kind = _type(annotation) + _bounds(field.metadata)
            default = "required" if field.is_required() else _shown(field.default)
            yield path, kind, default, meanings.get(name, "")


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        if get_origin(annotation) is not Literal:
            yield from _parts(part)


def _type(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(f"``{value}``" for value in args)
    if origin is Annotated:
        return _type(args[0]) + _bounds([m for a in args[1:] for m in getattr(a, "metadata", [a])])
    if origin in (Union, UnionType):
        return " or ".join("nothing" if part is NoneType else _type(part) for part in args)
    if origin is tuple:
        return f"list of {_type(args[0])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true | false"}
    return names.get(annotation, str(annotation))


def _bounds(metadata: list[Any]) -> str:
    found = [
        f"{sign} {getattr(one, name):g}"
        for one in metadata
        for name, sign in _BOUNDS.items()
        if getattr(one, name, None) is not None and getattr(one, name) < 2**32
    ]
    return f", {', '.join(found)}" if found else ""


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return f'``"{value}"``'
    if isinstance(value, bool):
        return f"``{str(value).lower()}``"
    if isinstance(value, tuple):
        return f"``[{', '.join(map(str, value))}]``"
    return f"``{value:g}``" if isinstance(value, float) else f"``{value}``"


def _summary(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").split("\n", 1)[0]


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Read the section Attributes of the docstrings of a class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        text = inspect.cleandoc(base.__doc__ or "")
        section = re.search(r"^Attributes\n-+\n(.*?)(?=^\S.*\n---|\Z)", text, re.M | re.S)
        if section is None or not issubclass(base, BaseModel) or base is BaseModel:
            continue
        for names, body in re.findall(r"^(\S[^\n]*)\n((?:[ ]{4}[^\n]*\n?|\n)+)", section[1], re.M):
            for name in names.split(", "):
                found[name] = " ".join(body.split())
    return found


class ConfigKeys(SphinxDirective):
    """Write the keys of one class of `stst.config` as a definition list."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the list out of text, so that markup in docstrings works."""
        model = getattr(stst.config, self.arguments[0])
        lines: list[str] = []
        for path, kind, default, meaning in keys_of(model):
            if path == "method":
                continue
            tail = f" *({default})*" if default == "required" else ""
            tail = f", default {default}" if default and not tail else tail
            lines += [f"``{path}``", f"   {kind}{tail}", ""]
            lines += [f"   {meaning}", ""] if meaning else []
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_directive("config-keys", ConfigKeys)
    return {"parallel_read_safe": True}
