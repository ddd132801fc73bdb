"""Opening clips of more than 8 bits and of high dynamic range: asked, answered, and on record."""

from __future__ import annotations

import json
import shlex
from functools import partial

import numpy as np
import pytest
from napari.layers import Image
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QDoubleSpinBox, QLabel, QPushButton

from deep_clips import HLG, PQ, deep
from napari_stst.background.measurements import Match
from napari_stst.compare.arrays import compose_frame, difference
from napari_stst.compare.compare_widget import CompareWidget
from napari_stst.contrib import reader
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.scramble import ScrambleWidget
from napari_stst.viewer.layers import layer_of
from napari_stst.viewer.levels import common_levels, levels_of
from small_runs import TREE, clip, stst
from stst.errors import InputError
from stst.video import AS_STORED, Levels, read_levels, read_video


class Answering:
    """Answers the question with the mouse as soon as it is seen; remembers what it said."""

    def __init__(self, button, peak=None):
        self.button, self.peak, self.words = button, peak, []
        self.timer = QTimer()
        self.timer.timeout.connect(self.look)
        self.timer.start(20)

    def look(self):
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog) or not dialog.isVisible():
            return
        self.timer.stop()
        self.words.append(" ".join(one.text() for one in dialog.findChildren(QLabel)))
        if self.peak is not None:
            (box,) = dialog.findChildren(QDoubleSpinBox)
            assert box.value() == 1000
            box.setValue(self.peak)
        (button,) = (one for one in dialog.findChildren(QPushButton) if self.button in one.text())
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def opened(viewer, path, button, peak=None):
    answering = Answering(button, peak)
    layers = viewer.open(str(path), plugin="napari-stst")
    assert len(answering.words) == 1
    return layers, answering.words[0]


def test_ten_bits_are_rounded_where_that_is_chosen(viewer, tmp_path):
    path = deep(tmp_path / "deep.mkv")
    (layer,), words = opened(viewer, path, "Round to 8 bits")
    assert "deep.mkv has 10 bits per channel, stimuli have 8" in words
    assert np.array_equal(np.asarray(layer.data), read_video(path, bits=8).frames)
    assert layer.metadata["levels"] == {"bits": 8}
    assert layer.metadata["source"]["bits"] == 8
    assert levels_of(layer) == Levels(bits=8)


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_high_dynamic_range_is_mapped_with_the_peak_that_is_written(
    viewer, tmp_path, transfer, name
):
    path = deep(tmp_path / "hdr.mkv", transfer=transfer)
    (layer,), words = opened(viewer, path, "Map to standard range", peak=600)
    assert f"high dynamic range ({name})" in words
    expected = read_video(path, tonemap="bt2408", peak_nits=600)
    assert np.array_equal(np.asarray(layer.data), expected.frames)
    assert layer.metadata["levels"] == {"tonemap": "bt2408", "peak_nits": 600}


def test_nothing_is_opened_where_that_is_chosen(viewer, tmp_path, errors):
    layers, _ = opened(viewer, deep(tmp_path / "deep.mkv"), "Don't open")
    assert layers == []
    assert len(viewer.layers) == 0
    assert errors == []


def test_eight_bits_are_opened_without_a_question(viewer, tmp_path):
    (layer,) = viewer.open(str(clip(tmp_path / "plain.mkv")), plugin="napari-stst")
    assert "levels" not in layer.metadata
    assert levels_of(layer) == AS_STORED


def test_what_cannot_be_read_anyway_is_said_without_a_question(viewer, tmp_path):
    values = np.full((2, 8, 8, 3), 1000, np.uint16)
    np.savez(tmp_path / "ten.npz", frames=values, fps=[25, 1])
    with pytest.raises(InputError, match="as of 10 bits"):
        reader.read(str(tmp_path / "ten.npz"))


def add(viewer, path, **levels) -> Image:
    data, options, _ = layer_of(path, Levels(**levels))
    return viewer.add_layer(Image(data, **options))


def made(widget, until):
    widget.make()
    until(lambda: widget.run.job is not None and widget.run.job.state == "done")


def sidecar(path) -> dict:
    return json.loads(path.read_text())


LEVELS = {"bits": {"bits": 8}, "hdr": {"tonemap": "bt2408", "peak_nits": 600.0}}


@pytest.mark.parametrize("kind", LEVELS)
def test_what_is_made_of_the_layer_records_and_repeats_it(viewer, until, tmp_path, kind):
    path = deep(tmp_path / "natural.mkv", transfer=PQ if kind == "hdr" else None)
    layer = add(viewer, path, **LEVELS[kind])
    widget = ScrambleWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Scramble")
    assert not [one.key for one in widget.fields if one.key in ("input.bits", "input.tonemap")]
    widget._output.setText(str(tmp_path / "here.mkv"))
    widget.copy_command()
    words = shlex.split(QGuiApplication.clipboard().text())
    made(widget, until)
    (entry,) = sidecar(tmp_path / "here.json")["inputs"]
    assert read_levels(entry, "") == Levels(**LEVELS[kind])
    words[words.index(str(tmp_path / "here.mkv"))] = str(tmp_path / "there.mkv")
    result = stst(*words[1:])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "here.mkv").read_bytes() == (tmp_path / "there.mkv").read_bytes()
    # the sidecar opens its clip again as it was
    viewer.layers.remove(layer)
    widget.load_config(str(tmp_path / "here.json"))
    again = widget.natural()
    assert levels_of(again) == Levels(**LEVELS[kind])
    assert np.array_equal(np.asarray(again.data), np.asarray(layer.data))


def test_a_target_of_more_bits(viewer, tmp_path):
    add(viewer, clip(tmp_path / "natural.mkv", count=4, fps=25))
    target = add(viewer, deep(tmp_path / "target.mkv"), bits=8)
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    widget.set_tree({**TREE, "input": {"frames": "1:3"}})
    chooser = widget._targets["spatial_texture"]
    chooser.setCurrentIndex(chooser.findData(target))
    widget.copy_command()
    words = shlex.split(QGuiApplication.clipboard().text())
    assert words[words.index("--bits") + 1] == "8"


def test_layers_that_do_not_go_together(viewer, tmp_path):
    one, two, three = (
        add(viewer, deep(tmp_path / f"{place}.mkv", transfer=PQ), tonemap="bt2408", **peak)
        for place, peak in enumerate(({"peak_nits": 500.0}, {"peak_nits": 600.0}, {}))
    )
    with pytest.raises(InputError, match="'0' was opened with a peak of 500 cd/m², '1' with 600"):
        common_levels([one, two])
    assert common_levels([one, three]) == Levels(tonemap="bt2408", peak_nits=500.0)
    one.metadata["levels"] = {"bit": 8}
    with pytest.raises(InputError, match=r"'0': metadata\['levels'\]"):
        levels_of(one)


def test_compare_reads_the_clips_as_the_layers_do(viewer, until, tmp_path, errors):
    path = deep(tmp_path / "natural.mkv")
    natural = add(viewer, path, bits=8)
    assert stst("scramble", path, "-o", tmp_path / "s.mkv", "--bits", "8").exit_code == 0
    other = add(viewer, tmp_path / "s.mkv")
    second = add(viewer, deep(tmp_path / "again.mkv", bits=12), bits=8)
    widget = CompareWidget(PublicOnlyProxy(viewer))
    viewer.window.add_dock_widget(widget, name="Compare", area="bottom")
    widget.choice.choose_natural(natural)
    for one in (other, second):
        widget.choice.tick(one)
    assert widget.choice.part["levels"] == Levels(bits=8)
    until(lambda: "Features" in widget.results.measured and widget.work.job is None)
    assert errors == []
    widget.close_all(put_back=False)


def test_the_difference_is_taken_of_what_the_stimulus_was_made_of(viewer, tmp_path):
    """Where the layer shows the natural clip with another peak, it is read again."""
    path = deep(tmp_path / "natural.mkv", transfer=PQ)
    natural = add(viewer, path, tonemap="bt2408", peak_nits=600.0)
    recorded = Levels(tonemap="bt2408", peak_nits=1000.0)
    other = add(viewer, path, **recorded.as_dict())
    compare = partial(compose_frame, natural, other, path=path, compose=difference("absolute", 1))
    seen = compare(match=Match(0, 4, levels=recorded))
    assert not np.asarray(seen).any()
    assert np.asarray(compare(match=Match(0, 4, levels=levels_of(natural)))).any()
