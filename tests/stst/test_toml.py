from __future__ import annotations

import time

import pytest

from stst.toml import toml_tree


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
