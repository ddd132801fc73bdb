from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from hands import press
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.leaps import LeapsWidget
from napari_stst.make.scramble import ScrambleWidget
from napari_stst.make.weights import WeightsRow
from napari_stst.queue.job import MakeRequest, QueuedJob
from napari_stst.queue.queue_widget import QueueWidget
from patience import patience
from small_runs import clip, config


def way(widget, first, most=150):
    """Give what Tab goes through in a widget, from one of its parts on until it leaves."""
    first.setFocus()
    found = [first]
    for _ in range(most):
        press(Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        if now is found[0] or not widget.isAncestorOf(now):
            return found
        found.append(now)
    raise AssertionError("it never comes back")


def docked(viewer, kind, qtbot, tmp_path):
    viewer.open(str(clip(tmp_path / "a.mkv")), plugin="napari-stst")
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name="form")
    qtbot.wait(100)
    viewer.window.activate()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is not None)
    # buttons of missing weights appear once it is known which are
    for row in widget.findChildren(WeightsRow):
        qtbot.waitUntil(lambda row=row: row.task is None, timeout=round(1000 * patience(60)))
    return widget


@pytest.mark.parametrize("kind", [GenerateWidget, ScrambleWidget, LeapsWidget])
def test_tab_goes_through_what_is_seen_to_the_buttons(viewer, qtbot, tmp_path, kind):
    widget = docked(viewer, kind, qtbot, tmp_path)
    # something to cancel
    job = QueuedJob(viewer, MakeRequest(None, str(tmp_path / "b.mkv"), {"method": widget.method}))
    job.state = "running"
    widget.run._attach(job)
    widget._natural.setCurrentIndex(widget._natural.findText("a"))
    advanced = [one.native for one in widget.fields if one.key not in widget.basic]
    places = way(widget, widget._natural)
    assert all(one.isVisible() and one.height() > 0 for one in places)
    assert not any(one.isAncestorOf(place) or one is place for one in advanced for place in places)
    buttons = [widget.make_button, widget.run.pause_button, widget.run.cancel_button]
    assert [one for one in places if one in buttons] == buttons
    # from the top to the bottom
    rows = [widget._natural, widget._presets, widget._frames.line, widget._output.line]
    assert [one for one in places if one in rows] == rows
    # and through what was opened
    widget.advanced.expand()
    qtbot.wait(50)
    opened = way(widget, widget._natural)
    assert len(opened) > len(places)
    assert [one for one in opened if one in buttons] == buttons
    widget.advanced.collapse()
    assert way(widget, widget._natural) == places


def test_keys_alone_start_a_run(viewer, qtbot, tmp_path, monkeypatch):
    widget = docked(viewer, GenerateWidget, qtbot, tmp_path)
    asked = []
    monkeypatch.setattr(widget, "_prepare_request", lambda *words: asked.append(words))
    widget._natural.setFocus()
    for _ in range(60):
        if QApplication.focusWidget() is widget.make_button:
            break
        press(Qt.Key.Key_Tab)
    press(Qt.Key.Key_Space)
    assert len(asked) == 1


def test_tab_leaves_the_table_of_the_queue(viewer, qtbot, tmp_path):
    widget = docked(viewer, QueueWidget, qtbot, tmp_path)
    for name in "bc":
        job = QueuedJob(viewer, MakeRequest(None, str(tmp_path / f"{name}.mkv"), config()))
        job.state = "paused"
        widget.queue.add(job)
    widget.table.selectRow(0)
    places = way(widget, widget.table)
    assert widget.buttons["Cancel"][0] in places
