"""The dock widget in which stimuli are compared with the clip they were made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from napari_stst.background.measurements import Match, Measurement
from napari_stst.background.task import Task
from napari_stst.compare.actions import Actions
from napari_stst.compare.clip_jobs import ClipFiles, ClipJob, ClipJobRunner
from napari_stst.compare.clips import LABELS, ClipChoice
from napari_stst.compare.controls import ViewControls
from napari_stst.compare.dialogs import (
    CkaDialog,
    EarlierSettings,
    MeasuresDialog,
    PredictionDialog,
    ReportDialog,
)
from napari_stst.compare.placement import Places, frame_at, go_to_frame
from napari_stst.compare.results import Results
from napari_stst.compare.views import AS_THEY_ARE, ViewedClips, Views
from napari_stst.make.sources import folder_for
from napari_stst.viewer.closing import OnClose, main_window
from napari_stst.viewer.docks import FirstPlace, unwrap
from napari_stst.viewer.layers import file_of, rate_of, require_rate
from napari_stst.viewer.system_programs import open_in_system_program
from napari_stst.widgets.theme import colors_of
from napari_stst.widgets.wheel import leave_wheel
from napari_stst.widgets.wording import word_for_form
from stst.analysis.evidence.quantities import HEADINGS
from stst.errors import InputError, StstError

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

#: Clips of no more pixels than this in all are measured without being asked for, some ten seconds.
AUTOMATIC_PIXELS = 30_000_000

_CONTROLS, _HEIGHT, _MARGINS = 290, 255, 4  # pixels


class CompareWidget(QWidget):
    """Compares stimuli with their natural clip: views, courses of measures, the report.

    Parameters
    ----------
    napari_viewer
        Holds the clips.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        viewer = unwrap(napari_viewer)
        self.viewer = viewer
        self.matches: dict[Image, Match] = {}
        self.report: Path | None = None
        self._natural: Image | None = None
        self._natural_path: Path | None = None
        self._places = Places()
        self._noted: set[str] = set()
        self._before = EarlierSettings()
        self._layer_requests: list[Task] = []
        self._docked = self._closed = self._hidden = self._stale = False
        self._place = FirstPlace(viewer, self, "Compare", "bottom", _HEIGHT)
        self.files = ClipFiles()
        self.work = ClipJobRunner(self.files, self)
        # in a lane of its own, for clips can be looked at while others are measured
        self.pairing = ClipJobRunner(self.files, self)
        self.views = Views(viewer, self)
        self.choice = ClipChoice(viewer)
        self.controls = ViewControls(self.views)
        self.actions = Actions()
        self.results = Results(colors_of(viewer))
        self._lay_out()
        self.choice.changed.connect(self._on_choice_changed)
        self.choice.other_changed.connect(self._update_view)
        self.controls.mode_changed.connect(self._update_view)
        self.results.frame_chosen.connect(self.go_to)
        self.work.progressed.connect(self.actions.set_progress)
        self.work.failed.connect(self._tell)
        self.pairing.failed.connect(self._tell)
        self.work.busy_changed.connect(self.actions.set_busy)
        for button, act in (
            (self.actions.measure, self.measure),
            (self.actions.nulls, self._ask_measures),
            (self.actions.cka, self._ask_cka),
            (self.actions.prednet, self._ask_prednet),
            (self.actions.save, self._ask_table),
            (self.actions.report, self._ask_report),
            (self.actions.open, self._open_report),
            (self.actions.cancel, self.work.cancel),
        ):
            # a clicked button says whether it is checked; nothing here asks for that
            button.clicked.connect(lambda _=False, act=act: act())
        viewer.dims.events.current_step.connect(self._on_slider_moved)
        viewer.events.theme.connect(self._on_theme_changed)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        OnClose(main_window(viewer), lambda: self.close_all(False))
        self._on_choice_changed()

    def _lay_out(self) -> None:
        self._left = left = QWidget()
        left.setFixedWidth(_CONTROLS)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.choice)
        column.addWidget(self.controls)
        column.addWidget(self.actions)
        column.addStretch(1)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(6, _MARGINS // 2, 6, _MARGINS // 2)
        self._layout.addWidget(left)
        self._layout.addWidget(self.results, 1)
        leave_wheel(self)

    # what is chosen

    @property
    def natural(self) -> Image | None:
        """Layer of the natural clip."""
        return self.choice.natural

    @property
    def layers(self) -> tuple[Image, ...]:
        """Layers of the natural clip and of those that can be compared with it."""
        natural = self.natural
        others = tuple(one for one in self.choice.others if one in self.matches)
        return (natural, *others) if natural is not None and others else ()

    def _on_choice_changed(self) -> None:
        self.actions.message.say("")
        natural, others = self.choice.natural, self._with_rates(self.choice.others)
        self.work.drop_automatic()
        self.pairing.drop_automatic()
        if natural is not self._natural:
            self._natural = natural
            self.results.forget()
        self._places.put_back(keep=others)
        self.matches.clear()
        self._update_buttons()
        if natural is None or not others:
            self.views.leave()
            return
        viewed = self.views.viewed
        if viewed is not None and not {*viewed.layers} <= {natural, *others}:
            self.views.leave()
        if self._hidden:
            # nobody sees what would be found out
            self._stale = True
            return
        layers = (natural, *others)

        def on_matches(paths: list[str], found: Mapping[str, Match | str]) -> None:
            self._on_paired(layers, paths, found)

        part = self._part()
        if part is not None:
            self.pairing.add(ClipJob("pair", "", layers, part, {}, on_matches, automatic=True))

    def _with_rates(self, clips: tuple[Image, ...]) -> tuple[Image, ...]:
        """Leave out clips without a frame rate, so that the others can be compared; say so once."""
        known = []
        for clip in clips:
            try:
                require_rate(clip)
            except InputError as error:
                self._tell_once(str(error))
            else:
                known.append(clip)
        return tuple(known)

    def _tell_once(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._tell(text)

    def _tell(self, text: str) -> None:
        """Say what is wrong; it stays in the panel until something else is chosen or measured."""
        text = word_for_form(text, LABELS)
        show_error(text)
        self.actions.message.say(text)

    def _on_paired(
        self, layers: tuple[Image, ...], paths: list[str], found: Mapping[str, Match | str]
    ) -> None:
        natural, *others = layers
        self._natural_path = Path(paths[0])
        for layer, path in zip(others, paths[1:], strict=True):
            match = found[path]
            if isinstance(match, str):
                self._tell(f"{layer.name} cannot be compared: {match}")
                continue
            self.matches[layer] = match
            self._note(match.notes)
            self._places.lay(layer, natural, match)
        self._update_buttons()
        self._update_view()
        starts = [one.start * one.step for one in self.matches.values()]
        stops = [one.stop * one.step for one in self.matches.values()]
        if starts and not min(starts) <= self.frame < max(stops):
            self.go_to(round(starts[0]))
        pixels = sum(int(np.prod(layer.data.shape[:3])) for layer in self.layers)
        if self.layers and pixels <= AUTOMATIC_PIXELS:
            self._measure(automatic=True)

    # how it is looked at

    def _update_view(self, _: Any = None) -> None:
        mode, layers, other = self.controls.mode, self.layers, self.choice.other
        if mode == AS_THEY_ARE or not layers:
            if mode == AS_THEY_ARE:
                self.views.leave()
            return
        other = other if other in layers else layers[1]
        path = self._natural_path or Path()
        viewed = ViewedClips(layers[0], layers[1:], other, self.matches[other], path)
        if (mode, viewed) != (self.views.mode, self.views.viewed):
            try:
                self.views.show(mode, viewed)
            except StstError as error:
                self.views.leave()
                self._tell(f"No view: {error}")

    def _on_layer_removed(self, event: Any) -> None:
        if event.value is self.views.layer:
            # after all others have been told
            QTimer.singleShot(0, self._on_view_removed)

    def _on_view_removed(self) -> None:
        self.controls.choose(AS_THEY_ARE)

    # the slider and the cursor

    @property
    def frame(self) -> float:
        """Number of the natural clip's frame at the slider."""
        natural = self.natural
        return 0.0 if natural is None else frame_at(self.viewer, natural)

    def go_to(self, frame: int) -> None:
        """Move the slider to a frame of the natural clip."""
        if self.natural is not None:
            go_to_frame(self.viewer, self.natural, frame)

    def _on_slider_moved(self, event: Any = None) -> None:
        self.results.set_cursor(self.frame)

    def _on_theme_changed(self, event: Any = None) -> None:
        self.results.set_colors(colors_of(self.viewer))

    # measuring

    def measure(self) -> None:
        """Measure the features, anew."""
        self.files.forget()
        self._measure(automatic=False)

    def _measure(self, automatic: bool) -> None:
        self._add_measured("features", "Features", {}, automatic)

    def measure_beside_nulls(self, arguments: Mapping[str, Any]) -> None:
        """Measure energy, coherence or light; arguments as the task ``nulls`` has them."""
        measure = arguments["measure"]

        def remember() -> None:
            measures = [*dict.fromkeys([*self._before.measures, measure])]
            self._before = replace(self._before, measures=measures, null=arguments["null"])

        self._add_measured("nulls", HEADINGS[measure][0], arguments, remember=remember)

    def measure_cka(self, arguments: Mapping[str, Any]) -> None:
        """Measure CKA; arguments as the task ``cka`` has them."""
        model = arguments["model"]

        def remember() -> None:
            models = [*dict.fromkeys([*self._before.cka, model])]
            how = {key: value for key, value in arguments.items() if key != "model"}
            self._before = replace(self._before, cka=models, **how)

        self._add_measured("cka", f"CKA {model.split('@')[0]}", arguments, remember=remember)

    def measure_prediction(self, arguments: Mapping[str, Any]) -> None:
        """Measure prediction; arguments as the task ``prediction`` has them."""

        def remember() -> None:
            self._before = replace(self._before, weights=arguments["weights"])

        random = " (random weights)" if arguments["weights"] == "none" else ""
        self._add_measured("prediction", f"PredNet{random}", arguments, remember=remember)

    def write_report(self, arguments: Mapping[str, Any]) -> None:
        """Write the report; arguments as the task ``report`` has them."""
        self._add("report", "Report", self.layers, self._on_report, **arguments)

    def _add_measured(
        self,
        task: str,
        title: str,
        arguments: Mapping[str, Any],
        automatic: bool = False,
        remember: Callable[[], None] = lambda: None,
    ) -> None:
        layers = self.layers
        labels = tuple(layer.name for layer in layers)

        def on_measured(paths: list[str], measured: Measurement) -> None:
            # the report proposes what has been measured, and nothing that failed
            remember()
            if layers[0] is self.natural:
                self._show(title, measured, labels)

        self._add(task, title, layers, on_measured, automatic, **arguments)

    def _add(
        self,
        task: str,
        title: str,
        layers: tuple[Image, ...],
        on_result: Any,
        automatic: bool = False,
        **arguments: Any,
    ) -> None:
        part = self._part()
        if layers and part is not None:
            if not automatic:
                self.actions.message.say("")
            self.work.add(ClipJob(task, title, layers, part, arguments, on_result, automatic))

    def _part(self) -> dict[str, Any] | None:
        """Give the frames and the size that were asked for; None where they cannot be."""
        try:
            return self.choice.part
        except InputError as error:
            self._tell(str(error))
            return None

    def _show(self, title: str, measured: Measurement, labels: tuple[str, ...]) -> None:
        natural = self.natural
        rate = None if natural is None else rate_of(natural)
        seconds = None if rate is None else float(1 / rate)
        self.results.show_measured(title, measured, labels, seconds, self.frame)
        self._note(measured.notes)
        self._update_buttons()

    def _on_report(self, paths: list[str], found: Mapping[str, Any]) -> None:
        self.report = Path(found["page"])
        self.actions.open.setEnabled(True)
        self._note(found["notes"])
        if found["left_out"]:
            words = f"Not all is in the report: {' '.join(found['left_out'])}"
            words = word_for_form(words, LABELS)
            show_warning(words)
            self.actions.message.say(words)
        show_info(f"Report written: {self.report}")

    def _note(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            if note not in self._noted:
                self._noted.add(note)
                show_info(word_for_form(note, LABELS))

    # what is asked

    def _ask(self, dialog: Any, accepted: Any) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        leave_wheel(dialog)
        dialog.accepted.connect(lambda: accepted(dialog.arguments()))
        dialog.open()

    def _ask_measures(self) -> None:
        self._ask(MeasuresDialog(self._before, self), self._measure_all_beside_nulls)

    def _measure_all_beside_nulls(self, measures: Sequence[Mapping[str, Any]]) -> None:
        for one in measures:
            self.measure_beside_nulls(one)

    def _ask_cka(self) -> None:
        dialog = CkaDialog(self._before, self._ask_layers, colors_of(self.viewer), self)
        self._ask(dialog, self._measure_models)

    def _measure_models(self, models: Sequence[Mapping[str, Any]]) -> None:
        for one in models:
            self.measure_cka(one)

    def _ask_layers(self, model: str) -> Task:
        # it may outlast the dialog, not this widget
        self._layer_requests = [one for one in self._layer_requests if not one.ended]
        self._layer_requests.append(Task("layers", self, model=model))
        return self._layer_requests[-1]

    def _ask_prednet(self) -> None:
        dialog = PredictionDialog(self)
        dialog.weights.edit.setText(self._before.weights)
        self._ask(dialog, self.measure_prediction)

    def _ask_report(self) -> None:
        found = None if self.natural is None else file_of(self.natural)
        name = "report" if found is None else f"{found.stem}_report"
        folder = folder_for(self.natural) / name
        colors = colors_of(self.viewer)
        dialog = ReportDialog(folder, self._before, self._ask_layers, colors, self)
        self._ask(dialog, self.write_report)

    def _ask_table(self) -> None:
        layers = [one for one in (self.natural, *self.choice.others) if one is not None]
        clips = [clip for clip in map(file_of, layers) if clip is not None]
        name = layers[0].name if layers else "clips"
        self.results.ask_and_save(folder_for(self.natural), name, clips)

    def _open_report(self) -> None:
        if self.report is not None:
            open_in_system_program(self.report)

    def _update_buttons(self) -> None:
        self.actions.set_ready(bool(self.layers), bool(self.results.measured))

    # the end

    def event(self, event: QEvent) -> bool:
        """Notice that the dock, or its window, is closed."""
        kind = event.type()
        if kind == QEvent.Type.Show:
            self._docked = True
            self._place.on_show()
            if self._hidden and not event.spontaneous():
                self._come_back()
        elif kind == QEvent.Type.Hide and not event.spontaneous() and not self._closed:
            self._go_away()
        elif kind == QEvent.Type.LayoutRequest:
            # a message came or went
            self._fit()
        elif (kind == QEvent.Type.ParentChange and self._docked and self.parent() is None) or (
            kind == QEvent.Type.Close
        ):
            self.close_all()
        return bool(super().event(event))

    def _go_away(self) -> None:
        """Do nothing by itself while nobody sees it: its dock is hidden, or behind another."""
        self._hidden = True
        self.views.pause()
        self.controls.stop()
        # what was asked for goes on
        self._stale |= self.work.drop_automatic() | self.pairing.drop_automatic()

    def _come_back(self) -> None:
        """Take up what was left."""
        self._hidden = False
        self.views.go_on()
        self.controls.go_on()
        if self._stale:
            self._stale = False
            self._on_choice_changed()

    def resizeEvent(self, event: Any) -> None:
        """Put the courses below where there is no room beside."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # with larger letters the buttons ask for more
        parts = (self.choice, self.controls.box, self.actions)
        self._left.setFixedWidth(max(_CONTROLS, *(one.minimumSizeHint().width() for one in parts)))
        wide = self.width() > 1.2 * self.height()
        direction = QBoxLayout.Direction
        self._layout.setDirection(direction.LeftToRight if wide else direction.TopToBottom)
        # else the dock asks for all that would be nice, which small screens do not have
        self.setMinimumHeight(self._left.minimumSizeHint().height() + _MARGINS if wide else 0)

    def close_all(self, put_back: bool = True) -> None:
        """End all work and, if the viewer stays, put the layers back as they were."""
        if self._closed:
            return
        self._closed = True
        self.pairing.close()
        self.work.close()
        for asking in self._layer_requests:
            asking.close()
        self.files.close()
        self.controls.stop()
        self.choice.close_events()
        viewer = self.viewer
        viewer.dims.events.current_step.disconnect(self._on_slider_moved)
        viewer.events.theme.disconnect(self._on_theme_changed)
        viewer.layers.events.removed.disconnect(self._on_layer_removed)
        if put_back:
            self.views.leave()
            self._places.put_back()
        else:
            self.views.stop()
