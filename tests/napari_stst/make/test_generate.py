from __future__ import annotations

import json
import os
import shlex
import threading

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_stst.background.messages import SHOWN
from napari_stst.contrib.writer import write_clip
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.scramble import ScrambleWidget
from napari_stst.viewer.layers import FrameArray, layer_of
from napari_stst.widgets.forms import write_fields
from patience import settled, slowness
from small_runs import TREE, clip, process
from stst.config import StstConfig, build
from stst.video import read_video

SMALL = {**TREE, "input": {"frames": "1:3"}}


def add(viewer, path) -> Image:
    data, options, _ = layer_of(path)
    return viewer.add_layer(Image(data, **options))


@pytest.fixture
def natural(viewer, tmp_path) -> Image:
    return add(viewer, clip(tmp_path / "natural.mkv", count=4))


@pytest.fixture
def widget(viewer, natural) -> GenerateWidget:
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    widget.set_tree(SMALL)
    return widget


def set_keys(widget, **values) -> None:
    for key, value in values.items():
        write_fields(
            [one for one in widget.fields if one.key == key.replace("__", ".")], _tree(key, value)
        )


def _tree(key, value):
    for part in reversed(key.split("__")):
        value = {part: value}
    return value


def make(widget, until, state="done"):
    widget.make()
    until(lambda: widget.run.job is not None and widget.run.job.state == state)
    return widget.run.job


def long(widget, iterations=100_000) -> None:
    """Make the run last for minutes."""
    set_keys(widget, octaves=[{"exponent": 0, "iterations": iterations, "learning_rate": 0.01}])


class TestARun:
    def test_from_clip_to_layer_to_file(self, viewer, natural, widget, until, tmp_path, errors):
        job = make(widget, until)
        (layer,) = job.layers
        assert isinstance(layer.data, FrameArray)
        assert layer.data.shape == (2, 18, 20, 3)
        master = read_video(tmp_path / "natural_metamer.mkv")
        assert np.array_equal(np.asarray(layer.data), master.frames)
        assert layer.metadata["fps"] == str(master.fps) == natural.metadata["fps"]
        # over the frames of the natural clip that it is made of, and beside it
        assert list(layer.translate) == [1, 0, 0]
        assert viewer.canvas.grid.enabled
        assert [one.name for one in viewer.layers if one.visible] == ["natural", "natural_metamer"]
        assert viewer.layers.selection.active is natural
        # what is finished can be started from
        assert widget._natural.findData(layer) >= 0
        saved = write_clip(str(tmp_path / "copy.mkv"), layer.data, {"name": layer.name})
        assert [one.rpartition("/")[2] for one in saved] == ["copy.mkv", "copy.json"]
        assert np.array_equal(read_video(tmp_path / "copy.mkv").frames, master.frames)
        assert errors == []
        assert widget._output.text() == str(tmp_path / "natural_metamer_2.mkv")

    def test_a_copied_command_makes_the_same_file(self, widget, until, tmp_path):
        set_keys(widget, seed=5, octave_scale=1.4)
        widget._output.setText(str(tmp_path / "here.mkv"))
        widget.copy_command()
        command = QGuiApplication.clipboard().text()
        make(widget, until)
        program, *words = shlex.split(command)
        assert program == "stst"
        words[words.index(str(tmp_path / "here.mkv"))] = str(tmp_path / "there.mkv")
        done = process(*words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "here.mkv").read_bytes() == (tmp_path / "there.mkv").read_bytes()
        one, two = (
            json.loads((tmp_path / f"{name}.json").read_text()) for name in ("here", "there")
        )
        assert one["config"] == two["config"]

    def test_a_warning_begins_with_what_it_is_about(self, widget, until, monkeypatch):
        job = make(widget, until)
        told = []
        monkeypatch.setattr("napari_stst.queue.job.show_warning", told.append)
        clipped = "1.3% of all values were clipped to 0 or 255."
        warning = f"{job.files[0]['master']}: {clipped}"
        job._finish({"outputs": job.files, "warnings": [warning]})
        assert told == [f"natural_metamer.mkv: {clipped}"]

    def test_two_runs_one_after_the_other(self, viewer, widget, until, tmp_path):
        first = make(widget, until)
        second = make(widget, until)
        assert first is not second
        assert (tmp_path / "natural_metamer.mkv").read_bytes() == (
            tmp_path / "natural_metamer_2.mkv"
        ).read_bytes()
        assert len(viewer.layers) == 3

    def test_what_runs_is_waited_for(self, viewer, widget, until):
        long(widget)
        widget.make()
        until(lambda: widget.run.job.state == "running")
        assert widget.make_button.text() == "Add to queue"
        widget.set_tree(SMALL)
        widget.make()
        assert [one.state for one in widget.queue.jobs] == ["running", "waiting"]
        # a click is answered where the run is told
        assert widget.run.status.text().endswith("  ·  1 waiting")
        scrambler = ScrambleWidget(viewer)
        viewer.window.add_dock_widget(scrambler, name="Scramble")
        scrambler.make()
        assert scrambler.run.status.text() == "waiting"
        assert widget.run.status.text().endswith("  ·  2 waiting")
        scrambler.run.cancel()
        widget.run.cancel()
        until(lambda: widget.queue.jobs[1].state == "done")
        assert widget.run.job is widget.queue.jobs[1]
        assert widget.make_button.text() == "Generate"

    def test_several_samples_are_several_layers(self, viewer, widget, until):
        set_keys(widget, samples=2, seed=7)
        job = make(widget, until)
        assert [one.name for one in job.layers] == [
            "natural_metamer (seed 7)", "natural_metamer (seed 8)"
        ]  # fmt: skip
        assert not np.array_equal(*(np.asarray(one.data) for one in job.layers))


class TestSteering:
    def test_cancel_keeps_what_is_finished_and_resume_makes_the_same(
        self, widget, until, tmp_path, errors
    ):
        # long enough to be stopped on the way
        octaves = [{"exponent": 0, "iterations": 700, "learning_rate": 0.01}]
        set_keys(widget, octaves=octaves)
        losses = []
        widget.make()
        job = widget.run.job
        job.losses.connect(lambda values, share: losses.append(values))
        until(lambda: job.progress > 0.5)
        widget.run.cancel()
        until(lambda: job.state == "stopped")
        assert job.request.folder.is_dir()
        # half a clip is no natural clip
        assert widget._natural.findData(job.layers[0]) < 0
        assert set(losses[0]) == {"spatial_texture", "temporal_texture"}
        assert widget.run.pause_button.text() == "Resume"
        layers = job.layers
        course = [(step.progress, dict(step.losses)) for step in job.course]
        assert len(course) > 3
        widget.run.pause_or_go()
        # the curve goes on where it ended
        until(lambda: widget.run.job is not job and widget.run.job.progress > 0)
        drawn = dict(widget.run.losses._values["spatial_texture"])
        share, values = course[0]
        assert drawn[100 * share] == values["spatial_texture"]
        until(lambda: widget.run.job.state == "done")
        assert widget.run.job.layers == layers
        stopped = read_video(widget.run.job.request.output).frames
        straight = make(widget, until)
        assert np.array_equal(stopped, read_video(straight.request.output).frames)
        assert errors == []

    def test_pause_and_go_on(self, widget, until, qtbot):
        long(widget)
        widget.make()
        job = widget.run.job
        until(lambda: job.progress > 0)
        widget.run.pause_or_go()
        assert job.state == "paused"
        held = settled(lambda: job.progress, until)
        qtbot.wait(round(400 * slowness()))
        assert job.progress == held
        widget.run.pause_or_go()
        until(lambda: job.progress > held)
        job.cancel()
        until(lambda: job.state == "stopped")


class TestWrongs:
    def test_an_error_of_the_run_is_shown_in_the_command_s_words(self, widget, until, errors):
        set_keys(widget, spatial__texture_layers=["nothing"])
        job = make(widget, until, "failed")
        # the verdict first
        start = "natural_metamer.mkv was not made: spatial.texture_layers: unknown layer 'nothing'."
        assert errors[0].startswith(start)
        assert job.text == errors[0]
        # and all of it stays in sight, however narrow the panel is
        status = widget.run.status
        assert status.text() == job.text
        widget.run.resize(220, widget.run.height())
        QApplication.processEvents()
        assert status.height() >= status.heightForWidth(status.width()) > 0
        assert widget.make_button.text() == "Generate"

    def test_a_wrong_value_is_refused_at_once(self, widget, errors):
        set_keys(widget, blend="a lot")
        widget.make()
        assert widget.run.job is None
        (error,) = errors
        assert "blend" in error
        assert "'a lot'" in error

    def test_a_range_outside_the_clip_is_refused_at_once(self, widget, errors, tmp_path):
        set_keys(widget, input__frames="2:9")
        widget.make()
        assert widget.run.job is None
        assert errors == ["frames 2:9 is not inside natural, which has 4 frames (0:4)."]
        assert widget.problem.text() == errors[0]
        assert [one.name for one in tmp_path.iterdir()] == ["natural.mkv"]

    def test_missing_weights_are_told_before_anything_starts(self, viewer, widget, errors):
        widget.choose_preset("fast")
        widget.weights._show([
            {"name": name, "state": "missing", "usable": False, "path": None, "message": "",
             "licence": "", "url": "", "download_size": 1}
            for name in ("vgg19-keras", "msoe")
        ])  # fmt: skip
        widget.make()
        assert errors == [
            "The weights of vgg19-keras and msoe are not here. Press Download; or, without a "
            "network, press “I have the file…”. The preset quick (model builtin) needs none."
        ]
        assert widget.problem.text() == errors[0]
        assert widget.run.job is None

    def test_the_natural_clip_is_never_asked_for(self, widget, tmp_path, errors):
        widget._output.setText(str(tmp_path / "natural.mkv"))
        widget.make()
        assert errors == [f"{tmp_path}/natural.mkv is an input as well. Choose another output."]

    @pytest.mark.parametrize("text", ["", "  "])
    def test_without_an_output(self, widget, tmp_path, errors, monkeypatch, qtbot, text):
        asked = []
        monkeypatch.setattr(widget, "ask", lambda text, answers: asked.append(text) or answers[-1])
        widget._output.line.selectAll()
        qtbot.keyClick(widget._output.line, Qt.Key.Key_Delete)
        qtbot.keyClicks(widget._output.line, text)
        qtbot.mouseClick(widget.make_button, Qt.MouseButton.LeftButton)
        assert errors == ["There is no output. Give a name such as metamer.mkv."]
        assert asked == []
        assert widget.run.job is None

    @pytest.mark.parametrize("text", [".", "/", "{0}", "{0}/"])
    def test_a_folder_that_was_there_is_no_output(
        self, widget, tmp_path, errors, text, qtbot, monkeypatch
    ):
        # a question would wait for an answer
        monkeypatch.setattr(widget, "ask", lambda text, answers: answers[-1])
        widget._output.setText(text.format(tmp_path))
        qtbot.mouseClick(widget.make_button, Qt.MouseButton.LeftButton)
        (line,) = errors
        assert "is a folder. Give the name of a file in it, such as" in line
        assert widget.run.job is None

    def test_a_name_without_a_suffix_that_was_browsed_for(self, widget, tmp_path, monkeypatch):
        for typed, name in (("a", "a.mkv"), ("a_0.95", "a_0.95.mkv"), ("a.npy", "a.npy")):
            monkeypatch.setattr(
                QFileDialog, "getSaveFileName", lambda *_, typed=typed, **__: (typed, "")
            )
            widget._output._browse()
            assert widget._output.text() == name

    def test_many_samples_are_asked_about_and_a_few_are_shown(
        self, widget, until, tmp_path, monkeypatch, viewer
    ):
        answers, asked = ["Cancel", "Generate"], []
        monkeypatch.setattr(widget, "ask", lambda text, _: asked.append(text) or answers.pop(0))
        set_keys(widget, samples=10)
        widget.make()
        assert asked == ["10 samples make 10 clips; the first 8 are shown."]
        assert widget.run.job is None
        job = make(widget, until)
        assert len(job.layers) == SHOWN == 8
        assert len([one for one in viewer.layers if one.visible]) == 9
        assert len(list(tmp_path.glob("natural_metamer_seed*.mkv"))) == 10
        for layer, seed in zip(job.layers, range(8), strict=True):
            assert layer.data.video.path.name == f"natural_metamer_seed{seed}.mkv"
        assert job.text.endswith("natural_metamer_seed7.mkv, and 2 more")

    def test_without_a_clip(self, viewer, errors):
        widget = GenerateWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Generate")
        widget.make()
        assert errors == ["There is no clip. Open one (File > Open, or Open Sample) first."]

    def test_a_worker_that_dies(self, widget, until, errors):
        long(widget)
        widget.make()
        job = widget.run.job
        until(lambda: job.progress > 0)
        job._task._process.kill()
        until(lambda: job.state == "failed")
        assert errors[0].startswith("natural_metamer.mkv was not made: ")
        assert "killed or crashed" in errors[0]
        assert str(job.request.folder) in job.text

    @pytest.mark.parametrize(("answer", "made"), [("Cancel", False), ("Replace it", True)])
    def test_nothing_is_replaced_unasked(self, widget, until, tmp_path, monkeypatch, answer, made):
        path = clip(tmp_path / "there.mkv")
        before = path.read_bytes()
        questions = []
        monkeypatch.setattr(widget, "ask", lambda text, answers: questions.append(text) or answer)
        widget._output.setText(str(path))
        widget.make()
        assert questions == [f"{path} exists."]
        if made:
            until(lambda: widget.run.job is not None and widget.run.job.state == "done")
        assert (path.read_bytes() != before) == made


class TestClosing:
    def test_the_viewer_in_the_middle_of_a_run(self, viewer, widget, until, tmp_path, errors):
        long(widget)
        widget.make()
        job = widget.run.job
        until(lambda: job.progress > 0)
        pid = job._task._process.processId()
        threads = set(threading.enumerate())
        viewer.close()
        until(lambda: not _alive(pid))
        assert set(threading.enumerate()) <= threads
        assert (tmp_path / "natural_metamer.run" / "job.json").exists()
        assert errors == []

    def test_the_widget_alone_does_not_end_the_run(self, viewer, widget, until, qtbot):
        long(widget, 10_000)
        widget.make()
        job = widget.run.job
        until(lambda: job.progress > 0)
        viewer.window.remove_dock_widget(widget)
        again = GenerateWidget(viewer)
        viewer.window.add_dock_widget(again, name="Generate again")
        assert again.run.job is job
        # the form shows what is being made
        assert build(again.tree(), StstConfig) == build(widget.tree(), StstConfig)
        # and how far it is
        until(lambda: again.run.bar.value() == round(1000 * job.progress) > 0)
        assert again.run.status.text().startswith(job.text)
        viewer.add_image(np.zeros((2, 4, 4, 3), np.uint8), rgb=True)
        again.run.cancel()
        until(lambda: job.state == "stopped")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
