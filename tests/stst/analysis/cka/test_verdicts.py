from __future__ import annotations

import numpy as np
import pytest

from stst.analysis.cka.verdicts import band_words, cka_limits, describe_verdicts, layers_of

NAN = float("nan")


def rows(values, low=0.2, high=0.6, clip="x", noise=0.1, timing=0.7):
    same = {"clip": clip, "model": "m [weights=none]", "layer": "a"}
    band = {"null_low": low, "null_high": high, "null_kind": "unrelated", "null_clips": 3}
    values = [
        {**same, "measure": "cka_unbiased.channels", "value": one, "null_pairs": 75, **band}
        for one in values
    ]
    nulls = {"unrelated": 0.4, "noise": noise, "timing": timing}
    return values + [
        {**same, "measure": "cka_unbiased.channels.null", "value": one, "null_kind": kind}
        for kind, one in nulls.items()
        if one is not None
    ]


@pytest.mark.parametrize(
    ("values", "low", "high", "verdict"),
    [
        ([0.5, 0.8], 0.2, 0.6, "above"),
        ([0.5, 0.6, NAN], 0.2, 0.6, "inside"),
        ([0.6], 0.2, 0.6, "inside"),
        ([-0.1, 0.3], 0.2, 0.6, "below"),
        ([NAN], 0.2, 0.6, "undefined"),
        ([0.5], NAN, NAN, "undefined"),
    ],
)
def test_verdicts(values, low, high, verdict):
    (one,) = layers_of(rows(values, low, high))
    assert one.verdict == verdict
    assert (one.clips, one.pairs) == (3, 75)
    assert (one.noise, one.timing) == (0.1, 0.7)


def test_sentences():
    assert describe_verdicts(
        [*rows([0.9]), *rows([0.1, 0.2], clip="y", timing=None, noise=-1e-9)]
    ) == [
        "x, m, a: CKA 0.900, above the band of 3 unrelated clips, 0.200 to 0.600; noise 0.100; "
        "other frames 0.700.",
        "y, m, a: CKA 0.150, below the band of 3 unrelated clips, 0.200 to 0.600; noise 0.000.",
    ]
    (line,) = describe_verdicts(rows([NAN], timing=None, noise=NAN))
    assert line == "x, m, a: CKA or its null is undefined."


def test_bands_and_axes():
    assert band_words([2]) == "95 % of pairs with 2 unrelated clips"
    assert band_words([4, 2, 2, 1]) == "95 % of pairs with 1 or 2 or 4 unrelated clips"
    (one,), (other,) = layers_of(rows([0.5])), layers_of(rows([0.5, NAN], low=-0.05))
    assert cka_limits([one]) == (0, 1)
    assert cka_limits([one, other]) == (-0.05, 1)
    assert cka_limits(layers_of(rows([-0.2], np.nan, np.nan))) == (-0.2, 1)
