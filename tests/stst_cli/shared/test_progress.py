from __future__ import annotations

import re

import pytest
import torch

from stst.engine.events import FrameDone, IterationDone, RunFinished, RunStarted, RunStopped
from stst.engine.events import StepDone as Step
from stst_cli.shared.following import followed
from stst_cli.shared.progress import bar, frames_counted


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def said(capsys):
    def lines():
        plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", capsys.readouterr().err)
        return [line.rstrip() for line in plain.splitlines() if line.strip()]

    return lines


def test_a_bar_in_a_log_is_not_there(said):
    with bar("{task.description}", description="work", total=2, left="?") as shown:
        shown.update(completed=1, left="much")
        shown.say("a line\nwith [bold]all[/] in it " + "x" * 100)
    assert not shown.drawn
    assert said() == ["a line\\nwith [bold]all[/] in it " + "x" * 100]


@pytest.mark.usefixtures("terminal")
def test_a_bar_on_a_terminal(said):
    with bar("{task.description}", "left {task.fields[left]}", description="work", left="?") as it:
        it.say("a line\nwith [bold]all[/] in it")
        it.update(description="rest", left="much")
    assert it.drawn
    lines = said()
    assert "a line\\nwith [bold]all[/] in it" in lines
    assert lines[-1] == "rest left much"


def count(pieces):
    with frames_counted(sum(pieces.values())) as begin:
        for name, frames in pieces.items():
            one = begin(name, frames)
            for number in range(frames):
                one(number)


def test_frames_in_a_log(said):
    count({"a\n": 1, "b": 3})
    first, last = said()
    assert first.startswith("a\\n done (25%), left 0:00:0")
    assert last == "b done (100%), left 0:00:00"


@pytest.mark.usefixtures("terminal")
def test_frames_on_a_terminal(said):
    count({"a": 1, "[b]": 3})
    last = said()[-1]
    assert last.startswith("[b] ")
    assert "100%" in last
    assert " left 0:00:00" in last


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
    assert followed([RunStarted(2, 1, (), 9, -1, notes=("why",)), event, stopped]) is stopped
    lines = said()
    assert "Note: why" in lines
    assert all(word in lines[-1] for word in shown)


@pytest.mark.usefixtures("terminal")
def test_the_end_of_a_run_on_a_terminal(said):
    end = RunFinished((), 1.0)
    assert followed([RunStarted(2, 0, (), 9, 0), end]) is end
    last = said()[-1]
    assert last.startswith("done ")
    assert "100%" in last
    assert "left 0:00:00" in last


def test_a_run_without_an_end():
    with pytest.raises(AssertionError, match="a run ends with"):
        followed([RunStarted(2, 0, (), 9, 0)])
