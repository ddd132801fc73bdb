from __future__ import annotations

import io

import pytest

from napari_stst.background.messages import Step, pack, receive, take_messages

STEPS = [Step("one", 0.1, {}), Step("two", 0.2, {"a": 1.0})]
WRITTEN = b"".join(map(pack, STEPS))


def test_one_after_another():
    stream = io.BytesIO(WRITTEN)
    assert [receive(stream), receive(stream), receive(stream)] == [*STEPS, None]


@pytest.mark.parametrize("part", range(1, len(pack(STEPS[0])), 7))
def test_a_viewer_that_died_while_it_wrote_is_gone(part):
    assert receive(io.BytesIO(WRITTEN[:part])) is None


@pytest.mark.parametrize("size", [1, 5, 8, 9, 1000])
def test_messages_come_in_pieces(size):
    received, taken = bytearray(), []
    for start in range(0, len(WRITTEN), size):
        received += WRITTEN[start : start + size]
        taken += take_messages(received)
    assert (taken, received) == (STEPS, b"")
