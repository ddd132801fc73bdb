"""VGG-19 (Simonyan & Zisserman 2015), the spatial stream of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stst.errors import InputError
from stst.models.gradients import channels_last
from stst.utils.devices import guarded

Convention = Literal["keras", "torchvision"]

#: Channels and number of convolutions of each block; blocks are joined by 2×2 max pooling.
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))

_MEAN_BGR_255 = (103.939, 116.779, 123.68)
_MEAN_RGB = (0.485, 0.456, 0.406)
_STD_RGB = (0.229, 0.224, 0.225)


def layer_names() -> tuple[str, ...]:
    """Name the sixteen convolutions ``convBLOCK_INDEX``, shallow to deep."""
    return tuple(
        f"conv{block}_{index}"
        for block, (_, count) in enumerate(BLOCKS, start=1)
        for index in range(1, count + 1)
    )


class VGG19(nn.Module):
    """The convolutions of VGG-19; an activation is taken after its ReLU.

    Parameters
    ----------
    tensors
        ``convB_C.weight`` (O, I, 3, 3) and ``convB_C.bias`` (O,) for as many layers as there are.
    convention
        ``"keras"``: BGR, 0 to 255, mean subtracted (the paper's weights). ``"torchvision"``: RGB in
        [0, 1], standardised by ImageNet's mean and deviation.
    origin
        Where the tensors came from; named when one is missing.
    """

    layers: tuple[str, ...] = layer_names()
    texture_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    content_layers: tuple[str, ...] = ("conv5_2",)

    @guarded()
    def __init__(
        self, tensors: Mapping[str, Tensor], convention: Convention, origin: str = "the weights"
    ) -> None:
        super().__init__()
        self.origin = origin
        self.convention = convention
        self.convolutions = nn.ModuleDict()
        channels = 3
        for name in self.layers:
            width = BLOCKS[int(name[4]) - 1][0]
            if f"{name}.weight" in tensors:
                self.convolutions[name] = _convolution(name, channels, width, tensors)
            channels = width
        if convention == "keras":
            mean, std = torch.tensor(_MEAN_BGR_255), torch.ones(3)
        else:
            mean, std = torch.tensor(_MEAN_RGB), torch.tensor(_STD_RGB)
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("std", std[:, None, None])
        self.requires_grad_(False)

    def min_side(self, layers: Sequence[str]) -> int:
        """Give the smallest side in pixels: every pooling halves, rounding down."""
        return int(2 ** (max((int(name[4]) for name in layers), default=1) - 1))

    def preprocess(self, frames: Tensor) -> Tensor:
        """Bring RGB frames in [0, 1] to what the weights were trained on."""
        if self.convention == "keras":
            frames = frames.flip(1) * 255.0
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return (frames - mean) / std

    def require(self, layers: Sequence[str]) -> None:
        """Refuse layers that the weights at hand do not reach.

        Raises
        ------
        InputError
            Naming the first convolution without weights and the layers that can be used.
        """
        last = max((self.layers.index(name) for name in layers), default=-1)
        for name in self.layers[: last + 1]:
            if name not in self.convolutions:
                usable = self.layers[: self.layers.index(name)]
                raise InputError(
                    f"spatial.weights: {self.origin} has no weights for the layer {name}, which "
                    f"{self.layers[last]} needs. It serves {', '.join(usable) or 'no layer'}. "
                    "Fetch the full file with `stst weights fetch vgg19-keras`, or choose layers, "
                    'e.g. spatial.texture_layers = ["conv1_1"].'
                )

    @guarded(gradients=False)
    def forward(self, frames: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Compute the activations of `layers` and nothing deeper (see `stst.models.Stream`)."""
        self.require(layers)
        wanted = set(layers)
        found: dict[str, Tensor] = {}
        values = channels_last(self.preprocess(frames))
        block = "1"
        for name in self.layers:
            if len(found) == len(wanted):
                break
            if name[4] != block:
                values = F.max_pool2d(values, 2)
                block = name[4]
            values = F.relu(self.convolutions[name](values), inplace=True)
            if name in wanted:
                found[name] = values
        return found


def _convolution(name: str, channels: int, width: int, tensors: Mapping[str, Tensor]) -> nn.Conv2d:
    weight, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
    expected = (width, channels, 3, 3)
    if tuple(weight.shape) != expected:
        raise InputError(
            f"VGG-19 layer {name}: expected a kernel of shape {expected}, "
            f"found {tuple(weight.shape)}."
        )
    if bias is None or tuple(bias.shape) != (width,):
        raise InputError(f"VGG-19 layer {name}: a bias of shape ({width},) is missing.")
    # on no device: the random initialisation would be thrown away, and takes seconds
    with torch.device("meta"):
        layer = nn.Conv2d(channels, width, 3, padding=1)
    layer.weight = nn.Parameter(channels_last(weight.float()), requires_grad=False)
    layer.bias = nn.Parameter(bias.float(), requires_grad=False)
    return layer
