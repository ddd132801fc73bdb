"""The named settings that ship with the package."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from stst.config.hints import suggestion
from stst.errors import InputError

Tree = dict[str, Any]


@cache
def preset_names() -> tuple[str, ...]:
    """Name the presets that ship with the package."""
    folder = resources.files("stst") / "presets"
    return tuple(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml")))


def preset_text(name: str) -> str:
    """Give a preset's TOML; its leading comment describes it.

    Parameters
    ----------
    name
        Of the preset.

    Returns
    -------
    str
        The file, comments included.

    Raises
    ------
    InputError
        If there is no such preset; names the ones there are.
    """
    if name not in preset_names():
        raise InputError(
            f"unknown preset {name!r}{suggestion(name, preset_names())}. "
            f"There are: {', '.join(preset_names())}."
        )
    path = resources.files("stst") / "presets" / f"{name}.toml"
    text: str = path.read_text("utf-8")
    return text


def preset_tree(name: str) -> Tree:
    """Read a preset as a tree of values; see `preset_text`.

    Parameters
    ----------
    name
        Of the preset.

    Returns
    -------
    dict
        As TOML has it.
    """
    return tomllib.loads(preset_text(name))


def preset_method(name: str) -> str:
    """Name the method that a preset is for.

    Parameters
    ----------
    name
        One of `preset_names`.

    Returns
    -------
    str
        ``"stst"``, ``"stps"`` or ``"leaps"``.
    """
    method: str = preset_tree(name).get("method", "stst")
    return method


def preset_for(name: str, method: str, origin: str = "`preset` ") -> Tree:
    """Read a preset of a method; see `preset_tree`.

    Parameters
    ----------
    name
        Of one of `preset_names`.
    method
        That it has to be for.
    origin
        Named at the head of a message, before the preset.

    Returns
    -------
    dict
        As TOML has it.

    Raises
    ------
    InputError
        If there is no such preset, or it is for another method; names those there are.
    """
    tree = preset_tree(name)
    if preset_method(name) != method:
        fitting = [one for one in preset_names() if preset_method(one) == method]
        there_are = f"There are: {', '.join(fitting)}." if fitting else "It has no presets."
        raise InputError(
            f"{origin}{name}: it is for the method {preset_method(name)}, this is {method}. "
            f"{there_are}"
        )
    return tree
