import hashlib
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from stst.errors import InputError
from stst.video import SourceInfo, Video, fit_size, frames_sha256, parse_range, to_uint8
from stst.video import parse_rate as rate_of
from stst.video.formats.rates import even_rate, nearest_frames, snap_rate
from stst.video.resize import shrunk

FRAMES = np.zeros((2, 4, 5, 3), np.uint8)


def test_video_holds_what_it_is_given():
    video = Video(FRAMES, Fraction(60000, 1001))
    assert (len(video), video.height, video.width) == (2, 4, 5)
    assert video.duration == Fraction(2002, 60000)
    assert video.source is None


@pytest.mark.parametrize(
    ("frames", "fps", "words"),
    [
        (FRAMES.astype(float), Fraction(25), "float64.*to_uint8"),
        (FRAMES.astype(np.uint16), Fraction(25), "uint16.*must be uint8"),
        (FRAMES[0], Fraction(25), r"\(4, 5, 3\).*\(T, H, W, 3\)"),
        (FRAMES[:0], Fraction(25), r"\(0, 4, 5, 3\)"),
        (FRAMES[..., :2], Fraction(25), "shape"),
        ([[1]], Fraction(25), "list.*numpy array"),
        (FRAMES, 25.0, "Fraction"),
        (FRAMES, Fraction(0), "positive"),
    ],
)
def test_video_refuses(frames, fps, words):
    with pytest.raises(InputError, match=words):
        Video(frames, fps)


def test_hash_is_of_the_bytes_in_c_order():
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    expected = hashlib.sha256(frames.tobytes()).hexdigest()
    assert frames_sha256(frames) == Video(frames, Fraction(1)).sha256() == expected
    assert frames_sha256(np.asfortranarray(frames)) == expected
    assert frames_sha256(frames[:, ::-1]) != expected
    with pytest.raises(InputError, match="float32"):
        frames_sha256(frames.astype(np.float32))


def test_to_uint8_rounds_half_to_even():
    values = np.array([0, 0.5, 1.5, 2.5, 254.4999, 254.5, 255]) / 255
    assert to_uint8(values).tolist() == [0, 0, 2, 2, 254, 254, 255]
    every = np.arange(256) / 255
    for kind in (np.float16, np.float32, np.float64):
        assert (to_uint8(every.astype(kind)) == np.arange(256)).all()
    assert to_uint8(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([np.nan, 0.5], "NaN"),
        ([1.01], "1.01"),
        ([-0.1], "-0.1"),
        (np.array([3], np.uint8), "uint8"),
    ],
)
def test_to_uint8_refuses(values, words):
    with pytest.raises(InputError, match=words):
        to_uint8(values)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, (0, 10)),
        ("2:5", (2, 5)),
        ("2:", (2, 10)),
        (":5", (0, 5)),
        (":", (0, 10)),
        (" 9:10 ", (9, 10)),
        (slice(3, 4), (3, 4)),
        (slice(None), (0, 10)),
        ((1, None), (1, 10)),
    ],
)
def test_ranges(given, expected):
    assert parse_range(given, 10, "a.mp4") == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("0:60", r"0:60 is not inside a\.mp4, which has 10 frames"),
        ("10:", "10: is not inside"),
        ("4:4", "empty"),
        ("5:2", "empty"),
        ("-3:", "negative"),
        ("1:2:3", "not a range"),
        ("", "not a range"),
        ("a:b", "not a range"),
        (slice(-2, None), "negative"),
        ((0, -1), "negative"),
        (slice(0, 8, 2), "consecutive"),
        ((1, 2, 3), "pair"),
        ((0.0, 4), "whole"),
        ((True, 4), "whole"),
    ],
)
def test_ranges_refuse(given, words):
    with pytest.raises(InputError, match=words):
        parse_range(given, 10, "a.mp4")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("60000/1001", Fraction(60000, 1001)),
        (" 25 ", Fraction(25)),
        ("29.97", Fraction(2997, 100)),
        (29.97, Fraction(2997, 100)),
        (30, Fraction(30)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_rates(given, expected):
    assert rate_of(given) == expected


@pytest.mark.parametrize("given", ["", "fast", "1/0", "0", "-25", "nan", 2**40, float("inf"), None])
def test_rates_refuse(given):
    with pytest.raises(InputError, match=r"--fps.*such as 25"):
        rate_of(given, "--fps")


def test_only_the_ntsc_rates_snap():
    assert snap_rate(Fraction(19001, 317)) == Fraction(60000, 1001)
    assert snap_rate(Fraction(29011, 242)) == Fraction(120000, 1001)
    for rate in (Fraction(2997, 50), Fraction(25), Fraction(24), Fraction(60)):
        assert snap_rate(rate) == rate


def test_even_rate():
    ms = Fraction(1, 1000)
    rounded = [round(place * 1001 / 60) for place in range(200)]
    assert even_rate(rounded, ms, [Fraction(60000, 1001)]) == Fraction(60000, 1001)
    # a header that says 60 is caught by the drift
    assert even_rate([place * 1001 // 60 for place in range(2000)], ms, [Fraction(60)]) != 60
    assert even_rate([0, 40, 80, 120], ms, []) == 25
    assert even_rate([0, 40, 80, 160, 200], ms, [Fraction(25)]) is None
    assert even_rate([7], ms, [Fraction(24)]) == 24
    assert even_rate([7], ms, []) is None


def test_nearest_frames():
    times = [Fraction(0), Fraction(1, 10), Fraction(1, 2)]
    assert nearest_frames(times, Fraction(6, 10), Fraction(10)) == [0, 1, 1, 1, 2, 2]
    # equally near: the earlier
    assert nearest_frames([Fraction(0), Fraction(1)], Fraction(2), Fraction(2)) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((1280, 720), 224, (224, 126)),
        ((1280, 720), 223, (223, 125)),
        ((720, 1280), 100, (56, 100)),
        ((64, 48), 64, (64, 48)),
        ((64, 48), 1000, (64, 48)),
        ((64, 48), None, (64, 48)),
        ((49, 49), 48, (48, 48)),
        ((1_000_003, 3), 1_000_002, (1_000_002, 2)),
    ],
)
def test_fitted_size(size, limit, expected):
    assert fit_size(*size, limit) == expected


@pytest.mark.parametrize(
    ("limit", "words"), [(0, "at least 1"), (1.5, "whole"), (2, "would become 2x0")]
)
def test_fitted_size_refuses(limit, words):
    with pytest.raises(InputError, match=words):
        fit_size(100, 10, limit)


def test_shrinking_averages_areas():
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[:2, :2] = [[[0, 10, 20]], [[100, 30, 40]]]
    assert shrunk(frame, (2, 2))[0, 0].tolist() == [50, 20, 30]
    assert shrunk(frame, (4, 4)) is frame


def test_source_as_json():
    source = SourceInfo("a", 0, 1, 4, 3, "x", "1", "rgb", "full", resample_fps=Fraction(1, 3))
    assert source.size == (3, 4)
    assert source.as_dict()["resample_fps"] == "1/3"
    assert source.as_dict()["notes"] == []


def test_importing_the_room_is_cheap():
    code = (
        "import sys, stst.video; "
        "print([name for name in ('av', 'cv2', 'torch', 'PIL') if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert shown.stdout.strip() == "[]"
