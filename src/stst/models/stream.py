"""A stream is any differentiable model; here is what it must do, and a check that it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from stst.errors import InputError
from stst.models.activations import Activation, Multiscale
from stst.utils.devices import guarded

#: Which input a stream takes: a frame, or a pair of frames.
Kind = Literal["spatial", "temporal"]


@runtime_checkable
class Stream(Protocol):
    """What synthesis asks of a model; an `nn.Module` with these members.

    Attributes
    ----------
    layers
        Names of all layers that can be asked for, shallow to deep.
    texture_layers
        The layers whose texture is matched when nothing else is said.
    content_layers
        The layers whose content is matched when nothing else is said.
    """

    layers: tuple[str, ...]
    texture_layers: tuple[str, ...]
    content_layers: tuple[str, ...]

    def min_side(self, layers: Sequence[str]) -> int:
        """Give the smallest height or width in pixels that `layers` can be computed from.

        Parameters
        ----------
        layers
            Names out of ``self.layers``.

        Returns
        -------
        int
            In pixels.
        """
        ...

    def to(self, device: torch.device) -> Self:
        """Move to a device, as every `nn.Module` does.

        Parameters
        ----------
        device
            Where the arithmetic will run.

        Returns
        -------
        Stream
            Itself.
        """
        ...

    def __call__(self, frames: Tensor, layers: Sequence[str]) -> Mapping[str, Activation]:
        """Compute activations.

        Parameters
        ----------
        frames
            RGB in [0, 1]: (B, 3, H, W) for a spatial stream, (B, 2, 3, H, W) for a temporal one
            (previous frame, current frame).
        layers
            Names out of ``self.layers``; nothing deeper needs to run.

        Returns
        -------
        dict of str to Tensor or Multiscale
            One (B, N, h, w) activation for each name.
        """
        ...


def check_layers(stream: Stream, layers: Sequence[str], field: str) -> None:
    """Refuse layer names that a stream does not have.

    Raises
    ------
    InputError
        Naming the field, the unknown layer and the layers there are.
    """
    for name in layers:
        if name not in stream.layers:
            raise InputError(
                f"{field}: unknown layer {name!r}. This model has: {', '.join(stream.layers)}."
            )


@guarded()
def validate_stream(stream: object, kind: Kind, name: str) -> Stream:
    """Check in words that a model can serve as a stream.

    Parameters
    ----------
    stream
        What a factory returned.
    kind
        Which input it will be given.
    name
        How the user called it; named in every message.

    Returns
    -------
    Stream
        The same object, in evaluation mode.

    Raises
    ------
    InputError
        Saying what is missing or wrong: no module, no layers, wrong shapes, no gradient, trainable
        parameters, another device or precision, or a sample that depends on its batch.
    """
    what = f"model {name!r}"
    if not isinstance(stream, nn.Module):
        raise InputError(
            f"{what}: expected a torch.nn.Module, found {type(stream).__name__}. "
            "The factory must return the module itself."
        )
    for member in ("layers", "texture_layers", "content_layers", "min_side"):
        if not hasattr(stream, member):
            raise InputError(f"{what} has no attribute {member!r} (see stst.models.Stream).")
    assert isinstance(stream, Stream)
    if not stream.layers or not all(isinstance(layer, str) for layer in stream.layers):
        raise InputError(f"{what}: its attribute layers must be a non-empty tuple of names.")
    for field in ("texture_layers", "content_layers"):
        check_layers(stream, getattr(stream, field), f"{what}: {field}")
    stream.eval()
    if any(parameter.requires_grad for parameter in stream.parameters()):
        raise InputError(
            f"{what} has trainable parameters: synthesis would compute gradients for them. "
            "Call requires_grad_(False) in the factory."
        )
    _check_run(stream, kind, what)
    return stream


def _check_run(stream: Stream, kind: Kind, what: str) -> None:
    """Run the stream on two small random inputs and look at what comes back."""
    side = max(32, stream.min_side(stream.layers))
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, side, side + 3) if kind == "spatial" else (2, 2, 3, side, side + 3)
    frames = torch.rand(shape, generator=generator).requires_grad_()
    try:
        activations = stream(frames, stream.layers)
    except Exception as error:
        raise InputError(
            f"{what} failed on a {kind} input of shape {tuple(shape)}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(activations, dict):
        raise InputError(
            f"{what} must return a dict of activations by layer name, "
            f"found {type(activations).__name__}."
        )
    for layer in stream.layers:
        if layer not in activations:
            raise InputError(f"{what} did not return the layer {layer!r} that it lists.")
        _check_activation(activations[layer], frames, f"{what}, layer {layer!r}")
    with torch.no_grad():
        alone = stream(frames[:1], stream.layers)
    for layer in stream.layers:
        for one, many in zip(_maps(alone[layer]), _maps(activations[layer]), strict=True):
            if not torch.allclose(one, many[:1].detach(), rtol=1e-3, atol=1e-5):
                raise InputError(
                    f"{what}, layer {layer!r}: a sample changes with what it is batched with "
                    "(batch statistics?). Every sample must be computed by itself."
                )


def _check_activation(activation: Activation, frames: Tensor, where: str) -> None:
    maps = _maps(activation)
    for values in maps:
        if not isinstance(values, Tensor):
            raise InputError(f"{where}: expected a tensor, found {type(values).__name__}.")
        if values.ndim != 4 or values.shape[0] != frames.shape[0]:
            raise InputError(
                f"{where}: expected shape ({frames.shape[0]}, channels, height, width), "
                f"found {tuple(values.shape)}."
            )
        if values.device != frames.device:
            raise InputError(f"{where} moved to {values.device}; it must stay on {frames.device}.")
        if values.dtype != frames.dtype:
            raise InputError(f"{where} has {values.dtype}; the input's {frames.dtype} is needed.")
        if not values.requires_grad:
            raise InputError(f"{where} has no gradient: is there a detach() or no_grad()?")
    total = torch.stack([values.square().sum() for values in maps]).sum()
    (gradient,) = torch.autograd.grad(total, frames, retain_graph=True, allow_unused=True)
    if gradient is None or not bool(gradient.abs().sum() > 0):
        raise InputError(f"{where}: no gradient reaches the input frames.")
    if not bool(torch.isfinite(gradient).all()):
        raise InputError(f"{where}: the gradient for the input frames is not finite.")


def _maps(activation: Activation) -> tuple[Tensor, ...]:
    return activation.maps if isinstance(activation, Multiscale) else (activation,)
