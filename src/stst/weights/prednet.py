"""Read PredNet's weights from the authors' Keras files and from our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stst.errors import InputError
from stst.utils.files import check_local
from stst.weights.checkpoints import without_prefix
from stst.weights.formats import HDF5_SUFFIXES, TORCH_SUFFIXES, RawFile, no_such_file, read_raw
from stst.weights.locate import digest

if TYPE_CHECKING:
    import torch

Kernels = Literal["auto", "as-is", "rotated"]

GATES = ("i", "f", "c", "o")
"""Order in which one convolution computes input and forget gate, candidate and output gate."""

_PUBLISHED = re.compile(r"(?:.*/)?layer_(ahat|a|c|f|i|o)_(\d{1,2})[/_](kernel|bias)(?::0)?")
# of Keras 1, the authors' first release
_OLDER = re.compile(r"(?:.*/)?layer_(ahat|a|c|f|i|o)_(\d{1,2})_(W|b)(?:_\d+)?(?::0)?")
_OWN = re.compile(r"(a|ahat|gates)\.(\d{1,2})\.(weight|bias)")
_MODEL = "prednet"

Arrays = dict[tuple[str, int, str], tuple[str, "torch.Tensor"]]


@dataclass(frozen=True)
class PredNetFile:
    """PredNet's tensors and where they are from.

    Attributes
    ----------
    stack
        Channels of every level.
    tensors
        As `stst.models.prednet.PredNet` names them, float32.
    path
        The file.
    rotated
        Whether kernels were rotated by 180° on reading.
    metadata
        What a file of our own says of its training; empty for others.
    """

    stack: tuple[int, ...]
    tensors: dict[str, torch.Tensor]
    path: Path
    rotated: bool
    metadata: Mapping[str, Any]

    def provenance(self) -> dict[str, Any]:
        """Describe the weights for a sidecar."""
        described: dict[str, Any] = {
            "name": _MODEL,
            "file": self.path.name,
            "hash": f"sha256:{digest(self.path, 'sha256')}",
            "source": "local file",
            "verified": False,
            "stack": list(self.stack),
        }
        if self.metadata:
            described["training"] = self.metadata.get("training")
        else:
            described["kernels_rotated"] = self.rotated
        return described


def read_prednet(path: Path, kernels: Kernels = "auto") -> PredNetFile:
    """Read a file of PredNet's weights; see `stst.models.prednet.load_prednet`.

    The authors give no hash of theirs, and the program none of its own: a file that the user names
    for PredNet is read as it is. That is safe, because only plain arrays of the expected names and
    shapes are taken from it.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged, incomplete or holds something else; names the
        first array that is wrong.
    """
    check_local(path)
    if not path.is_file():
        raise no_such_file(
            path,
            "there is no such file. PredNet's weights are not fetched by this program: give the "
            "authors' prednet_kitti_weights.hdf5, or train your own: stst train-prednet.",
        )
    raw = read_raw(path)
    tensors = without_prefix(raw.tensors, lambda name: _OWN.fullmatch(name) is not None)
    own = _matching(path, RawFile(tensors), _OWN)
    if own:
        return _read_own(path, raw, own)
    published = _matching(path, raw, _PUBLISHED)
    older = _matching(path, raw, _OLDER)
    if not published and not older:
        some = ", ".join(list(raw.tensors)[:3])
        raise InputError(f"{path}: holds no layer of PredNet. Its first arrays: {some}.")
    if published and older:
        names = f"{next(iter(published.values()))[0]} and {next(iter(older.values()))[0]}"
        raise InputError(f"{path}: holds arrays of Keras 1 and of Keras 2, such as {names}.")
    rotated = kernels == "rotated" or (kernels == "auto" and _is_theanos(path, older))
    arrays = published or _as_keras2(path, older)
    return PredNetFile(*_convert_published(path, arrays, rotated), path, rotated, {})


def _as_keras2(path: Path, older: Arrays) -> Arrays:
    """Name the arrays of Keras 1 as Keras 2 does, kernels as (height, width, in, out).

    Keras 1 stores kernels so under TensorFlow's order of dimensions, as (out, in, height, width)
    under Theano's. Which one it is shows in the gates, whose inputs are at least three times as
    many as their outputs; all of a file are in one order.
    """
    names = {"W": "kernel", "b": "bias"}
    arrays = {(unit, at, names[part]): one for (unit, at, part), one in older.items()}
    stack = _stack(path, arrays, "layer_{}_{}_{}")
    orders: dict[bool, str] = {}
    for key, shape in _shapes(stack, ("a", "ahat", *sorted(GATES))).items():
        if key[2] != "kernel" or key not in arrays:
            continue
        last = (*shape[2:], shape[1], shape[0])
        if shape == last:
            continue
        name, tensor = arrays[key]
        if tuple(tensor.shape) not in (shape, last):
            raise InputError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, expected {last} (Keras 1 in "
                f"TensorFlow's order) or {shape} (in Theano's)."
            )
        orders[tuple(tensor.shape) == shape] = name
    if len(orders) > 1:
        raise InputError(
            f"{path}: {orders[True]} is in Theano's order of dimensions, {orders[False]} in "
            "TensorFlow's. Give a file whose kernels are all in one order."
        )
    if True not in orders:
        return arrays
    return {
        (unit, at, part): (name, one.permute(2, 3, 1, 0) if one.ndim == 4 else one)
        for (unit, at, part), (name, one) in arrays.items()
    }


def _matching(path: Path, raw: RawFile, pattern: re.Pattern[str]) -> Arrays:
    """Index a file's arrays by unit, level and part."""
    found: Arrays = {}
    for name, tensor in raw.tensors.items():
        match = pattern.fullmatch(name)
        if match is None:
            continue
        key = (match[1], int(match[2]), match[3])
        if key in found:
            raise InputError(f"{path}: {name} is a second array for {found[key][0]}.")
        found[key] = (name, tensor)
    return found


def _read_own(path: Path, raw: RawFile, own: Arrays) -> PredNetFile:
    # a file of torch has no metadata
    if raw.metadata.get("model") != _MODEL and path.suffix.lower() not in TORCH_SUFFIXES:
        raise InputError(
            f"{path}: its metadata do not say that it holds PredNet. Give a file that stst "
            "train-prednet made."
        )
    stack = _stack(path, own, "{}.{}.{}")
    tensors = {}
    for (unit, level, part), shape in _shapes(stack, ("a", "ahat", "gates")).items():
        name = f"{unit}.{level}.{'weight' if part == 'kernel' else part}"
        parts = len(GATES) if unit == "gates" else 1
        shape = (shape[0] * parts, *shape[1:])
        tensors[name] = _check(path, own, (unit, level, name.rpartition(".")[2]), name, shape)
    return PredNetFile(stack, tensors, path, False, raw.metadata)


def _convert_published(
    path: Path, published: Arrays, rotated: bool
) -> tuple[tuple[int, ...], dict[str, torch.Tensor]]:
    """Turn (height, width, in, out) kernels to (out, in, height, width), and join the gates."""
    import torch

    stack = _stack(path, published, "layer_{}_{}/{}")
    plain: dict[str, torch.Tensor] = {}
    for (unit, level, part), shape in _shapes(stack, ("a", "ahat", *sorted(GATES))).items():
        stored = (*shape[2:], shape[1], shape[0]) if part == "kernel" else shape
        name = f"layer_{unit}_{level}/{part}"
        tensor = _check(path, published, (unit, level, part), name, stored)
        if part == "kernel":
            tensor = tensor.permute(3, 2, 0, 1)
            tensor = tensor.flip(2, 3) if rotated else tensor
        plain[f"{unit}.{level}.{'weight' if part == 'kernel' else part}"] = tensor
    tensors = {name: one for name, one in plain.items() if name.partition(".")[0] not in GATES}
    for level in range(len(stack)):
        for part in ("weight", "bias"):
            joined = [plain[f"{gate}.{level}.{part}"] for gate in GATES]
            tensors[f"gates.{level}.{part}"] = torch.cat(joined)
    return stack, {name: tensor.contiguous() for name, tensor in tensors.items()}


def _stack(path: Path, arrays: Arrays, form: str) -> tuple[int, ...]:
    """Deduce the channels of every level from the biases of Ahat."""
    # a unit A of level l makes the input of level l + 1
    levels = 1 + max(level + (unit == "a") for unit, level, _ in arrays)
    stack = []
    for level in range(levels):
        name, tensor = arrays.get(("ahat", level, "bias"), ("", None))
        if tensor is None:
            raise InputError(f"{path}: the array {form.format('ahat', level, 'bias')} is missing.")
        if tensor.ndim != 1 or not tensor.numel():
            raise InputError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, expected one axis of channels."
            )
        stack.append(tensor.shape[0])
    return tuple(stack)


def _shapes(
    stack: tuple[int, ...], units: tuple[str, ...]
) -> dict[tuple[str, int, str], tuple[int, ...]]:
    """Give the shape of every array; kernels as (out, in, 3, 3), gates as one of the four."""
    shapes: dict[tuple[str, int, str], tuple[int, ...]] = {}
    above = (*stack[1:], 0)
    for unit in units:
        for level, (own, more) in enumerate(zip(stack, above, strict=True)):
            if unit == "a" and not more:
                continue
            outputs, inputs = own, 3 * own + more
            if unit in ("a", "ahat"):
                outputs, inputs = (more, 2 * own) if unit == "a" else (own, own)
            shapes[unit, level, "kernel"] = (outputs, inputs, 3, 3)
            shapes[unit, level, "bias"] = (outputs,)
    return shapes


def _check(
    path: Path,
    arrays: Arrays,
    key: tuple[str, int, str],
    wanted: str,
    shape: tuple[int, ...],
) -> torch.Tensor:
    if key not in arrays:
        raise InputError(f"{path}: the array {wanted} is missing.")
    name, tensor = arrays[key]
    if tuple(tensor.shape) != shape:
        raise InputError(f"{path}: {name} has shape {tuple(tensor.shape)}, expected {shape}.")
    if not tensor.is_floating_point():
        raise InputError(f"{path}: {name} holds {tensor.dtype}, expected floating point.")
    return tensor.float()


def _is_theanos(path: Path, older: Arrays) -> bool:
    """Say whether a file's kernels are those of Theano, whose convolutions rotate them by 180°.

    The order of dimensions does not tell: in Keras 1 it could be chosen with either backend. Its
    files do not name the backend, but TensorFlow ends all names in ``:0``, and Theano none.
    """
    backends: set[str] = set()
    if path.suffix.lower() in HDF5_SUFFIXES:
        from stst.weights.hdf5 import read_texts

        backends = read_texts(path, "backend")
        if older and not backends:
            return not any(name.endswith(":0") for name, _ in older.values())
    elif older:
        raise InputError(
            f"{path}: weights of Keras 1, and it does not say whether Theano wrote them, whose "
            'kernels are rotated. Say it: `kernels="rotated"` (Theano) or `kernels="as-is"` '
            "(TensorFlow), which `stst-analyze prednet` takes; or give the HDF5 file as Keras "
            "wrote it."
        )
    return "theano" in backends
