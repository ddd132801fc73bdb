"""A method of another package: frames that drift from the natural ones towards noise."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from stst.config import MethodSpec, RunConfig
from stst.engine.events import Checkpoint, Event, FrameDone, IterationDone, RunStarted
from stst.engine.pixels import as_tensor, picture_statistics, to_frames
from stst.engine.process import Estimate, Prepared
from stst.utils.noise import uniform_noise
from stst.video import Clip


class DriftConfig(RunConfig):
    """Frames that drift towards noise.

    Attributes
    ----------
    step
        How far an iteration goes, 0 to 1.
    iterations
        Of each frame.
    checkpoint_every
        Iterations between two checkpoints.
    """

    method: Literal["drift"] = "drift"
    step: Annotated[float, Field(ge=0, le=1)] = 0.2
    iterations: Annotated[int, Field(ge=1)] = 3
    checkpoint_every: Annotated[int, Field(ge=1)] = 1


SPEC = MethodSpec(
    config=DriftConfig,
    command="drift",
    title="DRIFT",
    long_title="drift towards noise",
    stimulus="Clip that drifts towards noise",
    prepare="toy_method:prepare",
    has_losses=True,
)


class Drift:
    """A run: half of the frame before and half of the natural one, then steps towards noise."""

    def __init__(self, config: DriftConfig, clip: Clip) -> None:
        self.config, self.clip = config, clip
        self.notes: Sequence[str] = ["a method of another package"]
        self._standing: Checkpoint | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.clip.frames.shape[1], self.clip.frames.shape[2]

    def describe(self, first: int = 0) -> RunStarted:
        count = len(self.clip.frames)
        return RunStarted(count, 0, (), count * self.config.iterations, first)

    def run(
        self,
        after: int | None = None,
        state: Tensor | None = None,
        preview_seconds: float | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Iterator[Event]:
        first = 0 if after is None else after + 1
        yield self.describe(first)
        for frame in range(first, len(self.clip.frames)):
            images, iteration = self._beginning(frame, state), 0
            if checkpoint is not None and checkpoint.frame == frame:
                images = checkpoint.tensors(torch.device("cpu"))["images"]
                iteration = checkpoint.iteration
            while iteration < self.config.iterations:
                _kill(frame, iteration)
                noise = self._noise(frame, iteration)
                loss = (images - noise).square().mean(dim=(1, 2, 3))
                images = images + self.config.step * (noise - images)
                iteration += 1
                self._standing = Checkpoint.of(iteration, {"images": images}, frame)
                yield IterationDone(
                    self.config.seeds, frame, 0, iteration - 1, self._progress(frame, iteration),
                    ("distance",), loss[:, None],
                )  # fmt: skip
            self._standing = None
            frames = to_frames(images)
            clipped = torch.zeros_like(images, dtype=torch.bool)
            state = images
            yield FrameDone(
                frame, frames, tuple(picture_statistics(frames, clipped)), images.numpy(),
                self._progress(frame, self.config.iterations),
            )  # fmt: skip

    def checkpoint(self) -> Checkpoint | None:
        return self._standing

    def estimate(self) -> Estimate:
        return Estimate(1.0, 2**20)

    def _beginning(self, frame: int, before: Tensor | None) -> Tensor:
        natural = as_tensor(self.clip.frames[frame], torch.device("cpu"))
        whole = natural.expand(len(self.config.seeds), -1, -1, -1)
        return whole if before is None else (whole + before) / 2

    def _noise(self, frame: int, iteration: int) -> Tensor:
        shape = (3, *self.size)
        return torch.stack(
            [uniform_noise(seed, frame, f"drift/{iteration}", shape) for seed in self.config.seeds]
        )

    def _progress(self, frame: int, iteration: int) -> float:
        done = frame * self.config.iterations + iteration
        return done / (self.config.iterations * len(self.clip.frames))


def prepare(clips: Mapping[str, Clip], config: DriftConfig) -> Prepared:
    """Get ready to run."""
    clip = clips["natural"]
    process = Drift(config, clip)
    return Prepared(process, config, clip.fps, (), torch.device("cpu"), process.estimate)


def _kill(frame: int, iteration: int) -> None:
    if os.environ.get("TOY_KILL") == f"{frame}:{iteration}":
        os.kill(os.getpid(), signal.SIGKILL)
