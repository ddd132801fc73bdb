from __future__ import annotations

import pytest

from stst.methods.stst.variants import PAPER, REFERENCE, frame_order


@pytest.mark.parametrize(
    ("frames", "padding", "expected"),
    [
        (4, 2, [1, 0, 0, 1, 2, 3]),
        (4, 0, [0, 1, 2, 3]),
        (3, 5, [1, 2, 2, 1, 0, 0, 1, 2]),
        (1, 3, [0, 0, 0, 0]),
    ],
)
def test_mirrored_padding_continues_the_reflection(frames, padding, expected):
    assert frame_order(frames, padding, PAPER) == expected


def test_padding_of_the_released_code_is_not_reversed():
    assert frame_order(4, 2, REFERENCE) == [1, 2, 0, 1, 2, 3]
    assert frame_order(9, 5, REFERENCE)[:8] == [1, 2, 3, 4, 5, 0, 1, 2]
