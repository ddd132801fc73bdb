"""The command line that has the same config."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stst.config.methods import METHODS
from stst.config.presets import preset_tree
from stst.config.schema import RunConfig
from stst.config.sources import MODEL_PAIRS, build, merge, model_override

# of leaps alone
_LEAPS = ("model", "weights", "target", "verifier")
_OPTIONS = ("seed", "samples", "device", "precision")


def command_words(config: RunConfig, preset: str, natural: str | None, output: str) -> list[str]:
    """Give the words of the command that makes the same stimulus.

    Parameters
    ----------
    config
        What is to be done.
    preset
        What the command starts from; everything else is an option of its own. Empty for none.
    natural, output
        The clip (None to invert without a stimulus), and the name of the master.

    Returns
    -------
    list of str
        For `shlex.join`.
    """
    tree = preset_tree(preset) if preset else {}
    wanted = _plain(config)
    if natural is not None and natural.startswith("-"):
        natural = f"./{natural}"  # not an option
    clips = [] if natural is None else [natural]
    spec = METHODS[config.method]
    words = ["stst", spec.command, *clips, "-o", output]
    if preset:
        words += ["--preset", preset]
    base = _plain(build(tree, spec.config))
    for name, (spatial, temporal) in MODEL_PAIRS.items():
        pair = (spatial, temporal)
        if _models(wanted) == pair and _models(base) != pair:
            words += ["--model", name]
            base = _plain(build(merge(tree, model_override(name)), spec.config))
    for key in _OPTIONS:
        if wanted[key] != base[key]:
            words += [f"--{key}", str(wanted[key])]
    words += _input_words(wanted["input"])
    for term, path in wanted.get("targets", {}).items():
        words += ["--target", f"{term}={path}"]
    if "mask" in wanted:
        words += ["--mask", wanted["mask"]]
    own = {"method", "input", "targets", "mask", *_OPTIONS}
    if config.method == "leaps":
        own |= {*_LEAPS, "flip"}
        words += _leaps_words(base, wanted)
    for key, value in _differences(base, wanted):
        if key.partition(".")[0] not in own:
            words += ["--set", f"{key}={_toml(value)}"]
    return words


def _input_words(taken: Mapping[str, Any]) -> Iterator[str]:
    for key, value in taken.items():
        if value is not False:
            yield f"--{key.replace('_', '-')}"
            yield from () if value is True else (str(value),)


def _leaps_words(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for key in _LEAPS:
        if wanted.get(key) != base.get(key):
            yield from (f"--{key}", wanted[key])
    if wanted["flip"] != base["flip"]:
        yield from ("--set", "flip=true") if wanted["flip"] else ("--no-flip",)


def _plain(config: RunConfig) -> dict[str, Any]:
    tree: dict[str, Any] = config.model_dump(mode="json", exclude_none=True)
    return tree


def _models(tree: Mapping[str, Any]) -> tuple[str, str] | None:
    if "spatial" not in tree:
        return None
    return tree["spatial"]["model"], tree["temporal"]["model"]


def _differences(
    base: Mapping[str, Any], wanted: Mapping[str, Any], where: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in wanted.items():
        before = base.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            yield from _differences(before, value, f"{where}{key}.")
        elif value != before:
            yield f"{where}{key}", value


def _toml(value: Any) -> str:
    """Write a value as it stands behind the sign in a line of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    # numbers, true and false, and strings are written alike in both
    return json.dumps(value)
