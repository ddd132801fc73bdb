from __future__ import annotations

import pytest

from stst_cli.shared.progress import bar, count_frames


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
    with count_frames(sum(pieces.values())) as begin:
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
