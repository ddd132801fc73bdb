"""What a worker process can do, by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from napari_stst.background.messages import (
    SHOWN,
    ClipPicture,
    Message,
    Picture,
    Result,
    Started,
    Step,
    Stopped,
)

if TYPE_CHECKING:
    from napari_stst.queue.request import MakeRequest
    from stst.engine.events import Event, RunStarted
    from stst.runs.job import Job
    from stst.types import Frames

#: Where each task is; it is imported when it is asked for.
TASKS = {
    "make": "napari_stst.background.tasks:make_stimuli",
    "estimate": "napari_stst.background.estimating:estimate_run",
    "fetch": "napari_stst.background.tasks:fetch_weights",
    "weights": "napari_stst.background.tasks:check_weights",
    "import": "napari_stst.background.importing:import_weights",
    "layers": "napari_stst.background.measuring:list_layers",
    "classes": "napari_stst.background.tasks:list_classes",
    "beside": "napari_stst.background.exporting:export_beside",
    "pair": "napari_stst.background.measuring:pair_clips",
    "features": "napari_stst.background.measuring:measure_features",
    "nulls": "napari_stst.background.measuring:measure_beside_nulls",
    "cka": "napari_stst.background.measuring:measure_cka",
    "prediction": "napari_stst.background.measuring:measure_prediction",
    "report": "napari_stst.background.reporting:report_clips",
}

_STEP_SECONDS = 0.1
_PREVIEW_SECONDS = 0.3
# what previews of whole clips may weigh; they come less often where they are large
_BYTES_PER_SECOND = 30e6

Stop = Callable[[], bool]
Tell = Callable[[Message], None]


class StopAskedError(Exception):
    """Raised where a task has no other way to end on request."""


def load_task(name: str) -> Callable[..., Result | Stopped]:
    """Import a task; with ``tell``, ``stop`` and its arguments it gives its last message."""
    module, _, function = TASKS[name].partition(":")
    task: Callable[..., Result | Stopped] = getattr(import_module(module), function)
    return task


def make_stimuli(request: MakeRequest, tell: Tell, stop: Stop) -> Result | Stopped:
    """Make stimuli, as ``stst synthesize`` and the commands of other methods do.

    Parameters
    ----------
    request
        What is to be made; its config is built.
    tell
        Called with `Started`, then with every `Step`, `Picture` and `ClipPicture`.
    stop
        Asked at every step.

    Returns
    -------
    Result or Stopped
        The result has ``outputs``, ``seconds`` and ``warnings``.
    """
    from stst.config import RunConfig
    from stst.engine.events import RunFinished, RunStarted, RunStopped
    from stst.runs.job import Job

    assert isinstance(request.config, RunConfig)
    job = Job(
        request.natural, request.output, request.config,
        overwrite=request.overwrite, resume=request.resume,
    )  # fmt: skip
    reporter = EventReporter(tell)
    for event in job.run(_PREVIEW_SECONDS, stop):
        if isinstance(event, RunStarted):
            reporter.frames, reporter.iterations = event.frames, event.iterations
            tell(_describe_start(job, event))
        elif isinstance(event, RunFinished):
            outputs = [{key: str(path) for key, path in one.items()} for one in event.outputs]
            warnings = list(event.warnings)
            return Result({"outputs": outputs, "seconds": event.seconds, "warnings": warnings})
        elif isinstance(event, RunStopped):
            return Stopped()
        else:
            reporter.report(event)
    raise AssertionError("a run ends with RunFinished or RunStopped")


def _describe_start(job: Job, event: RunStarted) -> Started:
    from stst.engine.process import ClipProcess

    prepared = job.prepared
    height, width = prepared.process.size
    seeds = job.config.seeds[:SHOWN]
    done = _read_finished_frames(job, seeds) if job.resume else [()] * len(seeds)
    clip = job.clips().get(job.method.main_role)
    return Started(
        frames=event.frames,
        size=(height, width),
        start=0 if clip is None else clip.source.start,
        step=1.0 if clip is None else float(clip.fps / prepared.fps),
        whole=isinstance(prepared.process, ClipProcess),
        seeds=seeds,
        fps=str(prepared.fps),
        notes=event.notes,
        done=done,
    )


def _read_finished_frames(job: Job, seeds: Sequence[int]) -> list[Sequence[np.ndarray]]:
    """Read the frames that an earlier run has finished, by sample."""
    return [
        list(group.frames(sample))
        for group in job.folder.checkpoints()
        for sample, seed in enumerate(group.seeds)
        if seed in seeds
    ]


class EventReporter:
    """Turns a run's events into messages, not more than the viewer can show."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.frames = self.iterations = 0
        self.last = -_STEP_SECONDS
        self.next_clip = 0.0
        # of samples that are made one group after the other
        self.first, self.group = 0, ""

    def report(self, event: Event) -> None:
        """Send what the viewer shows of an event."""
        from stst.engine.events import (
            FrameDone,
            GroupStarted,
            IterationDone,
            Preview,
            StepDone,
        )

        if isinstance(event, GroupStarted):
            self.first, self.group = event.place, f"{event}, "
        elif isinstance(event, IterationDone):
            of_clip = event.frame is None
            if self._is_due() or (of_clip and event.iteration + 1 == self.iterations):
                what = f"{self.group}iteration {event.iteration + 1} of {self.iterations}"
                if event.frame is not None:
                    what = self._name_frame(event.frame)
                if event.octave is not None:
                    what = f"{what}, octave {event.octave}"
                seen = _average_samples(event.probabilities)
                self.tell(Step(what, event.progress, _average_samples(event.losses), seen))
        elif isinstance(event, StepDone):
            self.tell(Step(f"{self.group}{event.what}", event.progress, {}))
        elif isinstance(event, Preview) and event.frame is not None:
            self._tell_picture(event.frame, event.images, False)
        elif isinstance(event, Preview):
            now = time.monotonic()
            if now >= self.next_clip:
                images = self._select_shown(event.images)
                self.next_clip = now + images.nbytes / _BYTES_PER_SECOND
                self.tell(ClipPicture(images, self.first))
        elif isinstance(event, FrameDone):
            self._tell_picture(event.frame, event.images, True)
            self.tell(Step(self._name_frame(event.frame), event.progress, {}))

    def _tell_picture(self, frame: int, images: Frames, finished: bool) -> None:
        self.tell(Picture(frame, self._select_shown(images), finished, self.first))

    def _select_shown(self, images: Frames) -> Frames:
        """Leave out samples that the viewer does not show."""
        return images[: max(SHOWN - self.first, 0)]

    def _is_due(self) -> bool:
        """Say whether a step may be told; to be asked once for each."""
        now = time.monotonic()
        due = now - self.last >= _STEP_SECONDS
        if due:
            self.last = now
        return due

    def _name_frame(self, frame: int) -> str:
        which = f"frame {frame + 1} of {self.frames}" if frame >= 0 else f"padding frame {frame}"
        return f"{self.group}{which}"


def _average_samples(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Average over samples."""
    return {key: float(np.mean(one)) for key, one in values.items()}


def fetch_weights(names: Sequence[str], tell: Tell, stop: Stop) -> Result:
    """Download pretrained weights; what fails does not keep the rest away.

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
        ``paths`` and ``failed``: by name where weights are, or why they are not, as text.
    """
    from stst.errors import StstError
    from stst.weights import fetch as fetch_one

    paths: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in names:

        def progressed(have: int, total: int | None, name: str = name) -> None:
            if stop():
                raise StopAskedError
            share = have / total if total else 0.0
            tell(Step(f"{name}, {have / 2**20:.0f} MiB", share, {}))

        try:
            paths[name] = str(fetch_one(name, progressed).path)
        except StstError as error:
            failed[name] = str(error)
    return Result({"paths": paths, "failed": failed})


def check_weights(names: Sequence[str], tell: Tell, stop: Stop) -> Result:
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


def list_classes(method: str, model: str, weights: str, tell: Tell, stop: Stop) -> Result:
    """Name the classes that a model tells apart.

    Parameters
    ----------
    method, model, weights
        As the method's config has them.
    tell, stop
        Not used: it takes a moment.

    Returns
    -------
    Result
        A list; empty where the model does not name them.
    """
    from stst.config import METHODS

    return Result(METHODS[method].class_names(model, weights))
