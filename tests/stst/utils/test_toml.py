from __future__ import annotations

import time

import pytest

from stst.utils.toml import toml_tree


def test_as_usual():
    text = 'a.b."c d" = 1\n[[e]]\n"f.g" = "x.y"\nh = [1.5, 2020-01-01]\n'
    tree = toml_tree(text)
    assert tree["a"] == {"b": {"c d": 1}}
    assert tree["e"][0]["f.g"] == "x.y"


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 20_000) + " = 1",
        "\n\n[" + " . ".join(['"a b"'] * 20_000) + "]",
        "x = {" + ".".join(["'a'"] * 20_000) + " = 1}",
    ],
)
def test_endless_keys(text):
    with pytest.raises(ValueError, match=r"a key of more than 50 parts \(at line [13]\)"):
        toml_tree(text)


@pytest.mark.parametrize("text", ["a" * 300_000, '"a' * 100_000, "a-" * 100_000, "'" * 99_999])
def test_no_time_is_lost_on_what_is_no_key(text):
    began = time.process_time()
    with pytest.raises(ValueError):
        toml_tree(text)
    assert time.process_time() - began < 2


def test_depth_and_digits():
    with pytest.raises(ValueError, match="nested too deeply"):
        toml_tree("a = " + "[" * 50_000 + "]" * 50_000)
    with pytest.raises(ValueError, match="digits"):
        toml_tree("a = " + "9" * 5000)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (r'natural = "sub\d.mkv"', "; paths are written with /, or in single quotes"),
        (r'natural = "C:\Users\d.mkv"', "; paths are written with /, or in single quotes"),
        ("grey = TRUE", "; it is written true or false, in small letters"),
        ("grey = False", "; it is written true or false, in small letters"),
        ("blend = 0,5", "; decimals are written with a point"),
        ("blend = ", ""),
    ],
)
def test_what_was_likely_meant(line, said):
    with pytest.raises(ValueError, match=r"\(at line 3, column \d+\)") as caught:
        toml_tree(f"# a\n\n{line}\nb = 1\n")
    assert str(caught.value).partition(")")[2] == said
