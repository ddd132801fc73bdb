"""What a viewer makes, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_stst.queue.job import ACTIVE, ENDED_EARLY, UNFINISHED, Making
from napari_stst.queue.kept_queue import Kept, KeptQueue
from napari_stst.queue.request import stored_order
from napari_stst.viewer.closing import MayClose, OnClose, main_window
from napari_stst.viewer.playback import playback_of
from napari_stst.widgets.dialogs import ask
from stst.config.sources import code_named
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

    #: A making came, went, or has changed.
    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.makings: list[Making] = []
        #: Models ``package.module:factory`` that the user has chosen, or trusts.
        self.trusted: set[str] = set()
        self._closed = False
        self._kept = KeptQueue()
        self._written: list[tuple[Making, bool]] = []
        self._unkept = ""

    def add(self, making: Making) -> None:
        """Put a making at the end; it starts at once if nothing else runs.

        It takes the place of one of the same output that ended early.
        """
        self.trusted.update(code_named(making.order.config).values())
        for one in list(self.makings):
            if one.state in ENDED_EARLY and one.order.output == making.order.output:
                self._leave_out(one)
        self._take_in(making)
        self._on_change()

    def remove(self, making: Making) -> None:
        """Forget a making that does not run; its files and layers stay."""
        if making in self.makings and making.state not in ACTIVE:
            self._leave_out(making)
            self._keep()
            self.changed.emit()

    def resume(self, making: Making) -> Making | None:
        """Take up what ended early, as it was begun.

        Parameters
        ----------
        making
            That ended early; it goes, and another one comes.

        Returns
        -------
        Making or None
            The other one; None where it cannot go on, which the user is told, or may not.
        """
        try:
            again = making.again()
            if not self.trusts(again.order.config, again.order.folder.name):
                return None
            again.show_natural()
        except StstError as error:
            making.refuse(str(error))
            return None
        self.add(again)
        # of another output where the names were changed meanwhile
        self.remove(making)
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
        for key, model in code_named(config).items():
            if model in self.trusted:
                continue
            what = "method" if key == "method" else "model"
            words = f"{origin} names the {what} {model}. Using it runs its code. Do you trust it?"
            if asking(words, ("Trust it", "Cancel")) != "Trust it":
                return False
            self.trusted.add(model)
        return True

    @property
    def current(self) -> Making | None:
        """What is being made now."""
        return next((one for one in self.makings if one.state in ACTIVE), None)

    @property
    def came_back(self) -> list[Making]:
        """What another viewer had to make and nobody has taken up yet."""
        return [one for one in self.makings if one.came_back and one.state in ENDED_EARLY]

    def outputs(self) -> set[str]:
        """Name the outputs that are or will be made."""
        return {one.order.output for one in self.makings if one.state in UNFINISHED}

    def taken(self) -> set[str]:
        """Name these, and what came back and waits for the user's word."""
        return self.outputs() | {one.order.output for one in self.came_back}

    def bring_back(self) -> None:
        """Take over what viewers that are gone had to make; it waits for the user's word."""
        try:
            kept, notes = self._kept.take_over()
        except (StstError, OSError) as error:
            self._unkept = str(error)
            return
        for one in kept:
            making = Making(self.viewer, one.order)
            making.come_back(*_standing(one))
            self._take_in(making)
        for note in notes:
            show_warning(note)
        self._on_change()

    def may_close(self) -> bool:
        """Ask before the viewer is closed while there is something to make."""
        unfinished = [one for one in self.makings if one.state in UNFINISHED]
        if not unfinished:
            return True
        answer = ask(self._window(), "Close", self._words_of_closing(unfinished), (_CLOSE, _STAY))
        return answer == _CLOSE

    def close(self) -> None:
        """Stop everything; what is finished stays on disk, and so does the list."""
        self._closed = True
        for making in self.makings:
            making.close()
        self._kept.close()

    def _window(self) -> QWidget | None:
        # asked for, not kept: what is connected here would never let go of the window
        parent = self.parent()
        return parent if isinstance(parent, QWidget) else None

    def _words_of_closing(self, unfinished: list[Making]) -> str:
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

    def _take_in(self, making: Making) -> None:
        making.setParent(self)
        self.makings.append(making)
        making.changed.connect(self._on_change)

    def _leave_out(self, making: Making) -> None:
        self.makings.remove(making)
        making.changed.disconnect(self._on_change)

    def _on_change(self) -> None:
        if self.current is None and not self._closed:
            waiting = next((one for one in self.makings if one.state == "waiting"), None)
            if waiting is not None:
                waiting.start()  # which changes it, so that this is called again
                return
        self._keep()
        self.changed.emit()

    def _keep(self) -> None:
        """Have on disk what is not finished."""
        now = [one for one in self.makings if one.state in UNFINISHED or one.can_go_on]
        state = [(one, one.began) for one in now]
        if self._closed or self._unkept or state == self._written:
            return
        try:
            self._kept.keep([Kept(one.order, one.began) for one in now])
        except (StstError, OSError) as error:
            # told once: everything else works without
            self._unkept = str(error)
            show_warning(f"The queue will be lost when the viewer is closed: {error}")
        self._written = state


def _standing(kept: Kept) -> tuple[bool, Any, str]:
    """Say whether a run has begun, and how what came back stands."""
    order = kept.order
    if not order.folder.parent.is_dir():
        return kept.began, "failed", f"the folder {order.folder.parent} is not there any more"
    if order.can_resume() and (kept.began or not order.overwrite):
        try:
            stored_order(order.folder)
            groups = RunFolder(order.folder).checkpoints()
            count = sum(one.finished() for one in groups)
        except StstError as error:
            return True, "failed", str(error)
        words = "1 frame" if count == 1 else f"{count} frames"
        if len(groups) > 1:
            words += f" of {len(groups)} groups of samples"
        return True, "stopped", f"{words} finished when its viewer was closed"
    if kept.began:
        text = f"{order.folder} is not there any more; Resume begins anew"
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
        queue.bring_back()
        playback_of(viewer)
    return queue
