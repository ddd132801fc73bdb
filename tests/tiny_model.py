"""Small streams for whole runs, named ``tiny_model:spatial`` and the like; they need no weights.

``TINY_SIGNAL=SIGINT:N`` makes a process send itself that signal at the Nth gradient step, so that
an interruption comes at the same step every time. The check of a model makes the first step.
"""

from __future__ import annotations

import os
import random
import signal

import numpy as np
import torch


class Filters(torch.nn.Module):
    """Fixed random filters, rectified or not; for frames or for pairs of frames."""

    layers = ("rectified", "plain")
    texture_layers = ("rectified",)
    content_layers = ("plain",)

    def __init__(self, channels: int, side: int = 8) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(channels)
        self.register_buffer("kernel", torch.randn(4, channels, 3, 3, generator=generator))
        self.side = side
        self.steps = 0

    def min_side(self, layers):
        return self.side

    def forward(self, frames, layers):
        if frames.requires_grad:
            self.steps += 1
            self.stepped()
        if frames.ndim == 5:
            frames = frames.flatten(1, 2)
        values = torch.nn.functional.conv2d(frames - 0.5, self.kernel)
        return {name: values.relu() if name == "rectified" else values for name in layers}

    def stepped(self) -> None:
        names, _, step = os.environ.get("TINY_SIGNAL", "").partition(":")
        if names and self.steps == int(step):
            for name in names.split(","):
                os.kill(os.getpid(), getattr(signal, name))


class Failing(Filters):
    """Goes wrong at the sixth gradient step, the check of the model included."""

    error: Exception | None = None

    def stepped(self) -> None:
        if self.steps == 6:
            if self.error is not None:
                raise self.error
            self.kernel.fill_(torch.nan)


class Exhausted(Failing):
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def spatial() -> Filters:
    return Filters(3)


def temporal() -> Filters:
    return Filters(6)


class _Drawn(Filters):
    def __init__(self) -> None:
        super().__init__(3)
        # of all generators that there are for everyone
        factor = 1 + random.random() + np.random.random()  # noqa: NPY002
        self.kernel = factor * torch.randn(4, 3, 3, 3)


def unseeded() -> Filters:
    return _Drawn()


def careless() -> Filters:
    """Changes settings of torch and leaves them so."""
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(3)
    torch.manual_seed(4)
    return Filters(3).float()


def large() -> Filters:
    """Needs 24 pixels on the short side."""
    return Filters(3, side=24)


def diverging() -> Filters:
    return Failing(3)


def exhausted() -> Filters:
    return Exhausted(3)
