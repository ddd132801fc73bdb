"""Colour transfer: give one picture the colours of another and keep its own gradients.

Pitié, Kokaram & Dahyot (2007), "Automated colour grading using colour distribution transfer", with
the constants of the code released with Greco & Siegel (2024). All arithmetic is in float64, and
every sample is treated by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stst.models.activations import resized
from stst.synthesis.region import shrunk_inside

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


def color_transfer(pictures: Tensor, references: Tensor, inside: Tensor | None = None) -> Tensor:
    """Recolour pictures by both parts, distribution transfer and regrain.

    Parameters
    ----------
    pictures
        (B, 3, H, W) RGB in [0, 1].
    references
        (B or 1, 3, h, w) RGB in [0, 1], whose colours are taken; any size.
    inside
        (1, 1, H, W) bool, at least one pixel: only these are recoloured, after those of
        `references`, which then have the same size; the others stay as they are. None for all.

    Returns
    -------
    Tensor
        (B, 3, H, W) in [0, 1], with the dtype and device of `pictures`.
    """
    # Apple's GPUs have no float64; the arithmetic is small enough for the CPU
    device = torch.device("cpu") if pictures.device.type == "mps" else pictures.device
    exact = pictures.to(device=device, dtype=torch.float64)
    wanted = references.to(device=device, dtype=torch.float64)
    if inside is None:
        made = regrain(exact, distribution_transfer(exact, wanted))
        return made.to(device=pictures.device, dtype=pictures.dtype)
    here = inside.to(device)
    places = here[0, 0]
    # as pictures of one row
    before, there = (one[..., places][..., None, :] for one in (exact, wanted))
    after = distribution_transfer(before, there)
    # outside the mean change, so that coarse levels, whose pixels mix both, are not held back
    colors = exact + (after - before).mean(dim=(2, 3), keepdim=True)
    colors[..., places] = after[..., 0, :]
    made = regrain(exact, colors, here).to(device=pictures.device, dtype=pictures.dtype)
    return torch.where(inside, made, pictures)


def distribution_transfer(pictures: Tensor, references: Tensor) -> Tensor:
    """Match the three-dimensional colour distribution by six rotations of one-dimensional matches.

    Parameters
    ----------
    pictures, references
        As in `color_transfer`; float64 for exactness.

    Returns
    -------
    Tensor
        (B, 3, H, W), clipped to [0, 1] after the last rotation.
    """
    values, wanted = pictures.flatten(2).clone(), references.flatten(2)
    here, there = torch.empty_like(values), torch.empty_like(wanted)
    matching = _Matching(here, there)
    for rows in ROTATIONS:
        rotation = torch.tensor(rows, dtype=values.dtype, device=values.device)
        torch.matmul(rotation, values, out=here)
        torch.matmul(rotation, wanted, out=there)
        values.baddbmm_(rotation.mT.expand(len(values), -1, -1), matching.change(here, there))
    return values.clamp_(0, 1).view_as(pictures)


def match_distribution(values: Tensor, reference: Tensor) -> Tensor:
    """Give each row of values the distribution of the same row of the reference.

    Parameters
    ----------
    values
        (..., n).
    reference
        (..., m); its rows are broadcast to those of the values.

    Returns
    -------
    Tensor
        (..., n).
    """
    return values + _Matching(values, reference).change(values, reference)


class _Matching:
    """Matches rows of one shape again and again, always in the same memory.

    Fresh memory costs more than the arithmetic: the system has to hand out and clear every page.
    """

    def __init__(self, values: Tensor, reference: Tensor) -> None:
        self.out, self.place = torch.empty_like(values), torch.empty_like(values)
        self.there = values.new_empty(*values.shape[:-1], reference.shape[-1])
        # half the size of int64, and counted and looked up twice as fast
        self.bins = torch.empty_like(values, dtype=torch.int32)
        self.bins_there = torch.empty_like(self.there, dtype=torch.int32)

    def change(self, values: Tensor, reference: Tensor) -> Tensor:
        """Give what has to be added to the values; valid until the next call."""
        low = torch.minimum(values.amin(-1), reference.amin(-1))[..., None] - MARGIN
        high = torch.maximum(values.amax(-1), reference.amax(-1))[..., None] + MARGIN
        per_bin = BINS / (high - low)
        # the bins of the rows are counted on, so that one table holds those of all
        first = BINS * torch.arange(low.numel(), device=low.device).view_as(low) - per_bin * low
        for one, place, bins in (
            (reference, self.there, self.bins_there),
            (values, self.place, self.bins),
        ):
            torch.mul(one, per_bin, out=place).add_(first)
            bins.copy_(place).clamp_(0, BINS * low.numel() - 1)
        low, high, per_bin = low.view(-1, 1), high.view(-1, 1), per_bin.view(-1, 1)
        have, want = _cumulative(self.bins, len(low)), _cumulative(self.bins_there, len(low))
        edges = low + torch.arange(BINS, dtype=low.dtype, device=low.device) / per_bin
        moved = _interpolate(have, want, edges)
        moved = torch.where(have <= want[:, :1], low, moved)
        moved = torch.where(have >= 1, high, moved)
        # between its edges a bin is moved by a linear function, after the last one by a constant
        slope = moved.diff(dim=1, append=moved[:, -1:]) * per_bin
        bins = self.bins.view(-1)
        torch.index_select((slope - 1).view(-1), 0, bins, out=self.out.view(-1))
        torch.index_select((moved - slope * edges).view(-1), 0, bins, out=self.place.view(-1))
        return self.out.mul_(values).add_(self.place)


def _cumulative(bins: Tensor, rows: int) -> Tensor:
    """Count how often each bin is named and sum up; (rows, BINS), the last exactly 1."""
    counts = torch.bincount(bins.view(-1), minlength=rows * BINS).view(rows, BINS)
    # summed as integers, so that the result does not depend on the order of summation
    return counts.cumsum(1).double() / bins.shape[-1]


def _interpolate(at: Tensor, positions: Tensor, heights: Tensor) -> Tensor:
    """Interpolate linearly per row, constant outside; on a plateau of positions the last point."""
    last = positions.shape[1] - 1
    left = torch.searchsorted(positions, at, right=True).sub_(1).clamp_(0, last - 1)
    x0, x1 = positions.gather(1, left), positions.gather(1, left + 1)
    y0, y1 = heights.gather(1, left), heights.gather(1, left + 1)
    share = ((at - x0) / (x1 - x0).clamp_min(torch.finfo(at.dtype).tiny)).clamp_(0, 1)
    return y0 + share * (y1 - y0)


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
    return _regrained(pictures, colors, 0, inside).clamp_(0, 1)


def _regrained(pictures: Tensor, colors: Tensor, level: int, inside: Tensor | None) -> Tensor:
    size = pictures.shape[-2:]
    half = [(side + 1) // 2 for side in size]
    start = pictures
    if level + 1 < len(REGRAIN_ITERATIONS) and min(half) > REGRAIN_MIN_SIDE:
        free = None if inside is None else shrunk_inside(inside, half)
        smaller = _regrained(_resized(pictures, half), _resized(colors, half), level + 1, free)
        start = _resized(smaller, size)
    return _solved(start, pictures, colors, level, inside)


def _resized(images: Tensor, size: Sequence[int]) -> Tensor:
    """Resize as pictures of one channel, which torch does several times faster on a CPU."""
    return resized(images.flatten(0, 1)[:, None], size).view(*images.shape[:2], *size)


def _solved(
    out: Tensor, pictures: Tensor, colors: Tensor, level: int, inside: Tensor | None
) -> Tensor:
    """Relax ``ψ (out − col) + Σ φ_k [(out − out_k) − (in − in_k)] = 0`` on one level."""
    new, drift = torch.empty_like(out), torch.empty_like(out)
    up, down, left, right = _neighbours(pictures)
    torch.sub(down, up, out=new).square_()
    torch.sub(right, left, out=drift)
    size = new.addcmul_(drift, drift).sum(dim=1, keepdim=True).sqrt_()
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
    torch.mul(psi, colors, out=drift).addcmul_(total - own, pictures)
    for some, weight, others in _shifted(drift, weights, pictures):
        some.addcmul_(weight, others, value=-1)
    for values in (drift, own, *weights):
        values.div_(scale)
    own.add_(_RELAXATION)
    pair = (out.clone(), new)
    # made once, for taking a view costs as much as a small level's arithmetic
    steps = [_shifted(new, weights, old) for old, new in (pair, pair[::-1])]
    for count in range(REGRAIN_ITERATIONS[level]):
        old, new = pair[count % 2], pair[1 - count % 2]
        torch.addcmul(drift, own, old, out=new)
        for some, weight, others in steps[count % 2]:
            some.addcmul_(weight, others)
    return pair[REGRAIN_ITERATIONS[level] % 2]


def _shifted(
    to: Tensor, weights: Sequence[Tensor], of: Tensor
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Pair pixels with their neighbours above, below, on the left and on the right.

    All are flat, so that the last pixel of a row is a neighbour of the next one's first: weights
    of pixels without a neighbour have to be 0.
    """
    width = to.shape[-1]
    to, of = to.flatten(2), of.flatten(2)
    out = []
    for weight, step in zip(weights, (-width, width, -1, 1), strict=True):
        here = slice(max(-step, 0), to.shape[-1] - max(step, 0))
        there = slice(here.start + step, here.stop + step)
        out.append((to[..., here], weight.flatten(2)[..., here], of[..., there]))
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
