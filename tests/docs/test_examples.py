"""The examples that the documentation shows run as they stand."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import stst

EXAMPLES = Path(__file__).parents[2] / "examples"
MADE = {
    "cka": {"cka.csv"},
    "compare_and_plot": {"features.csv", "features.svg"},
    "graded_scrambling": {
        "coherence.png",
        *(f"coherence_{level:03d}.mkv" for level in (0, 30, 50, 70, 100)),
    },
    "metamer": {"metamer_seed7.mkv", "metamer_seed8.mkv"},
    "own_stream": {"own_stream.mkv"},
}


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(MADE)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "metamer" else ()) for name in MADE],
)
def test_an_example_makes_what_it_says(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(tmp_path)])
    monkeypatch.setattr(sys, "path", list(sys.path))
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert {path.name for path in tmp_path.iterdir()} == MADE[name]
    assert capsys.readouterr().out
    for clip in tmp_path.glob("*.mkv"):
        frames = stst.read_video(clip).frames
        assert frames.std() > 5, clip.name
