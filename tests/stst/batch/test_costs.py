from __future__ import annotations

from pathlib import Path

import pytest

from small_runs import TREE, clip
from stst.batch import costs
from stst.batch.costs import Cost, measure_costs, processes_for, warn_of_shared_noise
from stst.batch.errors import BatchError, Problems
from stst.batch.manifest import JobRequest
from stst.batch.plan import BatchDefaults, plan_jobs
from stst.utils.machine import available_cores


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, count, width in (("a", 3, 20), ("b", 3, 20), ("c", 3, 24), ("d", 1, 20)):
        clip(tmp_path / f"{name}.npz", count, 18, width)

    def plan(*names, **settings):
        problems = Problems()
        common = BatchDefaults(preset="paper", options={**TREE, "device": "cpu", **settings})
        rows = [
            JobRequest(f"row {name}", f"{name}.npz", seed=seed) for name in names for seed in (1, 2)
        ]
        found = plan_jobs(rows, Path("out"), common, problems)
        problems.check()
        return found

    return plan


def test_jobs_alike_are_timed_once(jobs, monkeypatch):
    timed = []
    original = costs._cost
    monkeypatch.setattr(costs, "_cost", lambda job: timed.append(job.natural) or original(job))
    problems = Problems()
    found = measure_costs(jobs("a", "b", "c"), problems, 1)
    problems.check()
    assert timed == [Path("a.npz"), Path("c.npz")]
    assert len(found) == 6
    one = found["a_paper_seed1"]
    assert (one.frames, one.size, one.fps, one.device) == (3, (18, 20), "30000/1001", "cpu")
    assert one.memory > 2**20


def test_every_job_that_cannot_be_done_is_named(jobs):
    problems = Problems()
    settings = {"spatial": {"model": "tiny_model:nothing"}}
    found = measure_costs([*jobs("none", "a"), *jobs("b", **settings)], problems, 1)
    assert sorted(found) == ["a_paper_seed1", "a_paper_seed2"]
    with pytest.raises(BatchError) as caught:
        problems.check()
    first, second = caught.value.problems
    assert first == "row none: none.npz does not exist. Check the name and the folder."
    assert second.startswith("row b: ")
    assert "tiny_model:nothing" in second


def test_what_runs_elsewhere_needs_no_graphics_card_here(jobs):
    problems = Problems()
    found = measure_costs(jobs("a", device="cuda", precision="tf32"), problems, 1, here=False)
    problems.check()
    assert {cost.device for cost in found.values()} == {"cpu"}


def cost(memory, device="cpu"):
    return Cost(3, (18, 20), "25", device, 1.0, memory, ())


def test_lanes():
    cores = available_cores()
    assert processes_for([cost(10)], 1, None) == cores
    assert processes_for([cost(10)], cores, None) == 1
    assert processes_for([cost(10)], 10 * cores, 1000) == 1
    assert processes_for([cost(1), cost(10)], 1, 10 * cores - 1) == max(1, cores - 1)
    assert processes_for([cost(10)], 1, 3) == 1
    assert processes_for([cost(10), cost(10, "cuda:0")], 1, None) == 1
    assert processes_for([], 1, 5) == cores


class TestSharedNoise:
    def test_clips_with_one_seed_and_one_noise_are_told_of(self, jobs):
        assert warn_of_shared_noise(jobs("a", "b", "c")) == []
        assert warn_of_shared_noise(jobs("a", noise="shared")) == []
        (line,) = warn_of_shared_noise(jobs("a", "b", "c", noise="shared"))
        assert line.startswith(
            'noise is "shared", and 3 clips have the same seeds 1, 2 (a.npz, b.npz, c.npz): their '
            "stimuli will not be independent."
        )
        first, second = jobs("a", noise="shared"), jobs("b", noise="shared")
        assert warn_of_shared_noise([first[0], second[1]]) == []
        (line,) = warn_of_shared_noise([first[0], second[0]])
        assert "2 clips have the same seed 1 (a.npz, b.npz)" in line

    def test_only_a_few_are_named(self, jobs, tmp_path):
        names = [f"n{number}" for number in range(5)]
        for name in names:
            clip(tmp_path / f"{name}.npz")
        (line,) = warn_of_shared_noise(jobs(*names, noise="shared"))
        assert "5 clips have the same seeds 1, 2 (n0.npz, n1.npz, n2.npz, …):" in line

    def test_parts_of_a_clip_are_clips(self, jobs):
        parts = [jobs("a", noise="shared", input={"frames": one})[0] for one in ("0:2", "1:3")]
        (line,) = warn_of_shared_noise(parts)
        assert "(a.npz frames 0:2, a.npz frames 1:3)" in line

    def test_methods_draw_for_themselves(self, jobs):
        problems = Problems()
        common = BatchDefaults(preset="stps", options={"noise": "shared"})
        scrambled = plan_jobs([JobRequest("x", "b.npz", seed=1)], Path("out"), common, problems)
        assert warn_of_shared_noise([jobs("a", noise="shared")[0], *scrambled]) == []

    def test_classes_share_it_as_well(self):
        problems = Problems()
        rows = [JobRequest("x", None, seed=1, settings={"target": one}) for one in ("up", "down")]
        common = BatchDefaults(preset="leaps", options={"noise": "shared"})
        (line,) = warn_of_shared_noise(plan_jobs(rows, Path("out"), common, problems))
        assert "2 clips have the same seed 1 (class up, class down)" in line
