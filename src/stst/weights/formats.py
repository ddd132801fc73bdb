"""Read a weights file of any of the formats as named tensors, running nothing it holds.

The readers catch every exception: bytes flipped at random make the libraries raise almost any kind
(IndexError, AssertionError, NotImplementedError, …), and all mean that the file is damaged.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stst.errors import InputError
from stst.utils.crash_note import reading
from stst.utils.diagnosis import absent, unreadable
from stst.utils.files import check_local, write_whole
from stst.weights.checkpoints import more_than_tensors, state_of
from stst.weights.hdf5 import LARGEST_TOTAL

if TYPE_CHECKING:
    import torch

METADATA_KEY = "stst"  # one key holding JSON: the order of several is not kept, so not the bytes
HDF5_SUFFIXES = (".h5", ".hdf5")
#: ``.tar`` as in ``.pth.tar``
TORCH_SUFFIXES = (".bin", ".ckpt", ".pkl", ".pt", ".pth", ".pyth", ".tar")
#: What is read of them, see `stst.utils.diagnosis.Content`.
KINDS = ("hdf5", "npz", "torch", "safetensors")
_AGAIN = "cut short or damaged. Copy or download it again"


@dataclass(frozen=True)
class RawFile:
    """A file's tensors in its own names and shapes, and what it says of itself."""

    tensors: dict[str, torch.Tensor]
    metadata: dict[str, Any] = field(default_factory=dict)


def read_raw(path: Path) -> RawFile:
    """Read a weights file by its suffix: h5, hdf5, npz, safetensors, or one of torch's.

    Raises
    ------
    InputError
        If it is missing, of another format, damaged, or holds something other than arrays.
    """
    check_local(path)
    if not path.is_file():
        raise no_such_file(path, "there is no such file.")
    readers: dict[str, Callable[[Path], RawFile]] = {
        **dict.fromkeys(HDF5_SUFFIXES, _read_hdf5),
        ".npz": _read_npz,
        **dict.fromkeys(TORCH_SUFFIXES, _read_torch),
        ".safetensors": _read_safetensors,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        message = f"{path}: not a weights file by its name. Allowed: {', '.join(readers)}."
        raise unreadable(path, message, "", KINDS)
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied. Make the file readable.")
    with reading(path):
        raw = reader(path)
    if not raw.tensors:
        raise InputError(f"{path}: holds no arrays.")
    for name, tensor in raw.tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"{path}: {name} holds values that are not finite. Fetch it again.")
    return raw


def no_such_file(path: Path, otherwise: str) -> InputError:
    """Say why there is no weights file of that name.

    Parameters
    ----------
    path
        Which is no file.
    otherwise
        What is said where neither a folder nor a link explains it.

    Returns
    -------
    InputError
        To be raised.
    """
    if path.is_dir():
        return InputError(f"{path}: a folder. Give the file of weights in it.")
    return absent(path, f"{path}: {otherwise}")


def write_safetensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any], overwrite: bool
) -> None:
    """Write tensors so that the same tensors and metadata give the same bytes."""
    from safetensors.torch import save_file

    stored = {name: tensor.contiguous() for name, tensor in sorted(tensors.items())}
    with write_whole(path, overwrite=overwrite) as beside:
        beside.touch()
        mode = beside.stat().st_mode
        save_file(stored, beside, {METADATA_KEY: json.dumps(dict(metadata), sort_keys=True)})
        # the library lets the user alone read it, whatever is usual here
        beside.chmod(mode)


def _read_hdf5(path: Path) -> RawFile:
    from stst.weights.hdf5 import read_arrays

    return _from_arrays(path, read_arrays(path))


def _read_npz(path: Path) -> RawFile:
    try:
        # opened here because numpy leaves a file that it cannot read open
        with open(path, "rb") as stream, warnings.catch_warnings(action="ignore"):
            loaded = np.load(stream, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: a single array, not an archive of named ones.")
            with loaded:
                # a few kB can unpack to any size
                members = loaded.zip.infolist() if loaded.zip is not None else []
                total = sum(member.file_size for member in members)
                if total > LARGEST_TOTAL:
                    raise InputError(f"{path}: holds more than {LARGEST_TOTAL >> 30} GiB.")
                return _from_arrays(path, {name: loaded[name] for name in loaded.files})
    except InputError:
        raise
    except Exception as error:
        found = _AGAIN
        if "allow_pickle" in str(error) and zipfile.is_zipfile(path):
            saved = f"numpy.savez({path.name!r}, name=array)"
            found = f"it holds objects, which are never loaded. Save numbers only: {saved}"
        message = f"{path}: not a whole npz file of plain arrays: {found}."
        raise unreadable(path, message, "npz", KINDS) from error


def _from_arrays(path: Path, arrays: Mapping[str, Any]) -> RawFile:
    import torch

    tensors: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise InputError(f"{path}: {name} holds {array.dtype}, expected numbers.")
        # torch takes neither foreign byte order nor negative strides
        native = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
        tensors[name] = torch.from_numpy(native)
    return RawFile(tensors)


def _read_torch(path: Path) -> RawFile:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions of pickle, for developers of torch
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's own words tell how to run what a file holds
        message = f"{path}: not a whole torch file: {_AGAIN}."
        if isinstance(error, pickle.UnpicklingError):
            named = re.search(r"(?:GLOBAL|global) `?([\w.]+)", str(error))
            message = more_than_tensors(path, named[1]) if named else message
        raise unreadable(path, message, "torch", KINDS) from error
    return RawFile(state_of(path, state))


def _read_safetensors(path: Path) -> RawFile:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        own = json.loads(metadata.get(METADATA_KEY, "{}"))
    except Exception as error:
        message = f"{path}: not a whole safetensors file: {_AGAIN}."
        raise unreadable(path, message, "safetensors", KINDS) from error
    if not isinstance(own, dict):
        raise InputError(f"{path}: its metadata {METADATA_KEY!r} is not a JSON object.")
    return RawFile(tensors, own)
