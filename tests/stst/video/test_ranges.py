from __future__ import annotations

import pytest

from stst.video import spread


@pytest.mark.parametrize(
    ("length", "count", "chosen"),
    [(24, 4, [0, 8, 15, 23]), (3, 4, [0, 1, 2]), (1, 4, [0]), (5, 2, [0, 4]), (5, 1, [0])],
)
def test_spread(length, count, chosen):
    assert spread(length, count) == chosen
