"""What the widgets that make stimuli share: run what the form says, watch it, keep it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Image
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QFileDialog,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_stst.background.estimating import EstimateRequest
from napari_stst.compare.views import is_view
from napari_stst.make.clip_form import ClipForm, base_of
from napari_stst.make.settings import (
    describe_other_version,
    find_natural_clip,
    find_stored_request,
    levels_in,
    read_settings,
    write_settings,
)
from napari_stst.make.size_warnings import describe_size_warnings
from napari_stst.make.sources import Source, folder_for, source_of, write_all
from napari_stst.queue.job import QueuedJob
from napari_stst.queue.request import MakeRequest, read_stored_request, run_folder
from napari_stst.queue.run_panel import RunPanel
from napari_stst.viewer.docks import FirstPlace
from napari_stst.viewer.layers import file_of, is_clip, open_layer, rate_of, require_rate
from napari_stst.viewer.levels import common_levels
from napari_stst.widgets.boxes import SmallButton, SteadyButton
from napari_stst.widgets.forms import (
    FormArea,
    form_of,
)
from napari_stst.widgets.keyboard import Section, order_tabs
from napari_stst.widgets.wheel import leave_wheel
from napari_stst.widgets.wording import word_for_form
from stst.config import RunConfig, build, merge
from stst.config.command import command_words
from stst.errors import InputError, StstError
from stst.runs.folder import RunFolder
from stst.runs.outputs import outputs_for
from stst.utils.files import as_text
from stst.video import AS_STORED, Levels, parse_range, parse_rate

#: Called with a request, its config, and the layer of the clip that it starts from.
Then = Callable[[MakeRequest, RunConfig, Image | None], None]

_WIDTH = 380  # pixels


class MakerWidget(ClipForm):
    """Make stimuli of one method.

    Parameters
    ----------
    napari_viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._place = FirstPlace(self.viewer, self, self.title, "right", _WIDTH)
        self._lay_out()
        self._follow_layers()
        self.set_tree(base_of(self.preset))
        self._on_queue()
        if self.run.job is not None and not self.run.job.restored:
            # closed and opened again while something is made
            self.set_tree(self.run.job.request.tree)
            self._presets.show_nearest(self.config())

    def add_sections(self) -> list[Section]:
        """Give what stands beside Advanced."""
        return []

    def add_actions(self, menu: QMenu) -> None:
        """Add to the menu More."""

    def showEvent(self, event: Any) -> None:
        """Find a place beside what is open already."""
        super().showEvent(event)
        self._place.on_show()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addLayout(self._form)
        rest = [field for field in self.fields if field.key not in self.basic]
        self.advanced = Section("Advanced")
        self.advanced.addWidget(form_of(rest))
        for part in (*self.add_sections(), self.advanced):
            column.addWidget(part)
        column.addStretch()
        self.scroll = FormArea()
        self.scroll.setWidget(inside)
        self.scroll.setWidgetResizable(True)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.fit()
        form = QWidget()
        column = QVBoxLayout(form)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.scroll, stretch=1)
        column.addWidget(self.problem)
        self.make_button = SteadyButton(self.verb, "Add to queue")
        self.make_button.clicked.connect(self.make)
        buttons = (self.make_button, self._build_menu_button())
        self.run = RunPanel(self.viewer, self.queue, self.method, buttons, self.ask_estimate)
        self.run.cost.refused.connect(self._on_cost_refused)
        self.queue.changed.connect(self._on_queue)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(form)
        parts.addWidget(self.run)
        parts.setStretchFactor(0, 1)
        parts.setStretchFactor(1, 0)
        parts.setChildrenCollapsible(False)
        QVBoxLayout(self).addWidget(parts)
        leave_wheel(self)
        order_tabs(self)

    def _build_menu_button(self) -> QPushButton:
        button = SmallButton("More…")
        # the arrow of the theme lies over the word
        button.setStyleSheet(
            f"{button.styleSheet()} QPushButton::menu-indicator {{ image: none; }}"
        )
        self.menu = QMenu(button)
        self.menu.addAction("Copy as command", self.copy_command)
        self.menu.addAction("Save config…", lambda: self.save_config())
        self.menu.addAction("Load config or sidecar…", lambda: self.load_config())
        self.menu.addSeparator()
        self.menu.addAction(f"{self.verb} for every selected clip", self.make_selected)
        self.add_actions(self.menu)
        button.setMenu(self.menu)
        return button

    def _on_queue(self) -> None:
        self.make_button.setText("Add to queue" if self.queue.current else self.verb)
        if self._list_unfinished() != self._made:
            self._on_layers()

    def _on_cost_refused(self, why: str) -> None:
        """Say once, where all of it is said, what the row of costs found to be in the way."""
        before, self._refused = self._refused, word_for_form(why, self.labels())
        if self.problem.text() in ("", before):
            # else something else is in the way, too, or a click was refused
            self._say(self._refused)

    def make(self) -> None:
        """Make what the form says, now or when the queue gets there."""
        self._attempt(self._make)

    def make_selected(self) -> None:
        """Make the same of every clip that is selected in the list of layers."""
        selected = self.viewer.layers.selection
        chosen = [one for one in selected if is_clip(one) and not is_view(one)]
        if not chosen:
            show_error("No clip is selected in the list of layers.")
        (noise,) = (field.read() for field in self.fields if field.key == "noise")
        if noise == "shared" and len(chosen) > 1:
            show_warning(
                "The noise is shared and the seed is the same, so the stimuli of these "
                f"{len(chosen)} clips are not independent. The noise per_clip gives each its own."
            )
        for layer in sorted(chosen, key=self.viewer.layers.index):
            output = self._free(layer)
            self._attempt(partial(self._prepare_request, layer, output, self._queue_request))

    def copy_command(self) -> None:
        """Put the command that makes the same into the clipboard."""

        def copy(request: MakeRequest, config: RunConfig, natural: Image | None) -> None:
            clip = None if request.natural is None else as_text(request.natural)
            words = command_words(config, self._presets.currentText(), clip, request.output)
            clipboard = QGuiApplication.clipboard()
            assert clipboard is not None
            clipboard.setText(shlex.join(words))
            show_info("Copied: " + shlex.join(words))

        self._attempt(lambda: self._prepare_request(self.natural(), self._output.name(), copy))

    def save_config(self, path: str = "") -> None:
        """Write the config as TOML, for ``--config``.

        Parameters
        ----------
        path
            Of the file; the user is asked where it is empty.
        """
        if not path:
            proposed = str(folder_for(self._natural.currentData()) / "config.toml")
            path, _ = QFileDialog.getSaveFileName(self, "Save config", proposed, "*.toml")
        if not path:
            return

        def save(request: MakeRequest, config: RunConfig, natural: Image | None) -> None:
            write_settings(Path(path), config)
            show_info(f"Saved: {path}")

        self._attempt(lambda: self._prepare_request(self.natural(), self._output.name(), save))

    def load_config(self, path: str = "") -> None:
        """Fill the form from a config, a sidecar, or the job of an unfinished run.

        Parameters
        ----------
        path
            Of the file; the user is asked where it is empty.
        """
        if not path:
            path, _ = QFileDialog.getOpenFileName(
                self, "Load", "", "Config, sidecar, or job of a run (*.toml *.json)"
            )
        if path:
            self._attempt(lambda: self._load(Path(path)))

    def _load(self, path: Path) -> None:
        tree = read_settings(path)
        if not self.queue.trusts(tree, path.name, self.ask):
            return
        method = tree.get("method", "stst")
        if method != self.method:
            raise InputError(
                f"{path}: it is for the method {method}, this widget makes {self.method}."
            )
        base = base_of(self._presets.currentText())
        self.set_tree(merge(base, tree))
        self._presets.show_nearest(self.config())
        self._choose_natural(find_natural_clip(path), levels_in(tree))
        if self.without and path.suffix.lower() == ".json" and find_natural_clip(path) is None:
            self._natural.setCurrentIndex(0)
        self.load_inputs(tree)
        if note := describe_other_version(path):
            show_warning(note)
        request = find_stored_request(path)
        if request is not None:
            self._output.setText(request.output)
            show_info(f"{request.folder.name} is not finished. {self.verb} offers to resume it.")

    def _choose_natural(self, path: Path | None, levels: Levels) -> None:
        """Choose the natural clip that a sidecar names, opening it if need be."""
        if path is None:
            return
        try:
            layer = open_layer(self.viewer, path, levels)
        except InputError as error:
            show_warning(f"The natural clip of the sidecar cannot be opened: {error}")
            return
        self._natural.setCurrentIndex(self._natural.findData(layer))

    def load_inputs(self, tree: Mapping[str, Any]) -> None:
        """Choose, or open, the further clips that a config names."""

    def _prepare_request(self, natural: Image | None, output: str, then: Then) -> None:
        """Put a request together, writing layers that are in no file, and hand it on."""
        tree, config = self.tree(), self.config()
        if natural is not None:
            parse_range(config.input.frames, len(natural.data), natural.name)
        output = _absolute_output(output)
        stem = outputs_for(output, (0,))[0].with_ending("")
        sources: dict[str, Source] = {}
        levels = AS_STORED
        if natural is not None:
            if rate_of(natural) is None and self._rate.text().strip():
                rate = parse_rate(self._rate.text().strip(), "frame rate")
                natural.metadata["fps"] = str(rate)
            require_rate(natural)
            sources = {"natural": source_of(natural, stem, "natural")}
            sources |= self.sources(natural, stem)
            levels = common_levels(one for one in (natural, *self.targets()) if file_of(one))

        def ready(errors: Sequence[StstError] = ()) -> None:
            for error in errors:
                raise error
            paths = {role: one.path for role, one in sources.items()}
            path = paths.pop("natural", None)
            whole = merge(self.with_sources(tree, paths), {"input": levels.as_dict()})
            complete = build(whole, self.kind)
            then(MakeRequest(path, output, complete), complete, natural)

        to_write = [one for one in sources.values() if one.write is not None]
        if not to_write:
            ready()
            return
        self.run.status.setText("saving layers that are in no file …")
        worker = create_worker(write_all, to_write, _start_thread=False)
        worker.returned.connect(lambda errors: self._attempt(partial(ready, errors)))
        worker.start()

    def ask_estimate(self) -> tuple[EstimateRequest, Path] | None:
        """Give what is to be estimated, and the folder that is written to; None without a clip."""
        if self._natural.currentData() is None and not self.without:
            return None
        layer = self.natural()
        self.check()
        request = EstimateRequest(self.config(), None if layer is None else file_of(layer))
        if layer is not None and request.natural is None:
            count, height, width = map(int, layer.data.shape[:3])
            rate = rate_of(layer)
            fps = self._rate.text().strip() or "25" if rate is None else str(rate)
            request = replace(request, shape=(count, height, width), fps=fps)
        return request, Path(_absolute_output(self._output.text())).parent

    def _make(self) -> None:
        """Ask about an unfinished run before anything is written, then put the request together."""
        if not self._output.text():
            self.natural()  # without a clip, which is what is missing first, none is proposed
        output = _absolute_output(self._output.name())
        run = run_folder(output)
        anew = False
        if output not in self.queue.outputs() and RunFolder(run).begun():
            answer = self.ask(
                f"{run} holds a run that was not finished. Resuming it goes on with the "
                "settings and the clips that it was begun with.",
                ("Resume it", "Start anew", "Cancel"),
            )
            if answer == "Resume it":
                self._resume(read_stored_request(run))
                return
            if answer == "Cancel":
                return
            anew = True
        self._prepare_request(self.natural(), output, partial(self._queue_request, anew=anew))

    def _resume(self, request: MakeRequest) -> None:
        """Queue what goes on with an unfinished run."""
        if not self.queue.trusts(request.tree, request.folder.name, self.ask):
            return
        before = [one for one in self.queue.jobs if one.request.output == request.output]
        kept = (before[-1].layers, before[-1].course) if before else ((), ())
        job = QueuedJob(self.viewer, request, reuse=kept[0], course=kept[1])
        job.show_natural()
        self._watch(job)

    def _watch(self, job: QueuedJob) -> None:
        if job.request.method == self.method:
            self.run.watch(job)
        else:
            self.queue.add(job)
        self.suggest_output()

    def _queue_request(
        self, request: MakeRequest, config: RunConfig, natural: Image | None, anew: bool = False
    ) -> None:
        """Queue a request, after asking about what is there already."""
        self.check()
        words = describe_size_warnings(config, None if natural is None else natural.data.shape)
        if words and self.ask(words, (self.verb, "Cancel")) == "Cancel":
            return
        outputs = outputs_for(request.output, config.seeds)
        there = [path for one in outputs for path in one.files().values() if os.path.lexists(path)]
        natural_path = request.natural and os.path.realpath(request.natural)
        if os.path.realpath(request.output) == natural_path:
            raise InputError(f"{request.output} is an input as well. Choose another output.")
        if not anew and request.output in self.queue.reserved_outputs():
            raise InputError(f"{request.output} is in the queue already. Choose another output.")
        if anew:
            request = replace(request, overwrite=True)
        elif there:
            answer = self.ask(f"{there[0]} exists.", ("Replace it", "Cancel"))
            if answer == "Cancel":
                return
            request = replace(request, overwrite=True)
        self._watch(QueuedJob(self.viewer, request, natural))


def _absolute_output(output: str) -> str:
    """Name an output for wherever a copied command may be run."""
    return os.path.abspath(output) + ("/" if output.endswith(("/", os.sep)) else "")
