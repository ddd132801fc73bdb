from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel

from methods_of_others import installed
from napari_stst.make.other import OtherWidget
from small_runs import clip, stst
from stst.video import read_video


@pytest.fixture
def drift(monkeypatch, viewer):
    with installed(monkeypatch):
        yield


def test_the_form_opens_and_makes_what_the_command_makes(drift, viewer, until, tmp_path, errors):
    viewer.open(str(clip(tmp_path / "natural.mkv", count=4)), plugin="napari-stst")
    _, widget = viewer.window.add_plugin_dock_widget("napari-stst", "Other methods")
    assert isinstance(widget, OtherWidget)
    maker = widget.maker
    labels = {field.key for field in maker.fields}
    assert {"step", "iterations", "checkpoint_every", "seed"} <= labels
    maker.set_tree({"method": "drift", "iterations": 2})
    maker.make()
    until(lambda: maker.run.making is not None and maker.run.making.state == "done")
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
