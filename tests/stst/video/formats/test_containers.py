from fractions import Fraction

import cv2
import numpy as np
import pytest
from small_clips import encode, moving, noise, opencv_frames

from stst.errors import InputError
from stst.video import open_video, probe, read_video


@pytest.fixture
def clip():
    return moving()


def test_random_access_equals_sequential_decoding(h264):
    every = opencv_frames(h264)
    assert len(every) == 40
    with open_video(h264) as reader:
        assert len(reader) == 40
        assert (reader.read() == every).all()
        order = [39, 0, 12, 11, 13, 24, 23, 5, 36, 35, 5, 6, 39, 38]
        order += np.random.default_rng(1).permutation(40).tolist()
        for index in order:
            assert (reader[index] == every[index]).all(), index
        assert (reader[-1] == every[39]).all()
        assert (reader[10:30:7] == every[10:30:7]).all()
        assert reader[3:3].shape == (0, 48, 64, 3)
        assert (np.stack(list(reader.iter_frames(17, 26))) == every[17:26]).all()
        with pytest.raises(IndexError, match="frame 40"):
            reader[40]
        with pytest.raises(InputError, match="not inside"):
            reader.iter_frames(0, 41)


def test_two_walks_at_once(h264):
    every = opencv_frames(h264)
    with open_video(h264) as reader:
        for one, two, index in zip(reader, reader.iter_frames(20), range(20), strict=False):
            assert (one == every[index]).all()
            assert (two == every[20 + index]).all()


def test_range_and_shrinking(h264):
    video = read_video(h264, "5:9", max_side=16)
    whole = opencv_frames(h264)[5:9]
    small = [cv2.resize(frame, (16, 12), interpolation=cv2.INTER_AREA) for frame in whole]
    assert (video.frames == np.stack(small)).all()
    source = video.source
    assert (source.start, source.stop, source.width, source.height) == (5, 9, 64, 48)
    assert source.max_side == 16
    assert source.path == str(h264)
    assert "FFmpeg" in source.decoder_version


def test_exact_rate(h264):
    assert read_video(h264, "0:1").fps == Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mov", "libx264", {"bf": "2"}),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.avi", "mjpeg", {}),
        ("a.mkv", "libx264", {"g": "5"}),
        ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
        ("a.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "8", "g": "20"}),
    ],
)
def test_formats_equal_opencv(tmp_path, clip, name, codec, options):
    layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = encode(tmp_path / name, clip, Fraction(30000, 1001), codec, layout, options=options)
    every = opencv_frames(path)
    with open_video(path) as reader:
        assert reader.fps == Fraction(30000, 1001)
        assert (reader.read() == every).all()
        assert (reader[7] == every[7]).all()
        assert (reader[2] == every[2]).all()


@pytest.mark.parametrize(
    ("layout", "codec", "size"),
    [
        ("yuv422p", "libx264", (47, 64)),
        ("yuv444p", "libx264", (47, 63)),
        ("yuv420p", "libvpx-vp9", (47, 63)),
    ],
)
def test_odd_sizes_equal_opencv(tmp_path, layout, codec, size):
    path = encode(tmp_path / "a.mkv", moving(3, *size), codec=codec, layout=layout)
    video = read_video(path)
    # chroma of odd 4:2:2 pictures is enlarged in another phase
    limit = 3 if layout == "yuv422p" else 0
    assert np.abs(video.frames.astype(int) - opencv_frames(path)).max() <= limit
    assert video.source.matrix_assumed
    # VP9 says its range in the stream
    assert video.source.range_assumed == (codec != "libvpx-vp9")


def test_matroska_rates_without_our_tag(tmp_path, clip):
    for rate in (Fraction(60000, 1001), Fraction(120000, 1001), Fraction(2997, 50), Fraction(24)):
        assert probe(encode(tmp_path / "a.mkv", clip, rate)).fps == rate


def test_gif(tmp_path):
    frames = noise(4, 16, 20)
    path = encode(tmp_path / "a.gif", frames, Fraction(10), "gif", "rgb8")
    video = read_video(path)
    assert (len(video), video.fps) == (4, 10)
    assert (video.frames == opencv_frames(path)).all()
    assert any("alpha" in note for note in video.source.notes)


def test_one_frame(tmp_path, clip):
    video = read_video(encode(tmp_path / "a.mp4", clip[:1]))
    assert video.frames.shape == (1, 48, 64, 3)
    assert video.fps == 25


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation(tmp_path, clip, turn):
    path = encode(tmp_path / "turned.mp4", clip[:2], turn=turn)
    video = read_video(path)
    assert (video.frames == opencv_frames(path)).all()
    assert video.source.rotation == turn
    upright = read_video(encode(tmp_path / "upright.mp4", clip[:2]))
    assert (video.frames == np.rot90(upright.frames, turn // 90, axes=(1, 2))).all()
    info = probe(path)
    assert (info.height, info.width) == video.frames.shape[1:3]
    assert f"turned by {turn} degrees" in info.notes[-1]


def test_odd_rotation_is_refused(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip[:2], turn=10)
    with pytest.raises(InputError, match=r"a\.mp4 asks to be turned.*quarter turns"):
        read_video(path)


def test_edit_list_hides_frames(tmp_path, h264):
    import av

    path = tmp_path / "cut.mp4"
    with av.open(str(h264)) as old, av.open(str(path), "w") as new:
        source = old.streams.video[0]
        stream = new.add_stream_from_template(source)
        shift = int(5 / (source.guessed_rate * source.time_base))
        for packet in old.demux(source):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                new.mux(packet)
    with open_video(path) as reader:
        assert len(reader) == 35
        assert (reader[20] == opencv_frames(h264)[25]).all()
        assert (reader[0] == opencv_frames(h264)[5]).all()


PTS = [0, 1, 2, 5, 6, 10]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate(tmp_path, clip, name):
    path = encode(tmp_path / name, clip[:6], pts=PTS)
    info = probe(path)
    assert info.variable_rate
    assert info.fps is None
    with pytest.raises(InputError, match=f"{name} has a variable frame rate.*--resample-fps"):
        open_video(path)
    every = opencv_frames(path)
    even = read_video(path, resample_fps="25")
    assert even.fps == even.source.resample_fps == 25
    assert (even.frames == every[[0, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5]]).all()
    assert any("nearest in time" in note for note in even.source.notes)
    assert len(read_video(path, "1:3", resample_fps="25")) == 2
    taken = read_video(path, fps=100)
    assert (taken.frames == every).all()
    assert taken.fps == 100
    assert any("variable" in note for note in taken.source.notes)
    with pytest.raises(InputError, match="Choose a lower rate"):
        open_video(path, resample_fps=10**6)


def test_resampling_an_even_clip(h264):
    every = opencv_frames(h264)
    half = read_video(h264, resample_fps="30000/1001", max_side=32)
    assert half.frames.shape == (20, 24, 32, 3)
    assert (read_video(h264, resample_fps="30000/1001").frames == every[::2]).all()


def test_sound_and_other_rate_are_noted(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip[:3], sound=True)
    video = read_video(path, fps="24")
    assert video.fps == 24
    assert video.source.audio_dropped
    assert sum("Sound" in note for note in video.source.notes) == 1
    assert any("24 Hz; the file says 25 Hz" in note for note in video.source.notes)


def test_probe(tmp_path, clip):
    path = encode(tmp_path / "a.mp4", clip, Fraction(24000, 1001))
    info = probe(path)
    assert (info.width, info.height, info.frames, info.fps) == (64, 48, 12, Fraction(24000, 1001))
    assert info.duration == 12 * Fraction(1001, 24000)
    assert (info.codec, info.pixel_format, info.bit_depth) == ("h264", "yuv420p", 8)
    assert (info.color_matrix, info.read_matrix, info.read_range) == (None, "bt601", "limited")
    assert not info.audio
    assert not info.variable_rate
    assert info.refusal is None
    assert info.as_dict()["fps"] == "24000/1001"
