from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_runs import clip, frames
from stst import Video, read_video
from stst.analysis.features import MEASURES, Farneback, features, in_circle, measured
from stst.video import LazyVideo

NAMES = [measure.name for measure in MEASURES]
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
        assert list(measured([])) == []

    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 5), (5, 4)])
    def test_tiny_frames(self, size):
        assert np.isfinite([column[1:] for column in values(frames(3, *size)).values()]).all()

    def test_rows(self):
        found = features(Video(frames(2), Fraction(30000, 1001)))
        rows = list(found.rows("a.mkv"))
        assert len(rows) == 2 * 2 + 5
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
        return {
            "pixel_intensity": rgb.mean(axis=(1, 2, 3)),
            "contrast": y.std(axis=(1, 2)),
            "pixel_change": np.abs(np.diff(rgb, axis=0)).mean(axis=(1, 2, 3)),
            "flow_magnitude": np.abs(along).mean(axis=(1, 2)),
            "flow_angle_circular_mean": np.angle(mean) % (2 * np.pi),
            "flow_angle_resultant": np.abs(mean),
            "flow_angle_plain_mean": angle.mean(axis=(1, 2)),
        }

    def check(self, found, pictures):
        expected = self.expected(pictures)
        assert list(expected) == NAMES
        for name, column in expected.items():
            assert np.abs(found[name][-len(column) :] - column).max() < 1e-12, name

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
