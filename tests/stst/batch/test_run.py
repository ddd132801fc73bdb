"""A batch as a script has it: planned, checked, run and summed up without a command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from small_runs import TREE, clip
from stst.batch.errors import BatchError, Problems
from stst.batch.execute import Stop
from stst.batch.manifest import JobRequest
from stst.batch.plan import BatchDefaults
from stst.batch.run import Batch, BatchSettings, plan_batch
from stst.batch.slurm import Resources
from stst.batch.states import JobEnd
from stst.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    clip(tmp_path / "cat.npz")
    return tmp_path


def batch(*seeds: int, options=None, **settings) -> Batch:
    requests = [JobRequest("x", "cat.npz", seed=seed) for seed in seeds]
    defaults = BatchDefaults(preset="paper", options={**TREE, "device": "cpu", **(options or {})})
    return plan_batch(requests, Path("out"), defaults, BatchSettings(**settings), Problems())


def made(one: Batch, monkeypatch=None) -> list[str]:
    """Run to the end; given the fixture, in this process, since others take seconds to start."""
    if monkeypatch is not None:
        monkeypatch.setattr("stst.batch.run.run_local", in_this_process)
    one.check()
    ends = [end for end in one.run() if isinstance(end, JobEnd)]
    assert {end.state for end in ends} <= {"done"}, ends
    return [end.label for end in ends]


def in_this_process(do, groups, *_):
    for group in groups:
        yield from do(group, stop=Stop())


def test_from_the_first_check_to_the_last_table(here):
    first = batch(1, 2, at_once=1)
    assert first.outlook() == "2 jobs: 0 are done or left out, 2 to do"
    assert made(first) == ["cat_paper_seed1", "cat_paper_seed2"]
    told = []
    first.write_tables(lambda label, note: told.append((label, note)))
    assert told == [("cat_paper_seed1", None), ("cat_paper_seed2", None)]
    for name in ("jobs.csv", "summary.csv"):
        with open(f"out/{name}", newline="") as file:
            assert [row["seed"] for row in csv.DictReader(file)] == ["1", "2"]
    again = batch(1, 2, 3, at_once=1)
    assert again.left == {"cat_paper_seed3"}
    assert made(again) == ["cat_paper_seed3"]


def test_shards_are_parts_of_all_whatever_is_done(here, monkeypatch):
    def seeds(number):
        return [job.seed for job in batch(*range(7), shard=(number, 3)).own]

    assert [seeds(number) for number in (1, 2, 3)] == [[0, 3, 6], [1, 4], [2, 5]]
    made(batch(0), monkeypatch)
    assert [seeds(number) for number in (1, 2, 3)] == [[0, 3, 6], [1, 4], [2, 5]]


def test_what_was_made_otherwise_is_refused_unless_wanted(here, monkeypatch):
    made(batch(1), monkeypatch)
    with pytest.raises(BatchError, match="was made otherwise: blend"):
        batch(1, options={"blend": 0.5})
    other = batch(1, options={"blend": 0.5}, overwrite=True)
    assert other.left == {"cat_paper_seed1"}
    assert made(other, monkeypatch) == ["cat_paper_seed1"]


def test_what_failed_can_be_left_out(here):
    one = batch(1, 2)
    one.states.begin()
    one.states.put("cat_paper_seed2", "failed", error="why")
    assert batch(1, 2).left == {"cat_paper_seed1", "cat_paper_seed2"}
    assert batch(1, 2, skip_failed=True).left == {"cat_paper_seed1"}


def test_threads_that_lie_idle_are_told_of(here, monkeypatch):
    monkeypatch.setattr("stst.batch.run.available_cores", lambda: 8)
    (note,) = batch(1, 2).check()
    assert note.startswith("2 jobs on 8 cores: `threads=4` would use them all.")
    assert batch(1, 2, threads=4).check() == []
    assert batch(1, 2, at_once=2).check() == []


@pytest.mark.parametrize(
    ("asked", "estimated", "expected"), [(None, 0, 1.0), (None, 8e9, 12.0), (2.5, 8e9, 2.5)]
)
def test_memory_that_is_asked_for(here, monkeypatch, asked, estimated, expected):
    seen = []
    monkeypatch.setattr("stst.batch.run.check_slurm", lambda: None)
    monkeypatch.setattr("stst.batch.run.run_slurm", lambda *words: seen.append(words) or iter(()))
    one = batch(1, cluster=Resources(memory=asked, gpus=1))
    assert one.how.side_by_side == 4
    one.check()
    for cost in one.costs.values():
        object.__setattr__(cost, "memory", estimated)
    one.run()
    assert seen[0][2].memory == expected


def test_a_file_of_that_name(here):
    Path("out").touch()
    with pytest.raises(InputError, match="out is a file; stimuli go to a folder"):
        batch(1)
