"""What a viewer makes, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_stst.background.task import Task
from napari_stst.queue.job import ACTIVE, ENDED_EARLY, UNFINISHED, QueuedJob
from napari_stst.queue.kept_queue import KeptQueue, KeptRequest
from napari_stst.queue.request import read_stored_request
from napari_stst.viewer.closing import MayClose, OnClose, main_window
from napari_stst.viewer.playback import playback_of
from napari_stst.widgets.dialogs import ask
from napari_stst.widgets.wording import word_for_form
from stst.config.sources import find_code_names
from stst.errors import StstError
from stst.runs.folder import RunFolder

if TYPE_CHECKING:
    from napari import Viewer

_CLOSE, _STAY = "Stop and close", "Stay"


class Queue(QObject):
    """Stimuli that wait, are made, or were made; one at a time, for each wants the whole machine.

    What is not finished is on disk as well, so that the next viewer can offer it.

    Parameters
    ----------
    viewer
        Shows what is made.
    parent
        Owns the object.
    """

    #: A job came, went, or has changed.
    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.jobs: list[QueuedJob] = []
        #: Models ``package.module:factory`` that the user has chosen, or trusts.
        self.trusted: set[str] = set()
        self._closed = False
        self._kept = KeptQueue()
        self._written: list[tuple[QueuedJob, bool]] = []
        self._unkept = ""

    def add(self, job: QueuedJob) -> None:
        """Put a job at the end; it starts at once if nothing else runs.

        It takes the place of one of the same output that ended early. Whatever it names, the user
        trusts.

        Raises
        ------
        InputError
            If its config cannot be.
        """
        self.trusted.update(find_code_names(job.request.tree).values())
        job.request = job.request.built()
        for one in list(self.jobs):
            if one.state in ENDED_EARLY and one.request.output == job.request.output:
                self._leave_out(one)
        self._take_in(job)
        self._on_change()

    def remove(self, job: QueuedJob) -> None:
        """Forget a job that does not run; its files and layers stay."""
        if job in self.jobs and job.state not in ACTIVE:
            self._leave_out(job)
            self._keep()
            self.changed.emit()

    def resume(self, job: QueuedJob) -> QueuedJob | None:
        """Take up what ended early, as it was begun.

        Parameters
        ----------
        job
            That ended early; it goes, and another one comes.

        Returns
        -------
        QueuedJob or None
            The other one; None where it cannot go on, which the user is told, or may not.
        """
        try:
            again = job.create_successor()
            if not self.trusts(again.request.tree, again.request.folder.name):
                return None
            again.show_natural()
            self.add(again)
        except StstError as error:
            job.refuse(str(error))
            return None
        # of another output where the names were changed meanwhile
        self.remove(job)
        return again

    def trusts(
        self,
        config: Mapping[str, Any],
        origin: str,
        asking: Callable[[str, Sequence[str]], str] | None = None,
    ) -> bool:
        """Ask once about models of the user's own that a file names.

        Parameters
        ----------
        config
            A config's tree.
        origin
            What names them.
        asking
            Asks a question with answers, in the name of the window by default.
        """
        asking = asking or partial(ask, self._window(), "Own model")
        for key, model in find_code_names(config).items():
            if model in self.trusted:
                continue
            what = "method" if key == "method" else "model"
            words = f"{origin} names the {what} {model}. Using it runs its code. Do you trust it?"
            if asking(words, ("Trust it", "Cancel")) != "Trust it":
                return False
            self.trusted.add(model)
        return True

    @property
    def current(self) -> QueuedJob | None:
        """What is being made now."""
        return next((one for one in self.jobs if one.state in ACTIVE), None)

    @property
    def restored(self) -> list[QueuedJob]:
        """What another viewer had to make and nobody has taken up yet."""
        return [one for one in self.jobs if one.restored and one.state in ENDED_EARLY]

    def outputs(self) -> set[str]:
        """Name the outputs that are or will be made."""
        return {one.request.output for one in self.jobs if one.state in UNFINISHED}

    def reserved_outputs(self) -> set[str]:
        """Name these, and what came back and waits for the user's word."""
        return self.outputs() | {one.request.output for one in self.restored}

    def restore_earlier(self) -> None:
        """Take over what viewers that are gone had to make; it waits for the user's word."""
        try:
            kept, notes = self._kept.take_over()
        except (StstError, OSError) as error:
            self._unkept = str(error)
            return
        for one in kept:
            job = QueuedJob(self.viewer, one.request)
            job.restore(*_find_resume_state(one))
            self._take_in(job)
        for note in notes:
            show_warning(note)
        self._on_change()

    def may_close(self) -> bool:
        """Ask before the viewer is closed while there is something to make."""
        unfinished = [one for one in self.jobs if one.state in UNFINISHED]
        if not unfinished:
            return True
        answer = ask(self._window(), "Close", self._closing_question(unfinished), (_CLOSE, _STAY))
        return answer == _CLOSE

    def close(self) -> None:
        """Stop everything; what is finished stays on disk, and so does the list."""
        self._closed = True
        for job in self.jobs:
            job.close()
        # what forms asked for, and what is made of a finished job
        for task in self.findChildren(Task):
            task.close()
        self._kept.close()

    def _window(self) -> QWidget | None:
        # asked for, not kept: what is connected here would never let go of the window
        parent = self.parent()
        return parent if isinstance(parent, QWidget) else None

    def _closing_question(self, unfinished: list[QueuedJob]) -> str:
        lines = [f"{one.name}: {one.text} ({one.progress:.0%})" for one in unfinished[:5]]
        if len(unfinished) > 5:
            lines.append(f"and {len(unfinished) - 5} more")
        after = (
            f"The list cannot be kept ({self._unkept}); “Resume it” is offered where the same "
            "output is named again."
            if self._unkept
            else "What is finished is kept. Open Generate, or Queue, in the next viewer: one click "
            "continues it all."
        )
        return "Closing stops what is not finished:\n\n" + "\n".join(lines) + f"\n\n{after}"

    def _take_in(self, job: QueuedJob) -> None:
        job.setParent(self)
        self.jobs.append(job)
        job.changed.connect(self._on_change)

    def _leave_out(self, job: QueuedJob) -> None:
        self.jobs.remove(job)
        job.changed.disconnect(self._on_change)

    def _on_change(self) -> None:
        if self.current is None and not self._closed:
            waiting = next((one for one in self.jobs if one.state == "waiting"), None)
            if waiting is not None:
                waiting.start()  # which changes it, so that this is called again
                return
        self._keep()
        self.changed.emit()

    def _keep(self) -> None:
        """Have on disk what is not finished."""
        now = [one for one in self.jobs if one.state in UNFINISHED or one.can_go_on]
        state = [(one, one.began) for one in now]
        if self._closed or self._unkept or state == self._written:
            return
        try:
            self._kept.keep([KeptRequest(one.request, one.began) for one in now])
        except (StstError, OSError) as error:
            # told once: everything else works without
            self._unkept = str(error)
            show_warning(f"The queue will be lost when the viewer is closed: {error}")
        self._written = state


def _find_resume_state(kept: KeptRequest) -> tuple[bool, Any, str]:
    """Say whether a run has begun, and how what came back stands."""
    request = kept.request
    if not request.folder.parent.is_dir():
        return kept.began, "failed", f"the folder {request.folder.parent} is not there any more"
    if request.can_resume() and (kept.began or not request.overwrite):
        try:
            read_stored_request(request.folder)
            groups = RunFolder(request.folder).checkpoints()
            count = sum(one.count_finished() for one in groups)
        except StstError as error:
            return True, "failed", word_for_form(str(error))
        words = "1 frame" if count == 1 else f"{count} frames"
        if len(groups) > 1:
            words += f" of {len(groups)} groups of samples"
        return True, "stopped", f"{words} finished when its viewer was closed"
    if kept.began:
        text = f"{request.folder} is not there any more; Resume begins anew"
        return True, "failed", text
    return False, "stopped", "waited when its viewer was closed"


def queue_of(viewer: Viewer) -> Queue:
    """Give a viewer's one queue; it ends with the viewer."""
    window = main_window(viewer)
    queue: Queue | None = window.findChild(Queue)
    if queue is None:
        queue = Queue(viewer, window)
        MayClose(window, queue.may_close)
        OnClose(window, queue.close)
        queue.restore_earlier()
        playback_of(viewer)
    return queue
