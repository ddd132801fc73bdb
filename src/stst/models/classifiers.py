"""Image and video models whose layers are looked at: torchvision's, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stst.config.choice import ModelChoice
from stst.types import Frames


@dataclass(frozen=True, eq=False)
class LoadedClassifier:
    """A model that gives the activations of some of its layers.

    Attributes
    ----------
    name
        As in the column ``model`` of tables: the model, its weights, and how frames are brought
        to it.
    layers
        Shallow to deep as they were asked for.
    window
        How many frames it takes at once; 1 for a model of images.
    weights
        Name, file, hash and source, as a sidecar has them; None where nothing was loaded.
    """

    name: str
    layers: tuple[str, ...]
    window: int
    weights: Mapping[str, Any] | None
    extractor: nn.Module
    device: torch.device

    def activations(self, frames: Frames) -> dict[str, Tensor]:
        """Compute activations.

        Parameters
        ----------
        frames
            (window, H, W, 3) uint8 RGB.

        Returns
        -------
        dict of str to Tensor
            By layer: (C, h, w), or (C, t, h, w) of a video model; float32 on the device.

        Raises
        ------
        InputError
            If the frames do not fit the model, or a layer gives something else than numbers.
        """
        raise NotImplementedError


def load_classifier(choice: ModelChoice, device: torch.device) -> LoadedClassifier:
    """Build the model that was chosen, on a device.

    Parameters
    ----------
    choice
        ``package.module:factory`` is imported, which runs its code: where the choice was read
        in a file, the caller asks for trust first.
    device
        See `stst.devices.pick_device`.

    Raises
    ------
    InputError
        If there is no such model or layer, or its weights are not here or do not fit.
    """
    raise NotImplementedError


def layer_names(choice: ModelChoice) -> list[str]:
    """List all layers of a model, shallow to deep; its weights are not needed.

    Raises
    ------
    InputError
        If there is no such model.
    """
    raise NotImplementedError
