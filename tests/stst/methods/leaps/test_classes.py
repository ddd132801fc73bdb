from __future__ import annotations

import pytest

from stst.errors import InputError
from stst.methods.leaps.classes import class_index

NAMES = ["Juggling balls", "juggling fire", "archery", "riding a bike", "3", "arm wrestling"]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("Juggling balls", 0), (" juggling  BALLS", 0), ("juggling f", 1), ("arch", 2), ("2", 2),
        ("0", 0), ("3", 4), ("5", 5),
    ],
)  # fmt: skip
def test_names_beginnings_and_numbers(text, index):
    assert class_index(text, NAMES, len(NAMES), "m") == index


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("juggl", "`target` juggl: 2 classes of m begin so: 'Juggling balls', 'juggling fire'. "
         "Write more of it."),
        ("6", "`target` 6: m has 6 classes, 0 to 5."),
        ("bike", "m has no class of that name. Did you mean 'riding a bike'? A number from 0 to 5"),
        ("archry", "Did you mean 'archery'?"),
        ("zzz", "`target` zzz: m has no class of that name. A number"),
    ],
)  # fmt: skip
def test_what_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        class_index(text, NAMES, len(NAMES), "m")
    assert said in str(caught.value)


def test_a_model_that_names_none():
    assert class_index("7", (), 9, "m") == 7
    with pytest.raises(InputError, match="does not name its classes.*Give a number from 0 to 8"):
        class_index("archery", (), 9, "m")
