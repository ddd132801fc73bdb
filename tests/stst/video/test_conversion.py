import json
from fractions import Fraction

import pytest
from small_clips import encode, moving, noise, save_pictures

from stst.errors import InputError
from stst.video import (
    convert,
    frames_sha256,
    open_video,
    provenance_of,
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
    assert done.sidecar == tmp_path / "b.json"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.json", "b.npy"]
    assert not any("--" in note for note in done.notes)
    assert any("Sound" in note for note in done.notes)
    assert done.as_dict()["output"]["path"] == str(tmp_path / "b.npy")
    with open_video(path) as reader:
        assert (reader.read() == read_video(tmp_path / "b.npy").frames).all()
    slow = convert(tmp_path / "b.npy", tmp_path / "c.mkv", resample_fps="30000/1001")
    assert slow.written.frames == 2


CONVERSIONS = ("b.npy", "b.npz", "b.mkv", "b/")


@pytest.mark.parametrize("first", CONVERSIONS)
@pytest.mark.parametrize("second", CONVERSIONS)
def test_what_one_conversion_writes_every_other_reads(tmp_path, first, second):
    path = encode(tmp_path / "a.mp4", moving(4), NTSC)
    convert(path, f"{tmp_path}/{first}", frames="1:4")
    convert(tmp_path / first, f"{tmp_path}/again_{second}")
    again = read_video(tmp_path / f"again_{second}")
    assert (again.frames == read_video(path, "1:4").frames).all()
    assert again.fps == NTSC


def test_an_array_s_sidecar_says_where_its_frames_are_from(tmp_path):
    path = encode(tmp_path / "a.mp4", moving(4), NTSC)
    done = convert(path, tmp_path / "b.npy", frames="1:3")
    assert sidecar_of(tmp_path / "b.npy") == {
        "output": {
            "path": "b.npy",
            "sha256": done.written.sha256,
            "frames_sha256": frames_sha256(read_video(path, "1:3").frames),
            "frames": 2,
            "size": [48, 64],
            "fps": "60000/1001",
            "converted": {"from": "a.mp4", "frames": "1:3"},
        }
    }
    assert provenance_of(tmp_path / "b.npy") is None


def test_a_sidecar_that_two_clips_would_share_is_true_of_both(tmp_path):
    folder = save_pictures(tmp_path / "a", FRAMES)
    convert(folder, tmp_path / "a.npy", fps=NTSC)
    assert read_video(tmp_path / "a.npy").fps == read_video(folder).fps == NTSC
    path = encode(tmp_path / "b.mp4", moving(4), NTSC)
    with pytest.raises(InputError, match=r"its sidecar b\.json would be that of b\.mp4"):
        convert(path, tmp_path / "b.npy", frames="0:2")
    (tmp_path / "b.json").write_text('{"output": {"fps": "25"}, "seed": 1}')
    with pytest.raises(InputError, match=r"b\.json, which is the sidecar of .*b\.mp4 and gives"):
        convert(path, tmp_path / "b.npy")
    assert not (tmp_path / "b.npy").exists()


def test_refused(tmp_path, master):
    with pytest.raises(InputError, match="onto itself"):
        convert(master, master, overwrite=True)
    with pytest.raises(InputError, match="not inside"):
        convert(master, tmp_path / "b.mkv", frames="0:6")
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(InputError, match=r"c\.json exists. Give `overwrite=True`"):
        convert(master, tmp_path / "c.mkv")
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["a.json", "a.mkv", "c.json"]
    convert(master, tmp_path / "c.mkv", overwrite=True)
    with pytest.raises(InputError, match=r"c\.mkv exists"):
        convert(master, tmp_path / "c.mkv")
