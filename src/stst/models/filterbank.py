"""FilterBank: the spatial stream that ships with the package.

Random filters describe texture nearly as well as trained ones, as long as they look at several
scales (Ustyuzhaninov, Brendel, Gatys & Bethge 2017, "What does it take to generate natural
textures?"). Theirs are one wide layer of filters of many sizes. Here they are three layers with
pooling between them: the later ones correlate the responses of the earlier ones, which a single
layer cannot, and they cost less, since coarse structure is looked at on a coarse grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn

from stst.utils.devices import guarded

#: Sides of the filters, in pixels of the layer's own grid.
_SIDES = {"conv1": 5, "conv2": 3, "conv3": 3}


class FilterBank(nn.Module):
    """Three layers of fixed random filters, each followed by a rectification.

    A layer halves the resolution of the one before it, and its channels have mean 0 and
    deviation 1 over natural photographs before bias and rectification. So all layers contribute
    alike to a texture loss, although natural pictures have far more power at coarse scales.

    The first three channels of ``conv1`` are local averages of R, G and B; all the other filters
    of the layer ignore constant colour. The numbers ship with the package
    (`benchmarks/make_filterbank.py` makes them) and do not depend on library versions.
    """

    layers: tuple[str, ...] = tuple(_SIDES)
    texture_layers: tuple[str, ...] = layers
    content_layers: tuple[str, ...] = ("conv3",)

    @guarded()
    def __init__(self) -> None:
        super().__init__()
        file = resources.files("stst.models") / "data" / "filterbank.safetensors"
        tensors = load(file.read_bytes())
        for name in self.layers:
            factor = tensors[f"{name}.factor"][:, None, None, None]
            # stored as 8-bit integers: the filters are random anyway, their size is what counts
            self.register_buffer(f"{name}_weight", tensors[f"{name}.weight"].float() * factor)
            self.register_buffer(f"{name}_bias", tensors[f"{name}.bias"])

    def min_side(self, layers: Sequence[str]) -> int:
        """Give the smallest side in pixels: mirroring at the border needs 2 or 3 in each layer."""
        return max(3 if name == "conv1" else 1 << self.layers.index(name) + 1 for name in layers)

    @guarded(gradients=False)
    def forward(self, frames: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Compute responses (see `stst.models.Stream`).

        Parameters
        ----------
        frames
            (B, 3, H, W) RGB in [0, 1].
        layers
            Out of ``conv1`` (48 channels, H×W), ``conv2`` (64, at half) and ``conv3`` (96, at a
            quarter of the resolution, rounded down).

        Returns
        -------
        dict of str to Tensor
            Rectified responses ≥ 0.
        """
        found: dict[str, Tensor] = {}
        values = frames - 0.5
        for depth, name in enumerate(self.layers):
            if len(found) == len(set(layers)):
                break
            if depth:
                values = F.avg_pool2d(values, 2)
            width = _SIDES[name] // 2
            padded = F.pad(values, (width,) * 4, mode="reflect")
            weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
            values = F.relu(F.conv2d(padded, weight, bias))
            if name in layers:
                found[name] = values
        return found
