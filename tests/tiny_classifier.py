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
