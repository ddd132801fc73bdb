"""From options to one config: preset, then file, then options, then ``--set``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from stst.config import RunConfig

Config = TypeVar("Config", bound="RunConfig")


def run_config(
    kind: type[Config],
    default_preset: str,
    own: Mapping[str, Any],
    *,
    preset: str | None,
    config_file: Path | None,
    trusted: Sequence[str],
    seed: int | None,
    samples: int | None,
    device: str | None,
    precision: str | None,
    frames: str | None,
    max_side: int | None,
    grey: bool | None,
    bits: int | None,
    tonemap: str | None,
    peak_nits: float | None,
    assignments: Sequence[str],
) -> Config:
    """Merge everything the user said into a validated config.

    Parameters
    ----------
    kind
        Config of the method.
    default_preset
        Where none is named; empty for the defaults of the config.
    own
        What the method's own options say.
    preset, config_file, trusted, seed, samples, device, precision, frames, max_side, grey,
    bits, tonemap, peak_nits, assignments
        The options that all methods share; None for those not given.

    Raises
    ------
    InputError
        Naming the key, what was found and what is allowed.
    """
    from stst.config import build, merge, paths_beside, preset_for, read_config_file, set_override

    method = kind.model_fields["method"].default
    if preset is None and not default_preset:
        tree = {}
    else:
        tree = preset_for(default_preset if preset is None else preset, method)
    if config_file is not None:
        tree = merge(tree, paths_beside(read_config_file(config_file, trusted), config_file))
    shared = {"seed": seed, "samples": samples, "device": device, "precision": precision}
    taken = {
        "frames": frames, "max_side": max_side, "grey": grey,
        "bits": bits, "tonemap": tonemap, "peak_nits": peak_nits,
    }  # fmt: skip
    tree = merge(tree, own, _give(shared), {"input": _give(taken)})
    for assignment in assignments:
        tree = set_override(tree, assignment)
    return build(tree, kind)


def _give(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
