from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from stst.engine.events import (
    FrameDone,
    GroupStarted,
    IterationDone,
    RunFinished,
    RunStarted,
    RunStopped,
)
from stst.engine.events import StepDone as Step
from stst_cli.shared.following import follow


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
    assert isinstance(follow(events()), RunFinished)
    note, first, second = capsys.readouterr().err.splitlines()
    assert note == "Note: a note"
    assert first.startswith("samples 1-2 of 3, frame 1/1 done (67%), left ")
    assert second.startswith("sample 3 of 3, frame 1/1 done (100%), left ")


@pytest.mark.usefixtures("terminal")
def test_the_bar_says_so_too(said):
    *run, _ = events()
    assert follow([*run, RunStopped(0, None)]) == RunStopped(0, None)
    assert said()[-1].startswith("sample 3 of 3, frame 1/1")


def test_a_run_without_an_end_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="a run ends with"):
        follow([])


def frame(number, progress):
    return FrameDone(number, None, (), torch.empty(0), progress)


def step(number, progress):
    return IterationDone((0, 1), number, -1, 4, progress, ("spatial_texture",), torch.eye(2)[:, :1])


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (step(0, 0.2), ["frame 1/2 octave -1", " 20%", "spatial 0.5"]),
        (step(-1, 0.2), ["padding -1 octave -1"]),
        (frame(1, 0.9), ["frame 2/2", " 90%"]),
        (Step("colours", 0.1), ["colours", " 10%"]),
    ],
)
def test_a_run_on_a_terminal(said, event, shown):
    stopped = RunStopped(0, None)
    assert follow([RunStarted(2, 1, (), 9, -1, notes=("why",)), event, stopped]) is stopped
    lines = said()
    assert "Note: why" in lines
    assert all(word in lines[-1] for word in shown)


@pytest.mark.usefixtures("terminal")
def test_the_end_of_a_run_on_a_terminal(said):
    end = RunFinished((), 1.0)
    assert follow([RunStarted(2, 0, (), 9, 0), end]) is end
    last = said()[-1]
    assert last.startswith("done ")
    assert "100%" in last
    assert "left 0:00:00" in last
