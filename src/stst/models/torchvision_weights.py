"""Weights for torchvision's models: by torchvision's names, or from a file."""

from __future__ import annotations

import difflib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stst.errors import InputError, first_line
from stst.utils.diagnosis import stand_in, there
from stst.weights import REGISTRY, LoadedWeights, cache_dir, load_tensors, weights_dir
from stst.weights.checkpoints import without_prefix
from stst.weights.formats import no_such_file
from stst.weights.locate import digest

_SHOWN = 3  # names in a message, of each kind
# older names, which torchvision's own loader changes likewise
_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


def get_member(model: str, name: str) -> Any:
    """Look up a member of a model's enumeration of weights.

    Parameters
    ----------
    model
        As torchvision calls it.
    name
        ``default``, the member's name, or the name under which `stst weights` knows it.

    Returns
    -------
    torchvision.models.WeightsEnum or None
        None where it names no member.
    """
    from torchvision.models import get_model_weights

    known = get_model_weights(model)
    if name == "default":
        return getattr(known, "DEFAULT", None)
    if name in REGISTRY:
        name = REGISTRY[name].torchvision.removeprefix(f"{known.__name__}.")
    return known.__members__.get(name)


def weights_of(model: str, name: str) -> LoadedWeights:
    """Load what a user named for a model of torchvision.

    Parameters
    ----------
    model
        As torchvision calls it.
    name
        See `get_member`; else the path of a file, or the name of one in ``STST_WEIGHTS_DIR``.

    Raises
    ------
    InputError
        If there are none of that name, or they are not on this machine, or damaged.
    """
    member = get_member(model, name)
    if member is not None:
        return _find_published(model, member)
    path = Path(name).expanduser()
    if not path.suffix and not path.is_file():
        raise InputError(f"weights {name}: {model} has {_check_name(model, name)}.")
    return file_weights(path)


def file_weights(path: Path) -> LoadedWeights:
    """Load a file as it is; a bare name is looked for in ``STST_WEIGHTS_DIR`` as well."""
    folder = weights_dir()
    if not there(path) and path.name == str(path) and folder is not None:
        path = folder / path if there(folder / path) else path
    return load_tensors(path)


def fit(module: nn.Module, tensors: Mapping[str, Tensor], what: str, where: str) -> None:
    """Put weights into a model; every one of both must match.

    Parameters
    ----------
    module
        Filled in place; numbers are cast to its precision.
    tensors
        A state dictionary; see `stst.weights.checkpoints.without_prefix`. Batch normalisation's
        counts of batches may be absent.
    what, where
        Names of the model and the file.

    Raises
    ------
    InputError
        Naming the first entries that are missing, not expected, or of another shape.
    """
    own = module.state_dict()
    tensors = without_prefix(tensors, own.__contains__)
    misshaped = [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(value.shape)}"
        for name, value in own.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    fitting = {
        name: value
        for name, value in tensors.items()
        if name not in own or value.shape == own[name].shape
    }
    try:
        # knows older names of some layers, which is why it is asked what does not match
        result = module.load_state_dict(_current(module, fitting), strict=False)
    except RuntimeError as error:
        raise InputError(f"{where}: not the weights of {what} ({first_line(error)}).") from error
    missing = [
        name for name in result.missing_keys if name not in tensors and "num_batches" not in name
    ]
    kinds = (
        ("missing", missing),
        ("not expected", result.unexpected_keys),
        ("of another shape", misshaped),
    )
    found = [f"{kind}: {_first(names)}" for kind, names in kinds if names]
    if found:
        raise InputError(
            f"{where}: not the weights of {what}. {'; '.join(found)}. The names and shapes must "
            "be those of its state dictionary."
        )


def _current(module: nn.Module, tensors: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Mark a state as one of the current version; MNASNet refuses one that does not say."""
    state = OrderedDict(tensors)
    state._metadata = {"": {"version": getattr(module, "_version", 1)}}  # type: ignore[attr-defined]
    return state


def _find_published(model: str, member: Any) -> LoadedWeights:
    title = f"{type(member).__name__}.{member.name}"
    entry = next((one for one in REGISTRY.values() if one.torchvision == title), None)
    if entry is not None:
        return load_tensors(entry.name)
    file = member.url.rpartition("/")[2]
    folders = [folder for folder in (weights_dir(), cache_dir()) if folder is not None]
    path = next((folder / file for folder in folders if there(folder / file)), None)
    if path is None:
        raise InputError(
            f"The weights {title} ({file}) are not on this machine; looked in "
            f"{' and '.join(map(str, folders))}. Fetch {member.url} and put it into "
            f"{cache_dir()}, or set STST_WEIGHTS_DIR to its folder. Without them: give a file "
            "of your own in place of their name, or none for random ones."
        )
    # file names of torchvision end in the first digits of the hash
    digits = path.stem.replace("_", "-").rpartition("-")[2]
    if not path.is_file():
        raise no_such_file(path, "there is no such weights file.")
    found = digest(path, "sha256")
    if not found.startswith(digits):
        raise InputError(
            stand_in(path)
            or f"{path}: not what torchvision published, or damaged: expected sha256:{digits}…, "
            f"found sha256:{found}. Fetch {member.url} again; to use it as it is, give its path."
        )
    loaded = load_tensors(path)
    renamed = {_DENSENET.sub(r"\1\2", name): value for name, value in loaded.tensors.items()}
    return replace(loaded, tensors=renamed)


def _check_name(model: str, name: str) -> str:
    from torchvision.models import get_model_weights

    names = ["default", *(member.name for member in get_model_weights(model)), "none"]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"no weights of that name{hint}. There are: {', '.join(names)}, or the path of a file"


def _first(names: list[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
