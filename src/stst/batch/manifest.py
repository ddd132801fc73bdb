"""Which stimuli are asked for: rows of a manifest, or clips times presets times seeds."""

from __future__ import annotations

import glob
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stst.batch.errors import Problems
from stst.config import METHODS, toml_value
from stst.config.hints import key_hint
from stst.config.methods import BUILT_IN
from stst.errors import InputError
from stst.utils.files import at_home, resolve_path
from stst.utils.manifests import check_suffix, read_rows, read_toml_tables, spreadsheet_hint
from stst.utils.text import format_value
from stst.video.read import clip_stem

#: Fields of a row that are no keys of a config.
FIELDS = ("natural", "method", "preset", "config", "seed", "output")
# more are hardly meant, and would take long to list
_MOST = 100_000
# spreadsheets write whole numbers as 1.0, too
_SEED, _RANGE = re.compile(r"([0-9]{1,19})(\.0*)?"), re.compile(r"([0-9]{1,19}):([0-9]{1,19})")

# what a field stands for: one thing, or several that are multiplied out
Seeds = Sequence[int]


@dataclass(frozen=True)
class JobRequest:
    """One stimulus, as a row or a table asks for it; nothing of it is checked yet.

    Attributes
    ----------
    where
        The file and the place in it, for messages.
    natural
        The clip as it was written; None for none.
    method, preset, config, output
        As written; None where nothing is said.
    seed
        None where nothing is said.
    settings
        Keys of a config, with values as TOML has them.
    folder
        What paths in it are relative to.
    """

    where: str
    natural: str | None = None
    method: str | None = None
    preset: str | None = None
    config: str | None = None
    seed: int | None = None
    output: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()

    @cached_property
    def natural_path(self) -> Path | None:
        """Where the clip is."""
        return None if self.natural is None else resolve_path(self.natural, self.folder)


def read_manifest(path: Path, problems: Problems) -> list[JobRequest]:
    """Read the stimuli that a manifest asks for.

    Parameters
    ----------
    path
        ``.csv`` or ``.tsv`` with a header of `FIELDS` and keys of a config, all of which may be
        left out; or ``.toml`` with tables ``[[jobs]]`` of the same keys and, if wanted, a table
        ``[defaults]`` for all of them. In TOML ``natural``, ``method``, ``preset``, ``config``
        and ``seed`` may be lists, and a table ``sweep`` may hold lists for keys of a config: a
        stimulus is made for every combination. A natural clip may be a pattern such as
        ``clips/*.mp4``, and a seed a range ``A:B`` of A to B-1. Paths are relative to the
        manifest's folder.
    problems
        Takes what is wrong with single rows.

    Returns
    -------
    list of JobRequest
        In order, without those that are wrong.

    Raises
    ------
    InputError
        If the file as a whole cannot be read, or lists nothing.
    """
    check_suffix(path)
    if path.suffix.lower() == ".toml":
        tables, rest = read_toml_tables(path, "jobs", ("defaults",))
        defaults = rest.get("defaults", {})
        if not isinstance(defaults, dict):
            raise InputError(
                f"{path}: defaults is {format_value(defaults)}; it must be a table [defaults]."
            )
        for key in _flat(defaults):
            hint = None if key in FIELDS else _unknown(key.removeprefix("sweep."))
            if hint is not None:
                hint = f" ({hint})" if hint else ""
                raise InputError(f"{path}, [defaults]: unknown key {key!r}{hint}.")
        if not tables:
            raise InputError(f"{path} lists no jobs. It needs tables [[jobs]] with 'natural'.")
        sources = [(where, _with_defaults(defaults, table)) for where, table in tables]
    else:
        rows = read_rows(path, "jobs", (), FIELDS, _unknown)
        sources = [
            (row.where, {k: v if k in FIELDS else _cell_value(v) for k, v in row.items()})
            for row in rows
        ]
    found: list[JobRequest] = []
    for where, source in sources:
        with problems.collect():
            found += _combinations(where, source, path.parent)
        if len(found) > _MOST:
            raise InputError(f"{where}: these are more than {_MOST} jobs. Write several manifests.")
    return found


def requests_for(
    clips: Sequence[str], presets: Sequence[str], problems: Problems
) -> list[JobRequest]:
    """Multiply out what stands on a command line.

    Parameters
    ----------
    clips
        Files, folders of pictures, or patterns such as ``clips/*.mp4``.
    presets
        Names; none for the default.
    problems
        Takes what is wrong with single clips.
    """
    source = {"preset": list(presets)} if presets else {}
    found: list[JobRequest] = []
    for clip in clips:
        with problems.collect():
            found += _combinations(clip, {**source, "natural": clip}, Path())
    return found


def seeds_of(value: Any, where: str) -> Seeds:
    """Read a seed, a range of seeds, or a list of both.

    Raises
    ------
    InputError
        If it is none.
    """
    if isinstance(value, list):
        return [seed for one in value for seed in seeds_of(one, where)]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return [value]
    text = value.strip() if isinstance(value, str) else ""
    whole = _SEED.fullmatch(text)
    if whole:
        return [int(whole[1])]
    found, match = format_value(value), _RANGE.fullmatch(text)
    if match is None:
        hint = spreadsheet_hint(value)
        raise InputError(
            f"{where}: seed is {found}; it must be a whole number from 0, or A:B for A to B-1"
            + (f" ({hint})." if hint else ".")
        )
    first, end = int(match[1]), int(match[2])
    if end <= first:
        raise InputError(f"{where}: seed is {found}; in A:B, B must be greater than A.")
    if end - first > _MOST:
        raise InputError(f"{where}: seed is {found}; these are more than {_MOST} jobs.")
    return range(first, end)


def _unknown(key: str) -> str | None:
    """Say of a name whether no method's config has it; then with a hint, where there is one."""
    kinds = [spec.config for spec in BUILT_IN.values()]
    # what keys another package's method has is not known before it is trusted and imported
    known = METHODS.foreign() or any(key.partition(".")[0] in kind.model_fields for kind in kinds)
    return None if known else key_hint(key, kinds)


def _cell_value(text: str) -> Any:
    """Read a cell as TOML has values, and true and false as spreadsheets write them."""
    return text.lower() == "true" if text in ("TRUE", "FALSE") else toml_value(text)


def _with_defaults(defaults: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a table into the defaults, by the keys of single values."""
    flat = {**_flat(defaults), **_flat(table)}
    swept = {key.removeprefix("sweep.") for key in flat if key.startswith("sweep.")}
    return {key: value for key, value in flat.items() if key not in swept}


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Write nested tables as ``a.b.c``."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{above}{key}.")
        else:
            out[f"{above}{key}"] = value
    return out


def _combinations(where: str, source: Mapping[str, Any], folder: Path) -> Iterator[JobRequest]:
    naturals: list[str | None] = [None]
    if "natural" in source:
        listed = _texts(where, source, "natural")
        naturals = [clip for one in listed for clip in _clips(where, one, folder)]
    choices: list[Sequence[Any]] = [naturals]
    for key in ("method", "preset", "config"):
        choices.append(_texts(where, source, key) if key in source else [None])
    choices.append(seeds_of(source["seed"], where) if "seed" in source else [None])
    sweep = {k.removeprefix("sweep."): v for k, v in source.items() if k.startswith("sweep.")}
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"{where}: sweep.{key} is {format_value(values)}; it must be a list of values."
            )
    choices += [[(key, value) for value in values] for key, values in sweep.items()]
    count = math.prod(map(len, choices))
    if count > _MOST:
        raise InputError(f"{where}: these are {count} jobs; at most {_MOST} go in one batch.")
    output = source.get("output")
    if output is not None and not isinstance(output, str):
        raise InputError(
            f"{where}: output is {format_value(output)}; it must be the name of a file."
        )
    if output is not None and count > 1:
        raise InputError(
            f"{where}: output is {output!r}, and these are {count} jobs, which need a name each. "
            "Leave it out."
        )
    own = {
        key: value
        for key, value in source.items()
        if key not in FIELDS and not key.startswith("sweep.")
    }
    for natural, method, preset, config, seed, *swept in itertools.product(*choices):
        yield JobRequest(
            where, natural, method, preset, config, seed, output, {**own, **dict(swept)}, folder
        )


def _texts(where: str, source: Mapping[str, Any], key: str) -> list[str]:
    value = source[key]
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise InputError(f"{where}: {key} is an empty list.")
    for one in listed:
        if not isinstance(one, str) or not one.strip() or any(ord(c) < 32 for c in one):
            raise InputError(
                f"{where}: {key} is {format_value(one)}; it must be text, or a list of texts."
            )
    return [one.strip() for one in listed]


def _clips(where: str, name: str, folder: Path) -> list[str]:
    """Give the clips that a pattern stands for; anything else is a name."""
    if not glob.has_magic(name) or os.path.exists(resolve_path(name, folder)):
        return [name]
    try:
        names = _matches(name, folder)
        found = sorted(one for one in names if clip_stem(folder / one) is not None)
    except (OSError, ValueError, re.error) as error:
        raise InputError(
            f"{where}: natural is {name!r}, which cannot be looked up ({error})."
        ) from error
    if not found:
        raise InputError(f"{where}: natural is {name!r}, and no clip is called so.")
    return found


def _matches(pattern: str, folder: Path) -> list[str]:
    r"""Find what a pattern stands for, also one that is written ``~/*.mkv``, or ``sub\*.mkv``."""
    found = glob.glob(at_home(pattern), root_dir=folder, recursive=True)
    if not found and os.sep != "\\" and "\\" in pattern:
        return _matches(pattern.replace("\\", "/"), folder)
    return found
