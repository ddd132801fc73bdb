from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from stst.engine.events import FrameDone, GroupStarted, IterationDone, RunFinished, RunStarted
from stst_cli.shared.following import followed


def events():
    """A run of three samples in groups of two."""
    picture = np.zeros((1, 2, 2, 3), np.uint8)
    yield RunStarted(1, 0, ((2, 2),), 2, 0, notes=("a note",))
    for place, seeds, progress in ((0, (5, 6), Fraction(2, 3)), (2, (7,), 1)):
        yield GroupStarted(seeds, place, 3)
        values = torch.ones(len(seeds), 1)
        yield IterationDone(seeds, 0, 0, 0, float(progress), ("spatial_texture",), values)
        yield FrameDone(0, picture, ({},), np.zeros(0, np.float32), float(progress))
    yield RunFinished(({"master": Path("a")},), 1.0)


def test_lines_say_which_samples_are_made(capsys):
    assert isinstance(followed(events()), RunFinished)
    note, first, second = capsys.readouterr().err.splitlines()
    assert note == "Note: a note"
    assert first.startswith("samples 1-2 of 3, frame 1/1 done (67%), left ")
    assert second.startswith("sample 3 of 3, frame 1/1 done (100%), left ")


def test_the_bar_says_so_too(capsys, monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    followed(events())
    said = " ".join(capsys.readouterr().err.split())
    assert "a note" in said
    assert "done" in said


def test_a_run_without_an_end_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="a run ends with"):
        followed([])
