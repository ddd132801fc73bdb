"""How long a run takes and how much memory it needs, from a few steps."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from stst.engine.loop import Objective, optimize
from stst.engine.process import Estimate

_WARM_UP, _TIMED = 1, 3
# Beside what autograd keeps there are gradients and one layer's temporaries; on a CPU also what
# convolutions reorder, and blocks of up to 32 MiB that lie idle between others: see
# benchmarks/memory.py
_HELD, _HELD_ON_CPU = 1.3, 1.5
_IDLE, _IDLE_AT_MOST = 0.5, 160 * 2**20
# A process grows by its libraries' parts that only work calls for, and by encoders
_LIBRARIES = 60 * 2**20


def scale_up(
    objective: Objective,
    images: Tensor,
    *,
    pixels: int,
    whole: int,
    work: float,
    in_use: int,
    **how: Any,
) -> Estimate:
    """Run a few iterations on small images and scale up by pixels.

    Parameters
    ----------
    objective
        Of the images.
    images
        (B, C, h, w) to begin with.
    pixels
        Of one of these images.
    whole
        Pixels at full resolution.
    work
        Of the whole run, in pixels times iterations.
    in_use
        Bytes that were in use before the objective was built.
    how
        Of `optimize`.

    Returns
    -------
    Estimate
        Time and memory grow with the number of pixels, nearly exactly where frames are not tiny.
    """
    saved = count_saved_bytes(objective, images)
    per_pixel = time_step(objective, images, **how) / pixels
    return Estimate(per_pixel * work, in_use + _add_reserve(saved * whole / pixels, images.device))


def time_step(objective: Objective, images: Tensor, **how: Any) -> float:
    """Give the seconds that an iteration takes, once it is warm.

    Parameters
    ----------
    objective, images
        As for `optimize`.
    how
        Of `optimize`, but for the number of iterations.
    """
    start = 0.0
    steps = optimize(images, objective, iterations=_WARM_UP + _TIMED, **how)
    for iteration, losses in steps:
        losses.tolist()  # waits for the device
        if iteration == _WARM_UP - 1:
            start = time.perf_counter()
    return (time.perf_counter() - start) / _TIMED


def count_saved_bytes(objective: Objective, images: Tensor) -> int:
    """Count what autograd keeps for the backward pass, every storage once."""
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        objective(images.detach().requires_grad_())
    return sum(sizes.values())


def _add_reserve(saved: float, device: torch.device) -> int:
    """Give what a run takes beyond what is in use before it, in bytes."""
    if device.type != "cpu":
        return int(_HELD * saved)
    return int(_HELD_ON_CPU * saved + min(_IDLE * saved, _IDLE_AT_MOST)) + _LIBRARIES
