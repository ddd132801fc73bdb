"""A job under way: frames are made and kept on disk, then the outputs are put in place."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from stst.config import METHODS, RunConfig
from stst.engine.events import (
    Checkpointed,
    Event,
    FrameDone,
    IterationDone,
    RunFinished,
    RunStarted,
    RunStopped,
)
from stst.engine.process import ClipProcess, Estimate, Groupable, Prepared
from stst.errors import TO_RESUME, StstError
from stst.runs.checkpoint import RunFolder
from stst.runs.failures import ExhaustedError, halved, released, told, what_fits
from stst.runs.groups import in_groups
from stst.runs.outputs import Output
from stst.runs.sidecar import write_sidecar
from stst.video import needs_sidecar, write_content, write_frames, write_preview


class RunnableJob(Protocol):
    """What a run asks of the job that it is of; `stst.runs.job.Job` documents it."""

    @property
    def overwrite(self) -> bool:
        """Whether existing outputs may be replaced."""

    @property
    def resume(self) -> bool:
        """Whether an unfinished run is continued."""

    @property
    def only(self) -> tuple[int, ...] | None:
        """Seeds whose files are written; None for all."""

    @property
    def outputs(self) -> list[Output]:
        """The names of what is made, a sample each."""

    @property
    def folder(self) -> RunFolder:
        """What is finished, on disk."""

    def estimate(self, prepared: Prepared) -> Estimate:
        """Measure time and memory."""

    def check_inputs(self, record: Mapping[str, Any]) -> None:
        """Raise where an input has changed since."""

    def files(self) -> list[dict[str, Path]]:
        """Name all files of every sample."""

    def others(self) -> list[str]:
        """Name the clips that are written beside each stimulus."""

    def notes(self, prepared: Prepared) -> list[str]:
        """Say what a reader of the sidecar should know."""


#: Share of a run's time that checkpoints within a frame or a clip may take.
CHECKPOINT_SHARE = 0.02


@dataclass
class Run:
    """What one call of `Job.run` does once its folder is its own.

    Attributes
    ----------
    job
        Whose outputs are made.
    prepared
        Its process, for all samples.
    record
        What the run is made of, as its folder and the sidecars have it.
    groups
        Seeds of the samples that are made side by side.
    notes
        What a user should know beforehand.
    began
        When, on the monotonic clock.
    preview_seconds, stop
        As in `Job.run`.
    """

    job: RunnableJob
    prepared: Prepared
    record: Mapping[str, Any]
    groups: list[list[int]]
    notes: list[str]
    began: float
    preview_seconds: float | None
    stop: Callable[[], bool]

    def made(self) -> Generator[Event, None, Event]:
        """Make all samples side by side, or in groups as large as memory allows."""
        prepared = self.prepared
        while True:
            process = in_groups(prepared.process, self.groups)
            try:
                return (yield from self._made(replace(prepared, process=process)))
            except ExhaustedError as error:
                said = str(error)
            released(prepared.device)
            if self._has_begun():
                raise StstError(
                    f"{said} It was enough before, so other programs may have taken it. What is "
                    f"finished is kept in {self.job.folder.path}. To go on: {TO_RESUME}."
                )
            if max(map(len, self.groups)) == 1 or not isinstance(prepared.process, Groupable):
                raise StstError(what_fits(prepared, lambda one: self.job.estimate(one).memory))
            self.groups = halved(self.groups)
            size = max(map(len, self.groups))
            self.notes.append(f"{said} The samples are made {size} at a time, from the beginning")
            self.job.folder.begin({**self.record, "groups": self.groups}, overwrite=True)

    def _has_begun(self) -> bool:
        """Say whether more than a part of the first frame is finished."""
        if isinstance(self.prepared.process, ClipProcess):
            return self.job.folder.interim() is not None
        return self.job.folder.state() is not None

    def _made(self, prepared: Prepared) -> Generator[Event, None, Event]:
        """Make what is still to be made and put it in place; give the last event."""
        with told(prepared.device, self.job.folder.path, self._check_inputs):
            stopped, seconds = yield from self._followed(prepared)
            if stopped is not None:
                return stopped
            warnings = self._put_in_place(prepared, seconds)
        self.job.folder.remove()
        return RunFinished(tuple(self.job.files()), seconds, tuple(warnings))

    def _followed(
        self, prepared: Prepared
    ) -> Generator[Event, None, tuple[RunStopped | None, float]]:
        """Make frames and keep them on disk; say whether it was stopped, and after how long."""
        spent, events = self._events(prepared)
        checkpoints = _Checkpoints(prepared.config)
        frame = 0
        for event in events:
            if isinstance(event, RunStarted):
                frame = event.first - 1
                event = replace(event, notes=tuple(self.notes))
            yield event
            seconds = spent + time.monotonic() - self.began
            if isinstance(event, FrameDone):
                self._check_inputs()
                frame = event.frame
                self.job.folder.keep(
                    frame, event.images, event.statistics, event.state, seconds, event.others
                )
                checkpoints.kept(0)
                yield Checkpointed(frame, self.job.folder.path)
            elif isinstance(event, IterationDone) and checkpoints.due():
                checkpoints.kept(self._keep_interim(prepared, seconds))
                yield Checkpointed(frame, self.job.folder.path)
            if self.stop():
                self._keep_interim(prepared, seconds)
                return RunStopped(frame, self.job.folder.path), seconds
        return None, spent + time.monotonic() - self.began

    def _events(self, prepared: Prepared) -> tuple[float, Iterator[Event]]:
        """Begin the run, or go on where it stopped; give the seconds that it has taken already."""
        process = prepared.process
        interim, spent = self.job.folder.interim() or (None, 0.0)
        if isinstance(process, ClipProcess):
            return spent, process.run_clip(interim, self.preview_seconds)
        state = self.job.folder.state()
        if state is None:
            return spent, process.run(None, None, self.preview_seconds, interim)
        images, spent = torch.from_numpy(state.images), max(spent, state.seconds)
        return spent, process.run(state.frame, images, self.preview_seconds, interim)

    def _keep_interim(self, prepared: Prepared, seconds: float) -> float:
        """Put on disk where the optimisation stands; give the seconds that it took."""
        began = time.monotonic()
        interim = prepared.process.interim()
        if interim is not None:
            self._check_inputs()
            self.job.folder.keep_interim(interim, seconds)
        return time.monotonic() - began

    def _check_inputs(self) -> None:
        self.job.check_inputs(self.record)

    def _put_in_place(self, prepared: Prepared, seconds: float) -> list[str]:
        """Write all outputs; give what their sidecars warn of."""
        job, seeds = self.job, prepared.config.seeds
        overwrite = job.overwrite or job.resume
        found: list[str] = []
        chosen = job.only if job.only is not None else seeds
        for output, seed in zip(job.outputs, chosen, strict=True):
            sample = seeds.index(seed)
            frames, fps = job.folder.frames, prepared.fps
            master = write_frames(output.target, frames(sample), fps, overwrite=overwrite)
            write_preview(output.preview, frames(sample), fps, overwrite=overwrite)
            others = {name: output.beside(name) for name in job.others()}
            beside = {
                name: write_frames(other.target, frames(sample, name), fps, overwrite=overwrite)
                for name, other in others.items()
            }
            for name, other in others.items():
                if needs_sidecar(other.master):
                    write_content(other.sidecar, {"output": beside[name].as_dict()})
            per_frame = job.folder.statistics(sample)
            warnings = METHODS[prepared.config.method].remarks_on(prepared.config, per_frame)
            found.extend(f"{output.master}: {line}" for line in warnings)
            batch = next(list(group) for group in self.groups if seed in group)
            content = {
                **self.record,
                "environment": {**self.record["environment"], "batch": batch},
                "seed": seed,
                "output": master.as_dict(),
                "per_frame": per_frame,
                "warnings": [*job.notes(prepared), *warnings],
                "seconds": round(seconds, 3),
            }
            if isinstance(prepared.process, ClipProcess):
                content["beside"] = {name: one.as_dict() for name, one in beside.items()}
                content["course"] = prepared.process.course(sample)
            write_sidecar(output.sidecar, content, overwrite)
        return found


class _Checkpoints:
    """When an optimisation is put on disk: every so many iterations, but at little cost."""

    def __init__(self, config: RunConfig) -> None:
        self._every = int(getattr(config, "checkpoint_every", 1))
        self._since, self._not_before = 0, -math.inf

    def due(self) -> bool:
        """Count an iteration, and say whether it is time."""
        self._since += 1
        return self._since >= self._every and time.monotonic() >= self._not_before

    def kept(self, seconds: float) -> None:
        """Note that everything is on disk, and how long that took."""
        self._since = 0
        self._not_before = max(self._not_before, time.monotonic() + seconds / CHECKPOINT_SHARE)
