"""MSOE: multi-scale spacetime-oriented energy, the temporal stream of the paper.

The network of Tesfaldet, Brubaker & Derpanis (2018), trained on UCF101 to predict optical flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stst.errors import InputError
from stst.models.activations import Multiscale
from stst.models.gradients import channels_last, convolve
from stst.utils.devices import guarded

SCALES = 5
_SHAPES = {
    "conv1.weight": (32, 2, 11, 11),
    "conv1.bias": (32,),
    "conv2.weight": (64, 32, 1, 1),
    "conv2.bias": (64,),
    "conv3.weight": (64, 320, 3, 3),
    "conv3.bias": (64,),
    "conv4.weight": (2, 64, 1, 1),
    "conv4.bias": (2,),
}


class MSOE(nn.Module):
    """Motion energy of a pair of frames at five scales, and the flow decoded from it.

    Parameters
    ----------
    tensors
        ``conv1`` to ``conv4``, ``.weight`` and ``.bias``, in torch's layout; the two input
        channels of ``conv1`` are the previous and the current frame.
    """

    layers: tuple[str, ...] = ("concat",)
    texture_layers: tuple[str, ...] = ("concat",)
    content_layers: tuple[str, ...] = ("concat",)

    @guarded()
    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, shape in _SHAPES.items():
            if name not in tensors:
                raise InputError(f"temporal.weights: MSOE's array {name} is missing.")
            if tuple(tensors[name].shape) != shape:
                raise InputError(
                    f"temporal.weights: MSOE's array {name} has shape "
                    f"{tuple(tensors[name].shape)}, expected {shape}."
                )
            self.register_buffer(name.replace(".", "_"), tensors[name].float())
        self.register_buffer("blur", gaussian_kernel(5, 2.0)[None, None])

    def min_side(self, layers: Sequence[str]) -> int:
        """Give 65: the fifth scale must still have the 5 pixels that symmetric padding mirrors."""
        return 4 * (1 << (SCALES - 1)) + 1

    @guarded(gradients=False)
    def forward(self, frames: Tensor, layers: Sequence[str] = layers) -> dict[str, Multiscale]:
        """Compute the energies of a pair of frames (see `stst.models.Stream`)."""
        return {name: Multiscale(self.energies(frames)) for name in layers}

    def energies(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Compute the L1-normalised energies at every scale.

        Parameters
        ----------
        frames
            (B, T, 3, H, W) RGB in [0, 1], T ≥ 2. Contrast is normalised over all T frames.

        Returns
        -------
        tuple of Tensor
            Per scale (B·(T−1), 64, h, w), one for each neighbouring pair, finest first.
        """
        batch, times = frames.shape[:2]
        maps = []
        for scale in self.pyramid(frames):
            pairs = torch.stack([scale[:, :-1], scale[:, 1:]], dim=2)
            maps.append(self._energy(pairs.reshape(batch * (times - 1), 2, *scale.shape[-2:])))
        return tuple(maps)

    def pyramid(self, frames: Tensor) -> list[Tensor]:
        """Normalise the contrast of the grey clip and blur it down.

        Returns
        -------
        list of Tensor
            Five tensors (B, T, h, w), finest first.
        """
        grey = frames.sum(dim=2)
        scales = [normalize_contrast(grey)]
        for _ in range(SCALES - 1):
            scales.append(blur_and_halve(scales[-1], self.get_buffer("blur")))
        return scales

    def _energy(self, pairs: Tensor) -> Tensor:
        values = channels_last(symmetric_pad(pairs, 5))
        values = convolve(values, self.get_buffer("conv1_weight"), self.get_buffer("conv1_bias"))
        values = F.max_pool2d(values.square(), 5, stride=1, padding=2)
        values = F.conv2d(values, self.get_buffer("conv2_weight"), self.get_buffer("conv2_bias"))
        return normalize_l1(values)

    @guarded(gradients=False)
    def flow(self, frames: Tensor) -> Tensor:
        """Decode optical flow.

        Parameters
        ----------
        frames
            (B, T, 3, H, W) RGB in [0, 1].

        Returns
        -------
        Tensor
            (B·(T−1), 2, H, W) in the network's own units, nominally pixels per frame.
        """
        values = symmetric_pad(Multiscale(self.energies(frames)).concatenate(), 1)
        values = F.conv2d(values, self.get_buffer("conv3_weight"), self.get_buffer("conv3_bias"))
        values = F.relu(values)
        return F.conv2d(values, self.get_buffer("conv4_weight"), self.get_buffer("conv4_bias"))


def normalize_contrast(grey: Tensor) -> Tensor:
    """Give each sample zero mean and unit variance over all its frames and pixels.

    Parameters
    ----------
    grey
        (B, T, H, W).
    """
    variance, mean = torch.var_mean(grey, dim=(1, 2, 3), keepdim=True, correction=0)
    return (grey - mean) / torch.sqrt(variance + 1e-12)


def normalize_l1(values: Tensor) -> Tensor:
    """Divide by the sum of magnitudes over channels, at least 1e-12."""
    return values / values.abs().sum(dim=1, keepdim=True).clamp_min(1e-12)


def gaussian_kernel(size: int, sigma: float) -> Tensor:
    """Sample a Gaussian on a `size`×`size` grid and scale it to sum 1."""
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    line = torch.exp(-(axis**2) / (2 * sigma**2))
    kernel = torch.outer(line, line)
    return (kernel / kernel.sum()).float()


def symmetric_pad(values: Tensor, width: int) -> Tensor:
    """Mirror the border including the edge pixel (…, b, a | a, b, …) on all four sides."""
    for axis in (-1, -2):
        left = values.narrow(axis, 0, width).flip(axis)
        right = values.narrow(axis, values.shape[axis] - width, width).flip(axis)
        values = torch.cat([left, values, right], dim=axis)
    return values


def blur_and_halve(values: Tensor, kernel: Tensor) -> Tensor:
    """Blur (B, T, H, W) by a (1, 1, 5, 5) kernel and keep every second pixel."""
    batch, times, *size = values.shape
    flat = symmetric_pad(values.reshape(batch * times, 1, *size), 2)
    out = F.conv2d(flat, kernel, stride=2)
    return out.reshape(batch, times, *out.shape[-2:])
