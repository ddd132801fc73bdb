"""What a worker process can do, by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stst.background.messages import Message, Picture, Result, Started, Step, Stopped

if TYPE_CHECKING:
    from stst.jobs import Job
    from stst.synthesis.events import Event, RunStarted

#: Where each task is; it is imported when it is asked for.
TASKS = {
    "make": "napari_stst.background.tasks:make",
    "fetch": "napari_stst.background.tasks:fetch",
    "weights": "napari_stst.background.tasks:weights",
    "pair": "napari_stst.background.measuring:pair_clips",
    "features": "napari_stst.background.measuring:measure_features",
    "cka": "napari_stst.background.measuring:measure_cka",
    "prediction": "napari_stst.background.measuring:measure_prediction",
    "report": "napari_stst.background.reporting:report_clips",
}

_STEP_SECONDS = 0.1
_PREVIEW_SECONDS = 0.3

Stop = Callable[[], bool]
Tell = Callable[[Message], None]


class StopAskedError(Exception):
    """Raised where a task has no other way to end on request."""


def task_named(name: str) -> Callable[..., Result | Stopped]:
    """Import a task; with ``tell``, ``stop`` and its arguments it gives its last message."""
    module, _, function = TASKS[name].partition(":")
    task: Callable[..., Result | Stopped] = getattr(import_module(module), function)
    return task


def make(
    natural: str,
    output: str,
    config: Mapping[str, Any],
    tell: Tell,
    stop: Stop,
    overwrite: bool = False,
    resume: bool = False,
) -> Result | Stopped:
    """Make stimuli, as ``stst synthesize`` and ``stst scramble`` do.

    Parameters
    ----------
    natural, output
        The clip, and the name of the master.
    config
        Of the method, as `pydantic` dumps it.
    tell
        Called with `Started`, then with every `Step` and `Picture`.
    stop
        Asked at every step.
    overwrite, resume
        As on the command line.

    Returns
    -------
    Result or Stopped
        The result has ``outputs``, ``seconds`` and ``warnings``.
    """
    from stst.config import METHODS, build
    from stst.jobs import Job
    from stst.synthesis.events import RunFinished, RunStarted, RunStopped

    settings = build(config, METHODS[config["method"]])
    job = Job(Path(natural), output, settings, overwrite=overwrite, resume=resume)
    told = _Told(tell)
    for event in job.run(_PREVIEW_SECONDS, stop):
        if isinstance(event, RunStarted):
            told.frames = event.frames
            tell(_started(job, event))
        elif isinstance(event, RunFinished):
            outputs = [{key: str(path) for key, path in one.items()} for one in event.outputs]
            warnings = list(event.warnings)
            return Result({"outputs": outputs, "seconds": event.seconds, "warnings": warnings})
        elif isinstance(event, RunStopped):
            return Stopped()
        else:
            told.of(event)
    raise AssertionError("a run ends with RunFinished or RunStopped")


def _started(job: Job, event: RunStarted) -> Started:
    clip = job.clips()["natural"]
    _, height, width, _ = clip.frames.shape
    seeds = job.config.seeds
    kept = job.folder.finished() if job.resume else 0
    done = np.empty((len(seeds), kept, height, width, 3), np.uint8)
    for sample in range(len(seeds)):
        for index, frame in enumerate(job.folder.frames(sample) if kept else ()):
            done[sample, index] = frame
    return Started(
        event.frames, (height, width), event.first, seeds, str(clip.fps), event.notes, done
    )


class _Told:
    """Turns a run's events into messages, not more than the viewer can show."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.frames = 0
        self.last = -_STEP_SECONDS

    def of(self, event: Event) -> None:
        from stst.synthesis.events import FrameDone, IterationDone, Preview, StepDone

        if isinstance(event, IterationDone):
            now = time.monotonic()
            if now - self.last >= _STEP_SECONDS:
                self.last = now
                losses = {key: float(np.mean(one)) for key, one in event.losses.items()}
                what = f"{self._frame(event.frame)}, octave {event.octave}"
                self.tell(Step(what, event.progress, losses))
        elif isinstance(event, StepDone):
            self.tell(Step(event.what, event.progress, {}))
        elif isinstance(event, Preview):
            self.tell(Picture(event.frame, event.images, False))
        elif isinstance(event, FrameDone):
            self.tell(Picture(event.frame, event.images, True))
            self.tell(Step(self._frame(event.frame), event.progress, {}))

    def _frame(self, frame: int) -> str:
        return f"frame {frame + 1} of {self.frames}" if frame >= 0 else f"padding frame {frame}"


def fetch(names: Sequence[str], tell: Tell, stop: Stop) -> Result:
    """Download pretrained weights.

    Parameters
    ----------
    names
        Of entries of the registry.
    tell
        Called with every `Step`.
    stop
        Asked at every step.

    Returns
    -------
    Result
        The paths by name.
    """
    from stst.weights import fetch as fetch_one

    paths = {}
    for name in names:

        def progressed(have: int, total: int | None, name: str = name) -> None:
            if stop():
                raise StopAskedError
            share = have / total if total else 0.0
            tell(Step(f"{name}, {have / 2**20:.0f} MiB", share, {}))

        paths[name] = str(fetch_one(name, progressed).path)
    return Result(paths)


def weights(names: Sequence[str], tell: Tell, stop: Stop) -> Result:
    """Say whether pretrained weights are here.

    Parameters
    ----------
    names
        Of entries of the registry.
    tell, stop
        Not used: it takes a moment.

    Returns
    -------
    Result
        One dictionary for each, see `stst.weights.Status`, and whether it is ``usable``.
    """
    from stst.weights import list_weights

    states = {one.entry.name: {**one.as_dict(), "usable": one.usable} for one in list_weights()}
    return Result([states[name] for name in names])
