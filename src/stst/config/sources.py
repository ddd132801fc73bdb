"""Where a config comes from: presets, TOML files, single values; and how it is written."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from stst.config.hints import explain, suggestion
from stst.config.methods import METHODS
from stst.config.presets import Tree, preset_tree
from stst.config.schema import RunConfig, update
from stst.config.stst import StstConfig
from stst.errors import InputError
from stst.utils.diagnosis import read_text
from stst.utils.files import resolve_path
from stst.utils.toml import toml_tree

#: What ``--model NAME`` stands for: the pair of streams.
MODEL_PAIRS = {
    "paper": ("vgg19", "msoe"),
    "builtin": ("filterbank", "motion_energy"),
}
#: Under which a config, whatever its method, names models.
MODEL_KEYS = ("spatial.model", "temporal.model", "model", "verifier")

# more than any key has, and few enough to follow one by one
_DEEPEST = 20
AnyConfig = TypeVar("AnyConfig", bound=RunConfig)


def read_config_file(path: Path, trusted: Collection[str] | None = ()) -> Tree:
    """Read a TOML config as a tree of values, not validated yet.

    Parameters
    ----------
    path
        A TOML file.
    trusted
        Models ``package.module:factory`` that the file may name; importing one runs its code.
        None for any: the caller asks the user.

    Returns
    -------
    dict
        What the file sets.

    Raises
    ------
    InputError
        If the file cannot be read, is no TOML, or names a model that is not trusted.
    """
    text = read_text(path, "config file")
    try:
        tree = toml_tree(text)
    except ValueError as error:
        if text.lstrip().startswith("{") and '"schema_version"' in text:
            command = shlex.join(["stst", "remake", str(path)])
            raise InputError(
                f"{path}: a sidecar, not a config in TOML. To make its stimulus again: `{command}`."
            ) from error
        raise InputError(f"{path}: not valid TOML: {error}") from error
    if trusted is not None:
        check_trust(tree, trusted, str(path))
    return tree


def paths_beside(tree: Mapping[str, Any], file: Path) -> Tree:
    """Read the targets and the mask of a config as relative to the file that it is in.

    Parameters
    ----------
    tree
        What the file sets.
    file
        The file.

    Returns
    -------
    dict
        A copy with paths as seen from here.
    """

    def beside(value: Any) -> Any:
        named = isinstance(value, str) and value
        return str(resolve_path(value, file.parent)) if named else value

    out = dict(tree)
    if isinstance(tree.get("targets"), dict):
        out["targets"] = {term: beside(path) for term, path in tree["targets"].items()}
    if "mask" in tree:
        out["mask"] = beside(tree["mask"])
    return out


def check_trust(tree: Mapping[str, Any], trusted: Collection[str], origin: str) -> None:
    """Refuse own models, and methods of other packages, that a file names and the user did not.

    Raises
    ------
    InputError
        With the hint at ``trusted``.
    """
    for key, name in find_code_names(tree).items():
        if name not in trusted:
            raise InputError(
                f"{origin}: {key} names {name!r}; importing it would run its code. "
                f"If you trust it, give `trusted={[name]}`."
            )


def find_code_names(tree: Mapping[str, Any]) -> dict[str, str]:
    """Give what a tree names, by key, whose use imports code that is not this package's.

    Models are ``package.module:factory``, methods those that another package has registered.
    """
    out = {key: model for key, model in find_model_names(tree).items() if ":" in model}
    method = tree.get("method")
    if isinstance(method, str) and method in METHODS.foreign():
        out["method"] = method
    return out


def find_model_names(tree: Mapping[str, Any]) -> dict[str, str]:
    """Give the models that a tree names, by key, whatever its method."""
    out: dict[str, str] = {}
    for key in MODEL_KEYS:
        table, _, name = key.rpartition(".")
        section = tree.get(table) if table else tree
        model = section.get(name) if isinstance(section, Mapping) else None
        if isinstance(model, str):
            out[key] = model
    return out


def model_override(name: str) -> Tree:
    """Give what ``--model NAME`` sets: both streams, with layers and weights of their own.

    Parameters
    ----------
    name
        One of `MODEL_PAIRS`.

    Returns
    -------
    dict
        The models of both streams.

    Raises
    ------
    InputError
        If there is no such pair of models.
    """
    if name not in MODEL_PAIRS:
        raise InputError(
            f"`model`: unknown model {name!r}{suggestion(name, MODEL_PAIRS)}. There are: "
            f"{', '.join(MODEL_PAIRS)}. A model of your own goes in by "
            '`spatial.model="package.module:factory"` (or `temporal.model`).'
        )
    spatial, temporal = MODEL_PAIRS[name]
    # layers and weights belong to a model, so a change of model brings its own
    own = {"weights": "default", "texture_layers": None, "content_layers": None}
    return {"spatial": {"model": spatial, **own}, "temporal": {"model": temporal, **own}}


def set_override(tree: Tree, assignment: str) -> Tree:
    """Copy a tree with the value changed that ``--set KEY=VALUE`` names.

    Parameters
    ----------
    tree
        What is set so far.
    assignment
        ``a.b.0.c=value``; the value is TOML, or else taken as text.

    Returns
    -------
    dict
        A changed copy.

    Raises
    ------
    InputError
        If there is no ``=``, or an index does not exist.

    Examples
    --------
    >>> from stst.config import set_override
    >>> set_override({"octaves": [{"iterations": 250}]}, "octaves.0.iterations=10")
    {'octaves': [{'iterations': 10}]}
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise InputError(f"`assignments`: expected KEY=VALUE, found {assignment!r}.")
    return set_value(tree, key.strip(), toml_value(text), "`assignments` ")


def set_value(tree: Tree, key: str, value: Any, origin: str = "") -> Tree:
    """Copy a tree with one value changed.

    Parameters
    ----------
    tree
        Left as it is.
    key
        ``a.b.0.c``.
    value
        As TOML has it.
    origin
        Named at the head of a message, before the key.

    Returns
    -------
    dict
        A copy with the value in its place.

    Raises
    ------
    InputError
        If an index does not exist, or the key lies below a single value.
    """
    parts = key.split(".")
    if len(parts) > _DEEPEST:
        raise InputError(f"{origin}{key[:60]}…: no key has {len(parts)} parts.")
    result = _assign(tree, parts, value, origin + key)
    assert isinstance(result, dict)
    return result


def toml_value(text: str) -> Any:
    """Read a value as TOML has it; what is none is taken as text.

    Parameters
    ----------
    text
        What a user typed.

    Returns
    -------
    object
        The value.
    """
    try:
        value = toml_tree(f"value = {text}")["value"]
    except ValueError:
        return text.strip()
    # no key is a date or a time; 0:4 becomes one in a spreadsheet
    return text.strip() if isinstance(value, date | time) else value


def _assign(node: Any, parts: Sequence[str], value: Any, key: str) -> Any:
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(node, list | tuple):
        places = [str(place) for place in range(len(node))]
        if head not in places:
            allowed = f"0 to {len(node) - 1}" if node else "none, it is empty"
            raise InputError(f"{key}: the list has no entry {head!r}; allowed are {allowed}.")
        items = list(node)
        items[int(head)] = _assign(items[int(head)], rest, value, key)
        return items
    if node is not None and not isinstance(node, dict):
        raise InputError(f"{key}: {head!r} lies below a single value.")
    return {**(node or {}), head: _assign((node or {}).get(head), rest, value, key)}


def merge(*trees: Mapping[str, Any]) -> Tree:
    """Merge trees, the later one winning; tables are merged, lists replaced.

    Parameters
    ----------
    trees
        From the weakest to the strongest.

    Returns
    -------
    dict
        All of them.
    """
    out: Tree = {}
    for tree in trees:
        out = update(out, dict(tree))
    return out


def build(tree: Mapping[str, Any], kind: type[AnyConfig], origin: str = "config") -> AnyConfig:
    """Validate a tree of values.

    Parameters
    ----------
    tree
        Nested tables as a TOML file has them.
    kind
        The method's config class.
    origin
        Named at the head of the message.

    Returns
    -------
    RunConfig
        Of the class asked for; frozen.

    Raises
    ------
    InputError
        One line for each wrong key or value: where it is, what was found, what is allowed.
    """
    try:
        return kind.model_validate(dict(tree))
    except ValidationError as error:
        lines = [explain(one, kind) for one in error.errors(include_url=False)]
        raise InputError(f"{origin}: " + "; ".join(dict.fromkeys(lines))) from None


def to_toml(config: RunConfig) -> str:
    """Write a config as TOML; reading it back gives an equal config.

    Parameters
    ----------
    config
        Of any method.

    Returns
    -------
    str
        TOML with every key, defaults included.

    Examples
    --------
    >>> import stst
    >>> print(stst.to_toml(stst.StpsConfig(coherence=0.5)).splitlines()[0])
    method = "stps"
    """
    import tomli_w

    text: str = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
    return text


def load_preset(name: str) -> StstConfig:
    """Build the config of a preset for synthesis.

    Parameters
    ----------
    name
        Of the preset, see `preset_names`.

    Returns
    -------
    StstConfig
        Frozen. `build` makes a changed one, and checks it: pydantic's ``model_copy`` would not.

    Raises
    ------
    InputError
        If there is no such preset, or it is for another method.

    Examples
    --------
    >>> import stst
    >>> config = stst.load_preset("quick")
    >>> config.spatial.model, config.octaves[-1].iterations
    ('filterbank', 40)
    >>> config.model_copy(update={"seed": 7, "samples": 3}).seeds
    (7, 8, 9)
    """
    return build(preset_tree(name), StstConfig, f"preset {name}")
