from __future__ import annotations

import pytest

from stst.utils import clock
from stst.utils.clock import Clock, duration


@pytest.fixture
def time(monkeypatch):
    """A time that only the test moves."""
    now = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    return now


def test_the_rest_takes_as_long_as_what_was_done(time):
    one = Clock()
    assert one.left(0.0) == "?"
    time[0] += 30
    assert one.seconds_left(0.25) == pytest.approx(90)
    assert one.left(0.25) == "0:01:30"


def test_what_was_done_before_does_not_count(time):
    one = Clock()
    one.begin(0.5)
    time[0] += 10
    assert one.seconds_left(0.75) == pytest.approx(10)


def test_nor_does_the_time_in_which_it_is_held(time):
    one = Clock()
    one.begin(0.0)
    time[0] += 10
    one.hold()
    time[0] += 1000
    assert one.seconds_left(0.5) == pytest.approx(10)
    one.go()
    time[0] += 10
    assert one.seconds_left(0.5) == pytest.approx(20)


def test_durations_are_written_with_hours():
    assert duration(3723.4) == "1:02:03"
