from __future__ import annotations

import json

import numpy as np
import pytest

from napari_stst.layers import layer_of
from napari_stst.writer import write_clip
from small_runs import clip, frames
from stst.errors import InputError
from stst.video import read_video


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a.npy"])
def test_a_master_has_the_very_frames(tmp_path, name):
    path = str(tmp_path / name)
    beside = [str(tmp_path / "a.json")] if name == "a.npy" else []
    assert write_clip(path, frames(), {"metadata": {"fps": "25"}}) == [path, *beside]
    again = read_video(path)
    assert again.fps == 25
    assert np.array_equal(again.frames, frames())


def test_a_preview_is_made_for_looking(tmp_path):
    path = str(tmp_path / "a.mp4")
    write_clip(path, frames(height=32, width=32), {"metadata": {"fps": "30000/1001"}})
    assert str(read_video(path).fps) == "30000/1001"


def test_the_sidecar_goes_along(tmp_path):
    source = clip(tmp_path / "made.mkv")
    source.with_suffix(".json").write_text(json.dumps({"schema_version": 1, "seed": 4}))
    data, options, _ = layer_of(source)
    written = write_clip(str(tmp_path / "copy.npz"), data, options)
    assert written == [str(tmp_path / "copy.npz"), str(tmp_path / "copy.json")]
    content = json.loads((tmp_path / "copy.json").read_text())
    assert (content["seed"], content["output"]["path"]) == (4, "copy.npz")


def test_a_preview_leaves_the_master_s_sidecar_alone(tmp_path):
    source = clip(tmp_path / "made.mkv", height=32, width=32)
    sidecar = source.with_suffix(".json")
    sidecar.write_text(json.dumps({"schema_version": 1, "seed": 4}))
    data, options, _ = layer_of(source)
    assert write_clip(str(tmp_path / "made.mp4"), data, options) == [str(tmp_path / "made.mp4")]
    assert json.loads(sidecar.read_text()) == {"schema_version": 1, "seed": 4}


def test_no_rate_is_an_error_with_a_way_out(tmp_path):
    with pytest.raises(InputError, match=r"layer 'a' has no frame rate.*metadata\['fps'\]"):
        write_clip(str(tmp_path / "a.mkv"), frames(), {"name": "a"})
    assert not (tmp_path / "a.mkv").exists()


def test_saving_a_layer_of_the_viewer(viewer, tmp_path):
    layer = viewer.add_image(frames(), rgb=True, metadata={"fps": "12"}, name="made here")
    saved = layer.save(str(tmp_path / "saved.mkv"), plugin="napari-stst")
    assert saved == [str(tmp_path / "saved.mkv")]
    ((again,)) = viewer.open(saved, plugin="napari-stst")
    assert np.array_equal(np.asarray(again.data), frames())
    assert again.metadata["fps"] == "12"
