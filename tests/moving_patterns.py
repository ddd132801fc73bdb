"""Clips whose frequencies, directions and speeds are known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from stst import Video

FPS = Fraction(24)


def clip_of(greys, fps=FPS):
    """Make a clip of (T, H, W) grey values from 0 to 255."""
    return Video(np.repeat(np.rint(greys).astype(np.uint8)[..., None], 3, axis=-1), fps)


def grating(right, down, over_time, shape=(24, 64, 96), amplitude=100.0, phase=0.3):
    """Give (T, H, W) of a grating, by cycles per pixel and per frame; it drifts where both rise."""
    t, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    return 127 + amplitude * np.cos(2 * np.pi * (right * x + down * y - over_time * t) + phase)


def texture(right=0.0, down=0.0, height=96, width=128):
    """Give a smooth pattern that has been moved by as many pixels."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - right, y - down
    waves = ((0.31, 0.11), (-0.13, 0.29), (0.21, -0.24), (0.05, 0.41), (0.43, 0.02))
    return 127 + 22 * sum(np.sin(a * x + b * y + place) for place, (a, b) in enumerate(waves))


def drift(right, down, frames=3, height=96, width=128):
    """Make a clip of that pattern that moves by as many pixels a frame."""
    return clip_of([texture(right * t, down * t, height, width) for t in range(frames)])
