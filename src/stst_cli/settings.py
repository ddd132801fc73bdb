"""From options to one config: preset, then file, then options, then ``--set``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stst.config import StstConfig

DEFAULT_PRESET = "fast"


def stst_config(
    *,
    preset: str | None,
    config_file: Path | None,
    trusted: Sequence[str],
    model: str | None,
    targets: Mapping[str, str],
    options: Mapping[str, Any],
    frames: str | None,
    max_side: int | None,
    assignments: Sequence[str],
) -> StstConfig:
    """Merge everything the user said into a validated config.

    Parameters
    ----------
    preset, config_file, trusted, model, targets, frames, max_side, assignments
        The options of the same names.
    options
        Options that are keys of the top level; None for those not given.

    Raises
    ------
    InputError
        Naming the key, what was found and what is allowed.
    """
    from stst.config import (
        StstConfig,
        build,
        merged,
        model_override,
        preset_text,
        read_config_file,
        set_override,
    )

    tree = tomllib.loads(preset_text(DEFAULT_PRESET if preset is None else preset))
    if config_file is not None:
        tree = merged(tree, _targets_beside(read_config_file(config_file, trusted), config_file))
    if model is not None:
        tree = merged(tree, model_override(model))
    tree = merged(tree, {key: value for key, value in options.items() if value is not None})
    given = {"frames": frames, "max_side": max_side}
    tree = merged(tree, {"input": {k: v for k, v in given.items() if v is not None}})
    tree = merged(tree, {"targets": dict(targets)})
    for assignment in assignments:
        tree = set_override(tree, assignment)
    return build(tree, StstConfig)


def _targets_beside(tree: dict[str, Any], file: Path) -> dict[str, Any]:
    """Read the targets of a config file as relative to the file."""
    targets = tree.get("targets")
    if not isinstance(targets, dict):
        return tree
    found = {k: str(file.parent / v) if isinstance(v, str) else v for k, v in targets.items()}
    return {**tree, "targets": found}
