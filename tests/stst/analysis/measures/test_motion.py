from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from stst.analysis.features import MIN_MOTION
from stst.analysis.measures.motion import (
    DIRECTIONS,
    SPEEDS,
    MotionHistogram,
    direction_distance,
    normalize,
    speed_distance,
)

BIN = 2 * np.pi / DIRECTIONS
directions = (
    st.lists(st.integers(0, 9), min_size=16, max_size=16)
    .filter(any)
    .map(lambda counts: normalize(np.array(counts, float)))
)
speeds = (
    st.lists(st.integers(0, 9), min_size=10, max_size=10)
    .filter(any)
    .map(lambda counts: normalize(np.array(counts, float)))
)


def counted(*vectors):
    histogram = MotionHistogram()
    histogram.add(np.array(vectors, np.float32)[None])
    return histogram


def peak(number, count=DIRECTIONS):
    return (np.arange(count) == number % count).astype(float)


def transported(here, there):
    """Give the least cost of moving one histogram to the other, as a linear program."""
    count = len(here)
    gap = np.abs(np.arange(count)[:, None] - np.arange(count))
    cost = np.minimum(gap, count - gap) * BIN
    rows = np.kron(np.eye(count), np.ones(count))
    columns = np.kron(np.ones(count), np.eye(count))
    ends = np.concatenate([here, there])
    return linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=ends).fun


class TestHistogram:
    @pytest.mark.parametrize(
        ("vector", "number"),
        [((2, 0), 0), ((0, 2), 4), ((-2, 0), 8), ((0, -2), 12), ((1, 1), 2), ((2, -0.1), 0),
         ((2, 0.39), 0), ((2, 0.41), 1), ((-2, -0.1), 8)],
    )  # fmt: skip
    def test_direction(self, vector, number):
        found = counted(vector).directions
        assert found[number] == pytest.approx(np.hypot(*vector), rel=1e-6)
        assert np.count_nonzero(found) == 1

    def test_weighted_by_magnitude_and_without_what_is_still(self):
        found = counted((3, 0), (0, 1), (0, 1), (-0.9 * MIN_MOTION, 0)).directions
        assert found[[0, 4, 8]].tolist() == [3, 2, 0]

    @pytest.mark.parametrize(("speed", "moves"), [(9.9, False), (10.1, True)])
    def test_a_frame_that_is_nearly_still_has_no_direction(self, speed, moves):
        """One pixel in ten moves, so that the mean is about the least motion."""
        found = counted((MIN_MOTION * speed, 0), *[(0, 0)] * 9)
        assert (found.directions.sum() > 0) == moves
        assert found.speeds[0] == 9

    @pytest.mark.parametrize(
        ("speed", "number"),
        [(0, 0), (0.099, 0), (0.101, 1), (0.199, 1), (0.201, 2), (1, 4), (2, 5), (25, 8), (26, 9),
         (900, 9)],
    )  # fmt: skip
    def test_speed(self, speed, number):
        for vector in ((speed, 0), (0, -speed), (0.6 * speed, 0.8 * speed)):
            assert counted(vector).speeds.tolist() == peak(number, 1 + len(SPEEDS)).tolist()

    def test_frames_add_up(self):
        histogram = counted((1, 0))
        histogram.add(np.ones((2, 3, 2), np.float32))
        assert histogram.speeds.sum() == 7
        assert histogram.directions[2] == pytest.approx(6 * np.sqrt(2))

    def test_nothing(self):
        assert np.isnan(normalize(np.zeros(3))).all()


class TestDistances:
    @pytest.mark.parametrize("start", range(0, 16, 3))
    @pytest.mark.parametrize("turn", range(17))
    def test_a_turn(self, start, turn):
        found = direction_distance(peak(start), peak(start + turn))
        assert found == pytest.approx(min(turn, 16 - turn) * BIN, abs=1e-12)

    def test_one_way_against_all(self):
        """Mean distance on the circle: π / 2."""
        assert direction_distance(peak(5), np.full(16, 1 / 16)) == pytest.approx(np.pi / 2)

    @given(directions, directions)
    def test_directions_against_a_linear_program(self, here, there):
        found = direction_distance(here, there)
        assert found == pytest.approx(transported(here, there), abs=1e-7)
        assert found == pytest.approx(direction_distance(there, here), abs=1e-12)

    @given(directions, directions, st.integers(0, 15), st.booleans())
    def test_where_the_circle_is_cut_does_not_matter(self, here, there, turn, mirrored):
        step = -1 if mirrored else 1
        turned = [np.roll(one, turn)[::step] for one in (here, there)]
        assert direction_distance(*turned) == pytest.approx(
            direction_distance(here, there), abs=1e-12
        )

    @given(speeds, speeds)
    def test_speeds_against_scipy(self, here, there):
        places = np.arange(10)
        assert speed_distance(here, there) == pytest.approx(
            wasserstein_distance(places, places, here, there), abs=1e-12
        )

    def test_nothing_moves(self):
        nothing = normalize(np.zeros(16))
        assert np.isnan(direction_distance(nothing, peak(1)))
        assert np.isnan(speed_distance(nothing[:10], peak(1, 10)))
