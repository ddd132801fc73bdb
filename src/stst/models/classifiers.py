"""Image and video models whose layers are looked at: torchvision's, or a user's own."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stst.config.cka import DEFAULT_LAYERS, ClassifierSpec
from stst.errors import InputError, first_line
from stst.models.build import Built, build_untrained, built
from stst.models.preprocessing import Preprocessing, preprocessing
from stst.types import Frames
from stst.utils.devices import guarded, numerics

# by class: nodes whose channels are the last axis
_CHANNELS_LAST = {
    "ConvNeXt": r"features\.\d+\.\d+\.block\.[1-5]",
    "SwinTransformer": r"features(?!\.0\.0$).*|norm",
    "SwinTransformer3d": r"(patch_embed(?!\.proj$)|pos_drop|features|norm).*",
}


@dataclass(frozen=True, eq=False)
class LoadedClassifier:
    """A model that gives the activations of some of its layers.

    Attributes
    ----------
    name
        As in the column ``model`` of tables: the model, its weights, and how frames are brought
        to it.
    layers
        As they were asked for; empty for a model that is run as a whole.
    window
        How many frames it takes at once; 1 for a model of images.
    weights
        Name, file, hash and source, as a sidecar has them; None where nothing was loaded.
    video
        Whether it is a model of videos.
    extractor
        Gives the layers' outputs by name; the model itself where there are none.
    prepare
        How frames are brought to it.
    device
        Where it is.
    notes
        What a user should know, one sentence each.
    """

    name: str
    layers: tuple[str, ...]
    window: int
    weights: Mapping[str, Any] | None
    video: bool
    extractor: nn.Module
    prepare: Preprocessing
    device: torch.device
    notes: tuple[str, ...] = ()

    def activations(self, frames: Frames) -> dict[str, Tensor]:
        """Compute activations.

        Parameters
        ----------
        frames
            (window, H, W, 3) uint8 RGB.

        Returns
        -------
        dict of str to Tensor
            By layer: (C, h, w), (C, t, h, w) of a video model, (C, tokens), or (C,); on the
            device.

        Raises
        ------
        InputError
            If the frames do not fit the model, or a layer gives no numbers that can be compared.
        """
        with numerics(self.device, "fp32"), torch.inference_mode():
            found = self.output(frames)
            return {layer: self._channels_first(layer, found[layer]) for layer in self.layers}

    def output(self, frames: Frames) -> Any:
        """Show frames to the extractor.

        Parameters
        ----------
        frames
            (window, H, W, 3) uint8 RGB.

        Returns
        -------
        Any
            Whatever it gives for a batch of one, on the device.

        Raises
        ------
        InputError
            If the frames do not fit the model.
        """
        with numerics(self.device, "fp32"), torch.inference_mode():
            values = self.prepare(np.ascontiguousarray(frames))
            # (T, C, H, W) is (1, C, T, H, W) for a video model; an image is a batch of one already
            values = values.transpose(0, 1)[None] if self.video else values
            try:
                return self.extractor(values.to(self.device))
            except (RuntimeError, AssertionError, ValueError, IndexError, TypeError) as error:
                if "out of memory" in str(error) or "DefaultCPUAllocator" in str(error):
                    raise
                raise self._misfit(frames, values, error) from error

    def _misfit(self, frames: Frames, values: Tensor, error: Exception) -> InputError:
        height, width = frames.shape[1:3]
        shape = "x".join(map(str, values.shape[-2:]))
        what = f"a window of {len(frames)} frames" if self.video else "a frame"
        window = (
            ", or another `window`, which `stst-analyze cka` and `stst-analyze recognize` take"
            if self.video
            else ""
        )
        return InputError(
            f"{self.name}: cannot take {what} of {height}x{width} px, as {shape} px "
            f'({first_line(error)}). Give a size that it takes with `input="HxW"`{window}.'
        )

    def _channels_first(self, layer: str, values: object) -> Tensor:
        if not isinstance(values, Tensor) or values.ndim < 2 or len(values) != 1:
            found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise InputError(
                f"{self.name}: the layer {layer} gives {found}; expected a tensor (1, channels, "
                f"...). Name another layer. {_how_to_list(self.name)}"
            )
        if not bool(values.isfinite().all()):
            raise InputError(f"{self.name}: the layer {layer} gives values that are not finite.")
        last = re.fullmatch(_CHANNELS_LAST.get(type(self.extractor).__name__, "(?!)"), layer)
        # three axes are those of a transformer: batch, tokens, channels
        return values[0].movedim(-1, 0) if last or values.ndim == 3 else values[0]


@guarded()
def load_classifier(choice: ClassifierSpec, device: torch.device) -> LoadedClassifier:
    """Build the model that was chosen, on a device.

    Parameters
    ----------
    choice
        ``package.module:factory`` is imported, which runs its code: where the choice was read
        in a file, the caller asks for trust first.
    device
        See `stst.utils.devices.pick_device`.

    Returns
    -------
    LoadedClassifier
        On the device, in evaluation mode.

    Raises
    ------
    InputError
        If there is no such model or layer, or its weights are not here or do not fit.
    """
    model = built(choice)
    return load_built(choice, model, _checked_layers(choice, model.module), device)


def load_built(
    choice: ClassifierSpec, model: Built, layers: tuple[str, ...], device: torch.device
) -> LoadedClassifier:
    """Bring a model that was built to a device.

    Parameters
    ----------
    choice
        What it was built by; says how frames are brought to it.
    model
        See `stst.models.build.built`.
    layers
        Of the model; empty to run it as a whole.
    device
        See `stst.utils.devices.pick_device`.

    Returns
    -------
    LoadedClassifier
        On the device.
    """
    prepare = preprocessing(choice, model.preset)
    window = choice.window if model.video else 1
    seen = f"; window={window} frames, named by the last" if model.video else ""
    return LoadedClassifier(
        name=f"{choice.model} [weights={model.label}; {prepare}{seen}]",
        layers=layers,
        window=window,
        weights=None if model.weights is None else model.weights.provenance(),
        video=model.video,
        extractor=(_extractor(model.module, layers) if layers else model.module).to(device),
        prepare=prepare,
        device=device,
        notes=_assume(choice, model, prepare),
    )


def _assume(choice: ClassifierSpec, model: Built, prepare: Preprocessing) -> tuple[str, ...]:
    """Say what weights of a file do not say, and where it was taken from."""
    own_file = model.weights is not None and not model.weights.verified
    stated = choice.mean is not None and choice.std is not None and choice.input != "default"
    if not own_file or stated or model.preset is None:
        return ()
    return (
        f"{choice.model}: the file of weights does not say how frames are brought to it; taken "
        f"from torchvision's default weights where no option says it: {prepare}.",
    )


@guarded()
def layer_names(choice: ClassifierSpec) -> list[str]:
    """List all layers of a model, shallow to deep; its weights are not needed.

    Returns
    -------
    list of str
        Node names as torchvision has them. The name of a block, which stands for its last node,
        is before those of its parts.

    Raises
    ------
    InputError
        If there is no such model, or it cannot be traced.
    """
    return _nodes(choice.model, build_untrained(choice.model))


def _nodes(model: str, module: nn.Module) -> list[str]:
    from torchvision.models.feature_extraction import get_graph_node_names

    try:
        _, nodes = get_graph_node_names(module, suppress_diff_warning=True)
    except Exception as error:  # what cannot be traced fails in any way
        raise InputError(
            f"model {model}: its layers cannot be found, because torch.fx cannot trace it "
            f"({type(error).__name__}: {first_line(error)})."
        ) from error
    names: dict[str, None] = {}
    for node in nodes:
        parts = node.split(".")
        names |= dict.fromkeys(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return list(names)


def _how_to_list(model: str) -> str:
    return f"List all: `{shlex.join(['stst-analyze', 'cka', '--model', model, '--list-layers'])}`"


def _checked_layers(choice: ClassifierSpec, module: nn.Module) -> tuple[str, ...]:
    layers = choice.layers or DEFAULT_LAYERS.get(choice.model, ())
    how = _how_to_list(choice.model)
    if not layers:
        raise InputError(
            f"model {choice.model}: name its layers, as {choice.model}@A,B or, with "
            f'`stst-analyze cka`, by `layers="A,B"`. {how}'
        )
    known = _nodes(choice.model, module)
    for layer in layers:
        if layer not in known:
            near = difflib.get_close_matches(layer, known, n=3)
            hint = f" The nearest are {', '.join(near)}." if near else ""
            raise InputError(f"layer {layer}: {choice.model} has no such layer.{hint} {how}")
    return layers


def _extractor(module: nn.Module, layers: tuple[str, ...]) -> nn.Module:
    from torchvision.models.feature_extraction import create_feature_extractor

    found: nn.Module = create_feature_extractor(
        module, {layer: layer for layer in layers}, suppress_diff_warning=True
    )
    return found.eval().requires_grad_(False)
