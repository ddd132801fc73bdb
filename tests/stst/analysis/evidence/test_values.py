"""Rows as measures give them; as they are read from files, in tests of `stst.study.values`."""

from __future__ import annotations

from math import isnan

import pytest

from stst.analysis.evidence.values import Key, Null, collect_values, read_number

KEY = Key("photometry.csv", "luminance.mean")


def row(clip: str, measure: str, value: float, **more) -> dict:
    return {"clip": clip, "measure": measure, "value": value, "unit": "1", **more}


def test_zeros_are_numbers():
    """Of the first frame, and of a clip without light."""
    rows = [
        row("n", "luminance", 0.2, frame=0), row("n", "luminance.mean", 0.0),
        row("o", "luminance", 0.0, frame=0, reference="n"),
        row("o", "luminance.mean", 0.5, reference="n", null_low=0.0, null_high=0.3),
        row("o", "luminance.mean.null", 0.0, reference="n", null_kind="noise", null_low=0.0,
            null_high=0.0),
    ]  # fmt: skip
    value = collect_values(rows, "photometry.csv", "o")[KEY]
    assert (value.value, value.natural, value.frames) == (0.5, 0.0, {0: 0.0})
    assert value.nulls == {"noise": Null(0, 0, 0)}


def test_a_natural_clip_alone_has_the_nulls():
    rows = [
        row("n", "luminance.mean", 0.2),
        row("n", "luminance.mean.null", 0.4, null_kind="noise", null_low=0.3, null_high=0.5),
    ]
    value = collect_values(rows, "photometry.csv", "")[KEY]
    assert isnan(value.value)
    assert (value.natural, value.nulls) == (0.2, {"noise": Null(0.4, 0.3, 0.5)})


@pytest.mark.parametrize(("cell", "number"), [(0, 0), (0.0, 0), ("0", 0), ("1e-3", 0.001)])
def test_cells(cell, number):
    assert read_number(cell) == number


@pytest.mark.parametrize("cell", [None, "", float("nan")])
def test_empty_cells(cell):
    assert isnan(read_number(cell))
