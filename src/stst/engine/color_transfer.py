"""Colour transfer: give one picture the colours of another and keep its own gradients.

Pitié, Kokaram & Dahyot (2007), "Automated colour grading using colour distribution transfer", with
the constants of the code released with Greco & Siegel (2024). Every sample is treated by itself.

Distributions are matched in float64, for a rounding error that moves a value to the next bin is
seen. Regrain, whose relaxation forgets errors, is done in float32: that changes a result by less
than 1e-6, less than a 3000th of a step of an 8-bit file.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stst.engine.pixels import shrink_mask
from stst.models.activations import resize_images
from stst.types import GREY
from stst.utils.devices import guarded

BINS = 300
MARGIN = 1e-6

#: Rotations of the RGB cube, the rows to be matched one at a time.
ROTATIONS = (
    ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    (
        (0.333333, 0.666667, 0.666667),
        (0.666667, 0.333333, -0.666667),
        (-0.666667, 0.666667, -0.333333),
    ),
    (
        (0.577350, 0.211297, 0.788682),
        (-0.577350, 0.788668, 0.211352),
        (0.577350, 0.577370, -0.577330),
    ),
    (
        (0.577350, 0.408273, 0.707092),
        (-0.577350, -0.408224, 0.707121),
        (0.577350, -0.816497, 0.000029),
    ),
    (
        (0.332572, 0.910758, 0.244778),
        (-0.910887, 0.242977, 0.333536),
        (-0.244295, 0.333890, -0.910405),
    ),
    (
        (0.243799, 0.910726, 0.333376),
        (0.910699, -0.333174, 0.244177),
        (-0.333450, -0.244075, 0.910625),
    ),
)

#: Iterations of regrain per level, finest first.
REGRAIN_ITERATIONS = (4, 16, 32, 64, 64, 64)
#: A level is added while both halved sides exceed this many pixels.
REGRAIN_MIN_SIDE = 20
_RELAXATION = 0.2


@guarded(gradients=False)
def color_transfer(
    pictures: Tensor, references: Tensor, inside: Tensor | None = None, with_regrain: bool = True
) -> Tensor:
    """Recolour pictures by distribution transfer, and regrain them after it.

    A grey reference gives grey pictures, exactly: one channel is matched then, that of the
    pictures' grey values.

    Parameters
    ----------
    pictures
        (B, 3, H, W) RGB in [0, 1], or (B, 1, H, W) that are grey.
    references
        (B or 1, 3, h, w) RGB in [0, 1], or (B or 1, 1, h, w), whose colours are taken; any size.
        As many channels as `pictures`.
    inside
        (1, 1, H, W) bool, at least one pixel: only these are recoloured, after those of
        `references`, which then have the same size; the others stay as they are. None for all.
    with_regrain
        Do the second part too, which gives the pictures back the gradients they had, and takes
        from the contrast that the first gave them.

    Returns
    -------
    Tensor
        In [0, 1], with the shape, dtype and device of `pictures`.
    """
    if pictures.shape[1] == 3 and is_grey(references):
        made = color_transfer(_grey_values(pictures), references[:, :1], inside, with_regrain)
        made = made.expand_as(pictures)
        return made.clone() if inside is None else torch.where(inside, made, pictures)
    # Apple's GPUs have no float64; the arithmetic is small enough for the CPU
    device = torch.device("cpu") if pictures.device.type == "mps" else pictures.device
    exact = pictures.to(device=device, dtype=torch.float64).contiguous()
    wanted = references.to(device=device, dtype=torch.float64)
    if inside is None:
        made = distribution_transfer(exact, wanted)
        if with_regrain:
            made = regrain(exact.float(), made.float())
        return made.to(device=pictures.device, dtype=pictures.dtype)
    here = inside.to(device)
    places = here[0, 0]
    # as pictures of one row
    before, there = (one[..., places][..., None, :] for one in (exact, wanted))
    after = distribution_transfer(before, there)
    # outside the mean change, so that coarse levels, whose pixels mix both, are not held back
    colors = exact + (after - before).mean(dim=(2, 3), keepdim=True)
    colors[..., places] = after[..., 0, :]
    made = regrain(exact.float(), colors.float(), here) if with_regrain else colors
    made = made.to(device=pictures.device, dtype=pictures.dtype)
    return torch.where(inside, made, pictures)


def is_grey(pictures: Tensor) -> bool:
    """Say whether red, green and blue of (B, C, H, W) are the same in every pixel."""
    return bool((pictures[:, 1:] == pictures[:, :1]).all())


def _grey_values(pictures: Tensor) -> Tensor:
    """Give the grey values (B, 1, H, W) of RGB pictures, exactly where they are grey already."""
    first = pictures[:, :1]
    values = (pictures * pictures.new_tensor(GREY)[:, None, None]).sum(dim=1, keepdim=True)
    return torch.where((pictures == first).all(dim=1, keepdim=True), first, values)


@guarded(gradients=False)
def distribution_transfer(pictures: Tensor, references: Tensor) -> Tensor:
    """Match the three-dimensional colour distribution by six rotations of one-dimensional matches.

    Of grey pictures, where all colours lie on the axis (1, 1, 1), what the rotations do along it.

    Parameters
    ----------
    pictures, references
        As in `color_transfer`; float64 for exactness.

    Returns
    -------
    Tensor
        Of the shape of `pictures`, clipped to [0, 1] after the last rotation.
    """
    values = pictures.flatten(2).clone(memory_format=torch.contiguous_format)
    wanted = references.flatten(2)
    rotations = torch.tensor(ROTATIONS, dtype=values.dtype, device=values.device)
    back = rotations.mT
    if values.shape[1] == 1:
        # a grey value on the rotated axes, and the mean over red, green and blue of what comes back
        rotations, back = rotations.sum(2, keepdim=True), back.mean(1, keepdim=True)
    shape = len(values), rotations.shape[1], values.shape[2]
    here, like = values.new_empty(shape), wanted.new_empty(len(wanted), shape[1], wanted.shape[2])
    matching = Matching(here, like)
    for rotation, there_and_back in zip(rotations, back, strict=True):
        torch.matmul(rotation, values, out=here)
        there = torch.matmul(rotation, wanted, out=matching.spare(like))
        values.baddbmm_(there_and_back.expand(len(values), -1, -1), matching.change(here, there))
    return values.clamp_(0, 1).view(pictures.shape)


class Matching:
    """Gives rows the distribution of others again and again, always in the same memory.

    Fresh memory costs more than the arithmetic: the system has to hand out and clear every page.

    Parameters
    ----------
    values
        (..., n).
    reference
        (..., m); its rows are broadcast to those of the values.
    """

    def __init__(self, values: Tensor, reference: Tensor) -> None:
        size = values[..., 0].numel() * max(values.shape[-1], reference.shape[-1])
        self._memory = values.new_empty(2, size)
        # half the size of int64, and counted and looked up twice as fast
        self._bins = values.new_empty(size, dtype=torch.int32)

    def spare(self, like: Tensor) -> Tensor:
        """Give memory where a reference may lie."""
        return self._memory[0, : like.numel()].view_as(like)

    def change(self, values: Tensor, reference: Tensor) -> Tensor:
        """Give what has to be added to the values; both it and `spare` are valid for one call."""
        low = torch.minimum(values.amin(-1), reference.amin(-1))[..., None] - MARGIN
        high = torch.maximum(values.amax(-1), reference.amax(-1))[..., None] + MARGIN
        per_bin = BINS / (high - low)
        # the bins of the rows are counted on, so that one table holds those of all
        first = BINS * torch.arange(low.numel(), device=low.device).view_as(low) - per_bin * low

        def bin_values(rows: Tensor, memory: Tensor) -> Tensor:
            count = low.numel() * rows.shape[-1]
            place = memory[:count].view(*low.shape[:-1], rows.shape[-1])
            torch.mul(rows, per_bin, out=place).add_(first)
            bins = self._bins[:count].copy_(memory[:count])
            return bins.clamp_(0, BINS * low.numel() - 1)

        want = _cumulative(bin_values(reference, self._memory[1]), low)
        bins = bin_values(values, self._memory[1])
        have = _cumulative(bins, low)
        low, high, per_bin = low.view(-1, 1), high.view(-1, 1), per_bin.view(-1, 1)
        edges = low + torch.arange(BINS, dtype=low.dtype, device=low.device) / per_bin
        moved = _interpolate(have, want, edges)
        moved = torch.where(have <= want[:, :1], low, moved)
        moved = torch.where(have >= 1, high, moved)
        # between its edges a bin is moved by a linear function, after the last one by a constant
        slope = moved.diff(dim=1, append=moved[:, -1:]) * per_bin
        factor, shift = (one[: values.numel()] for one in self._memory)
        torch.index_select((slope - 1).view(-1), 0, bins, out=factor)
        torch.index_select((moved - slope * edges).view(-1), 0, bins, out=shift)
        shift.addcmul_(factor, values.reshape(-1))
        out: Tensor = shift.view(values.shape)
        return out


def _cumulative(bins: Tensor, low: Tensor) -> Tensor:
    """Count how often each bin is named and sum up; (rows, BINS), the last exactly 1."""
    rows = low.numel()
    counts = torch.bincount(bins, minlength=rows * BINS).view(rows, BINS)
    # summed as integers, so that the result does not depend on the order of summation
    count = bins.numel() // rows
    return counts.cumsum(1).to(low.dtype) / count


def _interpolate(at: Tensor, positions: Tensor, heights: Tensor) -> Tensor:
    """Interpolate linearly per row, constant outside; on a plateau of positions the last point."""
    last = positions.shape[1] - 1
    left = torch.searchsorted(positions, at, right=True).sub_(1).clamp_(0, last - 1)
    x0, x1 = positions.gather(1, left), positions.gather(1, left + 1)
    y0, y1 = heights.gather(1, left), heights.gather(1, left + 1)
    share = ((at - x0) / (x1 - x0).clamp_min(torch.finfo(at.dtype).tiny)).clamp_(0, 1)
    return y0 + share * (y1 - y0)


@guarded(gradients=False)
def regrain(pictures: Tensor, colors: Tensor, inside: Tensor | None = None) -> Tensor:
    """Find pictures with the gradients of `pictures` and the colours of `colors`.

    Parameters
    ----------
    pictures
        (B, 3, H, W), before recolouring.
    colors
        (B, 3, H, W), after distribution transfer.
    inside
        (1, 1, H, W) bool: gradients between these pixels and the others do not count, so that
        neither bleeds into the other. None for all.

    Returns
    -------
    Tensor
        (B, 3, H, W), clipped to [0, 1].
    """
    own = colors.clone(memory_format=torch.contiguous_format)
    return _regrain(pictures.contiguous(), own, 0, inside).clamp_(0, 1)


def _regrain(pictures: Tensor, colors: Tensor, level: int, inside: Tensor | None) -> Tensor:
    """Relax from the coarsest level on; the colours are overwritten."""
    size = pictures.shape[-2:]
    half = [(side + 1) // 2 for side in size]
    if level + 1 < len(REGRAIN_ITERATIONS) and min(half) > REGRAIN_MIN_SIDE:
        free = None if inside is None else shrink_mask(inside, half)
        smaller = _regrain(_resize(pictures, half), _resize(colors, half), level + 1, free)
        start = _resize(smaller, size)
    else:
        start = pictures.clone()
    return _solve(start, pictures, colors, level, inside)


def _resize(images: Tensor, size: Sequence[int]) -> Tensor:
    """Resize as pictures of one channel, which torch does several times faster on a CPU."""
    return resize_images(images.flatten(0, 1)[:, None], size).view(*images.shape[:2], *size)


def _solve(
    start: Tensor, pictures: Tensor, colors: Tensor, level: int, inside: Tensor | None
) -> Tensor:
    """Relax ``ψ (out − col) + Σ φ_k [(out − out_k) − (in − in_k)] = 0`` on one level.

    The start and the colours are overwritten.
    """
    spare = torch.empty_like(start)
    size = _difference(pictures, 2, spare).square_().sum(dim=1, keepdim=True)
    size = size + _difference(pictures, 3, spare).square_().sum(dim=1, keepdim=True)
    # the channel of a grey picture stands for three
    size.mul_(3 / pictures.shape[1]).sqrt_()
    psi = (256 * size / 5).clamp_max_(1)
    phi = 30 * 2.0**-level / (1 + 10 * size)
    weights = [(phi + one).div_(2) for one in _neighbours(phi)]
    if inside is not None:
        side = inside.to(phi.dtype)
        sides = _neighbours(side)
        weights = [weight * (one == side) for weight, one in zip(weights, sides, strict=True)]
    total = sum(weights[1:], weights[0])
    scale = (psi + total).add_(1e-6).div_(1 - _RELAXATION)
    # a pixel of the border is its own neighbour
    own = torch.zeros_like(phi)
    for weight, axis, place in zip(weights, (2, 2, 3, 3), (0, -1, 0, -1), strict=True):
        own.select(axis, place).add_(weight.select(axis, place))
        weight.select(axis, place).zero_()
    # everything that stays the same over the iterations
    drift = colors.mul_(psi).addcmul_(total - own, pictures)
    for some, weight, others in _shift(drift, weights, pictures):
        some.addcmul_(weight, others, value=-1)
    for values in (drift, own, *weights):
        values.div_(scale)
    own.add_(_RELAXATION)
    pair = (start, spare)
    # made once, for taking a view costs as much as a small level's arithmetic
    steps = [_shift(new, weights, old) for old, new in (pair, pair[::-1])]
    for count in range(REGRAIN_ITERATIONS[level]):
        old, new = pair[count % 2], pair[1 - count % 2]
        torch.addcmul(drift, own, old, out=new)
        for some, weight, others in steps[count % 2]:
            some.addcmul_(weight, others)
    return pair[REGRAIN_ITERATIONS[level] % 2]


def _shift(
    to: Tensor, weights: Sequence[Tensor], of: Tensor
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Pair pixels with their neighbours above, below, on the left and on the right.

    All are flat, so that the last pixel of a row is a neighbour of the next one's first: weights
    of pixels without a neighbour have to be 0.
    """
    width = to.shape[-1]
    to, of = (one.view(*one.shape[:2], -1) for one in (to, of))
    out = []
    for weight, step in zip(weights, (-width, width, -1, 1), strict=True):
        here = slice(max(-step, 0), to.shape[-1] - max(step, 0))
        there = slice(here.start + step, here.stop + step)
        out.append((to[..., here], weight.flatten(2)[..., here], of[..., there]))
    return out


def _difference(values: Tensor, axis: int, out: Tensor) -> Tensor:
    """Subtract the neighbour before from the one behind; the border repeats itself."""
    if values.shape[axis] == 1:
        return out.zero_()
    values, swapped = values.movedim(axis, 0), out.movedim(axis, 0)
    torch.sub(values[2:], values[:-2], out=swapped[1:-1])
    torch.sub(values[1:2], values[:1], out=swapped[:1])
    torch.sub(values[-1:], values[-2:-1], out=swapped[-1:])
    return out


def _neighbours(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Shift by one pixel up, down, left and right; the border repeats itself."""
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    return (
        padded[..., :-2, 1:-1],
        padded[..., 2:, 1:-1],
        padded[..., 1:-1, :-2],
        padded[..., 1:-1, 2:],
    )
