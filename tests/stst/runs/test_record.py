from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

from small_runs import RECORD, run_record
from stst.runs.record import Environment, InputRecord, RunRecord


def test_nothing_is_lost():
    clip = {"name": "a", "sha256": "0", "frames": 3, "fps": "25", "ä": [1]}
    content = {**RECORD, "inputs": [clip], "x": 1}
    record = RunRecord.model_validate(content)
    assert record.as_dict() == content
    # of a training's weights the bytes depend on the order as well
    assert [*record.as_dict()["inputs"][0]] == [*content["inputs"][0]]


@pytest.mark.parametrize("rate", ["1e999999999", 10**30, float("inf"), "0", "1/0", [], True])
def test_rates_that_cannot_be(rate):
    with pytest.raises(ValidationError):
        run_record(fps=rate)
    with pytest.raises(ValidationError):
        run_record(inputs=[{"fps": rate}])


def test_the_rate_is_that_of_the_first_clip_where_none_is_recorded():
    assert run_record().rate == 25
    assert run_record(fps="30000/1001").rate == Fraction(30000, 1001)
    assert run_record(fps="30000/1001", inputs=[]).rate == Fraction(30000, 1001)
    with pytest.raises(ValidationError):
        run_record(inputs=[])


@pytest.mark.parametrize(
    "environment",
    [
        {}, {"threads": 1}, {"batch": [0]}, {"threads": 0, "batch": [0]},
        {"threads": 10**30, "batch": [0]}, {"threads": "1", "batch": [0]},
        {"threads": True, "batch": [0]}, {"threads": 1, "batch": [0.5]},
    ],
)  # fmt: skip
def test_environments_in_which_nothing_can_go_on(environment):
    with pytest.raises(ValidationError):
        run_record(environment=environment)


@pytest.mark.parametrize(
    "groups", [[[0]], [[1], [0]], [[0, 1], [1]], [[0, 1, 2]], [], [[None]], [[0], [], [1]]]
)
def test_groups_are_those_of_the_batch(groups):
    with pytest.raises(ValidationError):
        run_record(groups=groups)
    assert run_record(groups=[[0], [1]]).seeds == [[0], [1]]
    assert run_record().seeds == [[0, 1]]


@pytest.mark.parametrize("key", ["method", "config", "inputs", "environment", "output"])
def test_what_has_to_be_there(key):
    content = {name: value for name, value in RECORD.items() if name != key}
    with pytest.raises(ValidationError, match=key):
        RunRecord.model_validate(content)
    with pytest.raises(ValidationError, match=key):
        run_record(**{key: 3})


@pytest.mark.parametrize("threads", [0, -1, 10**30, 4097, "2", 1.5, True])
def test_threads_of_no_machine_are_as_good_as_none(threads):
    assert Environment.model_validate({"threads": threads}).threads is None
    assert Environment.model_validate({"threads": 4096}).threads == 4096


def test_a_hash_that_is_none():
    one = {"role": "natural", "path": "a", "frames_sha256": "0", "sha256": 3}
    assert InputRecord.model_validate(one).sha256 is None
