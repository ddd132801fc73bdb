"""One frame in the making: where it stands, for checkpoints, and how far the run is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from stst.engine.events import Checkpoint
from stst.engine.loop import Optimizer
from stst.engine.pixels import picture_statistics
from stst.methods.stst.objective import StstObjective
from stst.methods.stst.octaves import Octave
from stst.types import Frames


class FrameInMaking:
    """One frame in the making: its images at the end, and what its sidecar needs."""

    images: Tensor
    losses: Tensor
    weights: Tensor
    inside: Tensor | None = None
    terms: tuple[str, ...] = ()
    iterations: int = 0

    def statistics(
        self, images: Frames, distances: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any], ...]:
        """Give what the sidecars say of the frame, a sample each.

        Parameters
        ----------
        images
            (B, H, W, 3) uint8, as files have them.
        distances
            Unweighted losses by term and layer, of every sample.
        """
        # every step ends with clipping, so what was clipped lies at an end
        clipped = (self.images <= 0) | (self.images >= 1)
        columns = zip(
            self.losses.tolist(),
            self.weights.tolist(),
            distances,
            picture_statistics(images, clipped, self.inside),
            strict=True,
        )
        return tuple(
            {
                "losses": dict(zip(self.terms, losses, strict=True)),
                "weights": dict(zip(self.terms, weights, strict=True)),
                "unweighted": unweighted,
                **picture,
                "iterations": self.iterations,
            }
            for losses, weights, unweighted, picture in columns
        )


def split_samples(
    losses: Mapping[str, Mapping[str, Tensor]], samples: int
) -> list[dict[str, dict[str, float]]]:
    """Turn losses (B,) by term and layer into one such table for each sample."""
    lists = {
        term: {layer: values.tolist() for layer, values in by_layer.items()}
        for term, by_layer in losses.items()
    }
    return [
        {
            term: {layer: values[sample] for layer, values in by_layer.items()}
            for term, by_layer in lists.items()
        }
        for sample in range(samples)
    ]


class Standing:
    """All that the next step of a frame depends on, besides the frame before it."""

    def __init__(
        self,
        frame: int,
        octave: int,
        made: FrameInMaking,
        images: Tensor,
        objective: StstObjective,
        rule: Optimizer,
    ) -> None:
        self.frame, self.octave, self.iteration = frame, octave, 0
        self.made, self.images, self.objective, self.rule = made, images, objective, rule

    def note(self, iteration: int, losses: Tensor) -> None:
        """Take down a step that was done."""
        assert self.objective.weights is not None
        self.made.terms, self.made.losses = self.objective.terms, losses
        self.made.weights = self.objective.weights
        self.made.iterations += 1
        self.iteration = iteration + 1

    def checkpoint(self) -> Checkpoint | None:
        """Give all of it, for a checkpoint; None where nothing was done in this octave."""
        if self.objective.weights is None:
            return None
        tensors = {
            "images": self.images,
            "losses": self.made.losses,
            "weights": self.objective.weights,
        }
        return Checkpoint.of(self.iteration, tensors | self.rule.memory(), self.frame, self.octave)

    def restore(self, checkpoint: Checkpoint, device: torch.device) -> None:
        """Go on from a checkpoint."""
        tensors = checkpoint.tensors(device)
        self.images, self.objective.weights = tensors["images"], tensors["weights"]
        self.made.terms, self.made.losses = self.objective.terms, tensors["losses"]
        self.made.weights = tensors["weights"]
        self.made.iterations += checkpoint.iteration
        self.iteration = checkpoint.iteration
        self.rule.restore(tensors, checkpoint.iteration)


class Progress:
    """Share of the work that is done."""

    def __init__(self, work: Mapping[int, int], after: int | None) -> None:
        self.work = work
        self.total = sum(work.values())
        self.done = sum(
            cost for frame, cost in work.items() if after is not None and frame <= after
        )

    def frame_done(self, frame: int) -> None:
        """Count a finished frame."""
        self.done += self.work[frame]

    def share(self, frame: int, octaves: list[Octave], index: int, iterations: int) -> float:
        """Give the share that is done with so many iterations of an octave of a frame."""
        height, width = octaves[index].size
        here = sum(octave.cost for octave in octaves[:index]) + height * width * iterations
        return (self.done + here) / self.total
