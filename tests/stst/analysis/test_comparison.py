from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from small_runs import frames
from stst import InputError, Video
from stst.analysis.comparison import compare, comparison_rows, mean_of, statistic_unit
from stst.analysis.features import MEASURES, Features, features
from stst.analysis.tables import as_json, table

TURN = 2 * np.pi
ANGLE = "flow_angle_circular_mean"
LINEAR = {
    "natural_mean", "other_mean", "mean_absolute_error", "relative_error", "correlation", "frames"
}  # fmt: skip
CIRCULAR = {
    "natural_mean", "other_mean", "mean_absolute_difference", "mean_difference",
    "circular_correlation", "frames",
}  # fmt: skip


def made(course, angles=None):
    """Features whose linear measures all take one course."""
    course = np.asarray(course, np.float64)
    angles = course % TURN if angles is None else np.asarray(angles, np.float64)
    values = {one.name: angles if one.circular else course for one in MEASURES}
    return Features(values, Fraction(25))


def linear(natural, other):
    return compare(made(natural), made(other))["contrast"]


def circular(natural, other):
    zeros = np.zeros(len(natural))
    return compare(made(zeros, natural), made(zeros, other))[ANGLE]


def courses(low=0.0, high=1.0):
    return arrays.arrays(np.float64, st.integers(2, 12), elements=st.floats(low, high, width=32))


def pairs(low=0.0, high=1.0):
    return st.integers(2, 12).flatmap(
        lambda n: st.tuples(
            *[arrays.arrays(np.float64, n, elements=st.floats(low, high, width=32))] * 2
        )
    )


def resultant(angles):
    return abs(np.exp(1j * np.asarray(angles)).mean())


def test_every_measure_has_its_statistics():
    found = compare(made([1, 2]), made([2, 3]))
    for measure in MEASURES:
        assert set(found[measure.name]) == (CIRCULAR if measure.circular else LINEAR)


class TestLinear:
    def test_by_hand(self):
        found = linear([1, 2, 3], [2, 2, 5])
        assert found == {
            "natural_mean": pytest.approx(2, abs=1e-15),
            "other_mean": pytest.approx(3, abs=1e-15),
            "mean_absolute_error": pytest.approx(1, abs=1e-15),
            "relative_error": pytest.approx(0.5, abs=1e-15),
            "correlation": pytest.approx(np.sqrt(3) / 2, abs=1e-15),
            "frames": 3,
        }

    @given(pairs())
    def test_against_numpy(self, both):
        natural, other = both
        found = linear(natural, other)
        if min(np.ptp(natural), np.ptp(other)) < 1e-6:
            return
        assert found["correlation"] == pytest.approx(np.corrcoef(natural, other)[0, 1], abs=1e-9)
        assert linear(other, natural)["correlation"] == found["correlation"]

    @given(courses())
    def test_of_a_clip_with_itself(self, course):
        found = linear(course, course)
        assert found["mean_absolute_error"] == 0
        assert found["natural_mean"] == found["other_mean"]
        assert found["relative_error"] == 0 or not course.any()
        assert np.isnan(found["correlation"]) == (np.ptp(course) < 1e-12)
        if np.ptp(course) >= 1e-12:
            assert found["correlation"] == pytest.approx(1, abs=1e-12)

    def test_a_constant_correlates_with_nothing(self):
        wiggling = 0.1 + np.array([0, 1, -1]) * 1e-16
        for natural, other in (([1, 1, 1], [1, 2, 3]), ([1, 2, 3], wiggling)):
            assert np.isnan(linear(natural, other)["correlation"])

    def test_relative_to_nothing(self):
        found = linear([0, 0], [1, 1])
        assert found["mean_absolute_error"] == 1
        assert np.isnan(found["relative_error"])
        # too small to be divided by: neither JSON nor a reader has a use for infinity
        assert np.isnan(linear([1e-310, 1e-310], [1, 1])["relative_error"])

    def test_opposite_courses(self):
        assert linear([1, 2, 4], [-1, -2, -4])["correlation"] == pytest.approx(-1, abs=1e-15)

    def test_frames_without_a_value_are_left_out(self):
        found = linear([np.nan, 1, 2, 3], [7, 2, np.nan, 4])
        assert (found["natural_mean"], found["other_mean"]) == (2, 3)
        assert found["mean_absolute_error"] == 1
        assert found["frames"] == 2


class TestCircular:
    def test_by_hand(self):
        found = circular([0.1, TURN - 0.1], [0.3, 0.1])
        assert np.sin(found["natural_mean"]) == pytest.approx(0, abs=1e-15)
        assert found["other_mean"] == pytest.approx(0.2, abs=1e-15)
        assert found["mean_difference"] == pytest.approx(0.2, abs=1e-15)
        assert found["mean_absolute_difference"] == pytest.approx(0.2, abs=1e-15)
        assert found["circular_correlation"] == pytest.approx(1, abs=1e-12)

    @pytest.mark.parametrize(("other", "difference"), [(0.5, 0.5), (TURN - 0.5, -0.5)])
    def test_the_sign_of_a_difference(self, other, difference):
        found = circular([0, 0], [other, other])
        assert found["mean_difference"] == pytest.approx(difference, abs=1e-15)
        assert found["mean_absolute_difference"] == pytest.approx(0.5, abs=1e-15)

    @given(courses(0, 6.25))
    def test_of_a_clip_with_itself(self, angles):
        found = circular(angles, angles)
        assert found["mean_absolute_difference"] == 0
        assert found["mean_difference"] == 0
        if not np.isnan(found["circular_correlation"]):
            assert found["circular_correlation"] == pytest.approx(1, abs=1e-9)

    @given(pairs(0, 6.25), st.integers(-2, 2), st.floats(0, 6.25))
    @example((np.array([2.0, 0.0]), np.array([0.0, 2.0])), -1, 0.0)
    def test_turning(self, both, turns, angle):
        """Whole turns change nothing; turning both leaves what is between them."""
        natural, other = both
        assume(min(map(resultant, (natural, other, other - natural))) > 0.05)
        # where the difference is half a turn its sign is a matter of rounding
        assume((np.abs(np.abs(np.sin((other - natural) / 2)) - 1) > 1e-9).all())
        # where a course hardly varies so is its correlation
        assume(min(np.ptp(np.sin(one - np.angle(np.exp(1j * one).mean()))) for one in both) > 1e-3)
        found = circular(natural, other)
        for here, there in (
            (natural, other + turns * TURN),
            (natural + angle, other + angle),
        ):
            again = circular(here, there)
            for name in ("mean_absolute_difference", "circular_correlation"):
                assert again[name] == pytest.approx(found[name], abs=1e-8), name
            # an angle: a mean of half a turn may be told as +π or −π
            apart = again["mean_difference"] - found["mean_difference"]
            assert np.angle(np.exp(1j * apart)) == pytest.approx(0, abs=1e-8)
        turned = circular(natural + angle, other)["natural_mean"] - found["natural_mean"]
        assert np.exp(1j * turned) == pytest.approx(np.exp(1j * angle), abs=1e-8)

    @given(pairs(0, 6.25))
    def test_correlation_as_it_is_defined(self, both):
        """Jammalamadaka & SenGupta (2001), equation 8.2.1, term by term."""
        natural, other = both
        assume(min(map(resultant, both)) > 0.05)
        means = [np.angle(sum(np.exp(1j * one) for one in course)) for course in both]
        above = below_left = below_right = 0.0
        for a, b in zip(natural, other, strict=True):
            left, right = np.sin(a - means[0]), np.sin(b - means[1])
            above += left * right
            below_left += left**2
            below_right += right**2
        assume(min(below_left, below_right) > 1e-8)
        expected = above / np.sqrt(below_left * below_right)
        found = circular(natural, other)["circular_correlation"]
        assert found == pytest.approx(expected, abs=1e-7)
        assert -1 <= found <= 1

    @given(pairs(0, 6.25))
    def test_ranges(self, both):
        found = circular(*both)
        assert 0 <= found["mean_absolute_difference"] <= np.pi
        for name in ("natural_mean", "other_mean"):
            assert np.isnan(found[name]) or 0 <= found[name] < TURN
        assert np.isnan(found["mean_difference"]) or abs(found["mean_difference"]) <= np.pi

    def test_opposite_directions_have_no_mean(self):
        found = circular([0, np.pi], [1, 2])
        assert np.isnan(found["natural_mean"])
        assert np.isnan(found["circular_correlation"])
        assert found["other_mean"] == pytest.approx(1.5, abs=1e-15)

    def test_a_constant_correlates_with_nothing(self):
        assert np.isnan(circular([1, 1, 1], [1, 2, 3])["circular_correlation"])


def test_one_frame_has_no_flow_to_compare():
    one = features(Video(frames(1), Fraction(25)))
    found = compare(one, one)
    assert found["contrast"]["mean_absolute_error"] == 0
    for name in (ANGLE, "pixel_change"):
        assert found[name].pop("frames") == 0
        assert np.isnan(list(found[name].values())).all()


class TestFramesWithoutAnAngle:
    def test_they_do_not_count(self):
        """Whatever stands beside them: all statistics are those of the frames that have both."""
        natural = [np.nan, 0.1, np.nan, 6.2, 0.4, 3.0, np.nan]
        other = [np.nan, 0.3, 2.0, 0.1, np.nan, 2.5, np.nan]
        found, expected = circular(natural, other), circular([0.1, 6.2, 3.0], [0.3, 0.1, 2.5])
        assert found == expected
        assert found["frames"] == 3
        assert np.isfinite(list(found.values())).all()

    def test_one_frame_is_left(self):
        found = circular([np.nan, 6.0, 1.0], [1.0, 0.2, np.nan])
        assert found["frames"] == 1
        assert (found["natural_mean"], found["other_mean"]) == pytest.approx((6.0, 0.2), abs=1e-12)
        assert found["mean_difference"] == pytest.approx(0.2 - 6.0 + TURN, abs=1e-12)
        assert np.isnan(found["circular_correlation"])

    @pytest.mark.parametrize("moves", [True, False])
    def test_a_still_clip(self, moves):
        """Against one that moves, or itself: no frame has both, nothing is said of angles."""
        pictures = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
        still = features(Video(np.stack([pictures[0]] * 3), Fraction(25)))
        other = features(Video(pictures, Fraction(25))) if moves else still
        for found in (compare(still, other), compare(other, still)):
            assert found["flow_magnitude"]["frames"] == 2
            for name in (one.name for one in MEASURES if one.name.startswith("flow_angle")):
                assert found[name].pop("frames") == 0
                assert np.isnan(list(found[name].values())).all(), name
        rows = table(comparison_rows(compare(still, other), "b", "a"))
        empty = rows.loc[rows["value"].isna(), "measure"].tolist()
        assert {f"{ANGLE}.natural_mean", f"{ANGLE}.circular_correlation"} <= set(empty)
        assert f"{ANGLE}.frames" not in empty
        again = json.loads(as_json(rows), parse_constant=pytest.fail)
        assert {row["measure"] for row in again if row["value"] is None} == set(empty)

    def test_means_are_those_of_the_others(self):
        clip = made(np.zeros(4), [np.nan, 6.2, np.nan, 0.2])
        angle = next(one for one in MEASURES if one.name == ANGLE)
        assert mean_of(clip, angle) == pytest.approx(np.angle(np.exp(6.2j) + np.exp(0.2j)) % TURN)
        assert np.isnan(mean_of(made(np.zeros(2), [np.nan, np.nan]), angle))
        assert np.isnan(mean_of(made(np.zeros(2), [1.0, 1.0 + np.pi]), angle))


def test_clips_of_different_length():
    with pytest.raises(InputError) as refused:
        compare(made([1, 2]), made([1, 2, 3]))
    assert str(refused.value) == (
        "the clips differ in length: 2 and 3 frames. Choose frames so that both agree."
    )


def test_rows():
    rows = list(comparison_rows(compare(made([1, 2]), made([2, 4])), "b.mkv", "a.mp4 [frames=0:2]"))
    assert len(rows) == 6 * len(MEASURES)
    assert rows[2] == {
        "clip": "b.mkv", "reference": "a.mp4 [frames=0:2]",
        "measure": "pixel_intensity.mean_absolute_error", "value": 1.5, "unit": "1",
    }  # fmt: skip
    units = {row["measure"]: row["unit"] for row in rows}
    assert units["flow_magnitude.mean_absolute_error"] == "px/frame"
    assert units["flow_magnitude.relative_error"] == units["flow_magnitude.correlation"] == "1"
    assert units[f"{ANGLE}.mean_difference"] == "rad"
    assert units[f"{ANGLE}.circular_correlation"] == "1"
    assert units[f"{ANGLE}.frames"] == units["flow_magnitude.frames"] == "1"
    assert {type(row["value"]) for row in rows} == {float}
    assert statistic_unit(MEASURES[3], "natural_mean") == "px/frame"
