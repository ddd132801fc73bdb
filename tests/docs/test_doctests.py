"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for path in sorted((ROOT / "src" / "stst").rglob("*.py"))
    if ">>>" in path.read_text("utf-8")
]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", [name_of(path) for path in SOURCES])
def test_examples_give_what_they_say(name, tmp_path, monkeypatch):
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(name), optionflags=OPTIONS)
    assert found.attempted
    assert not found.failed


def test_the_main_functions_have_examples():
    import stst

    shown = ("convert", "load_preset", "probe", "read_video", "scramble", "side_by_side")
    for name in (*shown, "synthesize", "to_toml", "write_video"):
        assert ">>>" in getattr(stst, name).__doc__, name
