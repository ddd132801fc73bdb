"""Load weights by name or from a file, with where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from stst.errors import InputError
from stst.utils.diagnosis import unreadable
from stst.utils.files import check_local
from stst.weights.formats import HDF5_SUFFIXES, KINDS, RawFile, no_such_file, read_raw
from stst.weights.layouts import canonical
from stst.weights.locate import (
    FoundWeights,
    digest,
    find,
    mismatch,
    missing,
    recognise,
)
from stst.weights.registry import REGISTRY, Convention, Entry, Layout, get_entry

if TYPE_CHECKING:
    import torch

LOCAL = "local file"


@dataclass(frozen=True)
class LoadedWeights:
    """Tensors and their provenance.

    Attributes
    ----------
    name
        The registry's name, or the layout's when the file is none of the registry's.
    tensors
        Name to tensor on the CPU. For VGG-19 and MSOE ``conv1_1.weight`` (O, I, H, W) and
        ``conv1_1.bias`` (O,), float32; MSOE's ``conv1.weight`` has its two frames, earlier first,
        as input channels. Layers that the file lacks are absent.
    convention
        ``keras`` (BGR, 0..255, mean subtracted), ``torchvision`` (RGB, 0..1, ImageNet mean and
        standard deviation) or None.
    path, file_name, sha256
        The file that was read.
    source
        The publisher's URL where the bytes are the publisher's or converted from them, else
        ``local file``.
    verified
        Whether the published hash matched.
    original_sha256
        Of the file that this one was converted from; empty when it was not converted.
    """

    name: str
    tensors: dict[str, torch.Tensor]
    convention: Convention | None
    path: Path
    file_name: str
    sha256: str
    source: str
    verified: bool
    original_sha256: str = ""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that the file has, in order."""
        return tuple(dict.fromkeys(name.rpartition(".")[0] for name in self.tensors))

    def provenance(self) -> dict[str, Any]:
        """Describe the weights for a sidecar: name, file, hash, source, verified."""
        described: dict[str, Any] = {
            "name": self.name,
            "file": self.file_name,
            "hash": f"sha256:{self.sha256}",
            "source": self.source,
            "verified": self.verified,
        }
        if self.original_sha256:
            described["converted_from"] = f"sha256:{self.original_sha256}"
        return described


def brief(file: str, hashed: str) -> str:
    """Name weights as tables do: the file, and the beginning of a hash ``algorithm:digits``.

    Parameters
    ----------
    file, hashed
        Where weights lie, and whether with their hash.

    Returns
    -------
    str
        ``file algorithm:`` and 8 digits.
    """
    algorithm, _, digits = hashed.partition(":")
    return f"{file} {algorithm}:{digits[:8]}"


def load_vgg19(source: str) -> LoadedWeights:
    """Load VGG-19's convolutions.

    Parameters
    ----------
    source
        ``keras``, ``torchvision``, or the path of a file.

    Returns
    -------
    LoadedWeights
        See there. The convention is never None.

    Raises
    ------
    InputError
        If the weights are not on this machine, or the file is damaged or holds something else.
    """
    names = {"keras": "vgg19-keras", "torchvision": "vgg19-torchvision"}
    if source not in (*names, *names.values()) and not _is_path(source):
        raise InputError(
            f"VGG-19 weights {source!r}: expected keras, torchvision or the path of a file."
        )
    loaded = load_tensors(names.get(source, source), layout="vgg19")
    if loaded.convention is None:
        raise InputError(
            f"{loaded.path}: does not say which input it expects. Import it under its name: "
            f"stst weights import {loaded.path} vgg19-keras (BGR, 0..255) or vgg19-torchvision."
        )
    return loaded


def load_msoe(source: str = "default") -> LoadedWeights:
    """Load MSOE.

    Parameters
    ----------
    source
        ``default``, or the path of a file.

    Returns
    -------
    LoadedWeights
        ``conv1.weight`` (32, 2, 11, 11), ``conv2.weight`` (64, 32, 1, 1), ``conv3.weight``
        (64, 320, 3, 3), ``conv4.weight`` (2, 64, 1, 1) and their biases.

    Raises
    ------
    InputError
        As for `load_vgg19`.
    """
    return load_tensors("msoe" if source == "default" else source, layout="msoe")


def load_tensors(name_or_path: str | Path, layout: Layout | None = None) -> LoadedWeights:
    """Load weights as the models take them.

    Parameters
    ----------
    name_or_path
        A name in the registry, or a file (anything with a suffix or a folder in it).
    layout
        What a file is taken for. None: what the registry says of a named or recognised one, else
        ``as-is``. For a name it must agree with the registry.

    Returns
    -------
    LoadedWeights
        Nothing on the network is asked.

    Raises
    ------
    InputError
        If there is no such name or file, its hash differs from the published one, it is HDF5 of
        unknown origin, damaged, holds values that are not finite, or shapes are wrong.
    """
    if str(name_or_path) in REGISTRY or not _is_path(name_or_path):
        entry = get_entry(str(name_or_path))
        if layout not in (None, entry.layout):
            raise InputError(f"The weights {entry.name} are not {layout} but {entry.layout}.")
        found = find(entry.name)
        if found is None:
            raise InputError(missing(entry))
        return _load_found(found)
    return _load_file(Path(name_or_path).expanduser(), layout)


def _is_path(name_or_path: str | Path) -> bool:
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.name != name_or_path:
        return True
    return path.suffix != "" or path.is_file()


def _load_file(path: Path, layout: Layout | None) -> LoadedWeights:
    check_local(path)
    if not path.is_file():
        raise no_such_file(path, "there is no such weights file.")
    found = recognise(path)
    if found is not None and layout in (None, found.entry.layout):
        return _load_found(found)
    _refuse_foreign_hdf5(path, layout)
    return _load(path, layout or "as-is", None)


def _load_found(found: FoundWeights) -> LoadedWeights:
    if found.hash_state == "mismatch":
        raise InputError(mismatch(found))
    if found.hash_state != "verified":
        _refuse_foreign_hdf5(found.path, found.entry.layout)
    return _load(found.path, found.entry.layout, found)


def read_as(path: Path, entry: Entry) -> tuple[dict[str, torch.Tensor], Convention | None]:
    """Read a file of any origin as an entry's tensors; for `import_file`.

    Raises
    ------
    InputError
        See `load_tensors`, but for the hash.
    """
    from stst.utils.devices import numerics

    with numerics():
        raw = read_raw(path)
        return canonical(path, raw.tensors, entry.layout, _read_stated(path, raw, entry))


def _load(path: Path, layout: Layout, found: FoundWeights | None) -> LoadedWeights:
    from stst.utils.devices import numerics

    entry = found.entry if found is not None else None
    with numerics():
        raw = read_raw(path)
        tensors, convention = canonical(path, raw.tensors, layout, _read_stated(path, raw, entry))
    verified = found is not None and found.hash_state == "verified"
    name = entry.name if entry is not None else str(raw.metadata.get("name", ""))
    return LoadedWeights(
        name=name or (path.stem if layout == "as-is" else layout),
        tensors=tensors,
        convention=convention,
        path=path,
        file_name=path.name,
        sha256=digest(path, "sha256"),
        source=entry.url if verified and entry is not None else LOCAL,
        verified=verified,
        original_sha256=str(raw.metadata.get("original_sha256", "")),
    )


def _read_stated(path: Path, raw: RawFile, entry: Entry | None) -> Convention | None:
    """Say which convention the file's own metadata and the entry it was found for agree on."""
    said = raw.metadata.get("convention")
    if said is not None and said not in get_args(Convention):
        allowed = " or ".join(get_args(Convention))
        raise InputError(f"{path}: its metadata says convention {said!r}, expected {allowed}.")
    if entry is None or entry.convention is None:
        return said
    if said not in (None, entry.convention):
        raise InputError(
            f"{path}: made for {said} input, but taken for {entry.name} ({entry.convention})."
        )
    return entry.convention


def _refuse_foreign_hdf5(path: Path, layout: Layout | None) -> None:
    if path.suffix.lower() not in HDF5_SUFFIXES:
        return
    fitting = [entry.name for entry in REGISTRY.values() if layout in (None, entry.layout)]
    message = (
        f"{path}: an HDF5 file without a published hash that it matches. If you trust it, "
        f"convert it first: stst weights import {path} NAME (one of {', '.join(fitting)})."
    )
    raise unreadable(path, message, "hdf5", KINDS)
