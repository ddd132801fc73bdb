"""What a run reports, in order; progress bars, checkpoints and viewers all read this stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from stst.types import Frames


@dataclass(frozen=True)
class RunStarted:
    """The plan, before any work.

    Attributes
    ----------
    frames
        Frames that will be kept.
    padding
        Frames made in front of them and dropped.
    octaves
        Height and width of each, coarse to fine; none where nothing is optimised.
    iterations
        Steps of the whole run, padding included; 0 where nothing is optimised.
    first
        The first frame that is still to be made (negative: padding); larger than ``-padding``
        where a run is resumed.
    memory
        Estimated peak in bytes, None where it was not measured.
    seconds
        Estimated time, None where it was not measured.
    notes
        What the user should know, e.g. octaves left out.
    """

    frames: int
    padding: int
    octaves: tuple[tuple[int, int], ...]
    iterations: int
    first: int
    memory: int | None = None
    seconds: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupStarted:
    """Of samples that do not fit into memory side by side, these are made from here on.

    Attributes
    ----------
    sample
        Their seeds.
    place
        Of the first among all samples, counted from 0.
    of
        Number of all samples.
    """

    sample: tuple[int, ...]
    place: int
    of: int

    def __str__(self) -> str:
        """Name the samples, counted from 1."""
        first, last = self.place + 1, self.place + len(self.sample)
        which = f"sample {first}" if first == last else f"samples {first}-{last}"
        return f"{which} of {self.of}"


@dataclass(frozen=True)
class IterationDone:
    """One step of the optimiser, on all samples of a group at once.

    Attributes
    ----------
    sample
        Seeds of the samples.
    frame
        0-based in the generated clip; negative for padding. None where all frames of a clip are
        optimised together.
    octave
        Exponent of the octave; None where there are none.
    iteration
        0-based, within the octave where there are some.
    progress
        Share of the whole run's work that is done, 0 to 1.
    terms
        Names of the loss terms.
    values
        (samples, terms), on the device.
    seen
        What a class was taken for with, (samples,) in [0, 1] on the device, by who looked:
        ``"model"``, which it is made for, and others that know the class. Of the clip as this
        step saw it, before the step. Empty where nobody looked.
    """

    sample: tuple[int, ...]
    frame: int | None
    octave: int | None
    iteration: int
    progress: float
    terms: tuple[str, ...]
    values: Tensor = field(repr=False)
    seen: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def losses(self) -> dict[str, tuple[float, ...]]:
        """Weighted loss of every term, one value per sample, before the step.

        Reading it waits for the device, so a consumer should not do so at every event.
        """
        rows = self.values.tolist()
        return {term: tuple(row[i] for row in rows) for i, term in enumerate(self.terms)}

    @property
    def probabilities(self) -> dict[str, tuple[float, ...]]:
        """Probability of the target class by who looked, one value per sample."""
        return {name: tuple(values.tolist()) for name, values in self.seen.items()}


@dataclass(frozen=True)
class StepDone:
    """A part of a run that works on all frames at once.

    Attributes
    ----------
    what
        In a word or two.
    progress
        Share of the whole run's work that is done, 0 to 1.
    """

    what: str
    progress: float


@dataclass(frozen=True)
class Preview:
    """What is being made, as it looks now.

    Attributes
    ----------
    frame, octave
        As in `IterationDone`; None for a whole clip.
    images
        (samples, h, w, 3) uint8 at the size of the octave; of a whole clip (samples, T, H, W, 3).
    """

    frame: int | None
    octave: int | None
    images: np.ndarray[Any, np.dtype[np.uint8]] = field(repr=False)


@dataclass(frozen=True)
class Checkpoint:
    """Where the optimisation of a frame or a clip stands; it goes on from here to the same bytes.

    Not an event: a process gives it when it is asked, between two events.

    Attributes
    ----------
    iteration
        Steps that are done: of the clip, or in this octave of the frame.
    arrays
        All that the next step depends on besides the frames before, by name; samples are the
        first axis.
    frame, octave
        The frame in the making (negative: padding), and which of its octaves, counted from 0; of
        a clip that is made as a whole both are 0.
    """

    iteration: int
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(repr=False)
    frame: int = 0
    octave: int = 0

    @classmethod
    def of(
        cls, iteration: int, tensors: Mapping[str, Tensor], frame: int = 0, octave: int = 0
    ) -> Self:
        """Copy tensors off the device.

        Parameters
        ----------
        iteration
            Steps that are done.
        tensors
            By name.
        frame, octave
            See the attributes.

        Returns
        -------
        Checkpoint
            Of copies.
        """
        arrays = {name: value.cpu().numpy().copy() for name, value in tensors.items()}
        return cls(iteration, arrays, frame, octave)

    def tensors(self, device: torch.device) -> dict[str, Tensor]:
        """Copy the arrays to a device.

        Parameters
        ----------
        device
            Where the arithmetic runs.

        Returns
        -------
        dict of str to Tensor
            By name.
        """
        # a clone lies in memory as torch's own tensors do, on which sums can depend
        return {
            name: torch.from_numpy(value).clone().to(device) for name, value in self.arrays.items()
        }


@dataclass(frozen=True)
class FrameDone:
    """A finished frame.

    Attributes
    ----------
    frame
        0-based in the generated clip; negative for padding, which is not kept.
    images
        (samples, H, W, 3) uint8.
    statistics
        Per sample: mean luminance and contrast in [0, 1], and the share of values that were
        clipped to [0, 1]; of an optimisation also the loss of every term before the last step and
        the number of iterations; and what else a method tells of a frame.
    state
        (samples, 3, H, W) float32: all that the next frame depends on; empty where it depends on
        nothing.
    progress
        Share of the whole run's work that is done, 0 to 1.
    others
        Other versions of the frame by name, (samples, H, W, 3) uint8; each becomes a clip beside
        the master.
    """

    frame: int
    images: Frames = field(repr=False)
    statistics: tuple[Mapping[str, Any], ...] = field(repr=False)
    state: np.ndarray[Any, np.dtype[np.float32]] = field(repr=False)
    progress: float = 0.0
    others: Mapping[str, Frames] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Checkpointed:
    """What is on disk at `path` is all that continuing needs.

    `frame` is the last finished one, of the samples that are being made.
    """

    frame: int
    path: Path


@dataclass(frozen=True)
class RunFinished:
    """All outputs are in place.

    Attributes
    ----------
    outputs
        Per sample the master, the preview, the sidecar, and other clips beside the master.
    seconds
        That the run took, with what was done before it was continued.
    warnings
        What the sidecars warn of and was not known at the start, each once.
    made
        False where they were there already, and nothing was done.
    """

    outputs: tuple[Mapping[str, Path], ...]
    seconds: float
    warnings: tuple[str, ...] = ()
    made: bool = True


@dataclass(frozen=True)
class RunStopped:
    """The run was asked to stop; what is finished stays.

    Attributes
    ----------
    frame
        The last finished one, of the samples that were being made.
    path
        Where it stays; None where nothing is kept.
    """

    frame: int
    path: Path | None = None


Event = (
    RunStarted
    | GroupStarted
    | StepDone
    | IterationDone
    | Preview
    | FrameDone
    | Checkpointed
    | RunFinished
    | RunStopped
)
