"""The yardstick: one step of spatiotemporal style transfer in plain, eager PyTorch.

Written as one would from the paper, without tricks: the maps of all five scales of MSOE are resized
and joined, a Gram matrix is a product of flattened maps, and autograd does the rest. Nothing is
wasteful on purpose: weights need no gradient, nothing runs after the last used layer, statistics
of the targets are computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

MEAN_BGR = (103.939, 116.779, 123.68)
BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4))


def vgg(images: Tensor, weights: Mapping[str, Tensor], layers: Sequence[str]) -> list[Tensor]:
    """Run VGG-19 on RGB images (B, 3, H, W) in [0, 1] up to the deepest of the layers."""
    mean = torch.tensor(MEAN_BGR, device=images.device)[:, None, None]
    values, found = images.flip(1) * 255 - mean, []
    for block, count in BLOCKS:
        if block > 1:
            values = F.max_pool2d(values, 2)
        for index in range(1, count + 1):
            name = f"conv{block}_{index}"
            weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            values = F.relu(F.conv2d(values, weight, bias, padding=1))
            if name in layers:
                found.append(values)
            if name == layers[-1]:
                return found
    raise AssertionError(layers)


def mirrored(values: Tensor, width: int) -> Tensor:
    """Pad all four sides by their mirror image, the border included."""
    rows = torch.cat(
        [values[..., :width, :].flip(-2), values, values[..., -width:, :].flip(-2)], -2
    )
    return torch.cat([rows[..., :width].flip(-1), rows, rows[..., -width:].flip(-1)], -1)


def msoe(previous: Tensor, images: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Run MSOE on pairs of RGB images; give (B, 320, H, W)."""
    grey = torch.stack([previous.sum(1), images.sum(1)], dim=1)
    variance, mean = torch.var_mean(grey, dim=(1, 2, 3), keepdim=True, correction=0)
    values = (grey - mean) / torch.sqrt(variance + 1e-12)
    axis = torch.arange(5, device=images.device) - 2.0
    kernel = torch.exp(-(axis[:, None].square() + axis.square()) / 8)
    kernel = (kernel / kernel.sum()).expand(2, 1, 5, 5)
    maps = []
    for scale in range(5):
        if scale:
            values = F.conv2d(mirrored(values, 2), kernel, stride=2, groups=2)
        energy = F.conv2d(mirrored(values, 5), weights["conv1.weight"], weights["conv1.bias"])
        energy = F.max_pool2d(energy.square(), 5, stride=1, padding=2)
        energy = F.conv2d(energy, weights["conv2.weight"], weights["conv2.bias"])
        energy = energy / energy.abs().sum(1, keepdim=True).clamp_min(1e-12)
        maps.append(F.interpolate(energy, images.shape[-2:], mode="bilinear", align_corners=False))
    return torch.cat(maps, dim=1)


def gram(values: Tensor) -> Tensor:
    """Correlate channels over positions (equation 2)."""
    flat = values.flatten(2)
    return flat @ flat.mT / (flat.shape[1] * flat.shape[2])


def total_variation(images: Tensor) -> Tensor:
    """Average the differences of neighbouring pixels (equation 6)."""
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().sum((1, 2, 3))
    across = (images[..., 1:] - images[..., :-1]).abs().sum((1, 2, 3))
    return (down + across) / images[0].numel()


class PlainObjective:
    """Spatial and temporal texture, and total variation; terms (B, 3), or those that are asked for.

    Parameters
    ----------
    spatial, temporal
        Weights of VGG-19 and MSOE; None leaves the term out.
    layers
        Of VGG-19.
    target, target_before, previous
        Frames (1, 3, H, W) in [0, 1]: natural, natural one earlier, generated one earlier.
    """

    def __init__(
        self,
        spatial: Mapping[str, Tensor] | None,
        temporal: Mapping[str, Tensor] | None,
        layers: Sequence[str],
        target: Tensor,
        target_before: Tensor,
        previous: Tensor,
    ) -> None:
        self.spatial, self.temporal, self.layers = spatial, temporal, layers
        self.previous = previous
        with torch.no_grad():
            if spatial is not None:
                self.wanted = [gram(one) for one in vgg(target, spatial, layers)]
            if temporal is not None:
                self.motion = gram(msoe(target_before, target, temporal))

    def __call__(self, images: Tensor) -> Tensor:
        columns = []
        if self.spatial is not None:
            have = [gram(one) for one in vgg(images, self.spatial, self.layers)]
            pairs = zip(have, self.wanted, strict=True)
            columns.append(sum((a - b).square().mean((1, 2)) for a, b in pairs))
        if self.temporal is not None:
            previous = self.previous.expand_as(images)
            found = gram(msoe(previous, images, self.temporal))
            columns.append((found - self.motion).square().mean((1, 2)))
        columns.append(total_variation(images))
        return torch.stack(columns, dim=1)


def plain_step(images: Tensor, objective: PlainObjective, weights: Tensor, rate: float) -> Tensor:
    """Take one step of the paper's rule and give the new images."""
    images = images.detach().requires_grad_()
    losses = objective(images) * weights
    (gradient,) = torch.autograd.grad(losses.sum(), images)
    with torch.no_grad():
        deviation = gradient.std(dim=(2, 3), keepdim=True, correction=0)
        return (images - rate * gradient / (deviation + 1e-8)).clamp(0, 1)
