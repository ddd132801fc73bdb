"""Small image and video models, named ``tiny_classifier:image`` and the like."""

from __future__ import annotations

import torch
from torch import nn


class _Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.late = nn.Conv2d(8, 6, 3, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        pooled = self.norm(self.late(self.early(x))).mean((2, 3))
        return self.head(pooled)


def image() -> nn.Module:
    return _Images()


def video() -> nn.Module:
    layers = nn.Conv3d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 6, (3, 3, 3))
    return nn.Sequential(*layers)


class _Odd(_Images):
    def forward(self, x):
        early = self.early(x)
        split = early.split(4, dim=1)
        tokens = early.flatten(2).transpose(1, 2)
        return split[0].sum() + tokens.log().sum(), (early - 9).sqrt()


def odd() -> nn.Module:
    """Layers that give tuples, scalars, tokens, and values that are not finite."""
    return _Odd()


class _Untraceable(nn.Module):
    def forward(self, x):
        return x.relu() if x.sum() > 0 else x


def untraceable() -> nn.Module:
    return _Untraceable()


class _Fixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4 * 30 * 30, 2)

    def forward(self, x):
        return self.head(self.early(x).flatten(1))


def fixed() -> nn.Module:
    """Takes 32x32 px only."""
    return _Fixed()


def nothing() -> str:
    return "no module"


def failing() -> nn.Module:
    raise RuntimeError("no such table")


def exhausted() -> nn.Module:
    class Exhausted(nn.Module):
        def forward(self, x):
            return _raise(x)

    return Exhausted()


@torch.fx.wrap
def _raise(x):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


class _Brightness(nn.Module):
    """Scores that say how near the mean of all is to each of `count` levels."""

    def __init__(self, count: int, axes: tuple[int, ...] = (1, 2, 3)) -> None:
        super().__init__()
        self.axes, self.count = axes, count
        self.level = nn.Parameter(torch.linspace(0, 1, count))

    def forward(self, x):
        return -200 * (x.mean(self.axes)[:, None] - self.level) ** 2


def judge() -> nn.Module:
    """Twelve classes, which it names ``level 0`` to ``level 11``."""
    model = _Brightness(12)
    model.categories = [f"level {number}" for number in range(12)]
    return model


def second_judge() -> nn.Module:
    """The same classes in the other order and other letters, of frames at another size."""
    model = _Brightness(12)
    model.level.data = model.level.data.flip(0)
    model.classes = tuple(f"Level {11 - number}" for number in range(12))
    model.frame_size, model.mean, model.std = (16, 18), (0.0,) * 3, (1.0,) * 3
    return model


def video_judge() -> nn.Module:
    """Twelve classes without names, of windows."""
    return _Brightness(12, (1, 2, 3, 4))


def small_judge() -> nn.Module:
    """Only four classes."""
    return _Brightness(4)


def probabilities() -> nn.Module:
    return nn.Sequential(_Brightness(12), nn.Softmax(1))


def infinite() -> nn.Module:
    class Infinite(_Brightness):
        def forward(self, x):
            return super().forward(x) / 0

    return Infinite(12)


def miscounted() -> nn.Module:
    """Names fewer classes than it scores."""
    model = _Brightness(12)
    model.categories = ["only this"]
    return model


def misstated() -> nn.Module:
    """Says of itself what cannot be."""
    model = _Brightness(12)
    model.std = (0.5, 0.0, 0.5)
    return model
