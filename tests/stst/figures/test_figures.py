from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from fractions import Fraction
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from PIL import Image

from small_runs import frames
from stst import save_side_by_side, side_by_side
from stst.analysis.features import MEASURES, Features
from stst.errors import InputError
from stst.figures import (
    COLORS,
    NATURAL,
    SHOWN,
    axis_label,
    clip_color,
    feature_courses,
    feature_means,
    frame_sheet,
    picture,
    shorten_label,
)

ANGLE = next(one for one in SHOWN if one.circular)
INTENSITY = SHOWN[0]


def made(length=6, seed=0, **values):
    rng = np.random.default_rng(seed)
    all_values = {one.name: rng.random(length) for one in MEASURES}
    return Features({**all_values, **values}, Fraction(25))


CLIPS = {"natural": made(seed=0), "metamer (STST)": made(seed=1), "b": made(seed=2)}


def lines(panel):
    return [line for line in panel.get_lines() if len(line.get_xdata()) > 1]


class TestCourses:
    def test_a_panel_for_each_measure(self):
        figure = feature_courses(CLIPS)
        assert [panel.get_ylabel() for panel in figure.axes] == [
            "Pixel intensity (0–1)", "Contrast (0–1)", "Pixel change (0–1)",
            "Flow magnitude (px/frame)", "Flow angle (rad)",
        ]  # fmt: skip
        assert {panel.get_xlabel() for panel in figure.axes} == {"Time (s)"}

    def test_what_is_drawn(self):
        (panel,) = feature_courses(CLIPS, (INTENSITY,)).axes
        for line, features in zip(lines(panel), CLIPS.values(), strict=True):
            assert line.get_xdata() == pytest.approx(np.arange(6) / 25)
            assert np.array_equal(line.get_ydata(), features.values[INTENSITY.name])
        assert [line.get_color() for line in lines(panel)] == ["#000000", "#D55E00", "#0072B2"]
        assert panel.get_xlim() == (0, 0.2)
        assert panel.get_ylim()[0] == 0

    def test_the_legend(self):
        clips = {"_natural": made(), "$x^2$": made(), "long" * 30: made()}
        (legend,) = feature_courses(clips).legends
        assert [text.get_text() for text in legend.get_texts()][:2] == ["_natural", "$x^2$"]
        assert len(legend.get_texts()[2].get_text()) == 32
        assert not feature_courses(clips, legend=False).legends

    def test_an_angle_is_interrupted_where_it_jumps(self):
        angles = np.array([np.nan, 6.0, 0.2, 0.4, 6.2, 3.0])
        clip = made(**{ANGLE.name: angles})
        (panel,) = feature_courses({"natural": clip}, (ANGLE,)).axes
        (line,) = lines(panel)
        drawn = np.asarray(line.get_ydata())
        assert np.array_equal(
            drawn, [np.nan, 6.0, np.nan, 0.2, 0.4, np.nan, 6.2, np.nan, 3.0], equal_nan=True
        )
        assert np.array_equal(np.isnan(drawn[1:]), np.isnan(line.get_xdata()[1:]))
        assert line.get_marker() == ".", "a value between two jumps is seen"
        assert panel.get_ylim() == (0, 2 * np.pi)
        ticks = [one.get_text() for one in panel.get_yticklabels()]
        assert ticks == ["0", "π/2", "π", "3π/2", "2π"]

    def test_an_angle_is_interrupted_where_there_is_none(self):
        angles = np.array([np.nan, 1.0, 1.1, np.nan, 1.2, np.nan])
        (panel,) = feature_courses({"natural": made(**{ANGLE.name: angles})}, (ANGLE,)).axes
        (line,) = lines(panel)
        assert np.array_equal(line.get_ydata(), angles, equal_nan=True)
        assert line.get_marker() == ".", "a value between two gaps is seen"
        assert not panel.texts

    def test_the_angle_is_that_of_what_moves(self):
        assert ANGLE.name == "flow_angle_weighted_mean"

    def test_half_a_turn_is_no_jump(self):
        clip = made(3, **{ANGLE.name: np.array([0.0, np.pi, 0.0])})
        (panel,) = feature_courses({"natural": clip}, (ANGLE,)).axes
        assert len(lines(panel)[0].get_ydata()) == 3

    def test_a_clip_of_one_frame(self):
        clip = Features({one.name: np.array([np.nan]) for one in MEASURES}, Fraction(25))
        for figure in (feature_courses({"natural": clip}), feature_means({"natural": clip})):
            for panel in figure.axes:
                assert [text.get_text() for text in panel.texts] == ["undefined"]
            assert picture(figure, "svg")

    def test_a_course_of_zeros(self):
        clip = made(**{INTENSITY.name: np.zeros(6)})
        (panel,) = feature_courses({"natural": clip}, (INTENSITY,)).axes
        assert panel.get_ylim() == (0, 1)


class TestMeans:
    def test_what_is_drawn(self):
        (panel,) = feature_means(CLIPS, (INTENSITY,)).axes
        assert [one.get_text() for one in panel.get_yticklabels()] == list(CLIPS)
        assert panel.get_xlabel() == "Mean pixel intensity (0–1)"
        points = [line for line in panel.get_lines() if len(line.get_xdata()) == 1]
        for place, (point, bar, features) in enumerate(
            zip(points, lines(panel), CLIPS.values(), strict=True)
        ):
            values = features.values[INTENSITY.name]
            assert point.get_xdata()[0] == pytest.approx(values.mean())
            assert np.ptp(bar.get_xdata()) == pytest.approx(2 * values.std())
            assert point.get_color() == bar.get_color() == clip_color(place)

    def test_angles_have_their_circular_mean(self):
        clip = made(2, **{ANGLE.name: np.array([0.1, 2 * np.pi - 0.3])})
        (panel,) = feature_means({"natural": clip}, (ANGLE,)).axes
        (point,) = panel.get_lines()
        assert point.get_xdata()[0] == pytest.approx(2 * np.pi - 0.1)
        assert panel.get_xlim() == (0, 2 * np.pi)

    def test_angles_without_a_mean(self):
        """Where directions are opposite, rounding would decide; frames without one do not count."""
        clips = {
            "opposite": made(2, **{ANGLE.name: np.array([1.0, 1.0 + np.pi])}),
            "still": made(2, **{ANGLE.name: np.array([np.nan, np.nan])}),
            "one": made(2, **{ANGLE.name: np.array([np.nan, 2.0])}),
        }
        (panel,) = feature_means(clips, (ANGLE,)).axes
        (point,) = panel.get_lines()
        assert (point.get_xdata()[0], point.get_ydata()[0]) == (pytest.approx(2.0), 2)


class TestSheet:
    @pytest.mark.parametrize(
        ("height", "width", "scale"), [(120, 224, 1), (33, 45, 4), (7, 1, 160)]
    )
    def test_the_pixels_are_those_of_the_frames(self, height, width, scale):
        clips = {"natural": frames(3, height, width), "b": frames(3, height, width, seed=1)}
        figure = frame_sheet(clips, ["frame 0", "frame 1", "frame 2"])
        shown = np.asarray(Image.open(BytesIO(picture(figure, "png"))).convert("RGB"))
        for row, clip in enumerate(clips.values()):
            top = 6 + 20 + row * (height * scale + 46)
            for column, frame in enumerate(clip):
                left = 6 + column * (width * scale + 6)
                part = shown[top : top + height * scale, left : left + width * scale]
                assert np.array_equal(part, frame.repeat(scale, 0).repeat(scale, 1))

    def test_its_words(self):
        figure = frame_sheet({"natural": frames(1), "$b$": frames(1)}, ["frame 7, 0.280 s"])
        words = [text.get_text() for text in figure.texts]
        assert words == ["natural", "frame 7, 0.280 s", "$b$", "frame 7, 0.280 s"]
        assert b"image-rendering:pixelated" in picture(figure, "svg")

    def test_what_is_too_large_is_shrunk(self):
        clips = {"natural": [np.zeros((20, 9000, 3), np.uint8)] * 2}
        shown = Image.open(BytesIO(picture(frame_sheet(clips, ["0", "1"]), "png")))
        assert shown.size == (2 * 4500 + 18, 10 + 52)


class TestPicture:
    @pytest.mark.parametrize("draw", [feature_courses, feature_means])
    @pytest.mark.parametrize("kind", ["png", "svg"])
    def test_the_same_bytes(self, draw, kind):
        assert picture(draw(CLIPS), kind) == picture(draw(CLIPS), kind)

    def test_users_settings_change_nothing(self):
        before = picture(feature_courses(CLIPS), "svg")
        with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "svg.fonttype": "path"}):
            assert picture(feature_courses(CLIPS), "svg") == before
            assert matplotlib.rcParams["lines.linewidth"] == 9

    def test_text_stays_text(self):
        text = picture(feature_courses({"natural": made(), 'a <b> & "c"': made()}), "svg")
        words = {one.text for one in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")}
        assert {"natural", 'a <b> & "c"', "Time (s)", "Flow angle (rad)"} <= words
        assert b"sans-serif" in text
        assert b"<dc:date>" not in text

    def test_a_script_that_the_font_lacks(self):
        figure = feature_courses({"natural": made(), "자연 영상": made()})
        assert picture(figure, "png").startswith(b"\x89PNG")
        assert "자연 영상" in picture(figure, "svg").decode()

    def test_the_resolution(self):
        sizes = [
            Image.open(BytesIO(picture(feature_means(CLIPS), "png", dpi))).width
            for dpi in (None, 200)
        ]
        assert sizes == [920, 1840]


def test_colors():
    assert [clip_color(place) for place in (0, 1, 6, 7)] == [NATURAL, *COLORS[::5], COLORS[0]]
    (panel,) = feature_courses({str(one): made() for one in range(8)}, (INTENSITY,)).axes
    drawn = [(line.get_color(), line.get_linestyle()) for line in lines(panel)]
    assert len(set(drawn)) == 8, "a second round of colours is dashed"


def test_axis_labels_have_units():
    assert axis_label(MEASURES[-1]) == "Optical flow angle (plain mean) (rad)"
    assert all(axis_label(one).endswith((" (0–1)", " (px/frame)", " (rad)")) for one in MEASURES)


def test_shortened():
    assert shorten_label("a" * 32) == "a" * 32
    assert shorten_label("a" * 20 + "b" * 20) == "a" * 15 + "…" + "b" * 16


class TestSideBySide:
    def test_pixels(self):
        clips = {"a": frames(3), "b": frames(3, seed=1)}
        shown = side_by_side(clips, columns=2)
        assert shown.shape == (2 * (18 + 22 + 4) - 4, 2 * (20 + 4) - 4, 3)
        assert np.array_equal(shown[22:40, :20], clips["a"][0])
        assert np.array_equal(shown[66:84, 24:44], clips["b"][2])

    def test_a_file(self, tmp_path):
        save_side_by_side(tmp_path / "x.png", {"a": frames(1)})
        assert np.array_equal(Image.open(tmp_path / "x.png"), side_by_side({"a": frames(1)}))

    def test_clips_that_differ(self):
        with pytest.raises(InputError, match=r"clips must agree in length and size, found \{'a'"):
            side_by_side({"a": frames(3), "b": frames(2)})


def test_neither_torch_nor_a_screen():
    code = """if True:
        import sys
        import stst.report
        from stst.figures import *
        assert "matplotlib" not in sys.modules
        import numpy as np
        picture(frame_sheet({"a": [np.zeros((2, 2, 3), np.uint8)]}, ["0"]), "png")
        print(*{"torch", "matplotlib.pyplot"} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
