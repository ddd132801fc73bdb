from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_stst.make.scramble import ScrambleWidget
from napari_stst.viewer.conversion import STILL, convert_layer, explain_unfit, list_conversions
from napari_stst.viewer.layers import is_clip, save_clip
from small_runs import clip, frames
from stst.config import StpsConfig
from stst.errors import InputError
from stst.runs.job import Job
from stst.video import read_video

T, H, W = 3, 6, 7


def ramp(dtype, *shape) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize(
    ("data", "rgb", "why"),
    [
        (ramp(np.float32, T, H, W), False, "float32, not 8-bit"),
        (ramp(np.uint16, T, H, W), False, "uint16, not 8-bit"),
        (ramp(np.uint8, H, W), False, "a single picture"),
        (ramp(np.uint8, H, W, 3), True, "a single picture"),
        (ramp(np.uint8, T, 3, H, W), False, "4 axes, not time, height and width"),
        (ramp(np.uint16, 2, T, H, W), False, "uint16, not 8-bit, 4 axes, not time, height and "
         "width"),
        (ramp(np.uint8, T, H, W), False, ""),
        (ramp(np.uint8, T, H, W, 3), True, ""),
    ],
)  # fmt: skip
def test_why_a_layer_is_no_clip(data, rgb, why):
    layer = Image(data, rgb=rgb)
    assert explain_unfit(layer) == why
    assert is_clip(layer) == (not why)


def test_other_layers_are_not_spoken_of():
    assert explain_unfit(Labels(np.zeros((T, H, W), int))) == ""


def test_values_are_spread_evenly_and_it_is_on_record():
    data = np.array([[[0, 1000, 4095]], [[2048, 4095, 16]]], np.uint16)
    layer = Image(data, name="cells", metadata={"fps": "24"})
    full, seen, *_ = list_conversions(layer)
    assert "all that uint16 holds" in full.words
    made = convert_layer(layer, seen)
    assert is_clip(made)
    # a few lines of their own: 0 is black, 4095 white, the nearest in between
    expected = [[[round(255 * int(one) / 4095) for one in row] for row in frame] for frame in data]
    assert made.data.tolist() == expected
    assert made.metadata["fps"] == "24"
    assert made.metadata["converted"] == {
        "layer": "cells", "dtype": "uint16", "shape": [2, 1, 3], "values": [0.0, 4095.0],
        "how": "lowest to highest value: 0 becomes black, 4095 white",
    }  # fmt: skip
    # the camera's whole range is kept where that is asked for
    assert convert_layer(layer, full).data.max() == round(255 * 4095 / 65535)


def test_floats_between_0_and_1_keep_their_levels():
    data = np.linspace(0.25, 0.75, T * H * W).reshape(T, H, W)
    way = list_conversions(Image(data))[0]
    assert np.array_equal(
        convert_layer(Image(data), way).data, np.rint(data * 255).astype(np.uint8)
    )


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_colours_are_found_on_any_axis(axis):
    colour = frames(5, H, W)
    layer = Image(np.moveaxis(colour, -1, axis), rgb=False)
    (way,) = list_conversions(layer)
    made = convert_layer(layer, way)
    assert made.rgb
    assert np.array_equal(made.data, colour)
    assert f"axis {axis} as colour" in made.metadata["converted"]["how"]


def test_a_picture_becomes_a_still_clip_and_other_stacks_have_no_way():
    picture = frames(1, H, W)[0]
    layer = Image(picture, rgb=True)
    made = convert_layer(layer, list_conversions(layer)[0])
    assert made.data.shape == (STILL, H, W, 3)
    assert (made.data == picture).all()
    assert list_conversions(Image(np.zeros((5, 4, H, W), np.uint8), rgb=False)) == []
    with pytest.raises(InputError, match="no finite numbers"):
        list_conversions(Image(np.full((T, H, W), np.nan), contrast_limits=(0, 1)))


def test_the_sidecar_says_what_a_clip_was_converted_from(tmp_path):
    layer = Image(ramp(np.uint16, T, 24, 26), name="cells", metadata={"fps": "25"})
    made = convert_layer(layer, list_conversions(layer)[1])
    path = save_clip(made, tmp_path / "m.natural.mkv", overwrite=True)
    for _ in Job(path, str(tmp_path / "m.mkv"), StpsConfig()).run():
        pass
    (natural,) = json.loads((tmp_path / "m.json").read_text())["inputs"]
    assert natural["converted"] == made.metadata["converted"]
    # another clip of that name has another record, and a stranger's file does no harm
    plain = Image(frames(T, 24, 26), rgb=True, metadata={"fps": "25"})
    save_clip(plain, path, overwrite=True)
    assert not (tmp_path / "m.natural.json").exists()
    (tmp_path / "m.natural.json").write_text("[]")
    for _ in Job(path, str(tmp_path / "n.mkv"), StpsConfig()).run():
        pass
    assert "converted" not in json.loads((tmp_path / "n.json").read_text())["inputs"][0]


def test_it_is_named_in_the_choice_and_converted_by_choosing_it(viewer, until, tmp_path, errors):
    viewer.add_image(ramp(np.uint16, T, 24, 26), name="cells", metadata={"fps": "25"})
    widget = ScrambleWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Scramble")
    box = widget._natural
    assert box.currentText() == "cells: uint16, not 8-bit"
    widget.make()
    assert "'cells' is uint16, not 8-bit" in errors.pop()
    asked = []

    def ask(question, answers):
        asked.append((question, answers))
        return answers[1]

    widget.ask = ask
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Space)
    QTest.keyClick(box.view(), Qt.Key.Key_Return)
    ((question, answers),) = asked
    assert "the sidecar says how" in question
    assert answers[-1] == "Cancel"
    assert box.currentText() == "cells (8 bit)"
    widget.make()
    until(lambda: widget.run.job is not None and widget.run.job.state == "done")
    sidecar = Path(widget.run.job.request.output).with_suffix(".json")
    (natural,) = json.loads(sidecar.read_text())["inputs"]
    assert natural["converted"]["dtype"] == "uint16"
    assert natural["converted"]["how"] == answers[1]
    written = read_video(tmp_path / natural["path"]).frames
    values = ramp(np.uint16, T, 24, 26)
    assert np.array_equal(written[..., 0], np.rint(values * (255 / values.max())).astype(np.uint8))
    assert errors == []


def test_clips_come_first(viewer, tmp_path):
    viewer.add_image(ramp(np.float32, H, W), name="picture")
    viewer.open(str(clip(tmp_path / "natural.mkv")), plugin="napari-stst")
    widget = ScrambleWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Scramble")
    names = [widget._natural.itemText(one) for one in range(widget._natural.count())]
    assert names == ["natural", "picture: float32, not 8-bit, a single picture"]
