from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_stst.contrib import reader
from small_runs import clip, frames
from stst.errors import InputError
from stst.video import read_video, write_video


@pytest.mark.parametrize("name", ["a.mkv", "folder/", "a.npz"])
def test_our_clips_open_exactly(tmp_path, name):
    path = f"{tmp_path}/{name}"
    write_video(path, frames(), "30000/1001")
    read = reader.get_reader(path)
    assert read is not None
    ((data, options, kind),) = read(path)
    assert np.array_equal(np.asarray(data), frames())
    assert (kind, options["rgb"], options["metadata"]["fps"]) == ("image", True, "30000/1001")


def test_what_is_worth_knowing_is_told(tmp_path, monkeypatch):
    from napari.utils import notifications

    told = []
    monkeypatch.setattr(notifications, "show_info", told.append)
    for place in range(2):
        folder = tmp_path / str(place)
        write_video(f"{folder}/", frames(), 25)
        if place:
            for file in folder.glob("*.png"):
                Image.open(file).save(file, dpi=(72, 96))
    for place in range(2):
        path = str(tmp_path / str(place))
        reader.get_reader(path)(path)
    assert told == ["1: Pixels are 4:3; shown 27x18; not resized."]


@pytest.mark.parametrize("suffix", [".ts", ".m2ts", ".MPG", ".3gp"])
def test_streams_are_ours(suffix):
    assert reader.get_reader(f"clip{suffix}") is reader.read


def test_several_are_opened_one_by_one(tmp_path):
    paths = [str(clip(tmp_path / f"{one}.mkv", seed=one)) for one in range(2)]
    layers = reader.get_reader(paths)(paths)
    assert [options["name"] for _, options, _ in layers] == ["0", "1"]
    assert np.array_equal(np.asarray(layers[1][0]), read_video(paths[1]).frames)


def test_it_is_polite_about_what_is_not_ours(tmp_path):
    np.save(tmp_path / "volume.npy", np.zeros((4, 5, 6)))
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "zarr").mkdir()
    (tmp_path / "text.txt").write_text("a")
    (tmp_path / "stack").mkdir()
    for one in range(3):
        (tmp_path / f"stack/{one}.tif").write_bytes(b"II*")
    for name in ("volume.npy", "other.npz", "zarr", "stack", "text.txt", "missing.png"):
        assert reader.get_reader(str(tmp_path / name)) is None, name
    assert reader.get_reader([]) is None
    good = str(clip(tmp_path / "a.mkv"))
    assert reader.get_reader([good, str(tmp_path / "text.txt")]) is None
    assert reader.get_reader("CLIP.MP4") is reader.read


def test_a_damaged_clip_is_named(tmp_path):
    path = tmp_path / "broken.mkv"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.mkv"):
        reader.get_reader(str(path))(str(path))


def test_napari_opens_our_clips_and_folders(viewer, tmp_path):
    write_video(f"{tmp_path}/folder/", frames(), "30000/1001")
    paths = [str(clip(tmp_path / "a.mkv")), str(tmp_path / "folder")]
    layers = viewer.open(paths, plugin="napari-stst")
    assert [one.name for one in layers] == ["a", "folder"]
    assert np.array_equal(np.asarray(layers[1].data), frames())


@pytest.mark.parametrize("name", ["a.mp4", "a.npy", "a.npz"])
@pytest.mark.parametrize("kind", ["lfs", "page", "link"])
def test_broken_downloads_are_called_what_they_are(tmp_path, name, kind):
    path = tmp_path / name
    words = {"lfs": "a Git LFS pointer", "page": "an HTML page", "link": "datalad get"}
    if kind == "link":
        path.symlink_to(".git/annex/objects/a/b")
    else:
        text = "version https://git-lfs.github.com/spec/v1\n" if kind == "lfs" else "<html></html>"
        path.write_text(text)
    read = reader.get_reader(str(path))
    assert read is not None
    with pytest.raises(InputError, match=words[kind]):
        read(str(path))
