from __future__ import annotations

import pytest

from stst.batch.states import JobEnd, JobProgress
from stst_cli.shared.jobs import show_jobs

SECONDS = {"a": 1.0, "b": 3.0}


def outcomes():
    yield JobEnd("was done already", "done")
    yield JobProgress(("a",), 0.5)
    yield JobEnd("a", "done", 61.0, notes=("1.5% of all values were clipped.",))
    yield JobProgress(("b",), 0.5)
    yield JobEnd("b", "failed", error="why")


def test_lines(capsys):
    assert len(list(show_jobs(outcomes(), SECONDS))) == 3
    first, second, note, last = capsys.readouterr().err.splitlines()
    assert first.startswith("0/2 was done already: done")
    assert second.startswith("1/2 a: done in 0:01:01, left 0:00:0")
    assert note == "a: 1.5% of all values were clipped."
    assert last == "2/2 b: failed: why"


def test_bar(capsys, monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    assert [one.label for one in show_jobs(outcomes(), SECONDS)][1:] == ["a", "b"]
    said = " ".join(capsys.readouterr().err.split())
    assert "2/2 jobs" in said
    assert "b: failed: why" in said
    assert "values were clipped" in said


def test_the_share_counts_what_jobs_take():
    from stst_cli.shared.jobs import _Share

    share = _Share(SECONDS)
    share.note(JobProgress(("b",), 0.5))
    assert share.progress == pytest.approx(1.5 / 4)
    share.note(JobEnd("a", "done"))
    share.note(JobEnd("a", "done"))
    assert (share.ended, share.progress) == (1, pytest.approx(2.5 / 4))
    share.note(JobProgress(("a",), 0.1))
    assert share.progress == pytest.approx(2.5 / 4)
    assert _Share({}).progress == 1
