"""Learned preconscious synthesis: a clip is optimised until a model takes it for a class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stst.config import LeapsConfig
from stst.engine.estimate import count_saved_bytes, time_step
from stst.engine.events import (
    Checkpoint,
    Event,
    FrameDone,
    IterationDone,
    Preview,
    RunStarted,
)
from stst.engine.loop import Adam, optimize
from stst.engine.pixels import picture_statistics, to_frames
from stst.engine.previews import PreviewClock
from stst.engine.process import Estimate
from stst.errors import DivergedError
from stst.methods.leaps.classifiers import VideoModel
from stst.methods.leaps.history import OptimizationHistory
from stst.methods.leaps.objective import Jittered, LeapsObjective
from stst.types import Frames
from stst.utils.devices import memory_in_use
from stst.utils.noise import ClipKey, clip_key, no_clip, normal_noise

# share of the work that finishing is, for progress only
_FINISHING = 0.001


@dataclass(frozen=True)
class Schedule:
    """The learning rate: up in a line, then down along a cosine, no lower than its floor.

    A floor above the highest rate counts as that: nothing is above the highest.
    """

    highest: float
    lowest: float
    warm_up: int
    iterations: int

    def __call__(self, iteration: int) -> float:
        """Give the rate of an iteration, 0-based."""
        if iteration < self.warm_up:
            return self.highest * (iteration + 1) / self.warm_up
        turn = (iteration - self.warm_up) / max(1, self.iterations - self.warm_up)
        return max(
            min(self.lowest, self.highest), self.highest * (1 + math.cos(math.pi * turn)) / 2
        )


class Inversion:
    """One run for several seeds at once.

    Parameters
    ----------
    config
        Resolved.
    model
        The classifier, on `device`.
    objective
        What is made small.
    shape
        Frames, height and width of the clip.
    device
        Where the arithmetic runs.
    whose
        Gives what tells the stimulus, or without one the class, from others: whose noise is drawn,
        see `clip_key`.
    notes
        What a user should know beforehand.
    stimulus
        (1, 3, T, H, W), what primes as the model sees it; its frames are given beside the clip's.
    """

    def __init__(
        self,
        config: LeapsConfig,
        model: VideoModel,
        objective: LeapsObjective,
        shape: tuple[int, int, int],
        device: torch.device,
        whose: ClipKey,
        notes: Sequence[str] = (),
        stimulus: Tensor | None = None,
    ) -> None:
        self.config = config
        self.objective = objective
        self.shape = shape
        self.device = device
        self.clip_key = clip_key(config.noise, whose)
        self.notes = list(notes)
        self.mean = torch.tensor(model.mean, device=device)[:, None, None, None]
        self.std = torch.tensor(model.std, device=device)[:, None, None, None]
        #: What a pixel of 0 and one of 1 are in the model's normalisation, (3, 1, 1, 1).
        self.bounds = (0 - self.mean) / self.std, (1 - self.mean) / self.std
        #: Frames (1, T, H, W, 3) uint8 of what primes.
        self.stimulus = None if stimulus is None else self._frames(self._pixels(stimulus))
        self.schedule = Schedule(
            config.learning_rate,
            config.final_rate,
            # a short run has a warm-up as well, and something after it
            min(config.warm_up, config.iterations // 2),
            config.iterations,
        )
        self._state: _State | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        return self.shape[1:]

    def describe(self) -> RunStarted:
        """Describe the run."""
        return RunStarted(
            frames=self.shape[0],
            padding=0,
            octaves=(),
            iterations=self.config.iterations,
            first=0,
            notes=tuple(self.notes),
        )

    def run_clip(
        self, checkpoint: Checkpoint | None = None, preview_seconds: float | None = None
    ) -> Iterator[Event]:
        """Make the clip out of noise, then give its frames; see `ClipProcess`.

        Raises
        ------
        DivergedError
            Naming the iteration.
        """
        yield self.describe()
        state = self._begin()
        if checkpoint is not None:
            state.restore(checkpoint)
        self._state = state
        jittered = Jittered(self.objective, self.clip_key, state.iteration)
        steps = optimize(
            state.clips,
            jittered,
            rule=state.rule,
            iterations=self.config.iterations,
            learning_rate=self.schedule,
            bounds=self.bounds,
            first=state.iteration,
        )
        previews = PreviewClock(preview_seconds)
        try:
            for iteration, losses in steps:
                state.note(iteration, jittered.clips, losses)
                state.course.note(iteration, losses, jittered.probability)
                yield IterationDone(
                    sample=self.config.seeds,
                    frame=None,
                    octave=None,
                    iteration=iteration,
                    progress=(1 - _FINISHING) * (iteration + 1) / self.config.iterations,
                    terms=self.objective.terms,
                    values=losses,
                    seen=jittered.probability,
                )
                if previews.due():
                    yield Preview(None, None, self._frames(self._pixels(state.clips)))
                    previews.restart()
        except DivergedError as error:
            raise DivergedError(f"the run diverged at {error}") from error
        yield from self._finish(state)

    def checkpoint(self) -> Checkpoint:
        """Say where the run stands, between two events."""
        return self._standing().checkpoint()

    def course(self, sample: int) -> dict[str, Any]:
        """Tell how losses and probabilities of a sample went, in up to 200 iterations.

        Returns
        -------
        dict
            ``iteration``, ``probability`` of the class by who looked, and weighted ``losses`` by
            term; every list is as long as the first.
        """
        return self._standing().course.of_sample(sample)

    def with_seeds(self, seeds: tuple[int, ...]) -> Inversion:
        """Give the same run for other seeds, which follow by one; the models are shared."""
        made = copy(self)
        made.objective = copy(self.objective)
        made.config = self.config.model_copy(update={"seed": seeds[0], "samples": len(seeds)})
        made.objective.config = made.config
        made._state = None
        return made

    def estimate(self) -> Estimate:
        """Time a few iterations and count what they hold."""
        # the noise of no clip: its hash would decode all of it
        clips, jittered = self._start(no_clip), Jittered(self.objective, no_clip)
        saved = count_saved_bytes(jittered, clips)
        each = time_step(
            jittered,
            clips,
            rule=Adam(self.config.betas),
            learning_rate=self.schedule,
            bounds=self.bounds,
        )
        # what the backward pass holds, the gradients on their way, and one layer's temporaries
        memory = int(1.3 * saved) + memory_in_use(self.device)
        return Estimate(each * self.config.iterations, memory)

    def _standing(self) -> _State:
        return self._begin() if self._state is None else self._state

    def _begin(self) -> _State:
        clips, objective = self._start(self.clip_key), self.objective
        names = ("model",) if objective.verified is None else ("model", "verifier")
        course = OptimizationHistory(objective.terms, names, self.config.iterations)
        return _State(clips, Adam(self.config.betas), clips.clone(), course)

    def _start(self, key: ClipKey) -> Tensor:
        """Draw Gaussian noise in the model's normalisation, within the valid range."""
        shape = (3, *self.shape)
        noise = [normal_noise(seed, 0, "clip", shape, key()) for seed in self.config.seeds]
        low, high = self.bounds
        return torch.stack(noise).to(self.device).clamp(low, high)

    def _pixels(self, clips: Tensor) -> Tensor:
        """Bring clips from the model's normalisation to [0, 1]."""
        low, high = self.bounds
        return (clips - low) / (high - low)

    def _frames(self, pixels: Tensor) -> Frames:
        """Round (B, 3, T, H, W) in [0, 1] to (B, T, H, W, 3) uint8."""
        return np.stack([to_frames(clip.transpose(0, 1)) for clip in pixels])

    def _finish(self, state: _State) -> Iterator[Event]:
        """Judge the two clips as they are and give their frames."""
        clips = {"best": state.best, "last": state.clips}
        judged = {name: self._judge(clip) for name, clip in clips.items()}
        keep = self.config.keep
        other = "last" if keep == "best" else "best"
        pixels = self._pixels(clips[keep])
        frames, others = self._frames(pixels), self._frames(self._pixels(clips[other]))
        clipped = (pixels <= 0) | (pixels >= 1)
        count = self.shape[0]
        nothing = np.zeros((len(frames), 0), np.float32)
        beside = {other: others}
        if self.stimulus is not None:
            beside["stimulus"] = np.repeat(self.stimulus, len(frames), axis=0)
        for index in range(count):
            pictures = picture_statistics(frames[:, index], clipped[:, :, index])
            statistics = tuple(
                {
                    **judged[keep][sample],
                    **picture,
                    "iterations": state.iteration,
                    "best_iteration": int(state.best_iteration[sample]),
                    f"probability_of_{other}": judged[other][sample]["probability"],
                }
                for sample, picture in enumerate(pictures)
            )
            yield FrameDone(
                frame=index,
                images=frames[:, index],
                statistics=statistics,
                state=nothing,
                progress=1 - _FINISHING * (1 - (index + 1) / count),
                others={name: clip[:, index] for name, clip in beside.items()},
            )

    def _judge(self, clips: Tensor) -> list[dict[str, Any]]:
        """Give every sample's losses, and the probability of the target class."""
        with torch.no_grad():
            judged = self.objective.judge(clips)
        weights = self.objective.weights
        out: list[dict[str, Any]] = [
            {
                "losses": dict(zip(self.objective.terms, row, strict=True)),
                "unweighted": {
                    term: {layer: float(values[sample]) for layer, values in by_layer.items()}
                    for term, by_layer in judged.unweighted.items()
                },
                "weights": dict(weights),
            }
            for sample, row in enumerate(judged.losses.tolist())
        ]
        keys = {"model": "probability", "verifier": "verifier_probability"}
        for name, values in judged.probability.items():
            for one, value in zip(out, values.tolist(), strict=True):
                one[keys[name]] = value
        return out


class _State:
    """All that the next step depends on."""

    def __init__(
        self, clips: Tensor, rule: Adam, best: Tensor, course: OptimizationHistory
    ) -> None:
        self.iteration = 0
        self.clips, self.rule, self.best, self.course = clips, rule, best, course
        self.best_loss = clips.new_full((len(clips),), math.inf)
        self.best_iteration = torch.zeros(len(clips), dtype=torch.long, device=clips.device)

    def note(self, iteration: int, clips: Tensor, losses: Tensor) -> None:
        """Keep a clip whose loss, as it was seen before the step, is the lowest so far."""
        self.iteration = iteration + 1
        total = losses.sum(1)
        better = total < self.best_loss
        self.best_loss = torch.where(better, total, self.best_loss)
        self.best_iteration = torch.where(better, iteration, self.best_iteration)
        self.best = torch.where(better[:, None, None, None, None], clips, self.best)

    def checkpoint(self) -> Checkpoint:
        tensors = {
            "clips": self.clips,
            "best": self.best,
            "best_loss": self.best_loss,
            "best_iteration": self.best_iteration,
        }
        return Checkpoint.of(self.iteration, tensors | self.rule.memory() | self.course.tensors())

    def restore(self, checkpoint: Checkpoint) -> None:
        tensors = checkpoint.tensors(self.clips.device)
        self.rule.restore(tensors, checkpoint.iteration)
        self.iteration = checkpoint.iteration
        self.clips, self.best = tensors["clips"], tensors["best"]
        self.best_loss, self.best_iteration = tensors["best_loss"], tensors["best_iteration"]
        self.course.restore(tensors)
