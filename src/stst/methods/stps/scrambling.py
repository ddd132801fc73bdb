"""Spatiotemporal phase scrambling of a clip (Greco & Siegel 2024)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from stst.config import StpsConfig
from stst.engine.color_transfer import color_transfer
from stst.engine.events import Checkpoint, Event, FrameDone, RunStarted, StepDone
from stst.engine.phases import PhaseFields, scramble_pictures
from stst.engine.pixels import as_tensor, picture_statistics, to_frames
from stst.engine.process import Estimate
from stst.errors import InputError
from stst.methods.stps.spectrum import (
    BothSteps,
    HeldClip,
    SpaceTime,
    TimeOnly,
)
from stst.types import Frames
from stst.utils.devices import memory_in_use
from stst.utils.noise import clip_key
from stst.video import GREY_NOTE, Clip, is_grey

_HELD: dict[str, type[HeldClip]] = {
    "both": BothSteps,
    "spatiotemporal": SpaceTime,
    "temporal": TimeOnly,
}
# time of transforming a frame there and back against colour transfer; for progress only
_TRANSFORM, _COLOR = 1, 8
# values this far beyond [0, 1] are so by rounding
_ROUNDING = 1e-6
# what finishing a frame takes, in float64 numbers per value of the frame
_FINISHING = 48


class Scrambling:
    """One run of phase scrambling over a clip, for several seeds; of a grey clip in one channel.

    Parameters
    ----------
    config
        What is to be done; its input section has been applied to the clip already.
    clip
        Read twice; one frame is held at a time where nothing is scrambled over time.
    device
        Where the arithmetic runs.
    """

    def __init__(self, config: StpsConfig, clip: Clip, device: torch.device) -> None:
        self.config = config
        self.clip = clip
        self.device = device
        self.clip_key = clip_key(config.noise, clip.sha256)
        frames, height, width, _ = clip.frames.shape
        self.shape = (frames, height, width)
        self.dtype = torch.float64 if config.precision == "fp64" else torch.float32
        self.channels = 1 if is_grey(clip.frames) else 3
        self.notes: list[str] = [GREY_NOTE] if self.channels == 1 else []
        if config.phase_per_channel and self.channels == 1:
            self.notes.append("phase_per_channel has no effect on a clip of one channel")
        if frames == 1 and config.mode == "temporal":
            raise InputError(
                "mode: the clip has 1 frame, and temporal scrambling changes the order of frames "
                "only. Use a longer clip, or mode spatial."
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        return self.shape[1], self.shape[2]

    def describe(self, first: int = 0) -> RunStarted:
        """Describe the run; `first` is the first frame still to be made."""
        return RunStarted(
            frames=self.shape[0], padding=0, octaves=(), iterations=0, first=first,
            notes=tuple(self.notes),
        )  # fmt: skip

    def run(
        self, after: int | None = None, state: Tensor | None = None,
        preview_seconds: float | None = None, checkpoint: Checkpoint | None = None,
    ) -> Iterator[Event]:  # fmt: skip
        """Make the frames, see `stst.engine.process.Process`; of what went before only `after`
        counts, as a frame depends on the clip and the seed alone, and is made at once.
        """
        first = 0 if after is None else after + 1
        yield self.describe(first)
        frames = self.shape[0]
        if first >= frames:
            return
        held: list[HeldClip] = []
        finish = _COLOR if self.config.color_transfer else _TRANSFORM
        ahead = 2 * _TRANSFORM if self.config.mode in _HELD else 0
        total = frames * (ahead + finish)
        if ahead:
            for what, share in self._hold(held):
                yield StepDone(what, share * frames * ahead / total)
        for frame in range(first, frames):
            images = self._finish(frame, self._pictures(frame, held))
            made = to_frames(images)
            yield FrameDone(
                frame,
                made,
                tuple(self._statistics(frame, images, made)),
                np.zeros((len(made), 0), np.float32),
                (frames * ahead + (frame + 1) * finish) / total,
            )

    def checkpoint(self) -> None:
        """Give nothing: a frame is made at once."""

    def estimate(self) -> Estimate:
        """Time one frame; count the memory."""
        # the noise of no clip: its hash would decode all of it
        changes = {"mode": "spatial", "noise": "shared"}
        small = Scrambling(self.config.model_copy(update=changes), self.clip, self.device)
        small._pictures(0, [])
        # now with what the transforms need for themselves, and without colour transfer
        in_use = memory_in_use(self.device)
        small._finish(0, small._pictures(0, []))
        start = time.perf_counter()
        small._finish(0, small._pictures(0, []))
        there_and_back = 3 if self.config.mode in _HELD else 1
        began = time.perf_counter()
        small._pictures(0, [])
        transform = time.perf_counter() - began
        seconds = self.shape[0] * (began - start + (there_and_back - 1) * transform)
        return Estimate(seconds, in_use + self.memory())

    def memory(self) -> int:
        """Count the bytes that the run holds at its peak, on its device."""
        samples = self.config.samples
        _, height, width = self.shape
        picture = self.channels * height * width * 8 * samples
        finishing = picture * (_FINISHING if self.config.color_transfer else 10)
        held = _HELD.get(self.config.mode)
        if held is None:
            return finishing
        clip, block = held.nbytes(self.shape, self.dtype, self.channels)
        return samples * clip + max(block, finishing)

    def _hold(self, held: list[HeldClip]) -> Iterator[tuple[str, float]]:
        """Read the clip and scramble it, once for each sample."""
        frames, samples = self.shape[0], self.config.samples
        clip = _HELD[self.config.mode](self.shape, self.dtype, self.device, self.channels)
        for frame in range(frames):
            clip.put(frame, self._natural(frame)[0])
            yield "reading", (frame + 1) / frames / 2
        for number, seed in enumerate(self.config.seeds):
            # the last sample takes the original
            one = clip if number == samples - 1 else clip.copy()
            for share in one.scramble(self._fields(seed), self.config.coherence):
                yield "scrambling", 0.5 + (number + share) / samples / 2
            held.append(one)

    def _pictures(self, frame: int, held: list[HeldClip]) -> Tensor:
        """Give the scrambled frame of every sample, (B, C, H, W)."""
        if held:
            return torch.stack([one.picture(frame) for one in held])
        natural = self._natural(frame)
        return torch.cat(
            [
                scramble_pictures(
                    natural, self._fields(seed).spatial()[None], self.config.coherence
                )
                for seed in self.config.seeds
            ]
        )

    def _finish(self, frame: int, pictures: Tensor) -> Tensor:
        """Give the frame its natural colours, where wanted."""
        if not self.config.color_transfer:
            return pictures
        return color_transfer(pictures, self._natural(frame))

    def _statistics(self, frame: int, images: Tensor, made: Frames) -> list[dict[str, float]]:
        clipped = (images < -_ROUNDING) | (images > 1 + _ROUNDING)
        natural = self.clip.frames[frame].astype(np.int16)
        return [
            {**one, "difference": float(np.abs(picture - natural).mean() / 255)}
            for one, picture in zip(picture_statistics(made, clipped), made, strict=True)
        ]

    def _natural(self, frame: int) -> Tensor:
        return as_tensor(self.clip.frames[frame], self.device, self.dtype)[:, : self.channels]

    def _fields(self, seed: int) -> PhaseFields:
        channels = self.channels if self.config.phase_per_channel else 1
        return PhaseFields(seed, self.shape, channels, self.clip_key())
