"""Where a config comes from: presets, TOML files, single values; and how it is written."""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from stst.config.schema import RunConfig, StstConfig, _updated
from stst.errors import InputError
from stst.utils.diagnosis import read_text
from stst.utils.files import written_path
from stst.utils.manifests import spreadsheet_hint
from stst.utils.text import found_value
from stst.utils.toml import toml_tree

Tree = dict[str, Any]

#: What ``--model NAME`` stands for: the pair of streams.
MODEL_PAIRS = {
    "paper": ("vgg19", "msoe"),
    "builtin": ("filterbank", "motion_energy"),
}

# more than any key has, and few enough to follow one by one
_DEEPEST = 20
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

AnyConfig = TypeVar("AnyConfig", bound=RunConfig)


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
            f"unknown preset {name!r}{_suggestion(name, preset_names())}. "
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
        Of the preset.

    Returns
    -------
    str
        ``"stst"``, ``"stps"`` or ``"leaps"``.
    """
    method: str = preset_tree(name).get("method", "stst")
    return method


def preset_for(name: str, method: str, origin: str = "--preset ") -> Tree:
    """Read a preset of a method; see `preset_tree`.

    Parameters
    ----------
    name
        Of the preset.
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
        raise InputError(
            f"{origin}{name}: it is for the method {preset_method(name)}, this is {method}. "
            f"There are: {', '.join(fitting)}."
        )
    return tree


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
        return str(written_path(value, file.parent)) if named else value

    out = dict(tree)
    if isinstance(tree.get("targets"), dict):
        out["targets"] = {term: beside(path) for term, path in tree["targets"].items()}
    if "mask" in tree:
        out["mask"] = beside(tree["mask"])
    return out


def check_trust(tree: Mapping[str, Any], trusted: Collection[str], origin: str) -> None:
    """Refuse own models that a file names and the user did not.

    Raises
    ------
    InputError
        With the hint at ``--trust-model``.
    """
    for key, model in models_named(tree).items():
        if ":" in model and model not in trusted:
            raise InputError(
                f"{origin}: {key} names {model!r}; importing it would run its code. "
                f"If you trust it, give --trust-model {model}."
            )


def models_named(tree: Mapping[str, Any]) -> dict[str, str]:
    """Give the models that a tree names, by key, whatever its method."""
    out: dict[str, str] = {}
    for key in ("spatial.model", "temporal.model", "model", "verifier"):
        table, _, name = key.rpartition(".")
        section = tree.get(table) if table else tree
        model = section.get(name) if isinstance(section, Mapping) else None
        if isinstance(model, str):
            out[key] = model
    return out


def model_override(name: str) -> Tree:
    """Turn ``--model NAME`` into a tree.

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
            f"--model: unknown model {name!r}{_suggestion(name, MODEL_PAIRS)}. There are: "
            f"{', '.join(MODEL_PAIRS)}. A model of your own goes in by "
            "--set spatial.model=package.module:factory (or temporal.model)."
        )
    spatial, temporal = MODEL_PAIRS[name]
    # layers and weights belong to a model, so a change of model brings its own
    own = {"weights": "default", "texture_layers": None, "content_layers": None}
    return {"spatial": {"model": spatial, **own}, "temporal": {"model": temporal, **own}}


def set_override(tree: Tree, assignment: str) -> Tree:
    """Apply one ``--set KEY=VALUE``.

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
        raise InputError(f"--set: expected KEY=VALUE, found {assignment!r}.")
    return set_value(tree, key.strip(), toml_value(text), "--set ")


def set_value(tree: Tree, key: str, value: Any, origin: str = "") -> Tree:
    """Set one value.

    Parameters
    ----------
    tree
        What is set so far.
    key
        ``a.b.0.c``.
    value
        As TOML has it.
    origin
        Named at the head of a message, before the key.

    Returns
    -------
    dict
        A changed copy.

    Raises
    ------
    InputError
        If an index does not exist, or the key lies below a single value.
    """
    parts = key.split(".")
    if len(parts) > _DEEPEST:
        raise InputError(f"{origin}{key[:60]}…: no key has {len(parts)} parts.")
    result = _assigned(tree, parts, value, origin + key)
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


def _assigned(node: Any, parts: Sequence[str], value: Any, key: str) -> Any:
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(node, list | tuple):
        places = [str(place) for place in range(len(node))]
        if head not in places:
            allowed = f"0 to {len(node) - 1}" if node else "none, it is empty"
            raise InputError(f"{key}: the list has no entry {head!r}; allowed are {allowed}.")
        items = list(node)
        items[int(head)] = _assigned(items[int(head)], rest, value, key)
        return items
    if node is not None and not isinstance(node, dict):
        raise InputError(f"{key}: {head!r} lies below a single value.")
    return {**(node or {}), head: _assigned((node or {}).get(head), rest, value, key)}


def merged(*trees: Mapping[str, Any]) -> Tree:
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
        out = _updated(out, dict(tree))
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
        lines = [_explained(one, kind) for one in error.errors(include_url=False)]
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


def _explained(error: Any, kind: type[RunConfig]) -> str:
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
    return f"{where}: {message} (found {found_value(error['input'])}{hint})"


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


def _suggestion(word: str, known: Collection[str]) -> str:
    close = _close(word, known)
    return f" (did you mean {close[0]!r}?)" if close else ""
