"""Make one stimulus: a task in the background and the layers that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_stst.background import messages
from napari_stst.background.task import Task
from napari_stst.queue.request import MakeRequest, read_stored_request
from napari_stst.viewer.arrange import lay_beside, lay_over, side_by_side
from napari_stst.viewer.layers import AXES, layer_of, open_layer
from napari_stst.viewer.playback import playback_of
from napari_stst.widgets.wording import shorten_paths, word_for_form
from stst.runs.outputs import outputs_for
from stst.utils.clock import Clock

if TYPE_CHECKING:
    from napari import Viewer

State = Literal["waiting", "running", "paused", "done", "stopped", "failed"]
ACTIVE: tuple[State, ...] = ("running", "paused")
UNFINISHED: tuple[State, ...] = ("waiting", *ACTIVE)
#: What can be taken up again where its run folder is still there.
ENDED_EARLY: tuple[State, ...] = ("stopped", "failed")

_GREY = 128
_BREATH_MS = 50
_MOST = 4000  # steps that are remembered
# files of every run, and the clip that is shown beside them
_USUAL = ("master", "preview", "sidecar", "stimulus")


class QueuedJob(QObject):
    """One request: waits, runs, and ends.

    Parameters
    ----------
    viewer
        That shows the result.
    request
        What is to be made.
    natural
        The layer of the natural clip, if there is one.
    reuse
        Layers of the stopped run that this one takes up.
    course
        How that one went.
    """

    #: State, progress or text have changed.
    changed = Signal()
    #: The loss of every term, and the share of the work that is done.
    losses = Signal(dict, float)
    #: The probability of the class that is made, by who looked, and the share likewise.
    probabilities = Signal(dict, float)

    def __init__(
        self,
        viewer: Viewer,
        request: MakeRequest,
        natural: Image | None = None,
        reuse: Sequence[Image] = (),
        course: Sequence[messages.Step] = (),
    ) -> None:
        super().__init__()
        self.viewer, self.request, self.natural = viewer, request, natural
        #: What the result is shown beside.
        self.beside = natural
        self.state: State = "waiting"
        self.progress = 0.0
        self.text = "waiting"
        self.layers = [layer for layer in reuse if layer in viewer.layers]
        #: What was told of losses and probabilities, in the order of the work that was done.
        self.course = list(course)
        #: Files of every sample by what they are, once they are there.
        self.files: list[Mapping[str, str]] = []
        #: What the user should know.
        self.notes: tuple[str, ...] = ()
        self.follow = True
        #: Whether a run of it has begun.
        self.began = request.resume
        #: Whether another viewer had it to make, which is gone.
        self.restored = False
        self._whole = False
        self._clock = Clock()
        self._task: Task | None = None
        self._arranging = QTimer(self)
        self._arranging.setSingleShot(True)
        self._arranging.timeout.connect(self._arrange)

    def start(self) -> None:
        """Begin."""
        self._clock = Clock()
        self._task = Task("make", self, request=self.request)
        self._task.message.connect(self._on_message)
        self._become("running", "starting")

    def pause(self) -> None:
        """Wait after this step."""
        if self._task is not None and self.state == "running":
            self._task.pause()
            self._clock.hold()
            self._become("paused", "paused")

    def go(self) -> None:
        """Go on."""
        if self._task is not None and self.state == "paused":
            self._task.go()
            self._clock.go()
            self._become("running", "going on")

    def pause_or_go(self) -> None:
        """Wait, or go on where it waits."""
        if self.state == "paused":
            self.go()
        else:
            self.pause()

    @property
    def can_go_on(self) -> bool:
        """Whether it ended early and there is something to take up."""
        return self.state in ENDED_EARLY and (self.restored or self.request.can_resume())

    def create_successor(self) -> QueuedJob:
        """Give a job that goes on where this one stopped, or begins anew.

        Raises
        ------
        InputError
            If its run cannot be continued.
        """
        request = self.request
        if request.can_resume() and (self.began or not request.overwrite):
            # with the settings of that very run
            request = read_stored_request(request.folder)
        elif self.began:
            # begins anew, unless its outputs were put in place at the last moment
            request = replace(request, resume=True)
        course = self.course if request.resume else ()
        return QueuedJob(self.viewer, request, self.natural, reuse=self.layers, course=course)

    def restore(self, began: bool, state: State, text: str) -> None:
        """Be what another viewer, which is gone, had to make.

        Parameters
        ----------
        began
            Whether its run has begun.
        state, text
            How it stands.
        """
        self.restored, self.began = True, began
        self.state, self.text = state, text

    def show_natural(self) -> None:
        """Show the clip that it is made of, if it is not shown."""
        if self.request.natural is not None and self.natural not in self.viewer.layers:
            self.natural = self.beside = open_layer(self.viewer, self.request.natural)

    def refuse(self, text: str) -> None:
        """Say why it cannot go on."""
        text = word_for_form(text)
        show_error(text)
        self._become("failed", text)

    def cancel(self) -> None:
        """Stop after this step; what is finished is kept."""
        if self.state == "waiting":
            self._become("stopped", "cancelled before it began")
        elif self._task is not None and self.state in ACTIVE:
            self._task.stop()
            self.text = "stopping"
            self.changed.emit()

    def close(self) -> None:
        """Stop at once, where the viewer is closed."""
        self.changed.disconnect()
        self._arranging.stop()
        if self._task is not None:
            self._task.message.disconnect()
            self._task.close()

    def show_layers(self) -> None:
        """Show what is there of the clip and the result beside each other."""
        layers = [self.beside, *self.layers]
        side_by_side(self.viewer, [one for one in layers if one in self.viewer.layers])
        if self.state == "done":
            self._go_to_result()

    def _go_to_result(self) -> None:
        """Bring the slider to the frames that were made, wherever it stood, and loop them."""
        shown = [layer for layer in self.layers if layer in self.viewer.layers]
        if shown:
            playback_of(self.viewer).loop(shown[0])

    @property
    def name(self) -> str:
        """The output's name without its folder."""
        return outputs_for(self.request.output, (0,))[0].master.name

    @property
    def time_left(self) -> str:
        """How long the rest takes, as h:mm:ss or ``?``."""
        return self._clock.left(self.progress)

    def _become(self, state: State, text: str) -> None:
        self.state, self.text = state, text
        self.changed.emit()

    def _on_message(self, message: messages.Message) -> None:
        if isinstance(message, messages.Started):
            self._on_started(message)
        elif isinstance(message, messages.Step):
            self.progress = message.progress
            self._clock.begin(message.progress)
            if self.state == "running":
                self.text = message.what
            self._remember(message)
            if message.losses:
                self.losses.emit(dict(message.losses), message.progress)
            if message.probabilities:
                self.probabilities.emit(dict(message.probabilities), message.progress)
            self.changed.emit()
        elif isinstance(message, messages.Picture):
            self._draw(message)
        elif isinstance(message, messages.ClipPicture):
            self._draw_all(message)
        elif isinstance(message, messages.Result):
            self._finish(message.value)
        elif isinstance(message, messages.Stopped):
            self._become("stopped", f"stopped; what is finished is kept in {self.request.folder}")
        elif isinstance(message, messages.Failed):
            self._fail(message)

    def _remember(self, step: messages.Step) -> None:
        if not step.losses and not step.probabilities:
            return
        # what is done again is told again
        while self.course and self.course[-1].progress >= step.progress:
            self.course.pop()
        self.course.append(step)
        if len(self.course) > _MOST:
            del self.course[::2]

    def _on_started(self, run: messages.Started) -> None:
        self.began = True
        stem = outputs_for(self.request.output, (0,))[0].with_ending("").name
        self.notes, self._whole = tuple(map(word_for_form, run.notes)), run.whole
        if not run.whole:
            # else it is no news, but what was asked for
            for note in self.notes:
                show_info(note)
        reused, self.layers = self.layers, []
        # what has been made before is looped no more: the slider follows this one
        playback_of(self.viewer).stop()
        for sample, seed in enumerate(run.seeds):
            frames = np.full((run.frames, *run.size, 3), _GREY, np.uint8)
            for index, frame in enumerate(run.done[sample]):
                frames[index] = frame
            if len(reused) == len(run.seeds):
                layer = reused[sample]
                if run.whole and layer.data.shape == frames.shape:
                    # goes on from there
                    frames[:] = layer.data
                layer.data = frames
            else:
                name = stem if len(run.seeds) == 1 else f"{stem} (seed {seed})"
                layer = Image(
                    frames, name=name, rgb=True, metadata={"fps": run.fps}, axis_labels=AXES
                )
            # known before it is seen, so that nobody takes it for a clip to start from
            self.layers.append(layer)
            if self.natural is not None and run.whole:
                lay_beside(layer, self.natural, run.start, run.step)
            elif self.natural is not None:
                lay_over(layer, self.natural, run.start)
            if layer not in self.viewer.layers:
                self.viewer.add_layer(layer)
        # napari draws for long after each of the two: let it breathe between them
        self._arranging.start(_BREATH_MS)

    def _arrange(self) -> None:
        self.show_layers()
        if self.beside in self.viewer.layers:
            # what is drawn next is drawn on the natural clip, not on what is being made
            self.viewer.layers.selection.active = self.beside

    def _draw(self, picture: messages.Picture) -> None:
        if picture.frame < 0 and picture.finished:
            return
        frame = max(picture.frame, 0)
        layers = self.layers[picture.first :][: len(picture.images)]
        for layer, image in zip(layers, picture.images, strict=True):
            height, width = layer.data.shape[1:3]
            rows = np.arange(height) * image.shape[0] // height
            columns = np.arange(width) * image.shape[1] // width
            layer.data[frame] = image[rows[:, None], columns]
        shown = [layer for layer in layers if layer in self.viewer.layers]
        if not shown:
            return
        if self.follow and not self._whole:
            first = shown[0]
            self.viewer.dims.set_point(0, first.translate[0] + frame * first.scale[0])
        for layer in shown:
            if layer.visible:
                layer.refresh(thumbnail=picture.finished, highlight=False, extent=False)

    def _draw_all(self, clips: messages.ClipPicture) -> None:
        layers = self.layers[clips.first :][: len(clips.images)]
        for layer, images in zip(layers, clips.images, strict=True):
            layer.data[:] = images
            if layer.visible and layer in self.viewer.layers:
                layer.refresh(highlight=False, extent=False)

    def _show_as_seen(self) -> None:
        """Put the stimulus as the model saw it in the place of the one that was given."""
        path = self.files[0].get("stimulus")
        if path is None:
            return
        self.beside = open_layer(self.viewer, Path(path))
        # it may have been open already, and replaced; it has the size and frames of the result
        self.beside.data = layer_of(path)[0]
        self.beside.scale, self.beside.translate = self.layers[0].scale, self.layers[0].translate
        self._arranging.start(_BREATH_MS)

    def _finish(self, result: Mapping[str, Any]) -> None:
        self.files = list(result["outputs"])
        if not self.layers:
            # all was there already
            shown = self.files[: messages.SHOWN]
            self.layers = [open_layer(self.viewer, Path(one["master"])) for one in shown]
            self._arranging.start(_BREATH_MS)
        # of many samples the first ones are shown
        for layer, output in zip(self.layers, result["outputs"], strict=False):
            # from now on the layer is the file: what is looked at is what is measured
            data, options, _ = layer_of(output["master"])
            layer.data = data
            layer.metadata = options["metadata"]
        warnings = [word_for_form(one) for one in result["warnings"]]
        for warning in warnings:
            show_warning(self._shorten(warning))
        self._show_as_seen()
        self._go_to_result()
        self.progress = 1.0
        named = [_describe_files(one) for one in self.files[: messages.SHOWN]]
        more = len(self.files) - len(named)
        done = "done: " + ", ".join([*named, *([f"and {more} more"] if more else [])])
        self._become("done", "\n".join([done, *map(self._shorten, warnings)]))

    def _fail(self, failure: messages.Failed) -> None:
        verdict = f"{self.name} was not made: {word_for_form(failure.text)}"
        text = verdict
        if self.request.can_resume() and self.layers:
            text += f" What is finished is kept in {self.request.folder}; Resume goes on with it."
        # little room there, and all of it stays in the panel
        show_error(self._shorten(verdict))
        if failure.details:
            print(failure.details)
        self._become("failed", text)

    def _shorten(self, text: str) -> str:
        return shorten_paths(text, (self.request.folder, self.request.natural))


def _describe_files(files: Mapping[str, str]) -> str:
    """Name a master, and what is not known from every other run."""
    also = [Path(path).name for name, path in files.items() if name not in _USUAL]
    return files["master"] + "".join(f" (and {name})" for name in also)
