"""Bring a file's arrays into the names and shapes that the models use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stst.errors import InputError
from stst.weights.checkpoints import without_prefix
from stst.weights.registry import Convention, Layout

if TYPE_CHECKING:
    import torch

_CHANNELS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # of VGG-19: width, convolutions


def _vgg19_shapes() -> tuple[dict[str, tuple[int, ...]], dict[int, str]]:
    """Give every layer's kernel shape (O, I, H, W), and its name by torchvision's index."""
    shapes: dict[str, tuple[int, ...]] = {}
    by_index: dict[int, str] = {}
    index, inputs = 0, 3
    for block, (width, count) in enumerate(_CHANNELS, start=1):
        for layer in range(1, count + 1):
            shapes[f"conv{block}_{layer}"] = (width, inputs, 3, 3)
            by_index[index] = f"conv{block}_{layer}"
            inputs = width
            index += 2  # the convolution and its ReLU
        index += 1  # the pooling
    return shapes, by_index


VGG19_SHAPES, VGG19_BY_INDEX = _vgg19_shapes()
MSOE_SHAPES: dict[str, tuple[int, ...]] = {
    "conv1": (32, 2, 11, 11),  # the two input channels are the frames, earlier first
    "conv2": (64, 32, 1, 1),
    "conv3": (64, 320, 3, 3),
    "conv4": (2, 64, 1, 1),
}

# (layer, "weight" or "bias", the convention its naming implies, whether kernels end in I, O)
_Place = tuple[str, str, Convention | None, bool]


def canonical(
    path: Path,
    tensors: Mapping[str, torch.Tensor],
    layout: Layout,
    stated: Convention | None,
) -> tuple[dict[str, torch.Tensor], Convention | None]:
    """Rename and transpose.

    Parameters
    ----------
    path
        For messages.
    tensors
        As the file has them.
    layout
        Of the entry. ``as-is`` changes nothing.
    stated
        The convention that the file's metadata or the entry states, if one does.

    Returns
    -------
    dict
        ``<layer>.weight`` (O, I, H, W) and ``<layer>.bias`` (O,), float32. Layers that the file
        does not have are absent.
    str or None
        The convention that the file's naming implies, else the one stated.

    Raises
    ------
    InputError
        If no layer is recognised, one comes twice or without its other half, a shape is wrong, or
        the naming contradicts `stated`.
    """
    if layout == "as-is":
        return dict(tensors), stated
    place = _place_vgg19 if layout == "vgg19" else _place_msoe
    tensors = without_prefix(tensors, lambda name: place(name, 1) is not None)
    shapes = VGG19_SHAPES if layout == "vgg19" else MSOE_SHAPES
    result: dict[str, torch.Tensor] = {}
    implied: set[Convention] = set()
    for name, tensor in tensors.items():
        placed = place(name, tensor.ndim)
        if placed is None:
            continue  # a classifier or a counter: part of the file, not of what is used here
        layer, part, convention, channels_last = placed
        key = f"{layer}.{part}"
        if key in result:
            raise InputError(f"{path}: {name} is a second array for {key}.")
        shape = shapes[layer] if part == "weight" else shapes[layer][:1]
        result[key] = _shape(path, name, tensor, shape, layout if channels_last else None)
        if convention is not None:
            implied.add(convention)
    _complain_of_halves(path, result, tensors, layout)
    return _in_order(result, shapes), _settle(path, implied, stated)


def _place_vgg19(name: str, ndim: int) -> _Place | None:
    if match := re.fullmatch(r"features\.(\d+)\.(weight|bias)", name):
        layer = VGG19_BY_INDEX.get(int(match[1]))
        return None if layer is None else (layer, match[2], "torchvision", False)
    if match := re.fullmatch(r"(conv\d_\d)\.(weight|bias)", name):
        found: _Place = (match[1], match[2], None, False)
    elif match := re.fullmatch(r"(conv\d_\d)_([wb])", name):
        found = (match[1], "weight" if match[2] == "w" else "bias", "keras", True)
    elif match := re.search(r"(?:^|/)block(\d)_(conv\d)/", name):
        # Keras has called these datasets …_W_1:0, kernel:0 and other things, so go by rank
        part = {4: "weight", 1: "bias"}.get(ndim)
        if part is None:
            return None
        found = (f"conv{match[1]}_{match[2].removeprefix('conv')}", part, "keras", True)
    else:
        return None
    return found if found[0] in VGG19_SHAPES else None


def _place_msoe(name: str, ndim: int) -> _Place | None:
    if match := re.fullmatch(r"(conv[1-4])_([wb])", name):
        return match[1], "weight" if match[2] == "w" else "bias", None, True
    if match := re.fullmatch(r"(conv[1-4])\.(weight|bias)", name):
        return match[1], match[2], None, False
    return None


def _shape(
    path: Path,
    name: str,
    tensor: torch.Tensor,
    shape: tuple[int, ...],
    channels_last: Layout | None,
) -> torch.Tensor:
    """Check an array's shape as the file should have it, and bring it to (O, I, H, W) or (O,)."""
    import torch

    if not tensor.is_floating_point():
        raise InputError(f"{path}: {name} holds {tensor.dtype}, expected floating point.")
    kernel_last = channels_last is not None and len(shape) == 4
    expected = _channels_last(shape, channels_last) if kernel_last else shape
    if tuple(tensor.shape) != expected:
        raise InputError(f"{path}: {name} has shape {tuple(tensor.shape)}, expected {expected}.")
    if kernel_last:
        tensor = tensor.movedim((-1, -2), (0, 1)).reshape(shape)
    return tensor.to(torch.float32).contiguous()


def _channels_last(shape: tuple[int, ...], layout: Layout | None) -> tuple[int, ...]:
    """Give the shape in which TensorFlow keeps a kernel of shape (O, I, H, W)."""
    outputs, inputs, height, width = shape
    if layout == "msoe":  # 3-D convolutions: only the first spans more than one frame
        frames = 2 if inputs == 2 else 1
        return frames, height, width, inputs // frames, outputs
    return height, width, inputs, outputs


def _complain_of_halves(
    path: Path,
    result: Mapping[str, torch.Tensor],
    tensors: Mapping[str, torch.Tensor],
    layout: Layout,
) -> None:
    if not result:
        some = ", ".join(list(tensors)[:5])
        raise InputError(f"{path}: holds no layer of {layout}. Its arrays: {some}, …")
    for key in result:
        layer, _, part = key.partition(".")
        other = f"{layer}.{'bias' if part == 'weight' else 'weight'}"
        if other not in result:
            raise InputError(f"{path}: has {key} but not {other}.")


def _in_order(
    result: Mapping[str, torch.Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, torch.Tensor]:
    keys = (f"{layer}.{part}" for layer in shapes for part in ("weight", "bias"))
    return {key: result[key] for key in keys if key in result}


def _settle(path: Path, implied: set[Convention], stated: Convention | None) -> Convention | None:
    said = implied | ({stated} if stated is not None else set())
    if len(said) > 1:
        naming = " and ".join(sorted(implied))
        raise InputError(
            f"{path}: its arrays are named as {naming} does, but it is taken for "
            f"{stated or 'one network'}. Name it by the weights that it holds."
        )
    return next(iter(said), None)
