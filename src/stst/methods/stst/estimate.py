"""How long a run takes and how much memory it needs, from a few steps at its smallest octave."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from stst.engine.loop import Objective, make_rule, minimized
from stst.engine.process import Estimate
from stst.methods.stst.synthesis import Synthesis
from stst.utils.devices import memory_in_use
from stst.utils.noise import uniform_noise

_WARM_UP, _TIMED = 1, 3
# Beside what autograd keeps there are gradients and one layer's temporaries; on a CPU also what
# convolutions reorder, and blocks of up to 32 MiB that lie idle between others: see
# benchmarks/memory.py
_HELD, _HELD_ON_CPU = 1.3, 1.5
_IDLE, _IDLE_AT_MOST = 0.5, 160 * 2**20
# A process grows by its libraries' parts that only work calls for, and by encoders
_LIBRARIES = 60 * 2**20


def estimated(synthesis: Synthesis) -> Estimate:
    """Run a few iterations of the last frame's smallest octave and scale up by pixels.

    Parameters
    ----------
    synthesis
        The run; it is left as it was.

    Returns
    -------
    Estimate
        Time and memory grow with the number of pixels, nearly exactly where frames are not tiny.
    """
    in_use = memory_in_use(synthesis.device)
    objective, images, pixels = synthesis.rehearsal(_previous(synthesis))
    saved = saved_bytes(objective, images)
    octave = synthesis.smallest_octave()
    steps = minimized(
        images,
        objective,
        rule=make_rule(synthesis.config.optimizer, synthesis.rules.std_per_channel),
        iterations=_WARM_UP + _TIMED,
        learning_rate=octave.config.learning_rate,
    )
    start = 0.0
    for iteration, losses in steps:
        losses.tolist()  # waits for the device
        if iteration == _WARM_UP - 1:
            start = time.perf_counter()
    per_pixel = (time.perf_counter() - start) / _TIMED / pixels
    height, width = synthesis.targets.size
    scale = height * width / pixels
    seconds = per_pixel * sum(synthesis.work().values())
    return Estimate(seconds, in_use + _held(saved * scale, synthesis.device))


def _held(saved: float, device: torch.device) -> int:
    """Give what a run takes beyond what is in use before it, in bytes."""
    if device.type != "cpu":
        return int(_HELD * saved)
    return int(_HELD_ON_CPU * saved + min(_IDLE * saved, _IDLE_AT_MOST)) + _LIBRARIES


def _previous(synthesis: Synthesis) -> Tensor:
    height, width = synthesis.targets.size
    shape = (synthesis.targets.channels, height, width)
    noise = [uniform_noise(seed, 0, "estimate", shape) for seed in synthesis.config.seeds]
    return torch.stack(noise).to(synthesis.device)


def saved_bytes(objective: Objective, images: Tensor) -> int:
    """Count what autograd keeps for the backward pass, every storage once."""
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        objective(images.detach().requires_grad_())
    return sum(sizes.values())
