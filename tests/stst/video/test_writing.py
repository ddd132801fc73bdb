import json
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_clips import moving, noise

from stst.errors import InputError, StstError
from stst.utils.files import sha256_of_file
from stst.video import (
    Video,
    frames_sha256,
    open_video,
    probe,
    read_video,
    write_preview,
    write_video,
)

ROOT = Path(__file__).parents[3]
NTSC = Fraction(60000, 1001)
LOSSLESS = ["a.mkv", "a.npz", "a.npy", "a/"]
few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
sizes = st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))


@pytest.mark.parametrize("name", LOSSLESS)
@few
@given(size=sizes, rate=st.sampled_from([NTSC, Fraction(25), Fraction(1, 3), Fraction(2000)]))
@example(size=(1, 1, 1), rate=Fraction(2000))  # shorter than a tick of Matroska
def test_round_trip_is_bit_exact(tmp_path, name, size, rate):
    path = f"{tmp_path}/{name}"
    frames = noise(*size, seed=size[1])
    written = write_video(path, frames, rate, overwrite=True)
    video = read_video(path, fps=rate if name == "a.npy" else None)
    assert (video.frames == frames).all()
    assert video.fps == written.fps == rate
    assert written.frames_sha256 == video.sha256() == frames_sha256(frames)
    assert (written.frames, written.height, written.width) == size
    assert not written.preview
    with open_video(path, fps=rate if name == "a.npy" else None) as reader:
        assert (reader[size[0] - 1] == frames[-1]).all()
        assert (reader[0] == frames[0]).all()


@pytest.mark.parametrize("name", [*LOSSLESS, "a.mp4"])
def test_same_frames_same_bytes(tmp_path, name):
    frames = moving(5, 33, 47)
    first = write_video(f"{tmp_path}/{name}", frames, NTSC)
    (tmp_path / "later").mkdir()
    # long enough for a date in seconds to change
    time.sleep(1.1 if name == "a.mp4" else 0.01)
    again = write_video(f"{tmp_path}/later/{name}", (frame for frame in frames), NTSC)
    assert first.sha256 == again.sha256
    assert first.frames_sha256 == again.frames_sha256
    if not name.endswith("/"):
        assert sha256_of_file(tmp_path / name) == first.sha256
    other = write_video(f"{tmp_path}/later/{name}", frames[::-1], NTSC, overwrite=True)
    assert other.sha256 != first.sha256


@pytest.mark.parametrize("rate", [NTSC, Fraction(120000, 1001), Fraction(144), Fraction(2997, 50)])
def test_rate_in_every_container(tmp_path, rate):
    frames = noise(3, 8, 8)
    for name in ("a.mkv", "a.mp4", "a.npz", "a"):
        write_video(tmp_path / name, frames, rate)
        assert probe(tmp_path / name).fps == rate, name
    assert json.loads((tmp_path / "a" / "video.json").read_text()) == {"fps": str(rate)}
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == [
        "frame_000000.png", "frame_000001.png", "frame_000002.png", "video.json",
    ]  # fmt: skip


def test_npy_is_a_plain_array(tmp_path):
    frames = noise(3, 5, 7)
    write_video(tmp_path / "a.npy", iter(frames), 25)
    assert (np.load(tmp_path / "a.npy") == frames).all()
    write_video(tmp_path / "a.npz", iter(frames), NTSC)
    with np.load(tmp_path / "a.npz") as data:
        assert (data["frames"] == frames).all()
        assert data["fps"].tolist() == [60000, 1001]


def test_a_video_brings_its_rate(tmp_path):
    video = Video(noise(2, 5, 7), NTSC)
    assert write_video(tmp_path / "a.mkv", video).fps == NTSC
    with pytest.raises(InputError, match="fps is missing"):
        write_video(tmp_path / "b.mkv", video.frames)


@pytest.mark.parametrize(("height", "width"), [(32, 48), (33, 47), (1, 1)])
def test_preview(tmp_path, height, width):
    frames = np.full((3, height, width, 3), (200, 40, 90), np.uint8)
    written = write_preview(tmp_path / "a.mp4", frames, NTSC)
    assert written.preview
    assert written.as_dict()["preview"] is True
    assert written.as_dict()["size"] == [height, width]
    info = probe(tmp_path / "a.mp4")
    assert (info.color_matrix, info.color_range) == ("bt709", "limited")
    assert (info.color_transfer, info.color_primaries) == ("bt709", "bt709")
    assert info.pixel_format == "yuv420p"
    video = read_video(tmp_path / "a.mp4")
    assert video.frames.shape == (3, height + height % 2, width + width % 2, 3)
    assert np.abs(video.frames.astype(int) - (200, 40, 90)).max() <= 3
    whole = (tmp_path / "a.mp4").read_bytes()
    assert whole.index(b"moov") < whole.index(b"mdat")


def test_the_same_preview_whatever_is_in_memory(tmp_path):
    clip = read_video(ROOT / "sample_data" / "cat.mkv")
    previews, held = set(), []
    for number in range(8):
        held.append(np.random.default_rng(number).bytes(10_000 * (number + 1)))
        write_preview(tmp_path / "a.mp4", clip, overwrite=True)
        previews.add((tmp_path / "a.mp4").read_bytes())
    assert len(previews) == 1


def test_preview_repeats_the_edge(tmp_path):
    frames = np.zeros((1, 15, 15, 3), np.uint8)
    frames[:, -1] = frames[:, :, -1] = 255
    write_preview(tmp_path / "a.mp4", frames, 25)
    edge = read_video(tmp_path / "a.mp4").frames[0, :, 15].astype(int)
    assert edge.min() > 200


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.mov", "'.mov' cannot be written. Allowed are .mkv"),
        ("a.gif", "cannot be written"),
        ("none/a.mkv", "none does not exist"),
        ("there.mkv", "exists. Give `overwrite=True`"),
        ("folder.mkv", "is a folder"),
        ("there.mkv/", "is a file"),
        ("full/", "holds 'thesis.tex'.*would be deleted"),
        ("clip/", "exists. Give `overwrite=True`"),
    ],
)
def test_names_refused(tmp_path, name, words):
    (tmp_path / "there.mkv").touch()
    for folder in ("folder.mkv", "full", "clip"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "clip" / "frame_000000.png").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=words):
        write_video(f"{tmp_path}/{name}", noise(1, 4, 4), 25, overwrite=name == "full/")
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(InputError, match=r"a preview is an \.mp4"):
        write_preview(tmp_path / "a.mkv", noise(1, 4, 4), 25)


def test_overwriting_a_folder_of_pictures(tmp_path):
    (tmp_path / "a").mkdir()
    write_video(tmp_path / "a", noise(3, 4, 4), 25)  # an empty folder is no loss
    write_video(f"{tmp_path}/a/", noise(2, 4, 4), 25, overwrite=True)
    assert len(read_video(tmp_path / "a")) == 2


def bad_frames():
    yield from noise(2, 4, 4)
    raise RuntimeError("the model diverged")


@pytest.mark.parametrize("name", [*LOSSLESS, "a.mp4"])
def test_nothing_is_left_after_a_failure(tmp_path, name):
    path = f"{tmp_path}/{name}"
    with pytest.raises(RuntimeError, match="diverged"):
        write_video(path, bad_frames(), 25)
    sizes = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)]
    with pytest.raises(InputError, match=r"frame 1 has shape \(4, 6, 3\), the first \(4, 4, 3\)"):
        write_video(path, sizes, 25)
    for frames, words in [
        ([], "no frames"),
        ([np.zeros((4, 4, 3))], "frame 0 has dtype float64"),
        ([np.zeros((4, 4), np.uint8)], "shape"),
        (["x"], "frame 0 is a str"),
        (np.zeros((2, 4, 4), np.uint8), "shape"),
    ]:
        with pytest.raises(InputError, match=words):
            write_video(path, frames, 25)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said():
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    from stst.video import encode

    with pytest.raises(OSError, match="No space"):
        encode.write_master(Path("/dev/full"), iter(noise(60, 64, 64)), Fraction(25))


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    from stst.video import encode

    def fail(path, frames, rate):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encode, "write_master", fail)
    with pytest.raises(StstError, match=r"a\.mkv: the disk is full"):
        write_video(tmp_path / "a.mkv", noise(1, 4, 4), 25)
    assert list(tmp_path.iterdir()) == []
