"""From clips and a config to files: read, synthesise, keep on disk, put in place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stst.config import METHODS, RunConfig
from stst.config.methods import MethodSpec
from stst.engine.events import (
    Event,
    RunFinished,
)
from stst.engine.masks import open_mask
from stst.engine.process import Estimate, Prepared
from stst.errors import InputError
from stst.runs.failures import Inputs
from stst.runs.fingerprint import Fingerprint, check_continuable, check_made
from stst.runs.folder import RunFolder
from stst.runs.outputs import Output, outputs_for
from stst.runs.record import SCHEMA_VERSION, RunRecord
from stst.runs.runner import Runner
from stst.runs.sidecar import Input
from stst.utils.devices import environment, numerics, outside
from stst.utils.files import check_output, remove_leftovers, resolve_path, sha256_of
from stst.video import LazyVideo, Levels, check_video_output, needs_sidecar, sidecar_of
from stst.video.formats.orientation import ASKS


@dataclass(frozen=True)
class Job:
    """One call of a command that makes stimuli, e.g. ``stst synthesize``: files in, files out.

    Attributes
    ----------
    natural
        The clip that the command is given; None where the method does without.
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
        Of the CPU; None for what the run that is continued had, or for
        `stst.utils.machine.default_threads`.
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
    def method(self) -> MethodSpec:
        """What makes the stimuli."""
        if self.config.method not in METHODS:
            raise InputError(f"method: {self.config.method!r} is none of {', '.join(METHODS)}.")
        return METHODS[self.config.method]

    @property
    def outputs(self) -> list[Output]:
        """One for each sample that is written."""
        return outputs_for(self.output, self.config.seeds if self.only is None else self.only)

    @property
    def folder(self) -> RunFolder:
        """Where the run lives until it is whole."""
        return RunFolder(outputs_for(self.output, (0,))[0].with_ending(".run"))

    def paths(self) -> dict[str, Path]:
        """Give the input files by role.

        Raises
        ------
        InputError
            If there is no natural clip, and the method cannot do without.
        """
        own: dict[str, Path] = {}
        if self.natural is not None:
            own[self.method.main_role] = resolve_path(self.natural)
        elif self.method.needs_clip:
            raise InputError(
                f"there is no natural clip, and the method {self.config.method} needs one."
            )
        others = self.config.further_inputs()
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
        self._read_begun()
        inputs = {path.resolve() for path in self.paths().values()}
        for output in self.outputs:
            for path in output.files().values():
                if path.resolve() in inputs:
                    raise InputError(f"{path} is an input as well. Choose another output.")
                if path != output.master:
                    check_output(path, replace)
                else:
                    check_video_output(output.target, replace)
            for name in self.others():
                other = output.beside(name)
                check_video_output(other.target, replace)
                if needs_sidecar(other.master):
                    check_output(other.sidecar, replace)

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
                    opened[path] = LazyVideo(
                        path,
                        wanted.frames,
                        wanted.max_side,
                        grey=wanted.grey,
                        levels=Levels(wanted.bits, wanted.tonemap, wanted.peak_nits),
                    )
                self._clips[role] = opened[path]
        return self._clips

    @cached_property
    def prepared(self) -> Prepared:
        """Inputs opened and checked, and models loaded where there are any."""
        # on as many threads as the run: what is prepared is computed, too
        with numerics(threads=self._choose_threads()):
            prepared: Prepared = self.method.door()(self.clips(), self.config)
            return prepared

    def _read_begun(self) -> RunRecord | None:
        """Read what the run that is to be continued is made of; None where there is none."""
        if not (self.resume and self.folder.begun()):
            return None
        begun = self.folder.record()
        check_continuable(self.folder.path, begun)
        return begun

    def _choose_threads(self) -> int | None:
        begun = self._read_begun() if self.threads is None else None
        return self.threads if begun is None else begun.environment.threads

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
        with numerics(prepared.device, prepared.config.precision, self._choose_threads()):
            return prepared.estimate()

    def disk(self, prepared: Prepared) -> int:
        """Say how much room the run takes on disk at most, in bytes.

        Parameters
        ----------
        prepared
            What `prepared` gives.

        Returns
        -------
        int
            The finished frames, which the run folder holds uncompressed, beside outputs that
            weigh as much, and what the next frame depends on. Lossless encoding saves little of
            textures; what it saves is left out.
        """
        height, width = prepared.process.size
        picture = prepared.config.samples * height * width * 3
        frames = prepared.process.describe().frames * picture * (1 + len(self.others()))
        state = 2 * picture * np.dtype(np.float32).itemsize
        return 2 * frames + state

    def inputs(self) -> list[Input]:
        """Describe the inputs for the sidecar."""
        return [
            Input(role, self.paths()[role], _describe(self.paths()[role], video))
            for role, video in self.clips().items()
        ]

    def check_inputs(self, record: RunRecord) -> None:
        """Refuse to go on with a clip that is not what it was at the start.

        Parameters
        ----------
        record
            What the run is made of, as its folder has it.

        Raises
        ------
        StstError
            Naming the clip.
        """
        hashes = {one.role: one.sha256 for one in record.inputs}
        self._inputs.check({path: str(hashes[role]) for role, path in self.paths().items()})

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
            RunStarted, GroupStarted, StepDone, IterationDone, Preview, FrameDone, Checkpointed,
            then RunFinished or RunStopped.

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
        half as many, until they do; one group is made after the other. ``environment.batch`` of a
        sidecar has the seeds of the sample's own group.
        """
        began = time.monotonic()
        self.check_outputs()
        prepared = self.prepared
        with self.folder.hold() as alone:
            for path in self._paths() if alone else ():
                remove_leftovers(path)
            guard = numerics(prepared.device, prepared.config.precision, self._choose_threads())
            made = self._make(prepared, alone, began, preview_seconds, outside(stop))
            end = yield from guard.steps(made)
        yield end  # now another process may have the folder

    def _make(
        self,
        prepared: Prepared,
        alone: bool,
        began: float,
        preview_seconds: float | None,
        stop: Callable[[], bool],
    ) -> Generator[Event, None, Event]:
        """Make what is not there yet, in a folder that is this job's own; give the last event."""
        begun = self._read_begun()
        record = self._record(prepared)
        if self.resume and begun is None and self._is_made(record):
            self.folder.remove()
            return RunFinished(tuple(self.files()), 0.0, made=False)
        self.check_inputs(record)
        self._open(record, begun)
        if begun is not None:
            record = record.model_copy(update={"groups": begun.groups})
        notes = self._notes_of_run(prepared, begun, alone)
        runner = Runner(self, prepared, record, notes, began, preview_seconds, stop)
        return (yield from runner.run())

    def _notes_of_run(self, prepared: Prepared, begun: RunRecord | None, alone: bool) -> list[str]:
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

    def files(self) -> list[dict[str, Path]]:
        """Name all files of every sample that is written."""
        return [
            one.files() | {name: one.beside(name).master for name in self.others()}
            for one in self.outputs
        ]

    def _paths(self) -> list[Path]:
        return [path for files in self.files() for path in files.values()]

    def _is_made(self, record: RunRecord) -> bool:
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
            for output, files in zip(self.outputs, self.files(), strict=True):
                check_made(output, files, record)
        except InputError as error:
            if self.overwrite:
                return False
            raise InputError(
                f"{found[0]} exists, and there is no unfinished run to continue: {error} "
                "Give `overwrite=True` to replace it, or choose another name."
            ) from error
        return True

    def others(self) -> list[str]:
        """Name the clips that are written beside the master."""
        return self.config.extra_outputs(self.natural is not None)

    def _record(self, prepared: Prepared) -> RunRecord:
        """Say what the run is made of, as the sidecar and a resume need it."""
        folder = self.folder.path.absolute().parent
        inputs = self.inputs()
        config = prepared.config.model_dump(mode="json", exclude_none=True)
        if "targets" in config:
            paths = {one.role: one.describe(folder)["path"] for one in inputs}
            config["targets"] = {role: paths[role] for role in config["targets"]}
            config |= {"mask": paths["mask"]} if "mask" in paths else {}
        content = {
            "schema_version": SCHEMA_VERSION,
            "method": prepared.config.method,
            "config": config,
            "inputs": [one.describe(folder) for one in inputs],
            "weights": [dict(one) for one in prepared.weights],
            "environment": environment(
                prepared.device, prepared.config.precision, prepared.config.seeds
            ),
            "output": outputs_for(self.output, (0,))[0].master.name,
            # else it is that of the natural clip
            **({"fps": str(prepared.fps)} if self.method.main_role != "natural" else {}),
        }
        return RunRecord.model_validate(content)

    def _open(self, record: RunRecord, begun: RunRecord | None) -> None:
        """Begin the run folder, or refuse to continue one that was begun otherwise."""
        if begun is None:
            self.folder.begin(record, self.overwrite)
            return
        change = Fingerprint(record.as_dict()).difference(begun.as_dict())
        if change:
            raise InputError(
                f"{self.folder.path} cannot be continued: {change}. "
                "Give everything as it was, or start anew with `overwrite=True`."
            )

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
            # how the colours of a mask were read does not matter
            said = [note for note in video.source.notes if role != "mask" or note.endswith(ASKS)]
            notes.extend(f"{role}: {note}" for note in said)
        return list(dict.fromkeys(notes))


def _conversion(path: Path) -> dict[str, Any]:
    """Give what the sidecar of an input says of how it was converted; nothing where it does not."""
    try:
        content = sidecar_of(path) or {}
    except InputError:
        return {}  # a JSON file of somebody else's that has the clip's name
    output = content.get("output")
    found = output.get("converted") if isinstance(output, dict) else None
    return {} if found is None else {"converted": found}


def _describe(path: Path, video: LazyVideo) -> dict[str, Any]:
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
    hashed |= _conversion(path)
    return hashed | frames | {k: v for k, v in decoded.items() if k not in ("path", "notes")}
