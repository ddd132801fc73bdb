"""What normalisation layers are given, brought to one shape whatever the architecture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from stst.models.activations import wide

_CHANNELS_FIRST = (_NormBase, nn.GroupNorm)


@dataclass(frozen=True, eq=False)
class LayerInput:
    """The input of one normalisation layer.

    Attributes
    ----------
    module
        The layer.
    values
        As the layer got them. The leading axis is that of the batch, or a multiple of it where
        frames, heads or windows are folded in.
    batch
        Number of samples.
    steps
        Number of time steps, where the input does not show it.
    time_runs_first
        Whether tokens go through time first, then through space.
    name
        Of the layer in its model.
    """

    module: nn.Module
    values: Tensor
    batch: int
    steps: int
    time_runs_first: bool = False
    name: str = ""

    def by_channel(self) -> Tensor:
        """Give (B, C, positions), all positions in space and time alike."""
        values = wide(self.values)
        # in batches that frames or heads are folded into, a sample's parts are neighbours
        folded = values.reshape(self.batch, -1, *values.shape[1:])
        axis = 2 if isinstance(self.module, _CHANNELS_FIRST) else folded.ndim - 1
        return folded.movedim(axis, 1).flatten(2)

    def means(self) -> Tensor:
        """Give the mean of every channel over space and time, (B, C)."""
        return self.by_channel().flatten(2).mean(2)

    def by_frame(self) -> Tensor | None:
        """Give (B, T, C, positions), or None where there is no time in it (or one step only)."""
        values = wide(self.values)
        first = isinstance(self.module, _CHANNELS_FIRST)
        if first and values.ndim == 5 and len(values) == self.batch:
            found = values.transpose(1, 2).flatten(3)
        elif first and values.ndim == 4 and len(values) != self.batch:
            # frames as a batch, of two-dimensional networks
            found = values.reshape(self.batch, -1, *values.shape[1:]).flatten(3)
        elif not first and values.ndim == 5 and len(values) == self.batch:
            found = values.flatten(2, 3).movedim(-1, 2)
        elif not first and values.ndim in (3, 4) and len(values) == self.batch:
            return self._tokens_by_frame(values)
        else:
            return None
        return found if found.shape[1] > 1 else None

    def _tokens_by_frame(self, values: Tensor) -> Tensor | None:
        """Share (B, N, C) or (B, heads, N, C) tokens out to the times that they stand for.

        One more than there are places and times is a class token at the head.
        """
        if values.ndim == 4:
            values = values.movedim(1, 2)
        values = values.flatten(2)
        tokens, steps = values.shape[1], self.steps
        if steps < 2 or tokens < steps or tokens % steps > 1:
            return None
        places = values[:, tokens % steps :]
        batch, _, channels = places.shape
        if self.time_runs_first:
            return places.reshape(batch, -1, steps, channels).permute(0, 2, 3, 1)
        return places.reshape(batch, steps, -1, channels).transpose(2, 3)


def is_normalization(module: nn.Module) -> bool:
    """Say whether a module is a normalisation layer."""
    return isinstance(module, (_NormBase, nn.GroupNorm, nn.LayerNorm))


def with_statistics(module: nn.Module) -> bool:
    """Say whether a module is a batch normalisation that holds running statistics."""
    return isinstance(module, _BatchNorm) and module.running_mean is not None


@contextmanager
def watch_inputs(module: nn.Module, batch: int, steps: int) -> Iterator[list[LayerInput]]:
    """Note what all normalisation layers of a model are given, in the order of its arithmetic.

    Parameters
    ----------
    module
        The model. Tokens go through space first, unless it has an attribute ``time_runs_first``.
    batch
        Number of samples that it will be shown.
    steps
        Frames of the clip. Convolutions over time change the number.

    Yields
    ------
    list of LayerInput
        Filled when the model is called.
    """
    seen: list[LayerInput] = []
    now = [steps]
    time_first = bool(getattr(module, "time_runs_first", False))

    def keep_output(_: nn.Module, __: object, output: Tensor) -> None:
        now[0] = output.shape[2]

    names = {layer: name for name, layer in module.named_modules()}

    def keep_input(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(LayerInput(layer, inputs[0], batch, now[0], time_first, names[layer]))

    handles = []
    for layer in names:
        if isinstance(layer, nn.Conv3d):
            handles.append(layer.register_forward_hook(keep_output))
        elif is_normalization(layer):
            handles.append(layer.register_forward_pre_hook(keep_input))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
