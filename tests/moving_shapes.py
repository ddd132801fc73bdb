"""Clips of moving shapes, and small networks that tell their classes.

A class is a direction of motion and a shape. The networks are named ``moving_shapes:inverted`` and
``moving_shapes:judge``, with weights from `trained`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAMES, SIDE = 8, 32
#: Direction of motion in radians, 0 to the right and π/2 down.
DIRECTIONS = {"right": 0.0, "down": math.pi / 2, "left": math.pi, "up": -math.pi / 2}
SHAPES = ("discs", "bars")
CATEGORIES = tuple(f"{shape} {way}" for shape in SHAPES for way in DIRECTIONS)
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def clips(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw (N, 3, T, H, W) in [0, 1]: discs, or bars across the way, that move and wrap around."""

    def drawn(*size: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*size, generator=generator)

    count, each = len(labels), 3
    angles = torch.tensor(list(DIRECTIONS.values()))[labels % len(DIRECTIONS)]
    speed = drawn(count, low=1.5, high=2.5)
    time = torch.arange(FRAMES)
    grid = torch.arange(SIDE)
    offsets = []
    for axis, part in ((grid, angles.sin()), (grid, angles.cos())):
        start = drawn(count, each, 1, low=0, high=SIDE)
        centre = start + (speed * part)[:, None, None] * time
        offset = (axis - centre[..., None] + SIDE / 2) % SIDE - SIDE / 2
        offsets.append(offset)
    down, across = offsets[0][..., :, None], offsets[1][..., None, :]
    size = drawn(count, each, low=4, high=6)[..., None, None, None]
    disc = (size - (down.square() + across.square()).sqrt()).clamp(-0.5, 0.5) + 0.5
    disc = disc.amax(1)
    # two or three bars across the way, of the same phase in all rows
    along = torch.where(angles.sin().abs()[:, None, None, None] > 0.5, down[:, 0], across[:, 0])
    number = torch.randint(2, 4, (count,), generator=generator)[:, None, None, None]
    bars = ((2 * math.pi * number * along / SIDE).cos() * 2.5).clamp(-0.5, 0.5) + 0.5
    bars = bars.expand(-1, -1, SIDE, SIDE)
    is_disc = (labels < len(DIRECTIONS))[:, None, None, None]
    mask = torch.where(is_disc, disc, bars)[:, None]
    dark = drawn(count, 1, 1, 1, 1) < 0.5
    background = drawn(count, 3, 1, 1, 1, high=0.35)
    color = drawn(count, 3, 1, 1, 1, high=0.35)
    background = torch.where(dark, background, 1 - background)
    color = torch.where(dark, 1 - color, color)
    picture = background * (1 - mask) + color * mask
    noise = drawn(count, 1, 1, 1, 1, high=0.1) * torch.randn(picture.shape, generator=generator)
    return (picture + noise).clamp(0, 1)


def normalized(values: Tensor) -> Tensor:
    return (values - MEAN[0]) / STD[0]


class _Network(nn.Sequential):
    """States what LEAPS asks of a model of one's own."""

    categories = CATEGORIES
    mean, std = MEAN, STD
    clip_length, frame_size, frame_rate = FRAMES, (SIDE, SIDE), 25


def _block(inside: int, outside: int, kernel: int, stride: tuple[int, int, int]) -> list[nn.Module]:
    convolution = nn.Conv3d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm3d(outside), nn.ReLU()]


def _head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(channels, len(CATEGORIES))]


def inverted() -> nn.Module:
    return _Network(
        *_block(3, 16, 3, (1, 2, 2)),
        *_block(16, 32, 3, (2, 2, 2)),
        *_block(32, 48, 3, (1, 1, 1)),
        *_head(48),
    )


def judge() -> nn.Module:
    """Wider kernels, fewer layers, and time is halved at once."""
    return _Network(*_block(3, 12, 5, (2, 2, 2)), *_block(12, 32, 3, (1, 2, 2)), *_head(32))


def attacked(
    module: nn.Module, shown: Tensor, labels: Tensor, size: float, generator: torch.Generator
) -> Tensor:
    """Change clips by up to `size` so that the loss grows (one step from a random start).

    A network that is trained on these goes by what clips show, not by patterns too fine to see
    (Madry et al. 2018), so that its inversion shows something.
    """
    start = size * (2 * torch.rand(shown.shape, generator=generator) - 1)
    moved = (shown + start).requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(module(normalized(moved)), labels), moved)
    change = (start + 1.25 * size * gradient.sign()).clamp(-size, size)
    return (shown + change).clamp(0, 1)


def trained(module: nn.Module, seed: int, steps: int, robust: float) -> nn.Module:
    """Train on clips drawn from a seed, with AdamW and one cycle of the learning rate.

    Parameters
    ----------
    module
        Trained in place, from new random weights.
    seed
        Of the weights and of the clips.
    steps
        Of 32 clips each.
    robust
        How far every clip is `attacked`.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in module.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    module.train()
    for _ in range(steps):
        labels = torch.randint(0, len(CATEGORIES), (32,), generator=generator)
        shown = clips(labels, generator)
        shown = attacked(module, shown, labels, robust, generator)
        loss = F.cross_entropy(module(normalized(shown)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return module.eval()


@torch.no_grad()
def accuracy(module: nn.Module, seed: int = 10**6, count: int = 512) -> float:
    """Give the share of held-out clips that are told right."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(CATEGORIES)
    found = module(normalized(clips(labels, generator))).argmax(1)
    return float((found == labels).double().mean())
