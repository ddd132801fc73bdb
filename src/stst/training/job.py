"""From clips to a file of weights: read, train, keep on disk, put in place."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from stst.engine.process import Estimate
from stst.errors import InputError, StstError
from stst.runs.failures import ExhaustedError, explain_failures
from stst.runs.fingerprint import Fingerprint
from stst.runs.folder import RunFolder
from stst.runs.record import RunRecord
from stst.training.prednet import Trainer, TrainingSettings, Validation, validate
from stst.training.sequences import Sequences, describe_clip, load_clip, span
from stst.types import Frames
from stst.utils.devices import environment, memory_in_use, numerics, outside, pick_device
from stst.utils.files import check_output, remove_leftovers, write_whole
from stst.version import __version__
from stst.video import AS_STORED, Levels
from stst.weights.formats import read_raw, write_safetensors

PRECISION = "fp32"


@dataclass(frozen=True)
class StepTrained:
    """A step was done.

    Attributes
    ----------
    step, steps
        How many are done, and will be.
    loss
        Of this one; None where a run is taken up, before its first step.
    """

    step: int
    steps: int
    loss: float | None


@dataclass(frozen=True)
class TrainingStopped:
    """The run was asked to stop; what it did is kept in `folder`."""

    step: int
    folder: Path


@dataclass(frozen=True)
class TrainingDone:
    """The weights are in place.

    Attributes
    ----------
    path
        The file.
    steps
        How many updates led to it.
    loss
        Of the last one; None where nothing was done, because the weights were there already.
    seconds
        Spent by this process.
    validation
        On the clip that was given for it.
    """

    path: Path
    steps: int
    loss: float | None
    seconds: float
    validation: Validation | None


@dataclass(frozen=True)
class TrainingJob:
    """One call of ``stst train-prednet``.

    Attributes
    ----------
    clips
        To train on.
    output
        ``X.safetensors``; ``X.run/`` beside it holds what is done until the file is in place.
    settings
        What is to be done.
    validation
        A clip to judge the result by, every frame of it whatever was left out in training; or None.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    threads
        Of the CPU; None for what the run that is continued had, or for
        `stst.utils.machine.default_threads`.
    overwrite
        Whether an existing output may be replaced.
    resume
        Continue the unfinished run beside the output; begin where there is none; do nothing where
        the weights are there and were made from the same clips and settings.
    save_seconds
        How often at most the state is put on disk.
    levels
        How values of more than 8 bits, or of high dynamic range, become 8 bits.
    """

    clips: Sequence[Path]
    output: Path
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    validation: Path | None = None
    device: str = "auto"
    threads: int | None = None
    overwrite: bool = False
    resume: bool = False
    save_seconds: float = 60.0
    levels: Levels = AS_STORED

    @cached_property
    def folder(self) -> RunFolder:
        """Where the run keeps its state."""
        return RunFolder(self.output.with_suffix(".run"))

    def check(self) -> None:
        """Refuse what cannot be done, before any work.

        Raises
        ------
        InputError
            If a setting is wrong, no clip is given, the output cannot be written, or another
            process makes it.
        """
        self.settings.check()
        if not self.clips:
            raise InputError("There is no clip to train on.")
        if self.output.suffix != ".safetensors":
            raise InputError(f"{self.output}: weights are written as X.safetensors.")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads: {self.threads}; it must be at least 1.")
        check_output(self.output, self.overwrite or self.resume)
        self.folder.check_idle()
        self.folder.check_free(self.overwrite or self.resume)
        if self.resume and self.folder.begun():
            self.folder.record()

    def prepare(self) -> Trainer:
        """Read all clips and make the network.

        Raises
        ------
        InputError
            If a clip or the device cannot be used.
        """
        settings = self.settings
        shortest = span(settings.sequence, settings.skip)
        device = pick_device(self.device)
        with numerics(device, PRECISION, self.threads):
            clips = [
                load_clip(path, settings.size, settings.fit, shortest, self.levels)
                for path in self.clips
            ]
            sequences = Sequences(
                clips, settings.sequence, settings.skip, settings.flip, settings.seed
            )  # fmt: skip
            return Trainer(settings, sequences, device)

    def estimate(self) -> Estimate:
        """Measure two steps and scale the second up to all."""
        trainer = self.prepare()
        device = next(trainer.model.parameters()).device
        with numerics(device, PRECISION, self.threads):
            trainer.step()
            began = time.monotonic()
            trainer.step()
            seconds = (time.monotonic() - began) * self.settings.steps
        return Estimate(seconds, memory_in_use(device))

    def run(
        self, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[StepTrained | TrainingStopped | TrainingDone]:
        """Train from the start, or from where a run stopped, and put the weights in place.

        Parameters
        ----------
        stop
            Asked after every step; True ends the run with `TrainingStopped`.

        Yields
        ------
        StepTrained or TrainingStopped or TrainingDone
            Steps, and one of the others at the end. What is on disk when the generator is closed
            can be continued.

        Raises
        ------
        InputError
            If the request is wrong, or the run cannot be continued with these clips and settings.
        DivergedError
            If the loss is no longer finite.
        StstError
            If there is not enough memory, the device fails or the disk is full.
        """
        began = time.monotonic()
        self.check()
        held_out = self._read_held_out()
        trainer = self.prepare()
        device = next(trainer.model.parameters()).device
        with self.folder.hold() as alone:
            if alone:
                remove_leftovers(self.output)
            begun = self.folder.record() if self.resume and self.folder.begun() else None
            threads = self.threads
            if begun is not None and threads is None:
                threads = begun.environment.threads
            guard = numerics(device, PRECISION, threads)
            made = self._make(device, begun, trainer, held_out, began, outside(stop))
            end = yield from guard.steps(made)
        yield end  # now another process may have the folder

    def _make(
        self,
        device: torch.device,
        begun: RunRecord | None,
        trainer: Trainer,
        held_out: Frames | None,
        began: float,
        stop: Callable[[], bool],
    ) -> Generator[StepTrained, None, TrainingDone | TrainingStopped]:
        """Make what is not there yet, in a folder that is this job's own; give the last event."""
        record = self._record(device)
        if self.resume and begun is None and self._is_made(record):
            self.folder.remove()
            return TrainingDone(self.output, self.settings.steps, None, 0.0, None)
        loss = self._open(record, begun, trainer)
        try:
            with explain_failures(device, self.folder.path, lambda: None):
                return (yield from self._train(trainer, record, loss, held_out, began, stop))
        except ExhaustedError as error:
            raise StstError(
                f"{error} Train with a smaller `batch`, `sequence` or `size`, or free what "
                "other programs hold there and continue with `resume=True`."
            ) from error

    def _train(
        self,
        trainer: Trainer,
        record: RunRecord,
        loss: float,
        held_out: Frames | None,
        began: float,
        stop: Callable[[], bool],
    ) -> Generator[StepTrained, None, TrainingDone | TrainingStopped]:
        """Do the steps that are left and put the weights in place; give the last event."""
        yield StepTrained(trainer.done, self.settings.steps, None)
        saved = time.monotonic()
        while trainer.done < self.settings.steps:
            loss = trainer.step()
            yield StepTrained(trainer.done, self.settings.steps, loss)
            stopped = stop()
            if stopped or time.monotonic() - saved > self.save_seconds:
                self._save(trainer, loss)
                saved = time.monotonic()
            if stopped:
                return TrainingStopped(trainer.done, self.folder.path)
        judged = None
        if held_out is not None:
            judged = validate(trainer.model, held_out, self.settings.sequence)
        self._put_in_place(trainer, record)
        self.folder.remove()
        seconds = time.monotonic() - began
        return TrainingDone(self.output, trainer.done, loss, seconds, judged)

    def _is_made(self, record: RunRecord) -> bool:
        """Say whether the weights are there, as this run would make them; False if none are.

        Raises
        ------
        InputError
            If there are others, which may not be replaced.
        """
        if not self.output.exists():
            return False
        try:
            then, made = read_raw(self.output).metadata.get("training"), record.as_dict()
            keys = ("config", "inputs")
            if isinstance(then, dict) and set(keys) <= then.keys():
                change = Fingerprint({key: made[key] for key in keys}).difference(then)
            else:
                change = f"{self.output.name} does not say how it was trained"
        except InputError as error:
            change = str(error)
        if change and not self.overwrite:
            raise InputError(
                f"{self.output} exists, and there is no unfinished run to continue: "
                f"{change.replace('when it was started', 'when it was made')}. "
                "Give `overwrite=True` to replace it, or choose another name."
            )
        return not change

    def _read_held_out(self) -> Frames | None:
        if self.validation is None:
            return None
        settings = self.settings
        return load_clip(
            self.validation, settings.size, settings.fit, settings.sequence, self.levels
        )

    def _record(self, device: torch.device) -> RunRecord:
        """Say all that the bytes of the weights depend on."""
        content = {
            "method": "train-prednet",
            "config": asdict(self.settings),
            "inputs": [describe_clip(path, self.levels) for path in self.clips],
            "environment": environment(device, PRECISION, (self.settings.seed,)),
            "output": self.output.name,
        }
        return RunRecord.model_validate(content)

    def _open(self, record: RunRecord, begun: RunRecord | None, trainer: Trainer) -> float:
        """Begin the run folder, or go on where a run stopped; give the last loss."""
        if begun is None:
            self.folder.begin(record, self.overwrite)
            return float("nan")
        change = Fingerprint(record.as_dict()).difference(begun.as_dict())
        if change:
            raise InputError(
                f"{self.folder.path} cannot be continued: {change}. Give everything as it was, or "
                "start anew with `overwrite=True`."
            )
        path = self.folder.path / "state.npz"
        if not path.exists():
            return float("nan")
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
            trainer.restore(arrays)
            return float(arrays["loss"])
        except Exception as error:  # zipfile and NumPy raise almost anything on damaged bytes
            raise InputError(
                f"{path} is not a whole state of this training. Start anew with `overwrite=True`."
            ) from error

    def _save(self, trainer: Trainer, loss: float) -> None:
        with write_whole(self.folder.path / "state.npz", overwrite=True) as part:
            np.savez(part, allow_pickle=False, loss=np.array(loss), **trainer.state())

    def _put_in_place(self, trainer: Trainer, record: RunRecord) -> None:
        tensors = {name: one.detach().cpu() for name, one in trainer.model.state_dict().items()}
        made = record.as_dict()
        training = {name: made[name] for name in ("config", "inputs", "environment")}
        metadata = {
            "model": "prednet",
            "version": __version__,
            "stack": list(self.settings.stack),
            "training": training,
        }
        write_safetensors(self.output, tensors, metadata, self.overwrite or self.resume)
