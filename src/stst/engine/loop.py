"""The one optimisation loop: a batch of images, or of clips, is moved until an objective is low."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from stst.config import OptimizerConfig
from stst.errors import DivergedError
from stst.utils.devices import guarded


class Objective(Protocol):
    """What is made small.

    Attributes
    ----------
    terms
        Names of the loss terms.
    """

    terms: tuple[str, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Compute weighted losses (B, terms) of (B, C, ...) images or clips, sample by sample."""
        ...


class Optimizer(Protocol):
    """How a gradient becomes a step."""

    def step(self, images: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Give what is to be subtracted from images for their gradient, at a learning rate.

        Parameters
        ----------
        images, gradient
            (B, 3, h, w), the gradient of the loss.
        rate
            η, in units of the pixel range.

        Returns
        -------
        Tensor
            (B, 3, h, w).
        """
        ...

    def memory(self) -> dict[str, Tensor]:
        """Give all that later steps depend on, by name; samples are the first axis."""
        ...

    def restore(self, memory: Mapping[str, Tensor], steps: int) -> None:
        """Go on from what `memory` gave after so many steps; what else is there is left alone.

        Parameters
        ----------
        memory
            By name.
        steps
            How many were done.
        """
        ...


class NormalizedGradientDescent:
    """The gradient divided by its standard deviation (paper, perceptual stabilization).

    Parameters
    ----------
    per_channel
        Standard deviation per sample and channel, over H and W; else per sample.
    inside
        (1, 1, H, W) bool, the pixels whose gradient counts; it has to be 0 at the others. None
        for all.
    """

    def __init__(self, per_channel: bool, inside: Tensor | None = None) -> None:
        self.axes = (2, 3) if per_channel else (1, 2, 3)
        self.inside = inside

    def step(self, images: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Divide by the population standard deviation + 1e-8."""
        if self.inside is None:
            deviation = gradient.std(dim=self.axes, keepdim=True, correction=0)
        else:
            deviation = self._inside_deviation(gradient, self.inside.expand_as(gradient))
        return gradient * (rate / (deviation + 1e-8))

    def memory(self) -> dict[str, Tensor]:
        """Give nothing: a step depends on its gradient alone."""
        return {}

    def restore(self, memory: Mapping[str, Tensor], steps: int) -> None:
        """Do nothing."""

    def _inside_deviation(self, gradient: Tensor, inside: Tensor) -> Tensor:
        count = inside.sum(dim=self.axes, keepdim=True)
        mean = gradient.sum(dim=self.axes, keepdim=True) / count
        # a single value has no deviation: its own size stands for it
        mean = torch.where(count > 1, mean, torch.zeros_like(mean))
        square = ((gradient - mean) * inside).square().sum(dim=self.axes, keepdim=True)
        return (square / count).sqrt()


class Adam:
    """Kingma & Ba (2015), with both moments corrected for their start at zero."""

    def __init__(self, betas: tuple[float, float]) -> None:
        self.betas = betas
        self.first: Tensor | None = None
        self.second: Tensor | None = None
        self.count = 0

    def step(self, images: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Update the moments and give their ratio."""
        if self.first is None or self.second is None:
            self.first, self.second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        beta1, beta2 = self.betas
        self.count += 1
        self.first.lerp_(gradient, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (self.second / (1 - beta2**self.count)).sqrt_().add_(1e-8)
        return (self.first * (rate / (1 - beta1**self.count))).div_(root)

    def memory(self) -> dict[str, Tensor]:
        """Give both moments; nothing before the first step."""
        if self.first is None or self.second is None:
            return {}
        return {"first_moment": self.first, "second_moment": self.second}

    def restore(self, memory: Mapping[str, Tensor], steps: int) -> None:
        """Go on from what `memory` gave after so many steps."""
        self.first, self.second = memory.get("first_moment"), memory.get("second_moment")
        self.count = steps


_LAST, _PAIR = ("last_images", "last_gradient"), ("move", "change", "share")


class LBFGS:
    """L-BFGS (Nocedal 1980) without a search along the line: a step is no longer than a radius.

    The learning rate is the radius: the root mean square of a sample's step, in units of the
    images. The first step has that length and goes down the gradient. Every sample has its own
    history; a pair without positive curvature leaves it as it is.

    Parameters
    ----------
    history
        How many earlier steps are remembered.
    inside
        (1, 1, H, W) bool, the pixels that move: the radius is that of their step. The gradient
        has to be 0 at the others. None for all.
    """

    def __init__(self, history: int, inside: Tensor | None = None) -> None:
        self.history = history
        self.inside = inside
        self._last: tuple[Tensor, Tensor] | None = None
        # moves, changes of the gradient, and 1 / (their product), 0 where there is no curvature
        self._pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        self._scale: Tensor | None = None

    def step(self, images: Tensor, gradient: Tensor, rate: float) -> Tensor:
        """Learn from the step before, and give the next one."""
        if self._last is not None:
            self._learn(images - self._last[0], gradient - self._last[1])
        self._last = images.clone(), gradient
        step = self._direction(gradient)
        length = _dot(step, step).div_(self._moving(step)).sqrt_()
        factor = rate / length.clamp_min(1e-30)
        # before anything was learned the gradient says where to, not how far
        return step * (factor if self._scale is None else factor.clamp_max(1))

    def memory(self) -> dict[str, Tensor]:
        """Give the last step and all pairs; nothing before the first step."""
        if self._last is None:
            return {}
        out = dict(zip(_LAST, self._last, strict=True))
        for number, pair in enumerate(self._pairs):
            out |= {f"{name}_{number}": one for name, one in zip(_PAIR, pair, strict=True)}
        return out if self._scale is None else {**out, "scale": self._scale}

    def restore(self, memory: Mapping[str, Tensor], steps: int) -> None:
        """Go on from what `memory` gave; the number of steps does not matter."""
        if not steps:
            return
        self._last = memory["last_images"], memory["last_gradient"]
        self._pairs = []
        while f"move_{len(self._pairs)}" in memory:
            move, change, share = (memory[f"{name}_{len(self._pairs)}"] for name in _PAIR)
            self._pairs.append((move, change, share))
        self._scale = memory.get("scale")

    def _moving(self, step: Tensor) -> Tensor | int:
        """Count the values of a sample that move."""
        if self.inside is None:
            return step[0].numel()
        return self.inside.expand_as(step[:1]).sum()

    def _learn(self, move: Tensor, change: Tensor) -> None:
        product, size = _dot(move, change), _dot(change, change)
        good = product > 1e-10 * size
        share = torch.where(good, 1 / product.where(good, torch.ones_like(product)), 0)
        self._pairs = [*self._pairs, (move, change, share)][-self.history :]
        found = product / size.clamp_min(1e-30)
        before = torch.ones_like(found) if self._scale is None else self._scale
        self._scale = torch.where(good, found, before)

    def _direction(self, gradient: Tensor) -> Tensor:
        """Multiply the gradient by the inverse of the Hessian, as far as it is known."""
        out, taken = gradient.clone(), []
        for move, change, share in reversed(self._pairs):
            part = share * _dot(move, out)
            out -= part * change
            taken.append(part)
        if self._scale is not None:
            out *= self._scale
        for (move, change, share), part in zip(self._pairs, reversed(taken), strict=True):
            out += (part - share * _dot(change, out)) * move
        return out


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Multiply and sum per sample; (B, 1, ...)."""
    return (one * other).sum(dim=tuple(range(1, one.ndim)), keepdim=True)


def make_optimizer(
    config: OptimizerConfig, per_channel: bool, inside: Tensor | None = None
) -> Optimizer:
    """Build a fresh rule; its memory lasts for one octave."""
    if config.name == "adam":
        return Adam(config.betas)
    if config.name == "lbfgs":
        return LBFGS(config.history, inside)
    return NormalizedGradientDescent(per_channel, inside)


@guarded()
def optimize(
    images: Tensor,
    objective: Objective,
    *,
    rule: Optimizer,
    iterations: int,
    learning_rate: float | Callable[[int], float],
    schedule: str = "constant",
    bounds: tuple[Tensor, Tensor] | tuple[float, float] = (0.0, 1.0),
    first: int = 0,
) -> Iterator[tuple[int, Tensor]]:
    """Move images step by step, each step clipped to their range.

    Parameters
    ----------
    images
        (B, C, ...) within `bounds`; changed in place.
    objective
        What is made small.
    rule
        How a gradient becomes a step.
    iterations
        Number of the last step, plus one.
    learning_rate
        Factor of every step, in units of the images; or a function of the iteration.
    schedule
        ``"constant"``, or ``"cosine"`` down to a tenth at the last iteration; of a function, only
        the first.
    bounds
        The range of values, the same for all or one that is broadcast to the images.
    first
        Number of the first step, where a run is continued with the rule's memory.

    Yields
    ------
    tuple of int and Tensor
        After each step its number and the weighted losses (B, terms) before it, still on the
        device.

    Raises
    ------
    DivergedError
        If a loss, a gradient or a pixel is no longer finite.
    """
    # looking at values waits for the device, so on a GPU it is not done at every step
    every = 1 if images.device.type == "cpu" else 50
    low, high = bounds
    for iteration in range(first, iterations):
        variable = images.detach().requires_grad_()
        losses = objective(variable)
        (gradient,) = torch.autograd.grad(losses.sum(), variable)
        losses = losses.detach()
        # sums depend on the order in memory, which would not survive being put on disk
        gradient = gradient.contiguous()
        rate = learning_rate(iteration) if callable(learning_rate) else learning_rate
        if schedule == "cosine":
            turn = math.pi * iteration / max(iterations - 1, 1)
            rate *= 0.1 + 0.9 * (1 + math.cos(turn)) / 2
        images.sub_(rule.step(images, gradient, rate))
        images.clamp_(low, high)  # type: ignore[arg-type]  # numbers, or tensors
        if iteration % every == 0 or iteration == iterations - 1:
            _check_finite(objective.terms, losses, gradient, images, iteration)
        yield iteration, losses


def _check_finite(
    terms: tuple[str, ...], losses: Tensor, gradient: Tensor, images: Tensor, iteration: int
) -> None:
    if bool(torch.isfinite(gradient.sum() + losses.sum() + images.sum())):
        return
    bad = [
        f"{term} of sample {row}"
        for row, values in enumerate(losses.tolist())
        for term, value in zip(terms, values, strict=True)
        if not math.isfinite(value)
    ]
    what = ", ".join(bad) or "the gradient"
    raise DivergedError(
        f"iteration {iteration}: {what} is no longer a finite number. "
        "Lower the learning rate or the weight of that term."
    )
