"""Transport and program streams, and kinds of video that another program puts into a container."""

import shlex
from fractions import Fraction

import numpy as np
import pytest
from small_clips import encode, moving, opencv_frames

from stst.errors import InputError
from stst.video import open_video, probe, read_video
from stst.video.read import clip_stem

X265 = {"x265-params": "open-gop=1:keyint=8:min-keyint=8:bframes=3:log-level=none"}


@pytest.mark.parametrize(
    ("name", "codec", "rate", "options"),
    [
        ("a.ts", "libx264", Fraction(25), {"g": "8", "bf": "2"}),
        ("a.m2ts", "libx264", Fraction(60000, 1001), {"g": "8"}),
        ("a.mts", "libx265", Fraction(24000, 1001), X265),
        ("a.mpg", "mpeg2video", Fraction(30000, 1001), {"g": "8", "bf": "2"}),
        ("a.MPEG", "mpeg1video", Fraction(25), {"g": "8", "bf": "2"}),
        ("a.3gp", "libx264", Fraction(30), {}),
        # ticks of 1/90000 s cannot hold these; the codec's header does
        ("a.ts", "libx264", Fraction(120000, 1001), {"g": "8"}),
        ("b.ts", "libx264", Fraction(1497, 50), {"g": "8"}),
        ("c.ts", "libx265", Fraction(2997, 50), X265),
    ],
)
def test_frames_and_exact_rate(tmp_path, name, codec, rate, options):
    muxer = {"f": "mpegts"} if name == "a.mts" else None
    path = encode(tmp_path / name, moving(30), rate, codec, options=options, muxer=muxer)
    every = opencv_frames(path)
    with open_video(path) as reader:
        assert reader.fps == rate
        assert (reader.read() == every).all()
        for index in (29, 0, 8, 7, 17, 16, 3):
            assert (reader[index] == every[index]).all(), index
    assert not any("rate" in note for note in probe(path).notes)
    assert clip_stem(path) == path.stem


def test_uneven_ones_are_refused(tmp_path):
    path = encode(tmp_path / "a.ts", moving(6), pts=[0, 1, 2, 5, 6, 10])
    with pytest.raises(InputError, match="variable frame rate"):
        read_video(path)
    assert len(read_video(path, resample_fps=25)) == 11


@pytest.mark.parametrize("part", [0.3, 0.5, 0.8])
def test_a_program_stream_that_is_cut_short(tmp_path, part):
    path = encode(tmp_path / "a.mpg", moving(30, 96, 128), codec="mpeg2video")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole)) + 77])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_video(path)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a b.wmv", "copy"), ("a.flv", "copy"), ("a.vob", "copy"), ("a.y4m", "ffv1")],
)
def test_others_are_told_how(tmp_path, name, codec):
    path = tmp_path / name
    path.write_bytes(b"some video")
    with pytest.raises(InputError, match="Put the video into one that is") as caught:
        read_video(path)
    words = shlex.split(str(caught.value).split("`")[1])
    assert words[:3] == ["ffmpeg", "-i", str(path)]
    assert words[-3:] == ["-c:v", codec, str(path.with_suffix(".mkv"))]


def test_a_playlist_under_the_name_of_a_stream_opens_nothing(tmp_path):
    encode(tmp_path / "real.mp4", moving(2))
    for name in ("list.ts", "list.mpg"):
        (tmp_path / name).write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n")
        with pytest.raises(InputError, match="not a video"):
            read_video(tmp_path / name)


def test_frames_do_not_depend_on_the_way_to_them(tmp_path):
    """After a seek, FFmpeg makes other time stamps up for a program stream."""
    path = encode(
        tmp_path / "a.mpg", moving(40), Fraction(30000, 1001), "mpeg2video",
        options={"g": "8", "bf": "2"},
    )  # fmt: skip
    every = opencv_frames(path)
    order = np.random.default_rng(3).permutation(40).tolist()
    with open_video(path) as reader:
        for index in order:
            assert (reader[index] == every[index]).all(), index
