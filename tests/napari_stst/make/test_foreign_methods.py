from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from methods_of_others import TOY, WITH_TOY, installed
from napari_stst.make.foreign_methods import ForeignMethodsWidget
from napari_stst.queue.job import QueuedJob
from napari_stst.queue.queue import queue_of
from napari_stst.queue.request import MakeRequest, read_stored_request
from small_runs import clip, process, stst
from stst.config import METHODS, methods
from stst.config.sources import find_code_names
from stst.video import read_video


@pytest.fixture
def drift(monkeypatch, viewer):
    with installed(monkeypatch):
        yield


def test_the_form_opens_and_makes_what_the_command_makes(drift, viewer, until, tmp_path, errors):
    viewer.open(str(clip(tmp_path / "natural.mkv", count=4)), plugin="napari-stst")
    _, widget = viewer.window.add_plugin_dock_widget("napari-stst", "Other methods")
    assert isinstance(widget, ForeignMethodsWidget)
    maker = widget.maker
    # it has all of the dock's height
    until(lambda: maker.height() > 500)
    labels = {field.key for field in maker.fields}
    assert {"step", "iterations", "checkpoint_every", "seed"} <= labels
    maker.set_tree({"method": "drift", "iterations": 2})
    maker.make()
    until(lambda: maker.run.job is not None and maker.run.job.state == "done")
    assert errors == []
    made = read_video(tmp_path / "natural_drift.mkv").frames
    done = stst(
        "drift", tmp_path / "natural.mkv", "-o", tmp_path / "b.mkv", "--set", "iterations=2"
    )
    assert done.exit_code == 0, done.output
    assert np.array_equal(made, read_video(tmp_path / "b.mkv").frames)


def test_without_such_a_package_it_is_said(viewer):
    _, widget = viewer.window.add_plugin_dock_widget("napari-stst", "Other methods")
    assert widget.maker is None
    assert any("No installed package" in one.text() for one in widget.findChildren(QLabel))


def test_a_package_that_is_broken_is_told_and_others_go_on(monkeypatch, viewer, tmp_path):
    info = tmp_path / "broken" / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[stst.methods]\nbad = no_such:SPEC\n")
    with installed(monkeypatch, TOY, str(tmp_path / "broken")):
        _, widget = viewer.window.add_plugin_dock_widget("napari-stst", "Other methods")
        assert sorted(METHODS.foreign()) == ["bad", "drift"]
        widget.choice.setCurrentText("bad")
        assert widget.maker is None
        assert "no_such:SPEC" in widget.problem.text()
        widget.choice.setCurrentText("drift")
        assert widget.maker is not None
        assert widget.problem.isHidden()


def test_an_unfinished_run_is_no_reason_to_import(
    drift, viewer, until, tmp_path, monkeypatch, errors
):
    clip(tmp_path / "natural.mkv", count=4)
    words = ("drift", "natural.mkv", "-o", "a.mkv", "--set", "iterations=2")
    process(*words, folder=tmp_path, PYTHONPATH=WITH_TOY, TOY_KILL="2:0")
    queue = queue_of(viewer)
    with monkeypatch.context() as refusing:
        refusing.setattr(methods, "_load", lambda entry: pytest.fail("its code was imported"))
        stored = read_stored_request(tmp_path / "a.run")
        assert stored.method == "drift"
        assert find_code_names(stored.tree) == {"method": "drift"}
        # nor is one that is kept for the next viewer
        assert MakeRequest.from_dict(stored.as_dict()).tree == stored.tree
        job = QueuedJob(viewer, stored)
        job.restore(True, "stopped", "stopped")
        queue._take_in(job)
        refusing.setattr("napari_stst.queue.queue.ask", lambda *words: "Cancel")
        assert queue.resume(job) is None
    monkeypatch.setattr("napari_stst.queue.queue.ask", lambda *words: "Trust it")
    again = queue.resume(job)
    assert isinstance(again.request.config, METHODS["drift"].config)
    until(lambda: again.state in ("done", "failed"))
    assert (again.state, errors) == ("done", [])
