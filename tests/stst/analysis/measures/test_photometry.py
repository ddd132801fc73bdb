from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2xyz

from moving_patterns import FPS, clip_of
from small_runs import clip as clip_file
from small_runs import frames
from stst import InputError, Video, read_video
from stst.analysis.measures.photometry import Display, photometry
from stst.video import LazyVideo

LINEAR = Display(1.0)


def of_values(values, display=LINEAR):
    return photometry(clip_of([np.atleast_2d(values)]), display)


class TestRamp:
    @pytest.mark.parametrize("steps", [2, 17, 256])
    def test_on_a_linear_display(self, steps):
        """Of n steps: mean (n − 1)/2, variance (n² − 1)/12."""
        found = of_values(np.arange(steps))
        assert found.mean[0] == pytest.approx((steps - 1) / 2 / 255, abs=1e-12)
        assert found.rms_contrast[0] == pytest.approx(
            np.sqrt((steps**2 - 1) / 12) / ((steps - 1) / 2), abs=1e-12
        )
        assert (found.minimum[0], found.maximum[0]) == (0, pytest.approx((steps - 1) / 255))
        assert found.michelson_contrast[0] == 1

    def test_in_candela(self):
        """Black of 20 and white of 100 cd/m²: the ramp goes from one to the other."""
        found = of_values(np.arange(256), Display(1.0, maximum=100, minimum=20))
        assert found.mean[0] == pytest.approx(60, abs=1e-10)
        assert found.rms_contrast[0] == pytest.approx(
            80 / 255 * np.sqrt((256**2 - 1) / 12) / 60, abs=1e-12
        )
        assert found.michelson_contrast[0] == pytest.approx(80 / 120, abs=1e-12)

    @pytest.mark.parametrize("gamma", [1.0, 2.2, 0.5])
    def test_of_any_gamma(self, gamma):
        """The mean of x^γ over [0, 1] is 1 / (γ + 1); the trapezium rule over 255 steps."""
        found = of_values(np.arange(256), Display(gamma))
        ends = 0.5  # of the first and the last value
        assert (256 * found.mean[0] - ends) / 255 == pytest.approx(1 / (gamma + 1), abs=1e-4)


class TestTransfer:
    @pytest.mark.parametrize(
        ("value", "light"),
        [(0, 0), (10, 10 / 255 / 12.92), (11, ((11 / 255 + 0.055) / 1.055) ** 2.4),
         (128, 0.2158605), (255, 1)],
    )  # fmt: skip
    def test_srgb(self, value, light):
        """IEC 61966-2-1; 10 is below 0.04045 and 11 above."""
        assert of_values([value], Display()).mean[0] == pytest.approx(light, abs=1e-7)

    def test_against_scikit_image(self):
        pictures = frames(3, 20, 30)
        found = photometry(Video(pictures, FPS))
        luminance = np.array([rgb2xyz(one)[..., 1] for one in pictures])
        np.testing.assert_allclose(found.mean, luminance.mean(axis=(1, 2)), rtol=1e-4)
        rms = luminance.std(axis=(1, 2)) / luminance.mean(axis=(1, 2))
        np.testing.assert_allclose(found.rms_contrast, rms, rtol=1e-4)

    @pytest.mark.parametrize(("channel", "weight"), [(0, 0.2126), (1, 0.7152), (2, 0.0722)])
    @pytest.mark.parametrize("transfer", ["srgb", 2.4])
    def test_weights(self, channel, weight, transfer):
        picture = np.zeros((1, 2, 3, 3), np.uint8)
        picture[..., channel] = 255
        found = photometry(Video(picture, FPS), Display(transfer))
        assert found.mean[0] == pytest.approx(weight, abs=1e-12)


class TestContrast:
    @given(st.integers(0, 255), st.integers(0, 255), st.floats(0.5, 3))
    def test_of_two_values(self, low, high, gamma):
        low, high = min(low, high), max(low, high)
        found = of_values([low, high], Display(gamma, maximum=80, minimum=0.5))
        dark, light = (0.5 + 79.5 * (value / 255) ** gamma for value in (low, high))
        expected = (light - dark) / (light + dark)
        # of two values alike in number, both contrasts are the same
        assert found.michelson_contrast[0] == pytest.approx(expected, abs=1e-9)
        assert found.rms_contrast[0] == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("value", [1, 77, 255])
    def test_of_a_uniform_frame(self, value):
        found = of_values(np.full((3, 7), value))
        assert found.michelson_contrast[0] == 0
        assert found.rms_contrast[0] == pytest.approx(0, abs=1e-15)

    def test_of_a_dark_frame(self):
        """Without light there is none; the light of a display's black is light."""
        dark = clip_of([np.zeros((2, 3)), np.eye(2, 3)])
        found = photometry(dark)
        assert np.isnan(found.rms_contrast).tolist() == [True, False]
        assert np.isnan(found.michelson_contrast).tolist() == [True, False]
        lit = photometry(dark, Display(maximum=100, minimum=0.2))
        assert lit.mean[0] == pytest.approx(0.2)
        assert (lit.michelson_contrast[0], lit.rms_contrast[0]) == (0, pytest.approx(0, abs=1e-15))

    @given(st.floats(1, 1000))
    def test_a_brighter_display_has_the_same_contrast(self, maximum):
        clip = Video(frames(1, 5, 6), FPS)
        here, there = photometry(clip), photometry(clip, Display(maximum=maximum))
        assert there.mean == pytest.approx(maximum * here.mean, rel=1e-12)
        assert there.rms_contrast == pytest.approx(here.rms_contrast, rel=1e-9)
        assert there.michelson_contrast == pytest.approx(here.michelson_contrast, rel=1e-9)


class TestDisplay:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"transfer": "pq"}, "transfer is 'pq'; it must be 'srgb' or a gamma from 0.1 to 10"),
            ({"transfer": 0}, "transfer is 0"), ({"transfer": True}, "transfer is True"),
            ({"transfer": float("nan")}, "transfer is nan"), ({"transfer": 11}, "transfer is 11"),
            ({"maximum": "bright"}, "maximum is 'bright'; it must be a luminance in cd/m²"),
            ({"maximum": float("inf")}, "maximum is inf"), ({"maximum": 0}, "maximum is 0 cd/m²"),
            ({"maximum": 9, "minimum": -1}, "minimum is -1"),
            ({"minimum": 0.2}, "minimum is 0.2 cd/m² without a maximum"),
            ({"maximum": 5, "minimum": 5}, "maximum is 5 cd/m² and minimum 5 cd/m²; white"),
        ],
    )  # fmt: skip
    def test_refusals(self, options, message):
        with pytest.raises(InputError, match=message):
            Display(**options)

    def test_units(self):
        assert [Display().unit, Display(2.2, maximum=80).unit] == ["1", "cd/m²"]


class TestShape:
    def test_rows(self):
        clip = Video(frames(2, 4, 5), Fraction(30000, 1001))
        found = photometry(clip, Display(maximum=100))
        rows = list(found.rows("a", "b"))
        assert rows[1] == {
            "clip": "a", "reference": "b", "frame": 1, "time_s": pytest.approx(1001 / 30000),
            "measure": "luminance", "value": found.mean[1], "unit": "cd/m²",
        }  # fmt: skip
        whole = {row["measure"]: (row["value"], row["unit"]) for row in rows if "frame" not in row}
        assert whole == {
            "luminance.mean": (pytest.approx(found.mean.mean()), "cd/m²"),
            "luminance_min.mean": (pytest.approx(found.minimum.mean()), "cd/m²"),
            "luminance_max.mean": (pytest.approx(found.maximum.mean()), "cd/m²"),
            "rms_contrast.mean": (pytest.approx(found.rms_contrast.mean()), "1"),
            "michelson_contrast.mean": (pytest.approx(found.michelson_contrast.mean()), "1"),
            "luminance_min.min": (found.minimum.min(), "cd/m²"),
            "luminance_max.max": (found.maximum.max(), "cd/m²"),
        }
        assert len(rows) == 2 * 5 + len(whole)
        assert len(found) == 2

    def test_a_clip_on_disk(self, tmp_path):
        path = clip_file(tmp_path / "a.npz", 6)
        here, there = (
            list(photometry(clip).rows("a"))
            for clip in (LazyVideo(path, "2:5"), read_video(path, "2:5"))
        )
        assert here[0]["frame"] == 2
        assert here == there

    def test_progress_and_cancelling(self):
        seen = []

        def stop(frame):
            if frame == 1:
                raise KeyboardInterrupt

        photometry(Video(frames(3), FPS), on_frame=seen.append)
        assert seen == [0, 1, 2]
        with pytest.raises(KeyboardInterrupt):
            photometry(Video(frames(3), FPS), on_frame=stop)
