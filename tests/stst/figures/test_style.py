from __future__ import annotations

import pytest

from stst.figures.style import name_rows, new_panels


@pytest.mark.parametrize(("count", "room"), [(1, 0.5), (3, 0.6)])
def test_rows_have_the_same_room_above_and_below(count, room):
    _, (panel,) = new_panels(1, 1, 4.0, 2.0)
    name_rows(panel, map(str, range(count)), room)
    below, above = panel.get_ylim()
    assert above == pytest.approx(-room)
    assert below == pytest.approx(count - 1 + room)
    assert [text.get_text() for text in panel.get_yticklabels()] == [*map(str, range(count))]
