"""Small video models, named ``tiny_video:clips`` and the like."""

from __future__ import annotations

import torch
from torch import nn


class _Clips(nn.Module):
    categories = ("left", "right", "left and up")
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    clip_length, frame_size, frame_rate = 6, (12, 14), 10

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(3, 6, 3, padding=1),
            nn.BatchNorm3d(6),
            nn.ELU(),
            nn.Conv3d(6, 8, 3, stride=(1, 2, 2)),
            nn.BatchNorm3d(8),
            nn.ELU(),
        )
        self.head = nn.Linear(8, 3)
        with torch.no_grad():
            self.head.weight.mul_(8)  # so that there is something to tell apart

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3, 4)))


def clips() -> nn.Module:
    return _Clips()


def verifier() -> nn.Module:
    """Any size, and running statistics as if it had been trained."""
    module = unnamed_verifier()
    module.categories = ("up", "right", "down", "left")
    return module


def unnamed_verifier() -> nn.Module:
    """Does not say what its classes are."""
    module = nn.Sequential(
        nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ELU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
    )  # fmt: skip
    module[1].running_mean.copy_(torch.tensor([0.3, -0.2, 0.5, 0.1]))
    module[1].running_var.copy_(torch.tensor([0.5, 0.2, 0.9, 0.4]))
    return module


class _Tokens(nn.Module):
    """A patch embedding, a class token, and layer normalisation."""

    categories = ("a", "b")
    clip_length, frame_size = 4, (8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv3d(3, 5, (2, 4, 4), (2, 4, 4))
        self.first, self.second = nn.LayerNorm(5), nn.LayerNorm(5)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        heads = self.second(torch.stack([tokens, 2 * tokens], 1)).mean(1)
        return self.head((self.first(tokens) + heads)[:, 0])


def tokens() -> nn.Module:
    return _Tokens()


def nameless() -> nn.Module:
    """Says nothing of itself, and has nothing to prime."""
    return nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())


def badly() -> nn.Module:
    module = _Clips()
    module.std = (1, 2)
    return module


def many() -> nn.Module:
    module = _Clips()
    module.categories = ("only one",)
    return module


def untidy() -> nn.Module:
    return nn.Conv3d(3, 4, 3)
