"""Configs that the viewer loads and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_stst.queue.request import (
    MAIN_ROLES,
    MakeRequest,
    main_clip_of_run,
    read_stored_request,
    tree_of_run,
)
from stst.config import RunConfig, paths_beside, read_config_file, to_toml
from stst.config.command import command_words
from stst.runs.folder import RunFolder
from stst.runs.sidecar import other_version, read_sidecar
from stst.utils.files import write_whole
from stst.video import AS_STORED, Levels, read_levels

Tree = dict[str, Any]


def read_settings(path: Path) -> Tree:
    """Read a config, or the one that a sidecar or an unfinished run records.

    Parameters
    ----------
    path
        ``X.toml``, ``X.json``, or the folder ``X.run`` or the file in it.

    Returns
    -------
    dict
        A tree; the clips that it names lie relative to the file, their paths do so no more.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if (run := find_run_folder(path)) is not None:
        return tree_of_run(run, RunFolder(run).record())
    if path.suffix.lower() == ".json":
        tree = read_sidecar(path).config
    else:
        tree = read_config_file(path, trusted=None)
    return paths_beside(tree, path.absolute())


def find_natural_clip(path: Path) -> Path | None:
    """Name the clip that a recorded run started from; None for a config, which names none."""
    if (run := find_run_folder(path)) is not None:
        return main_clip_of_run(run, RunFolder(run).record())
    if path.suffix.lower() != ".json":
        return None
    named = [one.path for one in read_sidecar(path).inputs if one.role in MAIN_ROLES]
    return path.absolute().parent / named[0] if named else None


def levels_in(tree: Mapping[str, Any]) -> Levels:
    """Say how the clips of a config's tree are read.

    Raises
    ------
    InputError
        If it says something that cannot be.
    """
    taken = tree.get("input")
    return read_levels(taken, "the config") if isinstance(taken, Mapping) else AS_STORED


def describe_other_version(path: Path) -> str:
    """Say of a sidecar whose stimulus cannot be made again here; "" of any other file."""
    if path.suffix.lower() != ".json" or find_run_folder(path) is not None:
        return ""
    another = other_version(read_sidecar(path))
    return another and f"{path.name} is loaded as settings for a new stimulus: {another}."


def find_run_folder(path: Path) -> Path | None:
    """Name the folder of an unfinished run that a path is, or is in; None where it is neither."""
    folder = path.absolute()
    if folder.name == "job.json":
        folder = folder.parent
    return folder if folder.suffix == ".run" and folder.is_dir() else None


def find_stored_request(path: Path) -> MakeRequest | None:
    """Give the request that goes on with the run that a path is in; None where there is none.

    Raises
    ------
    InputError
        If the run cannot be continued.
    """
    run = find_run_folder(path)
    return None if run is None else read_stored_request(run)


def write_settings(path: Path, config: RunConfig) -> None:
    """Write a config as TOML; the user has been asked about a file that is there."""
    with write_whole(path, overwrite=True) as part:
        part.write_text(to_toml(config), encoding="utf-8", newline="\n")


def nearest_preset(config: RunConfig, names: Sequence[str]) -> str:
    """Name the preset, out of some of the config's method, that needs the fewest words."""
    lengths = {name: len(command_words(config, name, "", "")) for name in names}
    return min(names, key=lambda name: lengths[name])
