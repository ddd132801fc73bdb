from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_stst.background.exporting import GAP, GREY, join_side_by_side
from napari_stst.compare.compare_widget import CompareWidget
from napari_stst.make.generate import GenerateWidget
from napari_stst.viewer.closing import main_window
from napari_stst.viewer.layers import layer_of
from small_runs import FPS, TREE, clip, frames
from stst.video import probe, read_video


def click(button) -> None:
    assert button.isVisible(), button.text()
    assert button.isEnabled(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def made(viewer, until, tmp_path):
    data, options, _ = layer_of(clip(tmp_path / "natural.mkv", count=4, height=36, width=40))
    viewer.add_layer(Image(data, **options))
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    assert not widget.run.result.isVisible()
    widget.set_tree({**TREE, "input": {"frames": "1:3"}})
    widget.make()
    until(lambda: widget.run.job is not None and widget.run.job.state == "done")
    return widget


def test_each_button_does_what_it_says(viewer, made, until, tmp_path, monkeypatch, errors):
    row = made.run.result
    opened = []
    monkeypatch.setattr(
        "napari_stst.viewer.system_programs.QDesktopServices.openUrl",
        lambda url: opened.append(url) or True,
    )
    click(row.folder)
    assert [one.toLocalFile() for one in opened] == [str(tmp_path)]

    answer = (str(tmp_path / "elsewhere"), "Lossless master (*.mkv)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *words: answer)
    click(row.copy)
    until(lambda: "Saved a copy" in made.run.status.text())
    master = read_video(tmp_path / "natural_metamer.mkv")
    assert np.array_equal(read_video(tmp_path / "elsewhere.mkv").frames, master.frames)
    assert json.loads((tmp_path / "elsewhere.json").read_text())["method"] == "stst"
    # another clip's sidecar is not replaced
    (tmp_path / "taken.json").write_text("{}")
    row.save_copy(str(tmp_path / "taken.mkv"))
    until(lambda: bool(errors))
    assert "taken.json is there already" in errors.pop()
    assert not (tmp_path / "taken.mkv").exists()

    answer = (str(tmp_path / "both"), "")
    click(row.export)
    until(lambda: "px of grey between" in made.run.status.text())
    assert f"{GAP} px of grey between, {FPS} Hz" in made.run.status.text()
    found = probe(tmp_path / "both.mp4")
    assert (found.frames, found.fps) == (2, FPS)
    both = read_video(tmp_path / "both.mp4").frames.astype(float)
    assert both.shape[1:3] == (36, 2 * 40 + GAP)
    natural = read_video(tmp_path / "natural.mkv", frames="1:3").frames
    # lossy: each side is nearer to its own clip than to the other
    left, right = both[:, :, :40], both[:, :, 40 + GAP :]
    assert np.abs(left - natural).mean() < np.abs(left - master.frames).mean()
    assert np.abs(right - master.frames).mean() < np.abs(right - natural).mean()

    click(row.compare)
    window = main_window(viewer)
    until(lambda: any(one.isVisible() for one in window.findChildren(CompareWidget)))
    (compare,) = window.findChildren(CompareWidget)
    assert compare.natural.name == "natural"
    assert made.run.job.layers[0] in compare.choice.others
    assert errors == []


def test_beside_each_other_with_the_gap_that_is_stated():
    one, two = frames(2, 5, 7)
    both = join_side_by_side(one, two)
    assert np.array_equal(both[:, :7], one)
    assert np.array_equal(both[:, 7 + GAP :], two)
    assert (both[:, 7 : 7 + GAP] == GREY).all()
