from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from small_runs import clip, frames
from stst import Video, read_video
from stst.analysis.comparison import mean_of
from stst.analysis.features import (
    MEASURES,
    MIN_MOTION,
    MIN_RESULTANT,
    Farneback,
    features,
    in_circle,
    measure_frames,
)
from stst.video import LazyVideo

NAMES = [measure.name for measure in MEASURES]
ANGLES = [name for name in NAMES if name.startswith("flow_angle_")]
LENGTHS = ["flow_angle_weighted_resultant", "flow_angle_resultant"]
WEIGHTED = "flow_angle_weighted_mean"
TURN = 2 * np.pi
FPS = Fraction(25)
SAMPLES = Path(__file__).parents[3] / "sample_data"


def values(pictures, **options):
    found = features(Video(np.asarray(pictures, np.uint8), FPS), **options).values
    assert list(found) == NAMES
    return found


def grey(*pictures):
    return np.repeat(np.asarray(pictures, np.float64).round()[..., None], 3, axis=-1)


def texture(right=0.0, down=0.0, height=96, width=128):
    """A smooth pattern that has been moved by as many pixels."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - right, y - down
    waves = ((0.31, 0.11), (-0.13, 0.29), (0.21, -0.24), (0.05, 0.41), (0.43, 0.02))
    return 127 + 22 * sum(np.sin(a * x + b * y + place) for place, (a, b) in enumerate(waves))


class TestStill:
    def test_constant(self):
        found = values(np.full((3, 8, 9, 3), 51))
        assert found["pixel_intensity"] == pytest.approx([0.2] * 3, abs=1e-15)
        assert found["contrast"] == pytest.approx([0] * 3, abs=1e-15)
        assert found["pixel_change"][1:] == pytest.approx([0, 0], abs=0)
        assert found["flow_magnitude"][1:] == pytest.approx([0, 0], abs=1e-9)

    def test_ramp(self):
        """Of n steps: mean (n - 1)/2, population variance (n² - 1)/12."""
        ramp = np.broadcast_to(np.arange(200.0), (7, 200))
        found = values(grey(ramp))
        assert found["pixel_intensity"][0] == pytest.approx(199 / 2 / 255, abs=1e-12)
        assert found["contrast"][0] == pytest.approx(np.sqrt((200**2 - 1) / 12) / 255, abs=1e-12)

    @pytest.mark.parametrize(("channel", "weight"), [(0, 0.299), (1, 0.587), (2, 0.114)])
    def test_intensity_takes_the_channels_alike_and_contrast_does_not(self, channel, weight):
        picture = np.zeros((1, 4, 6, 3))
        picture[:, :, 3:, channel] = 255
        found = values(picture)
        assert found["pixel_intensity"] == pytest.approx(1 / 6, abs=1e-15)
        assert found["contrast"] == pytest.approx(weight / 2, abs=1e-15)


class TestChange:
    def test_a_step(self):
        pictures = np.full((3, 5, 6, 3), 100)
        pictures[1, ..., 1] += 51
        found = values(pictures)["pixel_change"]
        assert found[1:] == pytest.approx([0.2 / 3, 0.2 / 3], abs=1e-15)

    def test_the_whole_range(self):
        pictures = np.zeros((3, 4, 4, 3))
        pictures[1] = 255
        assert values(pictures)["pixel_change"][1:] == pytest.approx([1, 1], abs=0)


class TestFlow:
    @pytest.mark.parametrize(
        ("right", "down"), [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1.5, 1.5), (0.5, 0), (3, 0)]
    )
    def test_a_known_movement(self, right, down):
        """5 % and 0.05 rad: the border is part of the mean, and little is known there."""
        found = values(grey(*(texture(right * t, down * t) for t in range(3))))
        assert found["flow_magnitude"][1:] == pytest.approx(np.hypot(right, down), rel=0.05)
        difference = found["flow_angle_circular_mean"][1:] - np.arctan2(down, right)
        assert np.abs(np.sin(difference / 2)).max() < 0.025
        assert found["flow_angle_resultant"][1:].min() > 0.98
        if down or right < 0:
            # far from where the circle is cut, both means agree
            plain = found["flow_angle_plain_mean"][1:]
            assert plain == pytest.approx(found["flow_angle_circular_mean"][1:], abs=0.2)

    def test_left_is_pi_and_down_half_of_it(self):
        left, down = (
            values(grey(texture(), texture(*way)))["flow_angle_circular_mean"][1]
            for way in ((-1, 0), (0, 1))
        )
        assert left == pytest.approx(np.pi, abs=0.05)
        assert down == pytest.approx(np.pi / 2, abs=0.05)

    def test_angles_on_both_sides_of_zero(self):
        """The upper half goes 0.3 rad up from the right, the lower one as much down from it."""
        right, tilt = np.cos(0.3), np.sin(0.3)
        halves = [
            np.concatenate([texture(2 * t * right, way * 2 * t * tilt) for way in (-1, 1)])
            for t in range(2)
        ]
        found = {name: column[1] for name, column in values(grey(*halves)).items()}
        assert np.sin(found["flow_angle_circular_mean"] / 2) == pytest.approx(0, abs=0.05)
        assert found["flow_angle_plain_mean"] == pytest.approx(np.pi, abs=0.4)
        assert found["flow_angle_resultant"] == pytest.approx(np.cos(0.3), abs=0.05)

    def test_movement_of_faint_pictures_is_found(self):
        """So what the flow is given is no [0, 1]: there, nothing would move at all."""
        faint = [127 + (texture(t) - 127) / 2 for t in range(2)]
        assert values(grey(*faint))["flow_magnitude"][1] == pytest.approx(1, rel=0.1)
        small = [(picture / 255).astype(np.float32) for picture in faint]
        field = cv2.calcOpticalFlowFarneback(*small, None, 0.5, 5, 13, 10, 5, 1.1, 0)
        assert np.hypot(field[..., 0], field[..., 1]).mean() < 0.1

    def test_grey_is_rounded(self):
        """Colours with the same rounded grey show no movement, however they move."""
        pictures = np.full((2, 32, 32, 3), 100)
        pictures[0, :, ::4, 2] -= 4
        pictures[1, :, 1::4, 2] -= 4
        found = values(pictures)
        assert found["pixel_change"][1] > 0
        assert found["flow_magnitude"][1] == pytest.approx(0, abs=1e-9)

    def test_parameters_are_used(self):
        pictures = grey(texture(), texture(1.5, 1))
        assert (
            values(pictures)["flow_magnitude"][1]
            != values(pictures, flow=Farneback(winsize=31))["flow_magnitude"][1]
        )


def apart(angle, other):
    """The way between angles around the circle, in radians."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(angle) - other))))


def grain(height=96, width=64, seed=0):
    """A picture of fine structure, as large numbers of grey values as there are."""
    noise = np.random.default_rng(seed).random((height, width))
    blurred = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.interp(blurred, (blurred.min(), blurred.max()), (0, 255))


def halves(left, right, *, still=True):
    """Two pictures side by side, the right one going up by whole pixels; the left one rests."""
    return lambda t, step: np.concatenate(
        [left if still else np.roll(left, step * t, 0), np.roll(right, -step * t, 0)], axis=1
    )


class TestWeightedAngle:
    @pytest.mark.parametrize("step", [1, 2, 3])
    def test_what_stands_still_has_no_say(self, step):
        """Half goes up, 3π/2; unweighted, the other half turns the mean away from it."""
        picture = halves(grain(), grain(seed=1))
        found = values(grey(*(picture(t, step) for t in range(3))))
        assert found["flow_magnitude"][1:] == pytest.approx(step / 2, rel=0.03)
        assert found[WEIGHTED][1:] == pytest.approx(3 * np.pi / 2, abs=0.01)
        assert found["flow_angle_weighted_resultant"][1:].min() > 0.99
        assert apart(found["flow_angle_circular_mean"][1:], 3 * np.pi / 2).max() > 0.05
        assert found["flow_angle_resultant"][1:].max() < 0.9

    def test_a_still_clip_has_no_angle(self):
        """Farnebäck finds some flow all the same, and it points somewhere."""
        picture = next(iter(LazyVideo(SAMPLES / "cat.mkv", "0:1").frames))
        found = features(Video(np.stack([picture] * 3), FPS))
        assert 0 < found.values["flow_magnitude"][1] < 0.01
        assert np.isnan([found.values[name] for name in ANGLES]).all()
        assert [np.isnan(mean_of(found, one)) for one in MEASURES] == [False] * 4 + [True] * 5
        rows = [row for row in found.rows("x") if row["measure"] == WEIGHTED]
        assert [row["frame"] for row in rows] == [1, 2], "every frame that could move has a row"
        assert all(np.isnan(row["value"]) for row in rows)

    @pytest.mark.parametrize("clip", ["cat", "astronaut", "coffee"])
    def test_noise_is_no_motion_and_a_slow_motion_is(self, clip):
        picture = next(iter(LazyVideo(SAMPLES / f"{clip}.mkv", "0:1").frames)).astype(float)
        rng = np.random.default_rng(0)
        for noise in (rng.integers(-1, 2, (3, 1, *picture.shape[:2], 1)),
                      rng.normal(0, 2, (3, 1, *picture.shape[:2], 1))):  # fmt: skip
            noisy = np.clip((picture + noise[:, 0]).round(), 0, 255)
            found = values(noisy)
            assert 0.01 < found["flow_magnitude"][1:].max() < 0.9 * MIN_MOTION
            assert np.isnan([found[name][1:] for name in ANGLES]).all()
        large = cv2.resize(picture, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
        large = large.clip(0, 255)[:-16]
        # a window that goes to the right, over a picture that goes to the left with it
        seen = [
            cv2.resize(large[:, 2 * t : 2 * t - 64], None, fx=1 / 8, fy=1 / 8,
                       interpolation=cv2.INTER_AREA).round()
            for t in range(3)
        ]  # fmt: skip
        found = values(seen)
        assert found["flow_magnitude"][1:].min() > 2 * MIN_MOTION
        assert found[WEIGHTED][1:] == pytest.approx(np.pi, abs=0.1)

    def test_opposite_motions_have_no_direction(self):
        """None of them prevails; the angles as numbers have a mean all the same."""
        picture = halves(grain(), grain(seed=1), still=False)
        found = values(grey(*(picture(t, 1) for t in range(3))))
        assert found["flow_magnitude"][1:] == pytest.approx(1, rel=0.1)
        for mean, length in zip([WEIGHTED, "flow_angle_circular_mean"], LENGTHS, strict=True):
            assert found[length][1:].max() < MIN_RESULTANT
            assert np.isnan(found[mean]).all()
        assert np.isfinite(found["flow_angle_plain_mean"][1:]).all()

    @settings(max_examples=12, deadline=None)
    @given(st.floats(0, TURN), st.floats(0.4, 2.5), st.integers(0, 3), st.booleans(), st.booleans())
    def test_turning_and_mirroring_the_clip(self, way, speed, quarters, mirrored, backwards):
        """What is seen turned, mirrored or backwards moves in the direction that follows."""
        step = speed * np.exp(1j * way)
        clip = grey(*(texture(step.real * t, step.imag * t) for t in range(2)))
        turned = np.rot90(clip, quarters, (1, 2))  # counter-clockwise, and y goes down
        expected = values(clip)[WEIGHTED][1] - quarters * np.pi / 2
        if mirrored:
            turned, expected = turned[:, :, ::-1], np.pi - expected
        if backwards:
            turned, expected = turned[::-1], expected + np.pi
        found = values(turned)[WEIGHTED][1]
        assert 0 <= found < TURN
        assert apart(found, expected) < 0.03
        assert apart(values(clip)[WEIGHTED][1], way) < 0.05


class TestKnownFlow:
    """The measures of a field that is given in place of Farnebäck's."""

    @pytest.fixture
    def of_field(self, monkeypatch):
        def measure(right, down):
            field = np.stack([right, down], axis=-1).astype(np.float32)
            monkeypatch.setattr(cv2, "calcOpticalFlowFarneback", lambda *_: field)
            return {name: float(one[1]) for name, one in values(frames(2, 4, 6)).items()}

        return measure

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(arrays.arrays(np.float32, (2, 4, 6), elements=st.floats(-8, 8, width=32)))
    def test_against_complex_numbers(self, of_field, field):
        found = of_field(*field)
        moved = field[0].astype(float) + 1j * field[1]
        speed, total = np.abs(moved).mean(), moved.mean()
        assert found["flow_magnitude"] == pytest.approx(speed, abs=1e-12)
        if speed < MIN_MOTION - 1e-9:
            assert np.isnan([found[name] for name in ANGLES]).all()
            return
        assume(speed > MIN_MOTION + 1e-9)
        length = abs(total) / speed
        assert found["flow_angle_weighted_resultant"] == pytest.approx(length, abs=1e-12)
        assert np.isfinite(found["flow_angle_plain_mean"])
        assume(abs(length - MIN_RESULTANT) > 1e-9)
        if length < MIN_RESULTANT:
            assert np.isnan(found[WEIGHTED])
        else:
            assert 0 <= found[WEIGHTED] < TURN
            assert apart(found[WEIGHTED], np.angle(total)) < 1e-9

    @pytest.mark.parametrize("tilt", [0.3, 1e-3, 1e-7])
    def test_both_sides_of_zero(self, of_field, tilt):
        """The fast side decides on which side of the cut the mean is."""
        sides = np.repeat([[2 * tilt], [-tilt]], 6, axis=1)
        found = of_field(np.ones((2, 6)), sides)
        assert found[WEIGHTED] == pytest.approx(np.arctan(tilt / 2), rel=1e-5)
        assert of_field(np.ones((2, 6)), -sides)[WEIGHTED] == pytest.approx(
            TURN - np.arctan(tilt / 2), abs=1e-7
        )
        assert found["flow_angle_plain_mean"] == pytest.approx(np.pi, abs=0.2)

    @pytest.mark.parametrize(
        ("right", "down", "quarters"), [(1, 0, 0), (0, 1, 1), (-1, 0, 2), (0, -1, 3)]
    )
    def test_the_four_ways(self, of_field, right, down, quarters):
        found = of_field(np.full((4, 6), right), np.full((4, 6), down))
        assert found[WEIGHTED] == pytest.approx(quarters * np.pi / 2, abs=1e-12)
        assert found["flow_angle_weighted_resultant"] == 1

    def test_a_tiny_angle_below_zero_stays_in_the_circle(self, of_field):
        found = of_field(np.ones((4, 6)), np.full((4, 6), -1e-30))
        assert found[WEIGHTED] == 0

    def test_the_least_motion(self, of_field):
        """In the mean over the frame: a small thing that is fast counts like a large slow one."""
        right = np.zeros((10, 10))
        right[0, :5] = 20 * MIN_MOTION
        assert of_field(1.001 * right, 0 * right)[WEIGHTED] == 0
        assert np.isnan(of_field(0.999 * right, 0 * right)[WEIGHTED])

    def test_the_least_resultant(self, of_field):
        """n of m against each other: |2n − m| / m."""
        for share, is_defined in ((0.524, False), (0.526, True)):
            right = np.where(np.arange(1000) < 1000 * share, 1.0, -1.0)[None]
            found = of_field(right, 0 * right)
            assert found["flow_angle_weighted_resultant"] == pytest.approx(2 * share - 1)
            assert (found[WEIGHTED] == 0) == is_defined
            assert np.isnan(found[WEIGHTED]) != is_defined
            assert np.isnan(found["flow_angle_circular_mean"]) != is_defined

    def test_nothing_moves_at_all(self, of_field):
        found = of_field(np.zeros((4, 6)), np.zeros((4, 6)))
        assert found["flow_magnitude"] == 0
        assert np.isnan([found[name] for name in ANGLES]).all()


@pytest.mark.parametrize(
    ("name", "speed", "way"),
    [
        ("cat", 1.39, (-1.2, -0.2)), ("astronaut", 1.20, (-0.8, -0.1)),
        ("coffee", 1.37, (-1.2, -0.3)),
    ],
)  # fmt: skip
def test_sample_clips_move_as_they_are_said_to(name, speed, way):
    """In the mean: what Farnebäck finds at edges and in flat parts is less than what is there."""
    found = features(LazyVideo(SAMPLES / f"{name}.mkv", "0:6")).values
    assert found["flow_magnitude"][1:] == pytest.approx(speed, rel=0.25)
    angle = np.arctan2(way[1], way[0]) + 2 * np.pi
    assert found["flow_angle_circular_mean"][1:] == pytest.approx(angle, abs=0.15)
    assert found["flow_angle_resultant"][1:].min() > 0.85


class TestShape:
    def test_the_first_frame_has_neither_change_nor_flow(self):
        found = values(frames(3))
        for name, column in found.items():
            assert column.shape == (3,)
            assert np.isnan(column).tolist() == (
                [False] * 3 if name in NAMES[:2] else [True, False, False]
            )

    def test_one_frame(self):
        found = features(Video(frames(1), FPS))
        assert len(found) == 1
        assert [row["measure"] for row in found.rows("x")] == NAMES[:2]

    def test_no_frames(self):
        assert list(measure_frames([])) == []

    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 5), (5, 4)])
    def test_tiny_frames(self, size):
        found = {name: column[1:] for name, column in values(frames(3, *size)).items()}
        assert all(np.isfinite(found[name]).all() for name in NAMES[:4])
        for name in LENGTHS:
            assert (np.isnan(found[name]) == (found["flow_magnitude"] < MIN_MOTION)).all()

    def test_rows(self):
        found = features(Video(frames(2), Fraction(30000, 1001)))
        rows = list(found.rows("a.mkv"))
        assert len(rows) == 2 * 2 + 7
        assert rows[0] == {
            "clip": "a.mkv", "frame": 0, "time_s": 0.0, "measure": "pixel_intensity",
            "value": found.values["pixel_intensity"][0], "unit": "1",
        }  # fmt: skip
        assert rows[1]["time_s"] == pytest.approx(1001 / 30000, abs=1e-15)
        units = {row["measure"]: row["unit"] for row in rows}
        assert units == {one.name: one.unit for one in MEASURES}
        assert units["flow_magnitude"] == "px/frame"
        assert {type(row["value"]) for row in rows} == {float}

    def test_frames_keep_the_numbers_of_their_file(self, tmp_path):
        path = clip(tmp_path / "a.npz", 6)
        whole, part = features(read_video(path)), features(LazyVideo(path, "2:5"))
        assert [part.start, len(part)] == [2, 3]
        numbers = [row["frame"] for row in part.rows("a") if row["measure"] == "contrast"]
        assert numbers == [2, 3, 4]
        for name, column in whole.values.items():
            first = 2 if name in NAMES[:2] else 3
            assert np.array_equal(part.values[name][first - 2 :], column[first:5])

    def test_progress_and_cancelling(self):
        seen = []

        def stop(frame):
            seen.append(frame)
            if frame == 1:
                raise KeyboardInterrupt

        features(Video(frames(3), FPS), on_frame=seen.append)
        assert seen == [0, 1, 2]
        with pytest.raises(KeyboardInterrupt):
            features(Video(frames(3), FPS), on_frame=stop)


@given(st.floats(-100, 100))
def test_in_circle(angle):
    inside = float(in_circle(np.float64(angle)))
    assert 0 <= inside < 2 * np.pi
    assert np.exp(1j * inside) == pytest.approx(np.exp(1j * angle), abs=1e-12)


@pytest.mark.parametrize("angle", [-0.0, -1e-300, -1e-17, 2 * np.pi, -2 * np.pi])
def test_in_circle_at_its_cut(angle):
    assert 0 <= in_circle(np.float64(angle)) < 2 * np.pi


class TestAgainstOpenCV:
    """The paper's definitions once more, with its parameters of the flow."""

    def expected(self, pictures):
        rgb = np.array(pictures, np.float64) / 255
        r, g, b = np.moveaxis(np.array(pictures, int), -1, 0)
        y = (299 * r + 587 * g + 114 * b) / 255000
        y_8bit = np.round((299 * r + 587 * g + 114 * b) / 1000).astype(np.uint8)
        flow = np.array([
            cv2.calcOpticalFlowFarneback(
                y_8bit[t], y_8bit[t + 1], None, pyr_scale=0.5, levels=5, winsize=13,
                iterations=10, poly_n=5, poly_sigma=1.1, flags=0,
            )
            for t in range(len(rgb) - 1)
        ]).astype(np.float64)  # fmt: skip
        along = flow[..., 0] + 1j * flow[..., 1]
        angle = np.where(np.angle(along) < 0, np.angle(along) + 2 * np.pi, np.angle(along))
        mean = np.exp(1j * angle).mean(axis=(1, 2))
        speed = np.abs(along).mean(axis=(1, 2))
        total = along.mean(axis=(1, 2)) / speed
        found = {
            "pixel_intensity": rgb.mean(axis=(1, 2, 3)),
            "contrast": y.std(axis=(1, 2)),
            "pixel_change": np.abs(np.diff(rgb, axis=0)).mean(axis=(1, 2, 3)),
            "flow_magnitude": speed,
            "flow_angle_weighted_mean": np.where(np.abs(total) < 0.05, np.nan, np.angle(total)),
            "flow_angle_weighted_resultant": np.abs(total),
            "flow_angle_circular_mean": np.where(np.abs(mean) < 0.05, np.nan, np.angle(mean)),
            "flow_angle_resultant": np.abs(mean),
            "flow_angle_plain_mean": angle.mean(axis=(1, 2)),
        }
        for name in ("flow_angle_weighted_mean", "flow_angle_circular_mean"):
            found[name] = found[name] % (2 * np.pi)
        for name in ANGLES:
            found[name][speed < 0.1] = np.nan
        return found

    def check(self, found, pictures):
        expected = self.expected(pictures)
        assert list(expected) == NAMES
        for name, column in expected.items():
            np.testing.assert_allclose(
                found[name][-len(column) :], column, rtol=0, atol=1e-12, err_msg=name
            )

    def test_on_a_texture(self):
        pictures = grey(*(texture(1.3 * t, -0.7 * t) for t in range(4))).astype(np.uint8)
        pictures[..., 0] //= 2
        pictures[..., 2] //= 3
        self.check(values(pictures), pictures)

    @pytest.mark.golden
    def test_on_a_natural_clip(self, natural_clip):
        capture = cv2.VideoCapture(str(natural_clip))
        pictures = [
            cv2.resize(capture.read()[1], (224, 126), interpolation=cv2.INTER_AREA)[..., ::-1]
            for _ in range(24)
        ]
        capture.release()
        self.check(features(LazyVideo(natural_clip, "0:24", 224)).values, pictures)
