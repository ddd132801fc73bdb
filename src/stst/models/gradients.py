"""Two operations whose gradients cost less than those that autograd would take.

On channels-last tensors, the layout in which CPUs and tensor cores convolve and pool fastest.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def channels_last(values: Tensor) -> Tensor:
    """Lay (B, C, H, W) out with the channels of a position next to each other."""
    return values.contiguous(memory_format=torch.channels_last)


def by_position(values: Tensor) -> Tensor:
    """Give (B, C, h, w) as (B, h·w, C), without a copy if the channels come last."""
    return values.permute(0, 2, 3, 1).flatten(1, 2)


def gram_matrix(values: Tensor) -> Tensor:
    """Multiply channels by channels over all positions.

    Parameters
    ----------
    values
        (B, N, h, w).

    Returns
    -------
    Tensor
        (B, N, N). Its gradient is one product, not two: both factors are the same.
    """
    found: Tensor = _Correlation.apply(values)
    return found


def convolve(images: Tensor, filters: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve images of few channels, without padding.

    Parameters
    ----------
    images
        (B, C, H + k − 1, W + k − 1), C of 1 or 2.
    filters, bias
        (N, C, k, k), and (N,) or nothing; no gradient flows into them.

    Returns
    -------
    Tensor
        (B, N, H, W). The usual gradient, a convolution with C results, uses a CPU badly; there it
        is taken row by row of the filters.
    """
    if images.device.type != "cpu":
        return F.conv2d(images, filters, bias)
    found: Tensor = _Convolution.apply(images, filters, bias)
    return found


class _Correlation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.size = values.shape[-2:]
        ctx.last = values.is_contiguous(memory_format=torch.channels_last)
        flat = by_position(values) if ctx.last else values.flatten(2)
        ctx.save_for_backward(flat)
        return flat.mT @ flat if ctx.last else flat @ flat.mT

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        both = gradient + gradient.mT
        found: Tensor
        if ctx.last:
            found = (flat @ both).view(len(flat), *ctx.size, -1).permute(0, 3, 1, 2)
        else:
            found = (both @ flat).view(len(flat), -1, *ctx.size)
        return found


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(filters)
        ctx.dtype = images.dtype
        return F.conv2d(images, filters, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (filters,) = ctx.saved_tensors
        count, channels, rows, columns = filters.shape
        # for every channel and row of the filters one result; then rows are moved to their places
        turned = filters.permute(1, 2, 0, 3).reshape(channels * rows, count, 1, columns).flip(3)
        turned = channels_last(turned.to(gradient.dtype))
        found = F.conv2d(gradient, turned, padding=(0, columns - 1))
        batch, _, height, width = found.shape
        out = found.new_zeros((batch, channels, height + rows - 1, width), dtype=ctx.dtype)
        for row in range(rows):
            out[:, :, row : row + height].add_(found[:, row::rows])
        return out, None, None
