from __future__ import annotations

import pytest

from stst.analysis.evidence.values import Key, Value
from stst.study.outliers import FAR, FEWEST, find_outliers
from study_values import DISTANCE, LIGHT, beside, entry, of_clips

#: Not among what a study asks of.
UNASKED = Key("energy.csv", "fast_power.mean")
VALUES = (0.10, 0.11, 0.12, 0.13, 0.14)


def outliers(key, *values):
    return find_outliers(*of_clips(key, *values))


def test_a_planted_one_is_found_with_its_frame():
    odd = Value(0.9, frames={4: 0.12, 5: 2.0, 6: 0.5})
    (found,) = outliers(DISTANCE, *map(beside, VALUES), odd)
    assert (found.entry.pair.label, found.frame, found.value) == ("s5", 5, 0.9)
    # of six values the median is 0.125, and that of the deviations 0.015
    assert found.median == pytest.approx(0.125)
    assert found.distance == pytest.approx((0.9 - 0.125) / (1.4826 * 0.015))


def test_none_in_constant_data_and_none_of_few():
    assert outliers(DISTANCE, *[beside(0.3)] * 6) == []
    assert outliers(DISTANCE, *[beside(0.1 + 0.2), *[beside(0.3)] * 6]) == [], "rounding"
    assert outliers(DISTANCE, *map(beside, VALUES)) == []
    assert outliers(DISTANCE, *map(beside, (0.1, 0.11, 0.9)[: FEWEST - 1])) == []


def test_one_that_differs_from_many_that_do_not():
    (found,) = outliers(DISTANCE, *[beside(0.3)] * 9, beside(0.4))
    assert found.value == 0.4
    assert found.distance == pytest.approx(0.1 / (1.2533 * 0.01))
    assert found.distance > FAR


def test_a_dark_stimulus_of_a_dark_clip_is_none():
    bright = [beside(0.8 + one, 0.8) for one in VALUES]
    assert outliers(LIGHT, *bright, beside(0.11, 0.0)) == []
    (found,) = outliers(LIGHT, *bright, Value(0.8, 0.0, frames={0: 0.12, 1: 1.0}))
    assert (found.value, found.frame) == (0.8, 1)


def test_conditions_are_apart_and_the_furthest_comes_first():
    entries, values = [], {}
    for condition, odd in (("x", 0.5), ("y", 0.9)):
        for number, value in enumerate((*VALUES, odd)):
            label = f"{condition}{number}"
            entries.append(entry(label, f"n{number}", condition))
            values[label] = {
                DISTANCE: beside(value),
                Key("energy.csv", "fast_power.mean"): beside(9),
            }
    found = find_outliers(entries, values)
    assert [one.entry.pair.label for one in found] == ["y5", "x5"]


def test_undefined_values_are_left_out():
    assert outliers(DISTANCE, *map(beside, VALUES), beside(float("nan"))) == []
