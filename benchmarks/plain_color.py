"""The yardstick: colour transfer in plain NumPy, as one would write it from the method.

Pictures are (3, H, W) float64 in [0, 1], which NumPy goes through faster than (H, W, 3). Nothing is
wasteful on purpose: all is done for whole arrays, and what stays the same over the iterations of
regrain is computed once.
"""

from __future__ import annotations

import numpy as np

from stst.engine.color_transfer import (
    BINS,
    MARGIN,
    REGRAIN_ITERATIONS,
    REGRAIN_MIN_SIDE,
    ROTATIONS,
)

Array = np.ndarray


def color_transfer(picture: Array, reference: Array) -> Array:
    """Give a picture the colours of a reference; keep its gradients."""
    colors = distribution_transfer(picture, reference)
    return regrain(picture, colors, 0).clip(0, 1)


def distribution_transfer(picture: Array, reference: Array) -> Array:
    """Match three rows at a time, after each of six rotations."""
    values, wanted = picture.reshape(3, -1), reference.reshape(3, -1)
    for rows in ROTATIONS:
        rotation = np.array(rows)
        here, there = rotation @ values, rotation @ wanted
        matched = np.stack([matched_row(*pair) for pair in zip(here, there, strict=True)])
        values = values + rotation.T @ (matched - here)
    return values.clip(0, 1).reshape(picture.shape)


def matched_row(values: Array, reference: Array) -> Array:
    """Give values (n,) the distribution of the reference (m,)."""
    low = min(values.min(), reference.min()) - MARGIN
    high = max(values.max(), reference.max()) + MARGIN
    edges = np.linspace(low, high, BINS + 1)[:-1]
    have, want = (
        np.histogram(one, BINS, (low, high))[0].cumsum() / one.size for one in (values, reference)
    )
    moved = np.interp(have, want, edges)
    moved[have <= want[0]] = low
    moved[have >= 1] = high
    return np.interp(values, edges, moved)


def regrain(picture: Array, colors: Array, level: int) -> Array:
    """Find a picture with the gradients of one and the colours of another, coarse to fine."""
    size = picture.shape[1:]
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    if level + 1 < len(REGRAIN_ITERATIONS) and min(half) > REGRAIN_MIN_SIDE:
        out = resized(regrain(resized(picture, half), resized(colors, half), level + 1), size)
    else:
        out = picture
    up, down, left, right = neighbours(picture)
    gradient = np.sqrt(((down - up) ** 2 + (right - left) ** 2).sum(0, keepdims=True))
    psi = np.minimum(256 * gradient / 5, 1)
    phi = 30 * 2.0**-level / (1 + 10 * gradient)
    weights = [(phi + one) / 2 for one in neighbours(phi)]
    scale = psi + sum(weights) + 1e-6
    drift = psi * colors
    for weight, one in zip(weights, (up, down, left, right), strict=True):
        drift += weight * (picture - one)
    drift, weights = drift / scale, [weight / scale for weight in weights]
    for _ in range(REGRAIN_ITERATIONS[level]):
        total = drift.copy()
        for weight, one in zip(weights, neighbours(out), strict=True):
            total += weight * one
        out = 0.8 * total + 0.2 * out
    return out


def neighbours(values: Array) -> tuple[Array, Array, Array, Array]:
    """Shift (C, H, W) by a pixel up, down, left and right; the border repeats itself."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]


def resized(values: Array, size: tuple[int, int]) -> Array:
    """Resize (C, H, W) bilinearly with half-pixel centres and without antialiasing."""
    for axis, length in enumerate(size, start=1):
        there = values.shape[axis]
        at = ((np.arange(length) + 0.5) * there / length - 0.5).clip(0, there - 1)
        first = np.minimum(at.astype(int), there - 1)
        second = np.minimum(first + 1, there - 1)
        share = (at - first).reshape([-1 if one == axis else 1 for one in range(3)])
        lower, upper = values.take(first, axis), values.take(second, axis)
        values = lower + share * (upper - lower)
    return values
