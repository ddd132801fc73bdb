from __future__ import annotations

from pathlib import Path

import pytest

from stst.batch.states import States, write_shared_table


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    States(Path("out")).begin()
    return Path("out")


def test_others_are_seen(out):
    ours, theirs = States(out), States(out)
    ours.put("one", "running", asked="x")
    theirs.put("two", "done", seconds=2.25)
    ours.put("one", "failed", error="why")
    assert theirs.get("one")["error"] == "why"
    assert (ours.state("two"), ours.state("three")) == ("done", "waiting")
    ours.put("one", "running")
    assert theirs.get("one")["asked"] == "x"
    assert "error" not in theirs.get("one")


@pytest.mark.parametrize("text", ["", "[]", "[" * 9999])
def test_damaged(out, text):
    Path("out/.stst-batch/jobs/one.json").write_text(text)
    assert States(out).get("one") == {}
    assert States(out).state("one") == "waiting"


def test_a_table_written_meanwhile(out):
    """The other program's file comes between reading the states and writing the table."""
    states, calls = States(out), []

    def rows():
        calls.append(1)
        known = [{"label": label, "state": states.state(label)} for label in ("one", "two")]
        if len(calls) == 1:
            States(out).put("two", "done")
        return known

    write_shared_table(out / "jobs.csv", ("label", "state"), rows)
    assert Path("out/jobs.csv").read_text() == "label,state\none,waiting\ntwo,done\n"
    assert len(calls) == 3
