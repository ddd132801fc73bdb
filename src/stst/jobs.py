"""From clips and a config to files: read, synthesise, keep on disk, put in place."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stst.config import METHODS, LeapsConfig, RunConfig, StpsConfig, StstConfig
from stst.devices import environment, numerics
from stst.errors import InputError, StstError
from stst.files import check_output, remove_leftovers, sha256_of
from stst.groups import in_groups
from stst.made import changed, check_made
from stst.mishaps import ExhaustedError, Inputs, halved, released, told, what_fits
from stst.outputs import Output, RunFolder, outputs_for
from stst.process import ClipProcess, Estimate, Groupable, Prepared
from stst.provenance import Input, write_sidecar
from stst.synthesis.events import (
    Checkpointed,
    ClipIterationDone,
    Event,
    FrameDone,
    IterationDone,
    RunFinished,
    RunStarted,
    RunStopped,
)
from stst.synthesis.mask import open_mask
from stst.video import LazyVideo, check_video_output, write_preview, write_video

#: Share of clipped values above which a sidecar carries a warning.
CLIPPED_WARNING = 0.01
#: Share of a run's time that checkpoints within a frame or a clip may take.
CHECKPOINT_SHARE = 0.02


@dataclass(frozen=True)
class Job:
    """One call of ``stst synthesize``, ``scramble`` or ``leaps``: files in, files out.

    Attributes
    ----------
    natural
        The natural clip, or the stimulus that primes an inversion; None to invert without.
    output
        Name of the master; with several samples, every name gets ``_seedN``.
    config
        What is to be done. Paths of targets and mask are as given by the user.
    overwrite
        Whether existing outputs may be replaced.
    resume
        Continue the unfinished run beside the output; begin where there is none; do nothing where
        the outputs are whole and were made from the same clips and config.
    threads
        Of the CPU; None for torch's own choice, or for what the run that is continued had.
    only
        Seeds whose files are written; None for all. The others still run: bytes can depend on
        what was batched together.
    """

    natural: Path | None
    output: str
    config: RunConfig
    overwrite: bool = False
    resume: bool = False
    threads: int | None = None
    only: tuple[int, ...] | None = None
    _clips: dict[str, LazyVideo] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _inputs: Inputs = field(default_factory=Inputs, init=False, compare=False, repr=False)

    @property
    def outputs(self) -> list[Output]:
        """One for each sample that is written."""
        return outputs_for(self.output, self.config.seeds if self.only is None else self.only)

    @property
    def folder(self) -> RunFolder:
        """Where the run lives until it is whole."""
        return RunFolder(outputs_for(self.output, (0,))[0].named(".run"))

    def paths(self) -> dict[str, Path]:
        """Give the input files by role.

        Raises
        ------
        InputError
            If there is no natural clip, and the method cannot do without.
        """
        others = {}
        if isinstance(self.config, StstConfig):
            others = self.config.targets.model_dump(exclude_none=True)
            if self.config.mask is not None:
                others["mask"] = self.config.mask
        own = {}
        if self.natural is not None:
            own[main_role(self.config)] = self.natural
        elif not isinstance(self.config, LeapsConfig):
            raise InputError("there is no natural clip, and only leaps can do without.")
        return {**own, **{role: Path(path) for role, path in others.items()}}

    def check_outputs(self) -> None:
        """Refuse outputs that exist or cannot be written, before any work.

        Raises
        ------
        InputError
            Naming the file and what to do.
        """
        # resuming may find a master that was put in place before the run was cut off
        replace = self.overwrite or self.resume
        check_output(self.outputs[0].master, overwrite=True)
        self.folder.check_idle()
        self.folder.check_free(self.overwrite or self.resume)
        if self.resume and self.folder.begun():
            self.folder.job()
        inputs = {path.resolve() for path in self.paths().values()}
        for output in self.outputs:
            for path in output.files().values():
                if path.resolve() in inputs:
                    raise InputError(f"{path} is an input as well. Choose another output.")
                if path != output.master:
                    check_output(path, replace)
                else:
                    check_video_output(output.target, replace)
            for name in self._others():
                check_video_output(output.beside(name).target, replace)

    def clips(self) -> dict[str, LazyVideo]:
        """Open the inputs, each file once; frames are decoded when they are needed."""
        if not self._clips:
            wanted = self.config.input
            opened: dict[Path, LazyVideo] = {}
            for role, path in self.paths().items():
                self._inputs.note(path)
                if role == "mask":
                    self._clips[role] = open_mask(path, self._clips["natural"], wanted)
                    continue
                if path not in opened:
                    opened[path] = LazyVideo(path, wanted.frames, wanted.max_side)
                self._clips[role] = opened[path]
        return self._clips

    @cached_property
    def prepared(self) -> Prepared:
        """Inputs opened and checked, and models loaded where there are any."""
        if isinstance(self.config, StstConfig):
            from stst.synthesis.prepare import prepare

            return prepare(self.clips(), self.config)
        if isinstance(self.config, StpsConfig):
            from stst.scrambling.prepare import prepare as prepare_scrambling

            return prepare_scrambling(self.clips(), self.config)
        if isinstance(self.config, LeapsConfig):
            from stst.inversion.prepare import prepare as prepare_inversion

            return prepare_inversion(self.clips(), self.config)
        raise InputError(f"method: {self.config.method!r} is none of {', '.join(METHODS)}.")

    def estimate(self, prepared: Prepared) -> Estimate:
        """Measure a little and scale it up to the whole run.

        Parameters
        ----------
        prepared
            What `prepared` gives.

        Returns
        -------
        Estimate
            Seconds and bytes.
        """
        with numerics(prepared.device, prepared.config.precision, self.threads):
            return prepared.estimate()

    def inputs(self) -> list[Input]:
        """Describe the inputs for the sidecar."""
        return [
            Input(role, self.paths()[role], _described(self.paths()[role], video))
            for role, video in self.clips().items()
        ]

    def _check_inputs(self, record: Mapping[str, Any]) -> None:
        """Refuse to go on with a clip that is not what it was at the start."""
        hashes = {one["role"]: one["sha256"] for one in record["inputs"]}
        self._inputs.check({path: hashes[role] for role, path in self.paths().items()})

    def run(
        self,
        preview_seconds: float | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Make the stimuli.

        Parameters
        ----------
        preview_seconds
            How often at most a preview event is given; None for never.
        stop
            Asked at every event; True ends the run with `RunStopped`, and what is finished stays
            in the run folder.

        Yields
        ------
        Event
            RunStarted, StepDone, IterationDone, Preview, FrameDone, Checkpointed, then
            RunFinished or RunStopped. Of clips that are made as a whole ClipIterationDone and
            ClipPreview before the frames.

        Raises
        ------
        InputError
            If the request is wrong, another process makes the same output, or a run cannot be
            continued with these inputs and config.
        DivergedError
            If a loss is no longer finite; nothing is put in place.
        StstError
            If the disk is full, the device fails, an input changes under way, or not even one
            sample fits into memory. What is finished stays in the run folder.

        Notes
        -----
        Where the samples do not fit into memory side by side, the run begins anew in groups of
        half as many, until they do; ``environment.batch`` of a sidecar has the seeds of the
        sample's own group.
        """
        began = time.monotonic()
        self.check_outputs()
        prepared = self.prepared
        with self.folder.held() as alone:
            for path in self._paths() if alone else ():
                remove_leftovers(path)
            begun = self.folder.job() if self.resume and self.folder.begun() else None
            threads = self.threads
            if begun is not None and threads is None:
                threads = begun["environment"]["threads"]
            with numerics(prepared.device, prepared.config.precision, threads):
                record = self._record(prepared)
                if self.resume and begun is None and self._is_made(record):
                    self.folder.remove()
                    end: Event = RunFinished(tuple(self._files()), 0.0, made=False)
                else:
                    self._check_inputs(record)
                    self._open(record, begun)
                    notes = self._notes_of_run(prepared, begun, alone)
                    end = yield from self._made_in_groups(
                        prepared, record, begun, began, notes, preview_seconds, stop
                    )
        yield end  # now another process may have the folder

    def _made_in_groups(
        self,
        prepared: Prepared,
        record: Mapping[str, Any],
        begun: Mapping[str, Any] | None,
        began: float,
        notes: list[str],
        preview_seconds: float | None,
        stop: Callable[[], bool],
    ) -> Generator[Event, None, Event]:
        """Make all samples side by side, or in groups as large as memory allows."""
        groups: list[list[int]] = (begun or {}).get("groups") or [list(prepared.config.seeds)]
        while True:
            process = in_groups(prepared.process, groups)
            try:
                return (
                    yield from self._made(
                        replace(prepared, process=process), record, groups, began, notes,
                        preview_seconds, stop,
                    )
                )  # fmt: skip
            except ExhaustedError as error:
                said = str(error)
            released(prepared.device)
            if self._has_begun(prepared):
                raise StstError(
                    f"{said} It was enough before, so other programs may have taken it. What is "
                    f"finished is kept in {self.folder.path}; --resume continues it."
                )
            if max(map(len, groups)) == 1 or not isinstance(prepared.process, Groupable):
                raise StstError(what_fits(prepared, lambda one: self.estimate(one).memory))
            groups = halved(groups)
            size = max(map(len, groups))
            notes = [*notes, f"{said} The samples are made {size} at a time, from the beginning"]
            self.folder.begin({**record, "groups": groups}, overwrite=True)

    def _has_begun(self, prepared: Prepared) -> bool:
        """Say whether more than a part of the first frame is finished."""
        if isinstance(prepared.process, ClipProcess):
            return self.folder.interim() is not None
        return self.folder.state() is not None

    def _made(
        self,
        prepared: Prepared,
        record: Mapping[str, Any],
        groups: Sequence[Sequence[int]],
        began: float,
        notes: Sequence[str],
        preview_seconds: float | None,
        stop: Callable[[], bool],
    ) -> Generator[Event, None, Event]:
        """Make what is still to be made and put it in place; give the last event."""
        with told(prepared.device, self.folder.path, lambda: self._check_inputs(record)):
            stopped, seconds = yield from self._followed(
                prepared, record, began, notes, preview_seconds, stop
            )
            if stopped is not None:
                return stopped
            warnings = self._put_in_place(prepared, record, groups, seconds)
        self.folder.remove()
        return RunFinished(tuple(self._files()), seconds, tuple(warnings))

    def _followed(
        self,
        prepared: Prepared,
        record: Mapping[str, Any],
        began: float,
        notes: Sequence[str],
        preview_seconds: float | None,
        stop: Callable[[], bool],
    ) -> Generator[Event, None, tuple[RunStopped | None, float]]:
        """Make frames and keep them on disk; say whether it was stopped, and after how long."""
        spent, events = self._events(prepared, preview_seconds)
        checkpoints = _Checkpoints(prepared.config)
        frame = 0
        for event in events:
            if isinstance(event, RunStarted):
                frame = event.first - 1
                event = replace(event, notes=tuple(notes))
            yield event
            seconds = spent + time.monotonic() - began
            if isinstance(event, FrameDone):
                self._check_inputs(record)
                frame = event.frame
                self.folder.keep(
                    frame, event.images, event.statistics, event.state, seconds, event.others
                )
                checkpoints.kept(0)
                yield Checkpointed(frame, self.folder.path)
            elif isinstance(event, IterationDone | ClipIterationDone) and checkpoints.due():
                checkpoints.kept(self._keep_interim(prepared, record, seconds))
                yield Checkpointed(frame, self.folder.path)
            if stop():
                self._keep_interim(prepared, record, seconds)
                return RunStopped(frame, self.folder.path), seconds
        return None, spent + time.monotonic() - began

    def _events(
        self, prepared: Prepared, preview_seconds: float | None
    ) -> tuple[float, Iterator[Event]]:
        """Begin the run, or go on where it stopped; give the seconds that it has taken already."""
        process = prepared.process
        interim, spent = self.folder.interim() or (None, 0.0)
        if isinstance(process, ClipProcess):
            return spent, process.run_clip(interim, preview_seconds)
        state = self.folder.state()
        if state is None:
            return spent, process.run(None, None, preview_seconds, interim)
        images, spent = torch.from_numpy(state.images), max(spent, state.seconds)
        return spent, process.run(state.frame, images, preview_seconds, interim)

    def _keep_interim(self, prepared: Prepared, record: Mapping[str, Any], seconds: float) -> float:
        """Put on disk where the optimisation stands; give the seconds that it took."""
        began = time.monotonic()
        interim = prepared.process.interim()
        if interim is not None:
            self._check_inputs(record)
            self.folder.keep_interim(interim, seconds)
        return time.monotonic() - began

    def _notes_of_run(
        self, prepared: Prepared, begun: Mapping[str, Any] | None, alone: bool
    ) -> list[str]:
        """Say what a user should know before this very run, besides `notes`."""
        notes = self.notes(prepared)
        if self.resume and begun is None:
            notes.append("there is no unfinished run to continue: this one starts at the beginning")
        if not alone:
            notes.append(
                f"{self.folder.path} lies on a file system without locks: see to it yourself that "
                "no other process makes the same output"
            )
        return notes

    def _files(self) -> list[dict[str, Path]]:
        """Name all files of every sample that is written."""
        return [
            one.files() | {name: one.beside(name).master for name in self._others()}
            for one in self.outputs
        ]

    def _paths(self) -> list[Path]:
        return [path for files in self._files() for path in files.values()]

    def _is_made(self, record: Mapping[str, Any]) -> bool:
        """Say whether all outputs are there, as this run would make them; False if none is.

        Raises
        ------
        InputError
            If there are others, which may not be replaced.
        """
        found = [path for path in self._paths() if os.path.lexists(path)]
        if not found:
            return False
        try:
            for output, files in zip(self.outputs, self._files(), strict=True):
                check_made(output, files, record)
        except InputError as error:
            if self.overwrite:
                return False
            raise InputError(
                f"{found[0]} exists, and there is no unfinished run to continue: {error} "
                "Give --overwrite to replace it, or choose another name."
            ) from error
        return True

    def _others(self) -> list[str]:
        """Name the clips that are written beside the master."""
        if not isinstance(self.config, LeapsConfig):
            return []
        names = ["last" if self.config.keep == "best" else "best"]
        return names if self.natural is None else [*names, "stimulus"]

    def _record(self, prepared: Prepared) -> dict[str, Any]:
        """Say what the run is made of, as the sidecar and a resume need it."""
        folder = self.folder.path.absolute().parent
        inputs = self.inputs()
        config_of = prepared.config
        config = config_of.model_dump(mode="json", exclude_none=True)
        if "targets" in config:
            paths = {one.role: one.described(folder)["path"] for one in inputs}
            config["targets"] = {role: paths[role] for role in config["targets"]}
            config |= {"mask": paths["mask"]} if "mask" in paths else {}
        return {
            "method": prepared.config.method,
            "config": config,
            "inputs": [one.described(folder) for one in inputs],
            "weights": [dict(one) for one in prepared.weights],
            "environment": environment(
                prepared.device, prepared.config.precision, prepared.config.seeds
            ),
            "output": outputs_for(self.output, (0,))[0].master.name,
            # of other methods it is that of the natural clip
            **({"fps": str(prepared.fps)} if isinstance(config_of, LeapsConfig) else {}),
        }

    def _open(self, record: Mapping[str, Any], begun: Mapping[str, Any] | None) -> None:
        """Begin the run folder, or refuse to continue one that was begun otherwise."""
        if begun is None:
            self.folder.begin(record, self.overwrite)
            return
        change = changed(begun, record)
        if change:
            raise InputError(
                f"{self.folder.path} cannot be continued: {change}. "
                "Give everything as it was, or start anew with --overwrite."
            )

    def _put_in_place(
        self,
        prepared: Prepared,
        record: Mapping[str, Any],
        groups: Sequence[Sequence[int]],
        seconds: float,
    ) -> list[str]:
        """Write all outputs; give what their sidecars warn of."""
        seeds = prepared.config.seeds
        overwrite = self.overwrite or self.resume
        found: list[str] = []
        chosen = self.only if self.only is not None else seeds
        for output, seed in zip(self.outputs, chosen, strict=True):
            sample = seeds.index(seed)
            frames, fps = self.folder.frames, prepared.fps
            master = write_video(output.target, frames(sample), fps, overwrite=overwrite)
            write_preview(output.preview, frames(sample), fps, overwrite=overwrite)
            others = {name: output.beside(name) for name in self._others()}
            beside = {
                name: write_video(other.target, frames(sample, name), fps, overwrite=overwrite)
                for name, other in others.items()
            }
            per_frame = self.folder.statistics(sample)
            warnings = _warnings(prepared.config, per_frame)
            found.extend(f"{output.master}: {line}" for line in warnings)
            batch = next(list(group) for group in groups if seed in group)
            content = {
                **record,
                "environment": {**record["environment"], "batch": batch},
                "seed": seed,
                "output": master.as_dict(),
                "per_frame": per_frame,
                "warnings": [*self.notes(prepared), *warnings],
                "seconds": round(seconds, 3),
            }
            if isinstance(prepared.process, ClipProcess):
                content["beside"] = {name: one.as_dict() for name, one in beside.items()}
                content["course"] = prepared.process.course(sample)
            write_sidecar(output.sidecar, content, overwrite)
        return found

    def notes(self, prepared: Prepared) -> list[str]:
        """Say what a user should know beforehand: octaves left out, how clips were decoded.

        Parameters
        ----------
        prepared
            What `prepared` gives.

        Returns
        -------
        list of str
            A sentence each.
        """
        notes = list(prepared.process.notes)
        for role, video in self.clips().items():
            if role != "mask":  # how its colours were read does not matter
                notes.extend(f"{role}: {note}" for note in video.source.notes)
        return list(dict.fromkeys(notes))


class _Checkpoints:
    """When an optimisation is put on disk: every so many iterations, but at little cost."""

    def __init__(self, config: RunConfig) -> None:
        self._every = config.checkpoint_every if isinstance(config, StstConfig | LeapsConfig) else 1
        self._since, self._not_before = 0, -math.inf

    def due(self) -> bool:
        """Count an iteration, and say whether it is time."""
        self._since += 1
        return self._since >= self._every and time.monotonic() >= self._not_before

    def kept(self, seconds: float) -> None:
        """Note that everything is on disk, and how long that took."""
        self._since = 0
        self._not_before = max(self._not_before, time.monotonic() + seconds / CHECKPOINT_SHARE)


def main_role(config: RunConfig) -> str:
    """Name the role of the clip that a command is given."""
    return "stimulus" if isinstance(config, LeapsConfig) else "natural"


def _warnings(config: RunConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what a user should know of a finished stimulus."""
    if isinstance(config, LeapsConfig):
        # its values have no natural range that clipping would harm
        return _unrecognised(config, per_frame)
    return [*_clipping(per_frame), *_unchanged(config, per_frame)]


def _unrecognised(config: LeapsConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where the model itself does not take the clip for the class."""
    probability = float(per_frame[0]["probability"])
    if probability >= 0.5:
        return []
    return [
        f"the model gives the class {config.target!r} a probability of {probability:.2g} only. "
        "Try more --iterations, or lower weights of the other terms."
    ]


def _clipping(per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where many values were clipped."""
    clipped = float(np.mean([frame["clipped"] for frame in per_frame]))
    if clipped <= CLIPPED_WARNING:
        return []
    return [f"{clipped:.1%} of all values were clipped to 0 or 255."]


def _unchanged(config: RunConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where scrambling has left frames as they were."""
    if not isinstance(config, StpsConfig) or config.coherence == 1:
        return []
    same = sum(frame["difference"] == 0 for frame in per_frame)
    if not same:
        return []
    return [
        f"{same} of {len(per_frame)} frames are those of the natural clip: it holds too few "
        "frequencies to be scrambled so (a clip of 2 or 3 frames in time, or one without contrast)."
    ]


def _described(path: Path, video: LazyVideo) -> dict[str, Any]:
    """Give the sidecar's record of one input."""
    hashed = {
        "sha256": sha256_of(path),
        "frames_sha256": video.sha256(),
        "size": list(video.frames.shape[1:3]),
        "fps": str(video.fps),
    }
    # after the hash, when all frames have been decoded: now it is complete
    decoded = video.source.as_dict()
    frames = {"frames": [decoded.pop("start"), decoded.pop("stop")]}
    return hashed | frames | {k: v for k, v in decoded.items() if k not in ("path", "notes")}
