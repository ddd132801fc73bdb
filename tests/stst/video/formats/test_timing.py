"""Rates, drops and cuts: what a file says of time is checked, and said where it is a guess."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from small_clips import encode, moving, opencv_frames

from stst.errors import InputError
from stst.video import open_video, probe, read_video
from stst.video.formats.rates import even_rate, rate_note
from stst.video.formats.scan import _leading, _Packets
from stst.video.formats.timing import Header, timing_of, timing_of_avi
from stst_cli.make.info import info

MS = Fraction(1, 1000)


@pytest.fixture
def clip():
    return moving()


def copied(source, target, change=lambda packet, number: True):
    """Copy packets without encoding them anew; `change` edits a packet or leaves it out."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size and change(packet, number):
                packet.stream = stream
                new.mux(packet)
    return target


def stamped(tmp_path, name, milliseconds, codec="libx264"):
    """Make a Matroska clip of these time stamps, whose header says 25 Hz."""
    options = {"bf": "0", "g": "9"} if codec == "libx264" else {}
    even = encode(
        tmp_path / "even.mkv", moving(len(milliseconds)), codec=codec, options=options,
        layout="yuvj420p" if codec == "mjpeg" else "yuv420p",
    )  # fmt: skip

    def change(packet, number):
        packet.pts = packet.dts = milliseconds[number]
        return True

    return copied(even, tmp_path / name, change)


def said_by_info(path):
    lines = CliRunner().invoke(info, [str(path)]).stdout
    found = json.loads(CliRunner().invoke(info, [str(path), "--json"]).stdout)
    return lines, found


class TestExactStamps:
    @pytest.mark.parametrize(
        ("name", "codec", "rate"),
        [
            ("a.avi", "mjpeg", Fraction(2997, 25)),
            ("a.avi", "mpeg4", Fraction(1497, 50)),
            ("a.avi", "mpeg4", Fraction(2399, 40)),
            ("a.avi", "mjpeg", Fraction(2997, 100)),
            ("a.mov", "mpeg4", Fraction(1497, 50)),
            ("a.mp4", "libx264", Fraction(2997, 25)),
        ],
    )
    @pytest.mark.parametrize("count", [2, 12])
    def test_ticks_are_the_rate(self, tmp_path, name, codec, rate, count):
        layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        path = encode(tmp_path / name, moving(count), rate, codec, layout)
        found = probe(path)
        assert found.fps == rate
        assert not any("rate" in note for note in found.notes)

    @pytest.mark.parametrize(
        ("count", "delay"), [(6, 3), (2, 2), (9, 2), (2, 3), (2, 7), (12, 7), (5, 12)]
    )
    def test_gif(self, tmp_path, count, delay):
        """Delays are whole hundredths of a second."""
        path = tmp_path / "a.gif"
        pictures = [Image.fromarray(frame).quantize(16) for frame in moving(count)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=10 * delay)
        assert probe(path).fps == Fraction(100, delay)

    @pytest.mark.parametrize(
        ("name", "rate", "count"),
        [
            ("a.mkv", Fraction(60000, 1001), 2),  # 0 and 17 ms
            ("a.mkv", Fraction(2997, 50), 9),
            ("a.mkv", Fraction(7, 3), 5),
            ("a.mp4", Fraction(24000, 1001), 3),
        ],
    )
    def test_a_rate_that_is_stated_wins_over_rounded_stamps(self, tmp_path, name, rate, count):
        assert probe(encode(tmp_path / name, moving(count), rate)).fps == rate

    def test_few_stamps_of_coarse_ticks(self):
        """3754, 3754 ticks of 1/90000 s are 24000/1001 Hz as well as 45000/1877."""
        ticks = [round(place * 90000 * 1001 / 24000) for place in range(3)]
        base = Fraction(1, 90000)
        assert even_rate(ticks, base, [], [Fraction(24000, 1001)]) == Fraction(24000, 1001)
        assert even_rate(ticks, base, []) == Fraction(90000, 3754)

    def test_a_lost_frame_where_a_tick_is_a_frame(self):
        assert even_rate([0, 1, 2, 4, 5, 6, 7, 8], Fraction(1, 25), [Fraction(25)]) is None
        assert even_rate([0, 2, 4, 8, 10], Fraction(1, 100), [Fraction(50)]) is None

    def test_stamps_that_are_missing(self):
        """The others are checked at their places."""
        even = [0, 40, None, 120, None, 200]
        assert even_rate(even, MS, [Fraction(25)]) == 25
        assert even_rate([0, 40, None, 300, None, 200], MS, [Fraction(25)]) is None
        assert even_rate([0, 40, None, 300, None, 900], MS, [Fraction(25)]) is None


class TestEstimates:
    def test_jitter(self, tmp_path):
        """A camera that stamps 4 ms early and late: 25 Hz, with a note."""
        stamps = [40 * place + (0, 3, -3, 1)[place % 4] for place in range(40)]
        path = stamped(tmp_path, "a.mkv", stamps)
        found = probe(path)
        assert found.fps == 25
        assert "stray by up to 3 ms from even ones at 25 Hz" in found.notes[0]
        assert found.notes[0] in read_video(path, "0:2").source.notes
        assert found.notes[0] in said_by_info(path)[0]

    def test_a_track_that_states_nothing(self, tmp_path):
        """FFmpeg's guess, 359/12 Hz, fits stamps of 29.94 Hz within the jitter of a camera."""
        path = encode(tmp_path / "a.mkv", moving(60), Fraction(2994, 100), "mjpeg", "yuvj420p")
        whole = path.read_bytes()
        place = whole.index(b"\x23\xe3\x83")  # the element DefaultDuration
        size = whole[place + 3] & 15
        void = bytes([0xEC, 0x80 | (2 + size)]) + bytes(2 + size)
        path.write_bytes(whole[:place] + void + whole[place + 4 + size :])
        (note,) = (note for note in probe(path).notes if "stamps" in note)
        assert "guess of FFmpeg's" in note or "estimated from the time stamps" in note
        path.write_bytes(whole)
        found = probe(path)
        assert found.fps == Fraction(2994, 100)
        assert not any("stamps" in note for note in found.notes)

    def test_a_rate_that_no_header_has(self, tmp_path):
        stamps = [round(Fraction(1000 * place, 23)) for place in range(60)]
        found = probe(stamped(tmp_path, "a.mkv", stamps))
        assert abs(found.fps - 23) < Fraction(1, 50)
        assert "estimated from the time stamps" in found.notes[0]

    def test_no_stamps_at_all(self, tmp_path):
        header = Header(tmp_path / "a.mpg", "mpeg", {}, Fraction(25), Fraction(25))
        timing = timing_of([None, None], Fraction(1, 90000), header)
        assert timing.rate == 25
        assert timing.notes == ("The time stamps cannot be used; 25 Hz is a guess of FFmpeg's.",)

    def test_an_avi_header_of_any_numbers(self, tmp_path):
        """No frames are dropped where the rate is beyond what is read."""
        header = Header(tmp_path / "a.avi", "avi", {}, None, None)
        timing = timing_of_avi([0, 1, 2], Fraction(1, 2**32 - 1), 0, header)
        assert timing.rate is None
        assert "dropped" not in timing.refusal

    def test_none_where_the_stamps_prove_the_rate(self):
        assert rate_note([0, 33, 67, 100], MS, Fraction(30), [Fraction(30)]) is None
        assert rate_note([0, 40, 80], MS, Fraction(25), []) is None


@pytest.mark.parametrize("rate", [1440, 2000, 5000, Fraction(10000, 7)])
def test_matroska_above_1000_hz(tmp_path, rate):
    """Stamps of whole milliseconds collide; the track's duration of a frame is exact."""
    path = encode(tmp_path / "a.mkv", moving(40), Fraction(rate))
    video = read_video(path)
    assert video.fps == rate
    assert (video.frames == opencv_frames(path)).all()
    note = f"steps of 1 ms cannot show every frame at {rate} Hz"
    assert any(note in one for one in video.source.notes)
    lines, found = said_by_info(path)
    assert note in lines
    assert any(note in one for one in found["notes"])


class TestRepeatedStamps:
    STAMPS = (0, 40, 80, 80, 500, 1700, 1710, 2900)

    @pytest.mark.parametrize(
        ("milliseconds", "codec"),
        [
            (STAMPS, "libx264"),
            (STAMPS, "mjpeg"),
            ([0, 40, 80, 80, 160, 200, 240, 280], "libx264"),
            ([0, 40, 80, 120, 160, 200, 240, 240], "mjpeg"),
        ],
    )
    def test_refused_as_variable(self, tmp_path, milliseconds, codec):
        path = stamped(tmp_path, "a.mkv", milliseconds, codec)
        assert probe(path).variable_rate
        with pytest.raises(InputError, match=r"a\.mkv has a variable frame rate.*stst convert"):
            read_video(path)
        lines, found = said_by_info(path)
        assert "variable frame rate" in lines
        assert found["fps"] is None

    def test_resampled_by_their_times(self, tmp_path):
        path = stamped(tmp_path, "a.mkv", self.STAMPS)
        every = opencv_frames(path)
        even = read_video(path, resample_fps=25)
        moments = np.arange(len(even)) * 40
        stamps = np.array(self.STAMPS)
        nearest = [int(np.abs(stamps - moment).min()) for moment in moments]
        assert len(even) == 74  # the last frame lasts 40 ms
        for frame, moment, distance in zip(even.frames, moments, nearest, strict=True):
            good = np.flatnonzero(np.abs(stamps - moment) == distance)
            assert any((frame == every[one]).all() for one in good)
        assert len(read_video(path, fps=25)) == 8


class TestDroppedFrames:
    PTS = (0, 1, 2, 5, 6, 7, 10, 11)

    @pytest.fixture(params=["mjpeg", "mpeg4", "libx264"])
    def codec(self, request):
        return request.param

    def dropped(self, tmp_path, codec, pts):
        layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        return encode(
            tmp_path / "a.avi", moving(len(pts)), Fraction(25), codec, layout,
            pts=pts, options={"bf": "0"},
        )  # fmt: skip

    def test_the_file_is_whole(self, tmp_path, codec):
        path = self.dropped(tmp_path, codec, self.PTS)
        lines, found = said_by_info(path)
        assert "4 dropped frames: a variable frame rate" in lines
        to = path.with_name("a_25.mkv")
        assert f"`stst convert {path} {to} --resample-fps 25`" in lines
        assert found["frames"] == 8
        with pytest.raises(InputError, match=r"a\.avi has 4 dropped frames.*--resample-fps 25"):
            open_video(path)
        filled = read_video(path, resample_fps=25)
        every = opencv_frames(path)
        assert (filled.frames == every[[0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6, 7]]).all()
        assert len(read_video(path, fps=25)) == 8

    def test_a_single_one(self, tmp_path, codec):
        path = self.dropped(tmp_path, codec, [0, 1, 2, 3, 5, 6, 7, 8])
        assert "1 dropped frame: a variable" in probe(path).refusal
        assert len(read_video(path, resample_fps=25)) == 9

    def test_every_second(self, tmp_path, codec):
        path = self.dropped(tmp_path, codec, range(0, 16, 2))
        found = probe(path)
        assert (found.frames, found.fps) == (8, Fraction(25, 2))
        assert "7 chunks are empty" in found.notes[0]

    def test_cut_short_all_the_same(self, tmp_path, codec):
        path = self.dropped(tmp_path, codec, self.PTS)
        whole = path.read_bytes()
        with av.open(str(path)) as container:
            places = [packet.pos for packet in container.demux(video=0) if packet.size]
        for end in (places[5], places[6] - 8, places[6] + 30, places[3] + 9):
            path.write_bytes(whole[:end])
            with pytest.raises(InputError, match="damaged or cut short"):
                read_video(path, resample_fps=25)


OPEN_HEVC = "open-gop=1:keyint=8:min-keyint=8:bframes=3:log-level=none"
OPEN_H264 = "open-gop=1:keyint=8:min-keyint=8:bframes=3"


class TestCutClips:
    @pytest.fixture(params=["hevc", "h264", "mpeg2"])
    def whole(self, request, tmp_path):
        codec, options, name = {
            "hevc": ("libx265", {"x265-params": OPEN_HEVC}, "whole.mkv"),
            "h264": ("libx264", {"x264-params": OPEN_H264}, "whole.mp4"),
            "mpeg2": ("mpeg2video", {"g": "8", "bf": "2"}, "whole.mkv"),
        }[request.param]
        return encode(tmp_path / name, moving(40), codec=codec, options=options)

    @pytest.mark.parametrize("at_key", [True, False])
    def test_frames_without_their_past_are_left_out(self, tmp_path, whole, at_key):
        keys = []
        kept = []

        def change(packet, number):
            if packet.is_keyframe:
                keys.append(number)
            if len(keys) >= 2 if at_key else number >= 3:
                kept.append(packet.pts)
                return True
            return False

        path = copied(whole, tmp_path / "cut.mkv", change)
        every = read_video(whole).frames
        video = read_video(path)
        gone = len(kept) - len(video)
        assert gone >= 1
        assert (video.frames == every[-len(video) :]).all()
        note = f"Frames left out at the start: {gone} "
        assert sum(note in one for one in video.source.notes) == 1
        lines, found = said_by_info(path)
        assert found["frames"] == len(video)
        assert note in lines
        with open_video(path) as reader:
            for place in (len(video) - 1, 0, 9, 8, 3, 20):
                assert (reader[place] == video.frames[place]).all()
            with pytest.raises(InputError, match="not inside"):
                reader.read((0, len(video) + 1))

    def test_only_what_comes_before_the_first_entry_point_is_left_out(self):
        """If that does not decode itself, frames are missing, and reading says so."""
        stamps, keys = [640, 560, 520, 600, 800, 720], [True, *[False] * 5]
        packets = _Packets(stamps, [], keys, [40] * 6, 6)
        assert _leading(640, packets) == 3
        assert _leading(600, packets) == 2
        assert _leading(520, packets) == 0
        assert _leading(720, packets) == 0
        assert _leading(None, packets) == 0

    def test_a_hole_in_the_middle_is_damage(self, tmp_path):
        whole = encode(
            tmp_path / "whole.mkv", moving(40), codec="libx265", options={"x265-params": OPEN_HEVC}
        )
        keys = []

        def emptied(packet, number):
            """Leave the header and the time stamp of the second entry point, and no picture."""
            if packet.is_keyframe:
                keys.append(number)
            return len(keys) != 2 or not packet.is_keyframe

        path = copied(whole, tmp_path / "hole.mkv", emptied)
        with pytest.raises(InputError, match="damaged|missing"):
            read_video(path, fps=25)
