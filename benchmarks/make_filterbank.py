"""Make the filters of `stst.models.filterbank.FilterBank` and write them into the package.

The filters are random; what is fitted is only their size. Every channel is scaled to mean 0 and
deviation 1 before its bias, over a few photographs that ship with scikit-image without copyright
restrictions. Filters are stored as 8-bit integers with one factor per channel.

    python benchmarks/make_filterbank.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from skimage import data
from skimage.transform import rescale
from torch import Tensor

OUTPUT = Path(__file__).parents[1] / "src/stst/models/data/filterbank.safetensors"
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
WIDTHS = (48, 64, 96)
SIDES = (5, 3, 3)
BIAS = 0.3


def photographs() -> list[Tensor]:
    """Load the photographs at half size, (1, 3, H, W) with grey at 0."""
    images = [rescale(getattr(data, name)(), 0.5, channel_axis=2) for name in PHOTOGRAPHS]
    return [torch.from_numpy(x).permute(2, 0, 1)[None].float() - 0.5 for x in images]


def random_filters(random: np.random.RandomState, inputs: int, outputs: int, side: int) -> Tensor:
    """Draw filters without a response to constant input; on pixels, the first three are colours."""
    filters = random.standard_normal((outputs, inputs, side, side))
    if inputs == 3:
        filters -= filters.mean(axis=(2, 3), keepdims=True)
        filters[:3] = np.eye(3)[:, :, None, None]
    else:
        filters -= filters.mean(axis=(1, 2, 3), keepdims=True)
    return torch.from_numpy(filters).float()


def rounded(filters: Tensor) -> tuple[Tensor, Tensor]:
    """Store filters as 8-bit integers; give them and their factors."""
    factors = filters.abs().amax(dim=(1, 2, 3)) / 127
    return (filters / factors[:, None, None, None]).round().to(torch.int8), factors


def filtered(images: Tensor, filters: Tensor) -> Tensor:
    width = filters.shape[-1] // 2
    return F.conv2d(F.pad(images, (width,) * 4, mode="reflect"), filters)


def main() -> None:
    # RandomState, unlike newer generators, gives the same numbers in every version of NumPy
    random = np.random.RandomState(0)
    images, tensors, inputs = photographs(), {}, 3
    for layer, (outputs, side) in enumerate(zip(WIDTHS, SIDES, strict=True), start=1):
        filters, factors = rounded(random_filters(random, inputs, outputs, side))
        if layer > 1:
            images = [F.avg_pool2d(x, 2) for x in images]
        values = [filtered(x, filters * factors[:, None, None, None]) for x in images]
        deviation, mean = torch.std_mean(torch.cat([x[0].flatten(1) for x in values], 1), dim=1)
        bias = BIAS * torch.from_numpy(random.standard_normal(outputs)).float() - mean / deviation
        tensors[f"conv{layer}.weight"] = filters
        tensors[f"conv{layer}.factor"] = factors / deviation
        tensors[f"conv{layer}.bias"] = bias
        scale = deviation[:, None, None]
        images = [F.relu(x / scale + bias[:, None, None]) for x in values]
        inputs = outputs
    OUTPUT.parent.mkdir(exist_ok=True)
    save_file(tensors, OUTPUT)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
