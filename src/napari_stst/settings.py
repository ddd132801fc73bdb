"""Configs that the viewer loads and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stst.config import RunConfig, paths_beside, read_config_file, to_toml
from stst.config.command import command_words
from stst.config.sources import models_named
from stst.files import written_whole
from stst.provenance import other_version, read_sidecar
from stst.video import AS_STORED, Levels, recorded_levels

Tree = dict[str, Any]

# what the clip is called that a command is given
_MAIN = ("natural", "stimulus")


def read_settings(path: Path) -> Tree:
    """Read a config, or the one that a sidecar records.

    Parameters
    ----------
    path
        ``X.toml`` or ``X.json``.

    Returns
    -------
    dict
        A tree; the clips that it names lie relative to the file, their paths do so no more.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if path.suffix.lower() == ".json":
        tree = read_sidecar(path)["config"]
    else:
        tree = read_config_file(path, trusted=None)
    return paths_beside(tree, path.absolute())


def natural_of(path: Path) -> Path | None:
    """Name the clip that a sidecar's run started from; None for a config, which names none."""
    if path.suffix.lower() != ".json":
        return None
    inputs = read_sidecar(path)["inputs"]
    named = [one.get("path") for one in inputs if one.get("role") in _MAIN]
    return path.absolute().parent / named[0] if named and isinstance(named[0], str) else None


def levels_in(tree: Mapping[str, Any]) -> Levels:
    """Say how the clips of a config's tree are read.

    Raises
    ------
    InputError
        If it says something that cannot be.
    """
    taken = tree.get("input")
    return recorded_levels(taken, "the config") if isinstance(taken, Mapping) else AS_STORED


def note_on(path: Path) -> str:
    """Say of a sidecar whose stimulus cannot be made again here; "" of any other file."""
    another = other_version(read_sidecar(path)) if path.suffix.lower() == ".json" else ""
    return another and f"{path.name} is loaded as settings for a new stimulus: {another}."


def own_models(tree: Mapping[str, Any]) -> list[str]:
    """Name the models ``package.module:factory`` of a tree; importing one runs its code."""
    return [one for one in dict.fromkeys(models_named(tree).values()) if ":" in one]


def write_settings(path: Path, config: RunConfig) -> None:
    """Write a config as TOML; the user has been asked about a file that is there."""
    with written_whole(path, overwrite=True) as part:
        part.write_text(to_toml(config), encoding="utf-8", newline="\n")


def nearest_preset(config: RunConfig, names: Sequence[str]) -> str:
    """Name the preset, out of some of the config's method, that needs the fewest words."""
    lengths = {name: len(command_words(config, name, "", "")) for name in names}
    return min(names, key=lambda name: lengths[name])
