"""Read arrays from an HDF5 file that others made, following nothing that leads out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stst.errors import InputError
from stst.utils.crash_note import reading
from stst.utils.diagnosis import unreadable

LARGEST_TOTAL = 8 * 2**30  # bytes once read: a few kB of HDF5 can declare arrays of any size
DEEPEST = 16  # groups in groups; hard links can also form a cycle


def read_arrays(path: Path | str) -> dict[str, npt.NDArray[Any]]:
    """Read every numeric dataset of a file.

    Soft and external links, virtual datasets and external storage are refused: they can name any
    other file of the machine.

    Parameters
    ----------
    path
        An HDF5 file.

    Returns
    -------
    dict
        Full name inside the file without the leading slash (``block1_conv1/kernel:0``) to array,
        in the shape and type in which the file holds it.

    Raises
    ------
    InputError
        If the file is not HDF5, is truncated, or holds one of the refused things.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    total = 0
    with _open(path) as file:
        for name, dataset in _datasets(path, file, "", 0):
            total += dataset.nbytes
            if total > LARGEST_TOTAL:
                raise InputError(f"{path}: declares more than {LARGEST_TOTAL >> 30} GiB.")
            arrays[name] = np.asarray(dataset[()])
    return arrays


def read_texts(path: Path | str, name: str) -> set[str]:
    """Read what the file's root and the groups in it say in a text attribute.

    Parameters
    ----------
    path
        An HDF5 file.
    name
        Of the attribute, such as Keras's ``backend``.

    Returns
    -------
    set of str
        Every value found; attributes that are no single text are left out.

    Raises
    ------
    InputError
        If the file is not HDF5, or is truncated.
    """
    texts: set[str] = set()
    with _open(path) as file:
        for group in (file, *_groups(file)):
            value = group.attrs.get(name)
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            if isinstance(value, str):
                texts.add(value)
    return texts


@contextmanager
def _open(path: Path | str) -> Iterator[Any]:
    import h5py

    try:
        with reading(path), h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except BlockingIOError as error:
        raise InputError(
            f"{path}: another program is writing it. Wait until it is done."
        ) from error
    except Exception as error:  # damage shows as whatever its reading led to
        message = f"{path}: not a whole HDF5 file: cut short or damaged. Fetch it again."
        others = ("npz", "torch", "safetensors")
        raise unreadable(Path(path), message, "hdf5", others) from error


def _groups(file: Any) -> Iterator[Any]:
    """Give the groups right below the root."""
    import h5py

    for key in file:
        if isinstance(file.get(key, getlink=True), h5py.HardLink):
            item = file[key]
            if isinstance(item, h5py.Group):
                yield item


def _datasets(path: Path | str, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    import h5py

    if depth > DEEPEST:
        raise InputError(f"{path}: groups are nested more than {DEEPEST} deep.")
    for key in group:
        name = f"{prefix}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise InputError(f"{path}: {name} is a link to another place; that is not followed.")
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from _datasets(path, item, f"{name}/", depth + 1)
        elif isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise InputError(f"{path}: {name} keeps its values in another file; refused.")
            if item.dtype.kind in "fiu":
                yield name, item
