"""Colour transfer: give one picture the colours of another and keep its own gradients.

Pitié, Kokaram & Dahyot (2007), "Automated colour grading using colour distribution transfer", with
the constants of the code released with Greco & Siegel (2024). All arithmetic is in float64, and
every sample is treated by itself.
"""

from __future__ import annotations

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
    batch = pictures.shape[0]
    values = pictures.flatten(2)
    wanted = references.flatten(2).expand(batch, -1, -1)
    for rows in ROTATIONS:
        rotation = torch.tensor(rows, dtype=values.dtype, device=values.device)
        here, there = rotation @ values, rotation @ wanted
        matched = match_distribution(here.flatten(0, 1), there.flatten(0, 1))
        values = values + rotation.mT @ (matched.view(batch, 3, -1) - here)
    return values.clamp(0, 1).view_as(pictures)


def match_distribution(values: Tensor, reference: Tensor) -> Tensor:
    """Give each row of values the distribution of the same row of the reference.

    Parameters
    ----------
    values
        (R, n).
    reference
        (R, m).

    Returns
    -------
    Tensor
        (R, n).
    """
    low = torch.minimum(values.amin(1), reference.amin(1)) - MARGIN
    high = torch.maximum(values.amax(1), reference.amax(1)) + MARGIN
    step = (high - low) / BINS
    edges = low[:, None] + step[:, None] * torch.arange(BINS, dtype=low.dtype, device=low.device)
    have = _cumulative(values, low, high)
    want = _cumulative(reference, low, high)
    moved = _interpolate(have, want, edges)
    moved = torch.where(have <= want[:, :1], low[:, None], moved)
    moved = torch.where(have >= 1, high[:, None], moved)
    return _interpolate(values, edges, moved)


def _cumulative(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Count values per bin and sum up; (R, BINS), the last exactly 1."""
    rows, count = values.shape
    place = (values - low[:, None]) * (BINS / (high - low))[:, None]
    index = place.long().clamp_(0, BINS - 1)
    index += BINS * torch.arange(rows, device=values.device)[:, None]
    counts = torch.bincount(index.flatten(), minlength=rows * BINS).view(rows, BINS)
    # summed as integers, so that the result does not depend on the order of summation
    return counts.cumsum(1).to(values.dtype) / count


def _interpolate(at: Tensor, positions: Tensor, heights: Tensor) -> Tensor:
    """Interpolate linearly per row, constant outside; on a plateau of positions the last point."""
    last = positions.shape[1] - 1
    left = torch.searchsorted(positions, at.contiguous(), right=True).sub_(1).clamp_(0, last - 1)
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
    return _regrained(pictures, pictures, colors, 0, inside).clamp(0, 1)


def _regrained(
    start: Tensor, pictures: Tensor, colors: Tensor, level: int, inside: Tensor | None
) -> Tensor:
    size = pictures.shape[-2:]
    half = [(side + 1) // 2 for side in size]
    if level + 1 < len(REGRAIN_ITERATIONS) and min(half) > REGRAIN_MIN_SIDE:
        start, in_, col = (resized(one, half) for one in (start, pictures, colors))
        free = None if inside is None else shrunk_inside(inside, half)
        start = resized(_regrained(start, in_, col, level + 1, free), size)
    return _solved(start, pictures, colors, level, inside)


def _solved(
    out: Tensor, pictures: Tensor, colors: Tensor, level: int, inside: Tensor | None
) -> Tensor:
    """Relax ``ψ (out − col) + Σ φ_k [(out − out_k) − (in − in_k)] = 0`` on one level."""
    up, down, left, right = _neighbours(pictures)
    gradient = torch.cat([down - up, right - left], dim=1)
    size = gradient.square().sum(dim=1, keepdim=True).sqrt()
    psi = (256 * size / 5).clamp_max(1)
    phi = 30 * 2.0**-level / (1 + 10 * size)
    weights = [(phi + one) / 2 for one in _neighbours(phi)]
    if inside is not None:
        side = inside.to(phi.dtype)
        sides = _neighbours(side)
        weights = [weight * (one == side) for weight, one in zip(weights, sides, strict=True)]
    scale = psi + sum(weights[1:], weights[0]) + 1e-6
    # everything that stays the same over the iterations
    drift = psi * colors
    for weight, neighbour in zip(weights, _neighbours(pictures), strict=True):
        drift = drift + weight * (pictures - neighbour)
    drift, weights = drift / scale, [weight / scale for weight in weights]
    for _ in range(REGRAIN_ITERATIONS[level]):
        update = drift
        for weight, neighbour in zip(weights, _neighbours(out), strict=True):
            update = torch.addcmul(update, weight, neighbour)
        out = (1 - _RELAXATION) * update + _RELAXATION * out
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
