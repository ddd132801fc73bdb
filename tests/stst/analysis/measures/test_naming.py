from __future__ import annotations

import csv

import pytest

from stst.analysis.measures.naming import (
    TRIAL_COLUMNS,
    NamedStimulus,
    check_trials_output,
    naming_trials,
    priming_notes,
    write_trials,
)
from stst.errors import InputError

STIMULI = [
    *(NamedStimulus(f"a{number}.mkv", "a.mkv", ("cat", "tabby")) for number in range(4)),
    *(NamedStimulus(f"b{number}.mkv", "b.mkv") for number in range(4)),
]


def test_every_clip_once_and_natural_ones_last():
    trials = naming_trials(STIMULI, 1)
    assert [list(one) for one in trials] == [list(TRIAL_COLUMNS)] * 10
    assert [one["trial"] for one in trials] == list(range(1, 11))
    assert [one["block"] for one in trials] == [1] * 8 + [2] * 2
    shown = [one["stimulus"] for one in trials]
    assert sorted(shown[:8]) == sorted(one.path for one in STIMULI)
    assert sorted(shown[8:]) == ["a.mkv", "b.mkv"]
    for one in trials:
        assert one["natural"] == f"{one['stimulus'][0]}.mkv"
        assert one["natural_label"] == {"a": "cat; tabby", "b": ""}[one["stimulus"][0]]
        assert (one["correct"], one["response"]) == ("", "")


def test_the_seed_says_the_order_and_nothing_else():
    orders = {seed: [one["stimulus"] for one in naming_trials(STIMULI, seed)] for seed in range(5)}
    assert orders[3] == [one["stimulus"] for one in naming_trials(STIMULI[::-1], 3)]
    assert len({tuple(order) for order in orders.values()}) == 5
    assert orders[0][:8] != sorted(orders[0][:8])


def test_several_stimuli_of_a_clip_are_told_of():
    (a, b) = priming_notes([*STIMULI[:2], STIMULI[4], STIMULI[5]])
    assert a.startswith("The list holds 2 stimuli of a.mkv: whoever names the first knows the ")
    assert "of b.mkv" in b
    assert priming_notes([STIMULI[0], STIMULI[0], STIMULI[4]]) == []


def test_file(tmp_path):
    path = tmp_path / "t.csv"
    trials = naming_trials(STIMULI)
    write_trials(trials, path)
    with path.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert read == [{key: str(value) for key, value in one.items()} for one in trials]
    with pytest.raises(InputError, match=r"t.csv exists"):
        write_trials(trials, path)
    write_trials(trials[:1], path, overwrite=True)
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="`seed` -1: must be 0 or more"):
        naming_trials(STIMULI, -1)
    twice = [NamedStimulus("s.mkv", "a.mkv"), NamedStimulus("s.mkv", "b.mkv")]
    with pytest.raises(InputError, match=r"s.mkv: named as a stimulus of a.mkv and of b.mkv"):
        naming_trials(twice)
    with pytest.raises(InputError, match=r"written as .csv; found '.tsv'"):
        check_trials_output(tmp_path / "t.tsv")
