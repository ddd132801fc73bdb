"""What a layer gives: one map, or several scales that are read as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from stst.models.gradients import by_position, gram_matrix
from stst.utils.devices import guarded

#: Rows and columns.
Window = tuple[slice, slice]
_WHOLE: Window = (slice(None), slice(None))


@dataclass(frozen=True)
class Multiscale:
    """Maps of one layer at several scales, standing for their bilinear concatenation.

    The concatenation resizes every map to the size of the first (half-pixel centres, no
    antialiasing) and joins the channels. Its Gram matrix does not need it: resizing is linear, so
    the block of scales (s, t) is ``f_s (U_sᵀ U_t) f_tᵀ``, and the products ``U_sᵀ U_t`` are small.

    Attributes
    ----------
    maps
        Tensors (B, C_s, h_s, w_s), finest first.
    """

    maps: tuple[Tensor, ...]

    @guarded(gradients=False)
    def concatenate(self, window: Window = _WHOLE) -> Tensor:
        """Give the maps as one tensor.

        Parameters
        ----------
        window
            Rows and columns of the result that are wanted.

        Returns
        -------
        Tensor
            (B, sum of C_s, h_0, w_0), or the window of it.
        """
        height, width = self.maps[0].shape[-2:]
        out = [self.maps[0][..., window[0], window[1]]]
        for one in self.maps[1:]:
            # by matrices: the gradient of bilinear interpolation is not repeatable on a GPU
            rows = _upsampling(one.shape[-2], height)[window[0]].to(one)
            columns = _upsampling(one.shape[-1], width)[window[1]].to(one)
            out.append(rows @ (one @ columns.mT))
        return torch.cat(out, dim=1)

    @guarded(gradients=False)
    def gram(self) -> Tensor:
        """Multiply the concatenation by its own transpose without building it.

        Returns
        -------
        Tensor
            (B, N, N) with N the sum of C_s; float32 or wider; not divided by anything.
        """
        maps = [wide(one) for one in self.maps]
        flat = [by_position(one) for one in maps]
        sizes = [tuple(one.shape[-2:]) for one in maps]
        rows: list[list[Tensor]] = [[torch.empty(0)] * len(maps) for _ in maps]
        for s, fine in enumerate(maps):
            first = s
            if sizes[s] == sizes[0]:
                rows[s][s] = gram_matrix(fine)
                first += 1
            for t, carried in enumerate(_carry(fine, sizes[first:], sizes[0]), start=first):
                rows[s][t] = carried.mT @ flat[t]
                rows[t][s] = rows[s][t].mT
        return torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)

    @property
    def positions(self) -> int:
        """Number of positions M of the concatenation."""
        height, width = self.maps[0].shape[-2:]
        return height * width


#: What a stream gives for a layer.
Activation = Tensor | Multiscale


def wide(values: Tensor) -> Tensor:
    """Bring half-precision values to float32, so that sums over positions stay exact enough."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def resize_images(images: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly with half-pixel centres and without antialiasing.

    Parameters
    ----------
    images
        (B, C, H, W).
    size
        New height and width in pixels.

    Returns
    -------
    Tensor
        (B, C, *size); `images` itself where the size is the same.
    """
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size=tuple(size), mode="bilinear", align_corners=False)


def _carry(maps: Tensor, to: Sequence[tuple[int, ...]], over: tuple[int, ...]) -> Iterator[Tensor]:
    """Apply ``U_tᵀ U_s``: up from the maps' grid to `over`, down by the adjoint to each of `to`.

    Yields
    ------
    Tensor
        (B, positions, C).
    """
    if not to:
        return
    height, width = maps.shape[-2:]
    rows = [_overlap(height, one[0], over[0], maps.dtype, maps.device) for one in to]
    # all rows in one product
    moved = torch.cat(rows) @ maps.permute(0, 2, 3, 1).flatten(2)
    parts = torch.split(moved, [one[0] for one in to], dim=1)
    for part, one in zip(parts, to, strict=True):
        columns = _overlap(width, one[1], over[1], maps.dtype, maps.device)
        yield (columns @ part.view(len(maps), one[0], width, -1)).flatten(1, 2)


@lru_cache(maxsize=256)
def _overlap(
    source: int, target: int, full: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Matrix (target, source) of one axis of ``U_tᵀ U_s``; both ``U`` lead to `full` points."""
    # kept for whoever comes later, who may need gradients
    with torch.inference_mode(False):
        product = _upsampling(target, full).mT @ _upsampling(source, full)
        return product.to(dtype=dtype, device=device)


@lru_cache(maxsize=64)
def _upsampling(source: int, full: int) -> Tensor:
    """Matrix (full, source) of bilinear resizing along one axis, in float64."""
    with torch.inference_mode(False):
        unit = torch.eye(source, dtype=torch.float64, device="cpu")[None, :, :]
        return F.interpolate(unit, size=full, mode="linear", align_corners=False)[0].mT
