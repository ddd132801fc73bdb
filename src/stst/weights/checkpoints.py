"""Take the state dictionary out of a checkpoint as trainings save it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stst.errors import InputError

if TYPE_CHECKING:
    import torch

_DEEPEST = 4  # mappings in mappings
_SHOWN = 4  # names in a message
# what torch.compile puts into names, also in the middle of them
_COMPILED = "_orig_mod."
# beside the names of the model that torch.optim.swa_utils averages
_COUNT = "n_averaged"


def state_of(path: Path, loaded: object) -> dict[str, torch.Tensor]:
    """Find the state dictionary in what a file of torch holds.

    Parameters
    ----------
    path
        For messages.
    loaded
        What was loaded: a state dictionary, or mappings around one, as
        ``{"epoch": 3, "state_dict": {…}}``.

    Returns
    -------
    dict
        Its tensors by name.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    if not isinstance(loaded, Mapping):
        raise InputError(f"{path}: holds no tensors with names. {_how_to_save(path)}")
    level: list[tuple[tuple[str, ...], Mapping[Any, Any]]] = [((), loaded)]
    for _ in range(_DEEPEST):
        found = [(keys, one) for keys, one in level if _is_state(one, bool(keys))]
        if len(found) > 1:
            raise InputError(_several(path, [keys for keys, _ in found]))
        if found:
            return {name: tensor.detach() for name, tensor in found[0][1].items()}
        level = [
            ((*keys, key), one)
            for keys, mapping in level
            for key, one in mapping.items()
            if isinstance(key, str) and isinstance(one, Mapping)
        ]
    names = [key if isinstance(key, str) else str(key) for key in loaded]
    holds = f"Its entries: {', '.join(names[:_SHOWN])}" if names else "It is empty"
    more = ", …" if len(names) > _SHOWN else ""
    raise InputError(
        f"{path}: holds no state dictionary, which has only tensors with names. {holds}{more}. "
        f"{_how_to_save(path)}"
    )


def _is_state(mapping: Mapping[Any, Any], nested: bool) -> bool:
    """Say whether a mapping holds named tensors only, and not single numbers of a training."""
    import torch

    return (
        bool(mapping)
        and all(isinstance(name, str) for name in mapping)
        and all(isinstance(value, torch.Tensor) for value in mapping.values())
        and not (nested and all(value.ndim == 0 for value in mapping.values()))
    )


def _several(path: Path, found: list[tuple[str, ...]]) -> str:
    shown = ", ".join(".".join(keys) for keys in found[:_SHOWN])
    keys = "".join(f"[{key!r}]" for key in found[0])
    target = path.with_name(f"{path.name.partition('.')[0]}_{found[0][-1]}.pth")
    return (
        f"{path}: holds {len(found)} state dictionaries ({shown}). Save the one that is meant, as "
        f"in Python: import torch; torch.save(torch.load({str(path)!r}, map_location='cpu'){keys}, "
        f"{str(target)!r})"
    )


def more_than_tensors(path: Path, named: str) -> str:
    """Say that a file holds what is never loaded, and how to save what is wanted.

    Parameters
    ----------
    path
        Of a file of torch.
    named
        What it would have run, as the file calls it; may be empty.

    Returns
    -------
    str
        A message.
    """
    what = f" ({named})" if named else ""
    return (
        f"{path}: not loaded, because it holds more than tensors{what}, such as a whole model, and "
        f"that could run any code. {_how_to_save(path)}"
    )


def _how_to_save(path: Path) -> str:
    stem = path.name.partition(".")[0]
    target = f"{stem}.pth" if path.name != f"{stem}.pth" else f"{stem}_state.pth"
    model = "model"
    if _is_lightnings(path):
        # the class is the user's, so its name is not known here
        model = f"YourModule.load_from_checkpoint({path.name!r})"
    return (
        "Where it was made, save the state dictionary alone: "
        f"import torch; torch.save({model}.state_dict(), {target!r})"
    )


def _is_lightnings(path: Path) -> bool:
    """Look for Lightning's mark among the words of a checkpoint, without unpickling them."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(one for one in archive.namelist() if one.endswith("data.pkl"))
            return b"pytorch-lightning_version" in archive.read(name)
    except Exception:  # damaged bytes make it raise almost anything; then it is any checkpoint
        return False


def without_prefix(
    tensors: Mapping[str, torch.Tensor], known: Callable[[str], bool]
) -> dict[str, torch.Tensor]:
    """Drop what training tools have put before all names, where it hides names that are known.

    Parameters
    ----------
    tensors
        A state dictionary.
    known
        Says whether a name is one of the model's.

    Returns
    -------
    dict
        The same tensors, under names without the prefix that all share (``module.``,
        ``_orig_mod.``, ``model.``, ``net.``, or several of them), if that makes more names known
        than are as they stand; else under their own names.
    """

    def count(names: list[str | None]) -> int:
        return sum(name is not None and known(name) for name in names)

    names = max(_variants([*tensors]), key=count)
    pairs = zip(names, tensors.values(), strict=True)
    return {name: tensor for name, tensor in pairs if name is not None}


def _variants(names: list[str]) -> Iterator[list[str | None]]:
    """Give the names with ever fewer of the parts that all begin with; None for what goes."""
    whole: list[str | None] = [*names]
    yield whole
    plain: list[str | None] = [name.replace(_COMPILED, "") for name in names]
    if plain != whole:
        yield plain
    if len(names) > 1:
        plain = [None if name == _COUNT else name for name in plain]
    while True:
        kept = [name for name in plain if name is not None]
        first, dot, _ = kept[0].partition(".") if kept else ("", "", "")
        if not dot or not all(name.startswith(first + dot) for name in kept):
            return
        plain = [None if name is None else name.removeprefix(first + dot) for name in plain]
        yield plain
