from __future__ import annotations

import re
from math import isnan

import pytest

from stst.analysis.evidence.quantities import QUANTITIES, quantity_of
from stst.analysis.settings import TABLES


@pytest.mark.parametrize(
    ("table", "measure", "title", "against"),
    [
        ("comparison.csv", "contrast.ratio", "Contrast", None),
        ("energy.csv", "spatial_power.0.0078125-0.015625.ratio",
         "Power, 0.00781 to 0.0156 cycles/px", None),
        ("energy.csv", "temporal_power.static.ratio", "Power over time, static", None),
        ("coherence.csv", "warp_residual.farneback.lag1.mean",
         "Warp residual, lag 1, Farnebäck", "scrambled"),
        ("coherence.csv", "warp_residual.dis.lag8.mean", "Warp residual, DIS, lag 8", "scrambled"),
        ("cka.csv", "cka_unbiased.channels.mean", "CKA", "unrelated"),
        ("cka.csv", "cka.frames.mean", "CKA", "unrelated"),
    ],
)  # fmt: skip
def test_titles(table, measure, title, against):
    quantity, found = quantity_of(table, measure)
    assert (found, quantity.against) == (title, against)


@pytest.mark.parametrize(
    ("table", "measure"),
    [
        ("energy.csv", "contrast.ratio"),  # of another table, where it is among the features
        ("comparison.csv", "contrast.natural_mean"),
        ("validity.csv", "gram_distance.mean_natural"),
        ("prediction.csv", "copy_last.ssim.mean"),
    ],
)
def test_what_is_in_the_tables_alone(table, measure):
    assert quantity_of(table, measure) is None


def test_all_are_of_known_tables_and_say_what_is_the_same():
    same = {"ratio": 1, "likeness": 1, "distance": 0}
    for one in QUANTITIES:
        assert one.table in TABLES
        re.compile(one.pattern)
        if one.scale == "beside":
            assert isnan(one.same)
        else:
            assert one.same == same[one.scale]
