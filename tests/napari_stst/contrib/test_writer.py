from __future__ import annotations

import json

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_stst.contrib.writer import add_suffix, write_clip, write_lossy
from napari_stst.viewer.layers import layer_of
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


TYPES = {"Lossless master": ".mkv", "Preview (lossy)": ".mp4"}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", ["made", "made_0.95"])
def test_the_dialog_s_type_is_the_suffix_of_a_name_without_one(
    viewer, tmp_path, monkeypatch, kind, name
):
    layer = viewer.add_image(frames(height=32, width=32), rgb=True, metadata={"fps": "12"})
    viewer.layers.selection.active = layer

    def chosen(parent, caption, start, filter, options):
        (one,) = (one for one in filter.split(";;") if kind in one)
        return str(tmp_path / name), one

    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(chosen))
    viewer.window._qt_viewer._save_layers_dialog(selected=True)
    path = tmp_path / f"{name}{TYPES[kind]}"
    assert path.is_file()
    assert not (tmp_path / name).exists()
    assert len(read_video(path).frames) == len(frames())
    before = path.read_bytes()
    # napari has asked about the name without the suffix, which is another file
    writer = write_clip if kind == "Lossless master" else write_lossy
    with pytest.raises(InputError, match=r"exists\. Give the whole name to replace it"):
        writer(str(tmp_path / name), layer.data, {"metadata": {"fps": "24"}})
    assert path.read_bytes() == before
    writer(str(path), layer.data, {"metadata": {"fps": "24"}})
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", ["one.MKV", "one.npz", "two.npy", "one.mp4"])
def test_a_suffix_that_was_typed_counts(name):
    assert add_suffix(name, ".mkv") == add_suffix(name, ".mp4") == name


def test_a_folder_of_pictures_is_asked_for_by_a_slash(tmp_path):
    write_clip(f"{tmp_path / 'one'}/", frames(), {"metadata": {"fps": "12"}})
    assert len(list((tmp_path / "one").glob("*.png"))) == len(frames())


def test_saving_a_layer_of_the_viewer(viewer, tmp_path):
    layer = viewer.add_image(frames(), rgb=True, metadata={"fps": "12"}, name="made here")
    saved = layer.save(str(tmp_path / "saved.mkv"), plugin="napari-stst")
    assert saved == [str(tmp_path / "saved.mkv")]
    ((again,)) = viewer.open(saved, plugin="napari-stst")
    assert np.array_equal(np.asarray(again.data), frames())
    assert again.metadata["fps"] == "12"
