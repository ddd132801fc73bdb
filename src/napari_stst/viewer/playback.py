"""Clips are played at their own rate, and a result is shown as it will be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_stst.viewer.closing import main_window
from napari_stst.viewer.layers import is_clip, rate_of
from stst.errors import InputError

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image


class Playback(QObject):
    """Plays a viewer's clips at the rate of the one that was opened last.

    The user's own setting, which holds for everything else, stays as it is.

    Parameters
    ----------
    viewer
        The viewer.
    window
        Its window; owns the object.
    """

    def __init__(self, viewer: Viewer, window: QWidget) -> None:
        super().__init__(window)
        self.viewer = viewer
        self._newest: Image | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._take_rate)
        viewer.layers.events.inserted.connect(self._on_inserted)

    def loop(self, layer: Image) -> None:
        """Go to the first frame of a clip and play it again and again at its rate.

        Parameters
        ----------
        layer
            A clip among the viewer's layers.
        """
        first, last = self._steps(layer)
        axis = self._axis(layer)
        self.viewer.dims.set_current_step(axis, first)
        rate = rate_of(layer)
        if last > first and rate is not None:
            self._dims.play(axis, float(rate), "loop", (first, last))

    def stop(self) -> None:
        """Play no more."""
        if self._dims.is_playing:
            self._dims.stop()

    @property
    def _dims(self) -> Any:
        # napari has no public name for what plays
        return main_window(self.viewer)._qt_viewer.dims

    def _axis(self, layer: Image) -> int:
        return int(self.viewer.dims.ndim - layer.ndim)

    def _steps(self, layer: Image) -> tuple[int, int]:
        """Give the first and the last step of the slider that show a layer."""
        start, _, step = self.viewer.dims.range[self._axis(layer)]
        begin = layer.translate[0]
        end = begin + (layer.data.shape[0] - 1) * layer.scale[0]
        most = self.viewer.dims.nsteps[self._axis(layer)] - 1
        first, last = (round(float((place - start) / step)) for place in (begin, end))
        return max(0, first), min(last, int(most))

    def _on_inserted(self, event: Any) -> None:
        if is_clip(event.value):
            self._newest = event.value
            # the slider is made once all have been told of the layer
            self._timer.start(0)

    def _take_rate(self) -> None:
        layer = self._newest
        if layer is None or layer not in self.viewer.layers:
            return
        try:
            rate = rate_of(layer)
        except InputError:
            return  # said where the layer is used
        if rate is not None:
            self._dims.slider_widgets[self._axis(layer)].fps = float(rate)


def playback_of(viewer: Viewer) -> Playback:
    """Give what plays a viewer's clips; it ends with the viewer."""
    window = main_window(viewer)
    found: Playback | None = window.findChild(Playback)
    return Playback(viewer, window) if found is None else found
