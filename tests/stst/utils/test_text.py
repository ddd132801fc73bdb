from __future__ import annotations

import datetime
import pickle

import pytest

from stst.errors import InputError, StstError, first_line
from stst.utils.text import format_value, join_lines, reword_settings, setting_value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Köln 漢字 e\u0301 👩\u200d🔬 a\u3000b", "Köln 漢字 e\u0301 👩\u200d🔬 a\u3000b"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x9b0m\x07\0\x7f", r"\u001b[31mred\u009b0m\u0007\u0000\u007f"),
        ("a\u202etxt.exe\u2069\u061c", r"a\u202etxt.exe\u2069\u061c"),
        ("\u2028\udcff", r"\u2028\udcff"),
    ],
)
def test_one_line(text, shown):
    assert join_lines(text) == shown


def test_long_text_keeps_both_ends():
    shown = join_lines("a" * 500 + "b" * 500, 90)
    assert shown == f"{'a' * 60} … {'b' * 30}"
    assert join_lines("a" * 90, 90) == "a" * 90


@pytest.mark.parametrize("kind", [StstError, InputError])
def test_messages_are_one_line(kind):
    error = kind("a\nb\x1b[2J: " + "c" * 5000 + " is wrong. Mend it.")
    message = str(error)
    assert message.startswith(r"a\nb\u001b[2J: c")
    assert message.endswith(" is wrong. Mend it.")
    assert len(message) < 1010
    assert str(pickle.loads(pickle.dumps(error))) == message


def test_what_python_writes_for_things_without_words():
    assert first_line(ValueError(f"bad: {object()}\nmore")) == "bad: object"
    assert first_line(KeyError()) == "KeyError"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "true"),
        ("a'b", '"a\'b"'),
        (1.5, "1.5"),
        (datetime.time(0, 4), "the time 00:04:00"),
        (datetime.date(2025, 1, 2), "the date 2025-01-02"),
        (datetime.datetime(2025, 1, 2, 3), "the date 2025-01-02T03:00:00"),
        ([1, "a", False], "[1, 'a', false]"),
        ({"a": {"b": None}}, "{a = {b = nothing}}"),
        ("x" * 300, "'" + "x" * 199 + "…"),
    ],
)
def test_found_values_are_not_in_words_of_python(value, shown):
    assert format_value(value) == shown


def test_settings_get_other_words():
    seen = []

    def reword(name: str, value: str | None) -> str | None:
        seen.append((name, value))
        return None if name == "left" else f"<{name}>"

    text = "`max_side` 7, `a.b=c d`, `left=1`, `stst convert a --fps 30`, x`y.mkv, `` and `Big=1`"
    assert reword_settings(text, reword) == (
        "<max_side> 7, <a.b>, `left=1`, `stst convert a --fps 30`, x`y.mkv, `` and `Big=1`"
    )
    assert seen == [("max_side", None), ("a.b", "c d"), ("left", "1")]


def test_values_of_settings():
    texts = ("True", "0.5", "'a b'", "['x']", "CLIP", "A:B", "(" * 9999)
    values = (True, 0.5, "a b", ["x"], "CLIP", "A:B", "(" * 9999)
    assert tuple(map(setting_value, texts)) == values
