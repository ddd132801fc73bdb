"""What every method looks like once it is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from stst.config import InputConfig, RunConfig
from stst.engine.events import Checkpoint, Event, FrameDone, RunStarted
from stst.errors import InputError
from stst.utils.devices import numerics
from stst.video import Video


class Process(Protocol):
    """A method with everything it needs, which makes frame after frame."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know beforehand."""
        ...

    def describe(self) -> RunStarted:
        """Describe the run."""
        ...

    def run(
        self, after: int | None = None, state: Tensor | None = None,
        preview_seconds: float | None = None, checkpoint: Checkpoint | None = None,
    ) -> Iterator[Event]:  # fmt: skip
        """Make the frames one after the other; closing the generator cancels.

        Parameters
        ----------
        after
            The last frame that is already made; None to begin.
        state
            What `FrameDone.state` of that frame was, (B, C, H, W) float32.
        preview_seconds
            How often at most a preview is shown; None for never.
        checkpoint
            From where the next frame goes on; left alone where it is of another frame.
        """
        ...

    def checkpoint(self) -> Checkpoint | None:
        """Say where the frame in the making stands, between two events; None between frames."""
        ...


@runtime_checkable
class ClipProcess(Protocol):
    """A method with everything it needs, which makes a clip as a whole."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know beforehand."""
        ...

    def describe(self) -> RunStarted:
        """Describe the run."""
        ...

    def run_clip(
        self, checkpoint: Checkpoint | None = None, preview_seconds: float | None = None
    ) -> Iterator[Event]:
        """Make the clip, then give its frames; closing the generator cancels.

        Parameters
        ----------
        checkpoint
            From where it goes on; None to begin.
        preview_seconds
            How often at most a preview is shown; None for never.
        """
        ...

    def checkpoint(self) -> Checkpoint:
        """Say where the run stands, between two events."""
        ...

    def course(self, sample: int) -> Mapping[str, Any]:
        """Tell how the run of a sample went, for its sidecar."""
        ...


@runtime_checkable
class Groupable(Protocol):
    """A process whose samples can be made in smaller groups, which then take less memory."""

    def with_seeds(self, seeds: tuple[int, ...]) -> Self:
        """Give a process for some of the seeds, which follow by one, with the same models."""
        ...

    def estimate(self) -> Estimate:
        """Measure a little and scale it up to the whole run."""
        ...


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes
    ----------
    seconds
        For all frames, padding included.
    memory
        Peak in bytes: of the process on a CPU, of the device elsewhere.
    """

    seconds: float
    memory: int


@dataclass(frozen=True)
class Prepared:
    """A run that can start: everything is read, checked and loaded.

    Attributes
    ----------
    process
        What makes the frames.
    config
        Resolved: what was left to a model or the program is filled in.
    fps
        Frame rate in Hz.
    weights
        What a sidecar says of them.
    device
        Where the arithmetic runs.
    estimate
        Measures a little and scales it up to the whole run.
    """

    process: Process | ClipProcess
    config: RunConfig
    fps: Fraction
    weights: tuple[Mapping[str, Any], ...]
    device: torch.device
    estimate: Callable[[], Estimate]


def run_in_memory(prepared: Prepared, on_event: Callable[[Event], None]) -> list[Video]:
    """Run a process without files.

    Parameters
    ----------
    prepared
        Ready to start.
    on_event
        Called with every event of the run, with torch's settings as the caller has them.

    Returns
    -------
    list of Video
        One for each sample, without padding frames.
    """
    made = []
    guard = numerics(prepared.device, prepared.config.precision)
    with closing(guard.steps(_events(prepared.process))) as events:
        for event in events:
            on_event(event)
            if isinstance(event, FrameDone) and event.frame >= 0:
                made.append(event.images)
    return [Video(frames, prepared.fps) for frames in np.stack(made, axis=1)]


def _events(process: Process | ClipProcess) -> Generator[Event, None, None]:
    yield from process.run_clip() if isinstance(process, ClipProcess) else process.run()


def refuse_input(config: RunConfig) -> None:
    """Refuse a config that says what is taken of a file, where clips are in memory.

    Raises
    ------
    InputError
        Saying what to do instead.
    """
    if config.input != InputConfig():
        raise InputError(
            "config.input applies to files. Read the clip as you want it: "
            'read_video(path, frames="0:60", max_side=640, grey=True, bits=8).'
        )
