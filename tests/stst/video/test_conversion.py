import json
from fractions import Fraction

import pytest
from small_clips import encode, moving, noise

from stst.errors import InputError
from stst.video import (
    convert,
    frames_sha256,
    open_video,
    read_video,
    sidecar_of,
    sidecar_path,
    write_video,
)

NTSC = Fraction(60000, 1001)
FRAMES = noise(5, 9, 14)
SIDECAR = {
    "schema_version": 1,
    "inputs": [{"role": "natural", "path": "clips/natural.mp4"}, {"path": "/far/b.mp4"}],
    "output": {"path": "a.mkv", "fps": "60000/1001"},
    "seed": 3,
}


@pytest.fixture
def master(tmp_path):
    write_video(tmp_path / "a.mkv", FRAMES, NTSC)
    (tmp_path / "a.json").write_text(json.dumps(SIDECAR))
    return tmp_path / "a.mkv"


def test_around_the_houses(tmp_path, master):
    path = master
    for name in ("b/", "c.npy", "d.npz", "e.mkv"):
        done = convert(path, f"{tmp_path}/{name}")
        path = tmp_path / name
        video = read_video(path)
        assert (video.frames == FRAMES).all()
        assert video.fps == NTSC
        sidecar = sidecar_of(path)
        assert done.sidecar == sidecar_path(path)
        assert sidecar["seed"] == 3
        assert sidecar["inputs"] == SIDECAR["inputs"]
        assert sidecar["output"] == {
            "path": path.name,
            "sha256": done.written.sha256,
            "frames_sha256": frames_sha256(FRAMES),
            "frames": 5,
            "size": [9, 14],
            "fps": "60000/1001",
        }
    assert (tmp_path / "e.mkv").read_bytes() == master.read_bytes()


def test_a_part_for_another_folder(tmp_path, master):
    (tmp_path / "out").mkdir()
    done = convert(master, tmp_path / "out" / "b.npz", frames="1:3", max_side=7)
    assert read_video(tmp_path / "out" / "b.npz").frames.shape == (2, 4, 7, 3)
    sidecar = json.loads((tmp_path / "out" / "b.json").read_text())
    assert sidecar["inputs"][0]["path"] == "../clips/natural.mp4"
    assert sidecar["inputs"][1]["path"] == "/far/b.mp4"
    assert sidecar["output"]["converted"] == {"from": "a.mkv", "frames": "1:3", "max_side": 7}
    assert (done.source.start, done.source.stop) == (1, 3)


def test_preview(tmp_path, master):
    done = convert(master, tmp_path / "b.mp4")
    output = json.loads((tmp_path / "b.json").read_text())["output"]
    assert output["preview"] is True
    assert output["frames_sha256"] == frames_sha256(FRAMES)
    assert any("lossy" in note for note in done.notes)
    assert any("even size" in note for note in done.notes)


def test_a_shared_sidecar_stays(tmp_path, master):
    before = (tmp_path / "a.json").read_text()
    for name in ("a.npy", "a.mp4", "a/"):
        assert convert(master, f"{tmp_path}/{name}").sidecar == tmp_path / "a.json"
    assert (tmp_path / "a.json").read_text() == before
    assert read_video(tmp_path / "a.npy").fps == NTSC
    with pytest.raises(InputError, match=r"sidecar a\.json would be that of a\.mkv"):
        convert(master, tmp_path / "a.npz", frames="0:2")
    assert not (tmp_path / "a.npz").exists()


def test_without_sidecar(tmp_path):
    path = encode(tmp_path / "a.mp4", moving(4), NTSC, sound=True)
    done = convert(path, tmp_path / "b.npy")
    assert done.sidecar is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.npy"]
    assert any("--fps 60000/1001" in note for note in done.notes)
    assert any("Sound" in note for note in done.notes)
    assert done.as_dict()["output"]["path"] == str(tmp_path / "b.npy")
    with open_video(path) as reader:
        assert (reader.read() == read_video(tmp_path / "b.npy", fps=NTSC).frames).all()
    slow = convert(tmp_path / "b.npy", tmp_path / "c.mkv", fps=NTSC, resample_fps="30000/1001")
    assert slow.written.frames == 2


def test_refused(tmp_path, master):
    with pytest.raises(InputError, match="onto itself"):
        convert(master, master, overwrite=True)
    with pytest.raises(InputError, match="not inside"):
        convert(master, tmp_path / "b.mkv", frames="0:6")
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(InputError, match=r"c\.json exists. Give --overwrite"):
        convert(master, tmp_path / "c.mkv")
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["a.json", "a.mkv", "c.json"]
    convert(master, tmp_path / "c.mkv", overwrite=True)
    with pytest.raises(InputError, match=r"c\.mkv exists"):
        convert(master, tmp_path / "c.mkv")
