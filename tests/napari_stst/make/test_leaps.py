from __future__ import annotations

import json
import os
import shlex

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QStyle, QStyleOptionComboBox

from napari_stst.background.messages import Result
from napari_stst.make.leaps import LeapsWidget
from napari_stst.queue.queue_widget import QueueWidget
from napari_stst.viewer.layers import FrameArray, layer_of
from napari_stst.widgets.forms import write_fields
from patience import settled, slowness
from small_inversions import TREE
from small_runs import clip, process
from stst.config import LeapsConfig, build
from stst.video import read_video

LONG = {**TREE, "iterations": 100_000, "checkpoint_every": 100_000}


@pytest.fixture
def widget(viewer) -> LeapsWidget:
    widget = LeapsWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Invert")
    widget.set_tree(TREE)
    return widget


@pytest.fixture
def stimulus(viewer, tmp_path, widget) -> Image:
    # 10 Hz, the model's rate, at twice that
    data, options, _ = layer_of(clip(tmp_path / "waves.mkv", count=14, height=24, width=36, fps=20))
    return viewer.add_layer(Image(data, **options))


def set_keys(widget, **values) -> None:
    write_fields([one for one in widget.fields if one.key in values], values)


def make(widget, until, state="done"):
    before = widget.run.job
    widget.make()
    until(lambda: widget.run.job is not before and widget.run.job.state == state)
    return widget.run.job


def frames_of(layer) -> np.ndarray:
    return np.asarray(layer.data)


def test_without_a_stimulus(viewer, widget, until, tmp_path, errors):
    seen = []
    assert widget._natural.currentText() == "none: unprimed"
    assert widget._output.text() == str(tmp_path / "right_learned.mkv")
    widget.make()
    job = widget.run.job
    job.probabilities.connect(lambda values, share: seen.append((values, share)))
    until(lambda: job.state == "done")
    (layer,) = job.layers
    assert isinstance(layer.data, FrameArray)
    assert layer.metadata["fps"] == "10"
    assert np.array_equal(frames_of(layer), read_video(tmp_path / "right_learned.mkv").frames)
    assert layer.data.shape == (6, 12, 14, 3)
    assert [one for one in viewer.layers if one.visible] == [layer]
    assert all(0 <= value <= 1 for values, _ in seen for value in values.values())
    assert set(seen[-1][0]) == {"model", "verifier"}
    until(lambda: set(widget.run.losses._curves) >= {"class", "coherence", "diversity", "l2"})
    assert list(widget.run.probabilities._curves) == ["model", "verifier"]
    assert widget._output.text() == str(tmp_path / "right_learned_2.mkv")
    # the clip that was not kept is a menu away
    widget.show_other()
    assert [one.name for one in viewer.layers if one.visible] == [
        "right_learned", "right_learned.last"
    ]  # fmt: skip
    assert errors == []


def test_with_a_stimulus(viewer, widget, stimulus, until, tmp_path, monkeypatch, errors):
    assert not widget._form.isRowVisible(widget.field("input.frames").native)
    widget._natural.setCurrentIndex(widget._natural.findData(stimulus))
    assert widget._form.isRowVisible(widget.field("input.frames").native)
    widget.set_tree({**TREE, "input": {"frames": "1:14"}, "samples": 2})
    job = make(widget, until)
    assert job.request.output == str(tmp_path / "waves_right_learned.mkv")
    # what the model saw stands in the place of what was given
    until(lambda: viewer.canvas.grid.enabled and not stimulus.visible)
    assert [one.name for one in viewer.layers if one.visible] == [
        "waves_right_learned_seed0.stimulus",
        "waves_right_learned (seed 0)",
        "waves_right_learned (seed 1)",
    ]
    assert job.beside.data.shape == job.layers[0].data.shape == (6, 12, 14, 3)
    assert list(job.layers[0].scale) == list(job.beside.scale) == [2, 2, 2]
    assert list(job.layers[0].translate) == [1, 0.5, 4.5]
    widget.copy_command()
    assert QGuiApplication.clipboard().text().startswith(f"stst leaps {tmp_path}/waves.mkv -o ")
    # a sidecar knows what it was made of, and asks before the code of one's own models is run
    recorded = tmp_path / "waves_right_learned_seed1.json"
    wanted = build(json.loads(recorded.read_text())["config"], LeapsConfig)
    widget._natural.setCurrentIndex(0)
    asked = []
    monkeypatch.setattr(widget, "ask", lambda text, answers: asked.append(text) or answers[0])
    widget.load_config(str(recorded))
    assert asked == []  # these the user has named, and run, in this viewer
    widget.queue.trusted.clear()
    widget.load_config(str(recorded))
    assert widget._natural.currentData() is stimulus
    assert build(widget.tree(), LeapsConfig) == wanted
    assert [text.split(". ")[0] for text in asked] == [
        f"{recorded.name} names the model tiny_video:{name}" for name in ("clips", "verifier")
    ]
    assert errors == []


def test_pause_cancel_and_resume_make_what_the_copied_command_makes(
    viewer, widget, until, qtbot, tmp_path, errors
):
    table = QueueWidget(viewer)
    viewer.window.add_dock_widget(table, name="Queue", area="bottom")
    set_keys(widget, iterations=250, checkpoint_every=100_000)
    widget.copy_command()
    command = QGuiApplication.clipboard().text()
    widget.make()
    job = widget.run.job
    until(lambda: job.progress > 0)
    widget.run.pause_or_go()
    assert job.state == "paused"
    held = settled(lambda: job.progress, until)
    qtbot.wait(round(300 * slowness()))
    assert job.progress == held
    assert [table.table.item(0, column).text() for column in range(2)] == ["none", "LEAPS"]
    widget.run.pause_or_go()
    until(lambda: job.progress > held)
    widget.run.cancel()
    until(lambda: job.state == "stopped")
    assert job.request.can_resume()
    widget.run.pause_or_go()
    until(lambda: widget.run.job is not job and widget.run.job.state == "done")
    assert widget.run.job.layers == job.layers
    program, *words = shlex.split(command)
    assert program == "stst"
    words[words.index("-o") + 1] = "straight.mkv"
    done = process(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for ending in (".mkv", ".last.mkv"):
        resumed, straight = (
            (tmp_path / f"{name}{ending}").read_bytes() for name in ("right_learned", "straight")
        )
        assert resumed == straight
    assert errors == []


def test_all_frames_are_seen_while_they_are_made_and_closing_leaves_no_process(
    viewer, widget, until, tmp_path, errors
):
    widget.set_tree(LONG)
    widget.make()
    job = widget.run.job
    until(lambda: job.progress > 0 and frames_of(job.layers[0]).std((1, 2, 3)).all())
    pid = job._task._process.processId()
    widget.ask_classes()
    asking = widget._class_requests[0]._process.processId()
    viewer.close()
    for one in (pid, asking):
        until(lambda one=one: not os.path.exists(f"/proc/{one}"))
    assert (tmp_path / "right_learned.run" / "job.json").exists()
    assert errors == []


def test_classes_are_offered(viewer, widget, until, errors):
    widget.ask_classes()
    until(lambda: widget._class_requests[-1].ended)
    assert [widget.classes.itemText(one) for one in range(3)] == ["left", "right", "left and up"]
    # what was written stays
    assert widget.classes.text() == "right"
    widget.ask_classes()
    assert len(widget._class_requests) == 1
    # what another model would have answered comes too late
    set_keys(widget, model="tiny_video:many")
    widget.ask_classes()
    late = widget._class_requests[-1]
    set_keys(widget, model="tiny_video:nothing")
    late.message.emit(Result(["late"]))
    assert widget.classes.count() == 0
    widget.ask_classes()
    until(lambda: widget._class_requests[-1].ended)
    assert "no attribute 'nothing'" in widget.run.status.text()
    # what is asked while the widget goes has nobody to tell it to
    widget.ask_classes()
    viewer.window.remove_dock_widget(widget)
    viewer.close()
    assert all(one.ended for one in widget._class_requests)
    assert errors == []


def press(box, keys):
    """Press keys as Qt hands them on: to what has the focus in the window on top."""
    for key in keys:
        top = QApplication.activePopupWidget()
        QTest.keyClick((top.focusWidget() or top) if top else box.lineEdit(), key)


@pytest.mark.parametrize("by", ["arrow", "keys"])
def test_what_is_typed_while_names_load_is_what_is_taken(viewer, widget, qtbot, by):
    # words open by themselves only where somebody writes, which takes the focus
    viewer.window.activate()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is not None)
    box, asked = widget.classes, []
    widget.ask_classes = lambda: asked.append(None)
    box.entered.disconnect()
    box.entered.connect(widget.ask_classes)
    box.offer(())
    box.lineEdit().setFocus()
    assert box.lineEdit().hasFocus()
    if by == "arrow":
        asked.clear()
        option = QStyleOptionComboBox()
        box.initStyleOption(option)
        kind, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxArrow
        arrow = box.style().subControlRect(kind, option, part, box)
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=arrow.center())
        assert asked
    # in the place of what was there
    box.lineEdit().selectAll()
    press(box, "ri")
    widget._on_classes(Result(["abseiling", "right", "riding", "striking"]))
    qtbot.wait(100)
    press(box, "g")
    press(box, [Qt.Key.Key_Return])
    assert box.text() == "rig"
    assert widget.field("target").read() == "rig"
    assert QApplication.activePopupWidget() is None
    # what fits is offered, and taken where it is chosen
    press(box, "h")
    completer = box.completer()
    assert [completer.popup().model().index(0, 0).data()] == ["right"]
    press(box, [Qt.Key.Key_Down, Qt.Key.Key_Return])
    assert box.text() == "right"


def test_the_arrow_shows_all_words_and_the_keyboard_filters_them(widget, qtbot):
    box = widget.classes
    box.entered.disconnect()
    box.offer(["abseiling", "right", "riding"])
    box.set_text("right")
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(box.width() - 8, 8))
    popup = box.completer().popup()
    assert popup.isVisible()
    assert popup.model().rowCount() == 3
    # what was there is replaced by what is typed, and that by nothing
    for key in "12":
        qtbot.keyClick(popup, key)
    qtbot.keyClick(QApplication.activePopupWidget() or box.lineEdit(), Qt.Key.Key_Return)
    assert box.text() == "12"


def test_a_wrong_class_is_said_in_the_form_s_words(widget, until, errors):
    set_keys(widget, target=None)
    widget.make()
    assert errors.pop().startswith("Which class is the clip made for?")
    set_keys(widget, target="write")
    job = make(widget, until, "failed")
    assert errors.pop() == job.text
    verdict = "write_learned.mkv was not made: class write: tiny_video:clips has no class of "
    assert job.text.startswith(verdict)
    assert "Did you mean 'right'" in job.text


def test_weights_that_are_missing_are_told_before_anything_starts(widget, errors):
    widget.weights.look = lambda: None  # what is on this machine does not matter
    set_keys(widget, model="r3d_18", weights="default")
    set_keys(widget, verifier="auto", verifier_weights="default")
    assert widget.field("length").native.placeholderText() == "16, the model's own"
    assert widget.weights._names == ("r3d_18", "mc3_18")
    widget.weights._show([
        {"name": name, "state": "missing", "usable": False, "path": None, "message": "",
         "licence": "", "url": "", "download_size": 1}
        for name in ("r3d_18", "mc3_18")
    ])  # fmt: skip
    widget.make()
    assert errors[0].startswith(
        "The weights of r3d_18 and mc3_18 are not here. Press Download; or, without a network, "
        "press “I have the file…”."
    )
    assert widget.run.job is None
    set_keys(widget, weights="none")
    assert not widget._form.isRowVisible(widget.weights)


def test_what_is_saved_is_loaded(widget, tmp_path, monkeypatch, errors):
    set_keys(widget, seed=4, flip=False, verifier="none", iterations=2)
    wanted = build(widget.tree(), LeapsConfig)
    widget.save_config(str(tmp_path / "one.toml"))
    widget.set_tree({"method": "leaps"})
    monkeypatch.setattr(widget, "ask", lambda text, answers: answers[0])
    widget.load_config(str(tmp_path / "one.toml"))
    assert build(widget.tree(), LeapsConfig) == wanted
    assert errors == []
