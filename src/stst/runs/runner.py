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
    GroupStarted,
    IterationDone,
    RunFinished,
    RunStarted,
    RunStopped,
    StepDone,
)
from stst.engine.process import ClipProcess, Estimate, Groupable, Prepared, Process
from stst.errors import TO_RESUME, StstError
from stst.runs.checkpoint import Checkpoints
from stst.runs.failures import (
    ExhaustedError,
    explain_failures,
    release_memory,
    split_groups,
    what_fits,
)
from stst.runs.folder import RunFolder
from stst.runs.outputs import Output
from stst.runs.record import RunRecord
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

    def check_inputs(self, record: RunRecord) -> None:
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
class Runner:
    """What one call of `Job.run` does once its folder is its own.

    Attributes
    ----------
    job
        Whose outputs are made.
    prepared
        Its process, for all samples.
    record
        What the run is made of, as its folder and the sidecars have it.
    notes
        What a user should know beforehand.
    began
        When, on the monotonic clock.
    preview_seconds, stop
        As in `Job.run`.
    spent
        Seconds that it had taken before it was continued.
    """

    job: RunnableJob
    prepared: Prepared
    record: RunRecord
    notes: list[str]
    began: float
    preview_seconds: float | None
    stop: Callable[[], bool]
    spent: float = 0.0

    def run(self) -> Generator[Event, None, Event]:
        """Make all samples side by side, or in groups as large as memory allows."""
        prepared = self.prepared
        while True:
            try:
                return (yield from self._make())
            except ExhaustedError as error:
                said = str(error)
            release_memory(prepared.device)
            if self._has_begun():
                raise StstError(
                    f"{said} It was enough before, so other programs may have taken it. What is "
                    f"finished is kept in {self.job.folder.path}. To go on: {TO_RESUME}."
                )
            if max(map(len, self.record.seeds)) == 1 or not isinstance(prepared.process, Groupable):
                raise StstError(what_fits(prepared, lambda one: self.job.estimate(one).memory))
            groups = split_groups(self.record.seeds)
            size = max(map(len, groups))
            self.notes.append(f"{said} The samples are made {size} at a time, from the beginning")
            self.record = self.record.model_copy(update={"groups": groups})
            self.job.folder.begin(self.record, overwrite=True)

    def _has_begun(self) -> bool:
        """Say whether more than a part of the first frame is finished."""
        clip = isinstance(self.prepared.process, ClipProcess)
        return any(
            (one.checkpoint() if clip else one.state()) is not None for one in self._checkpoints()
        )

    def _make(self) -> Generator[Event, None, Event]:
        """Make what is still to be made and put it in place; give the last event."""
        job, place = self.job, 0
        courses: dict[int, Mapping[str, Any]] = {}
        with explain_failures(self.prepared.device, job.folder.path, self._check_inputs):
            self.spent = max(map(_seconds, self._checkpoints()))
            for checkpoints in self._checkpoints():
                group = _Group(self._process(checkpoints.seeds), checkpoints, place)
                stopped = yield from self._follow(group)
                if stopped is not None:
                    return stopped
                if self.record.groups is not None:
                    self._keep_checkpoint(group)
                courses |= group.courses()
                place += len(checkpoints.seeds)
            seconds = self._seconds()
            warnings = self._put_in_place(courses, seconds)
        job.folder.remove()
        return RunFinished(tuple(job.files()), seconds, tuple(warnings))

    def _checkpoints(self) -> list[Checkpoints]:
        return self.job.folder.checkpoints(self.record.seeds)

    def _process(self, seeds: tuple[int, ...]) -> Process | ClipProcess:
        """Give the process of a group, which has to itself what its optimisation holds."""
        process = self.prepared.process
        if seeds == self.prepared.config.seeds:
            return process
        assert isinstance(process, Groupable)
        return process.with_seeds(seeds)

    def _seconds(self) -> float:
        """Say how long the run has taken, with what was done before it was continued."""
        return self.spent + time.monotonic() - self.began

    def _follow(self, group: _Group) -> Generator[Event, None, RunStopped | None]:
        """Make frames of a group and keep them on disk; say whether it was stopped."""
        schedule = _Schedule(self.prepared.config)
        frame = 0
        there = self.record.groups is not None and group.is_finished()
        for event in group.events(self.preview_seconds):
            if isinstance(event, RunStarted):
                frame = event.first - 1
                yield from self._announce(event, group, there)
            elif there:
                # a whole clip is made up again from its last step, for what is told of its course
                continue
            else:
                yield self._of_all(event, group)
            if isinstance(event, FrameDone):
                self._check_inputs()
                frame = event.frame
                group.checkpoints.keep(
                    frame, event.images, event.statistics, event.state, self._seconds(),
                    event.others,
                )  # fmt: skip
                schedule.note_kept(0)
                yield Checkpointed(frame, self.job.folder.path)
            elif isinstance(event, IterationDone) and schedule.due():
                schedule.note_kept(self._keep_checkpoint(group))
                yield Checkpointed(frame, self.job.folder.path)
            if self.stop():
                self._keep_checkpoint(group)
                return RunStopped(frame, self.job.folder.path)
        return None

    def _announce(self, event: RunStarted, group: _Group, there: bool) -> Iterator[Event]:
        """Describe the run once, and each group of it where there are several."""
        if group.place == 0:
            yield replace(event, notes=tuple(self.notes))
        if self.record.groups is not None and not there:
            yield GroupStarted(group.checkpoints.seeds, group.place, self.prepared.config.samples)

    def _of_all(self, event: Event, group: _Group) -> Event:
        """Make the progress of a group that of the run."""
        if not isinstance(event, StepDone | IterationDone | FrameDone):
            return event
        done = group.place + event.progress * len(group.checkpoints.seeds)
        return replace(event, progress=done / self.prepared.config.samples)

    def _keep_checkpoint(self, group: _Group) -> float:
        """Put on disk where the optimisation stands; give the seconds that it took."""
        began = time.monotonic()
        checkpoint = group.process.checkpoint()
        if checkpoint is not None:
            self._check_inputs()
            group.checkpoints.keep_checkpoint(checkpoint, self._seconds())
        return time.monotonic() - began

    def _check_inputs(self) -> None:
        self.job.check_inputs(self.record)

    def _put_in_place(self, courses: Mapping[int, Mapping[str, Any]], seconds: float) -> list[str]:
        """Write all outputs; give what their sidecars warn of."""
        job, seeds = self.job, self.prepared.config.seeds
        found: list[str] = []
        chosen = job.only if job.only is not None else seeds
        outputs = dict(zip(chosen, job.outputs, strict=True))
        for checkpoints in self._checkpoints():
            for sample, seed in enumerate(checkpoints.seeds):
                if seed in outputs:
                    made = {"seconds": round(seconds, 3), **courses.get(seed, {})}
                    warnings = self._put_one_in_place(outputs[seed], checkpoints, sample, made)
                    found.extend(f"{outputs[seed].master}: {line}" for line in warnings)
        return found

    def _put_one_in_place(
        self,
        output: Output,
        checkpoints: Checkpoints,
        sample: int,
        made: Mapping[str, Any],
    ) -> list[str]:
        """Write the outputs of one sample; give what its sidecar warns of."""
        job, prepared, frames = self.job, self.prepared, checkpoints.frames
        fps, overwrite = prepared.fps, job.overwrite or job.resume
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
        per_frame = checkpoints.statistics(sample)
        warnings = METHODS[prepared.config.method].remarks_on(prepared.config, per_frame)
        record = self.record.as_dict()
        record.pop("groups", None)
        content = {
            **record,
            "environment": {**record["environment"], "batch": list(checkpoints.seeds)},
            "seed": checkpoints.seeds[sample],
            "output": master.as_dict(),
            "per_frame": per_frame,
            "warnings": [*job.notes(prepared), *warnings],
            **made,
        }
        if isinstance(prepared.process, ClipProcess):
            content["beside"] = {name: one.as_dict() for name, one in beside.items()}
        write_sidecar(output.sidecar, content, overwrite)
        return warnings


@dataclass(frozen=True)
class _Group:
    """Samples that are made side by side.

    Attributes
    ----------
    process
        What makes them.
    checkpoints
        What is on disk of them.
    place
        Of the first among all samples.
    """

    process: Process | ClipProcess
    checkpoints: Checkpoints
    place: int

    def events(self, preview_seconds: float | None) -> Iterator[Event]:
        """Begin, or go on where it stopped."""
        checkpoint, _ = self.checkpoints.checkpoint() or (None, 0.0)
        if isinstance(self.process, ClipProcess):
            return self.process.run_clip(checkpoint, preview_seconds)
        state = self.checkpoints.state()
        if state is None:
            return self.process.run(None, None, preview_seconds, checkpoint)
        images = torch.from_numpy(state.images)
        return self.process.run(state.frame, images, preview_seconds, checkpoint)

    def is_finished(self) -> bool:
        """Say whether all frames are there."""
        return self.checkpoints.count_finished() == self.process.describe().frames

    def courses(self) -> dict[int, Mapping[str, Any]]:
        """Give what sidecars say of how each seed's clip was made, where it was made whole."""
        if not isinstance(self.process, ClipProcess):
            return {}
        return {
            seed: {"course": self.process.course(sample)}
            for sample, seed in enumerate(self.checkpoints.seeds)
        }


def _seconds(checkpoints: Checkpoints) -> float:
    """Say how long the run had taken when something of a group was last put on disk."""
    _, spent = checkpoints.checkpoint() or (None, 0.0)
    state = checkpoints.state()
    return spent if state is None else max(spent, state.seconds)


class _Schedule:
    """When an optimisation is put on disk: every so many iterations, but at little cost."""

    def __init__(self, config: RunConfig) -> None:
        self._every = int(getattr(config, "checkpoint_every", 1))
        self._since, self._not_before = 0, -math.inf

    def due(self) -> bool:
        """Count an iteration, and say whether it is time."""
        self._since += 1
        return self._since >= self._every and time.monotonic() >= self._not_before

    def note_kept(self, seconds: float) -> None:
        """Note that everything is on disk, and how long that took."""
        self._since = 0
        self._not_before = max(self._not_before, time.monotonic() + seconds / CHECKPOINT_SHARE)
