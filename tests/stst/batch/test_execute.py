"""What one process does with jobs, and what is seen on disk of them."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import small_inversions
from old_versions import REMEDY, copied
from small_runs import TREE, clip, recorded
from stst.batch.errors import Problems
from stst.batch.execute import Execution, Stop, execute, group_jobs
from stst.batch.manifest import JobRequest
from stst.batch.plan import BatchDefaults, plan_jobs
from stst.batch.states import JobEnd, JobProgress, States
from stst.batch.status import JobStatus, describe_request, job_status
from stst.errors import InputError
from stst.runs.job import Job
from stst.utils.files import sha256_of


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "cat.npz")
    clip(tmp_path / "dog.npz", seed=1)
    States(tmp_path / "out").begin()
    return tmp_path


def plan(*rows: JobRequest, **settings):
    problems = Problems()
    common = BatchDefaults(preset="paper", options={**TREE, "device": "cpu", **settings})
    jobs = plan_jobs(rows, Path("out"), common, problems)
    problems.check()
    return jobs


def cats(*seeds: int, **settings):
    return plan(*(JobRequest("x", "cat.npz", seed=seed) for seed in seeds), **settings)


def look(job):
    return job_status(job, sha256_of, States(job.folder).get(job.label).get("asked"))


def do(*jobs, overwrite=False, side_by_side=1, stop=None, threads=1):
    ended = []
    how = Execution(threads, side_by_side, overwrite)
    for group in group_jobs(jobs, side_by_side):
        events = list(execute(group, how, stop or Stop()))
        assert all(0 <= one.progress <= 1 for one in events if isinstance(one, JobProgress))
        ended += [one for one in events if isinstance(one, JobEnd)]
    return ended


class After(Stop):
    """Asked to end at the n-th event of a run."""

    def __init__(self, count):
        self.count = count

    def __call__(self):
        self.count -= 1
        return self.count < 0


def contents():
    return {path.name: path.read_bytes() for path in Path("out").glob("*.mkv")}


class TestOne:
    def test_it_is_what_the_command_makes_and_made_once(self, here):
        (job,) = cats(3)
        assert look(job).kind == "free"
        (first,) = do(job)
        assert (first.label, first.state) == ("cat_paper_seed3", "done")
        assert first.seconds > 0
        assert look(job).kind == "done"
        list(Job(Path("cat.npz"), "alone.mkv", job.config, threads=1).run())
        assert Path("alone.mkv").read_bytes() == Path("out/cat_paper_seed3.mkv").read_bytes()
        stamp = os.stat("out/cat_paper_seed3.mkv").st_mtime_ns
        assert do(job) == [JobEnd("cat_paper_seed3", "done")]
        assert os.stat("out/cat_paper_seed3.mkv").st_mtime_ns == stamp
        assert States(Path("out")).get(job.label)["seconds"] == first.seconds

    def test_it_goes_on_where_it_stopped(self, here):
        (job,) = cats(3)
        assert do(job, stop=After(8)) == [JobEnd(job.label, "stopped")]
        assert look(job).kind == "begun"
        assert States(Path("out")).get(job.label)["state"] == "stopped"
        assert do(job, threads=2)[0].state == "done"
        assert recorded(job.files.sidecar)["environment"]["threads"] == 1
        stopped = contents()
        job.files.master.unlink(), job.files.sidecar.unlink(), job.files.preview.unlink()
        do(job)
        assert contents() == stopped

    @pytest.mark.parametrize(
        "changes", [{"blend": 0.5}, {"padding_frames": 2}, {"input": {"frames": "0:2"}}]
    )
    def test_another_config_is_refused_or_replaces(self, here, changes):
        (job,) = cats(3)
        do(job)
        before = contents()
        (changed,) = cats(3, **changes)
        key = next(iter(changes))
        assert look(changed).kind == "changed"
        (refused,) = do(changed)
        assert refused.state == "failed"
        assert refused.error.startswith(f"out/cat_paper_seed3.mkv was made otherwise: {key}")
        assert refused.error.endswith("Give `overwrite=True` to make it anew, or another folder.")
        assert contents() == before
        assert do(changed, overwrite=True)[0].state == "done"
        assert contents() != before
        assert look(job).kind == "changed"

    def test_of_what_was_begun_as_well(self, here):
        (job,), (changed,) = cats(3), cats(3, blend=0.5)
        do(job, stop=After(8))
        assert look(changed).why == (
            "out/cat_paper_seed3.run is of an unfinished run: blend was 0.95 and is 0.5 now"
        )
        assert do(changed)[0].state == "failed"
        assert do(changed, overwrite=True)[0].state == "done"

    def test_another_clip(self, here):
        (job,) = cats(3)
        do(job)
        Path("cat.npz").unlink()
        clip(here / "cat.npz", seed=9)
        assert look(job).why.endswith("cat.npz, its natural, is not the file that it was")

    def test_what_only_was_asked_for(self, here):
        """A sidecar says which class a number stands for; the number itself is kept apart."""
        (job,) = cats(3)
        do(job)
        assert job_status(job, sha256_of, describe_request(job)).kind == "done"
        changed = dataclasses.replace(job, config=job.config.model_copy(update={"blend": 0.1}))
        assert "other settings" in job_status(job, sha256_of, describe_request(changed)).why

    def test_an_inversion_is_made_once_too(self, here):
        Path("cat.npz").unlink()
        clip(Path("cat.npz"), count=14, fps=20)
        tree = small_inversions.config().model_dump(mode="json", exclude_none=True)
        own = {
            key: value for key, value in tree.items() if key not in ("seed", "samples", "method")
        }
        assert "priming_weight" not in own, "what a run fills in is left to it"
        problems = Problems()
        request = JobRequest("x", "cat.npz", method="leaps", output="seen", settings=own)
        trusted = [str(tree[key]) for key in ("model", "verifier")]
        defaults = BatchDefaults(trusted=trusted)
        (job,) = plan_jobs([request], Path("out"), defaults, problems)
        problems.check()
        assert [end.state for end in do(job)] == ["done"]
        assert look(job) == JobStatus("done")

    def test_foreign_files(self, here):
        (job,) = cats(3)
        Path("out/cat_paper_seed3.json").write_text("{}")
        assert look(job).why == "out/cat_paper_seed3.json exists, and not all that belongs to it"
        assert do(job)[0].state == "failed"
        Path("out/cat_paper_seed3.json").unlink()
        Path("out/cat_paper_seed3.mkv").symlink_to(here / "elsewhere.mkv")
        with pytest.raises(InputError, match="is a link"):
            look(job)
        assert "is a link" in do(job, overwrite=True)[0].error
        assert not (here / "elsewhere.mkv").exists()

    def test_another_process_does_it(self, here):
        (job,) = cats(3)
        States(Path("out")).put(job.label, "running")
        holder = subprocess.Popen(
            [sys.executable, "-c", "import sys; from pathlib import Path\n"
             "from stst.utils.locks import hold_lock\n"
             "with hold_lock(Path(sys.argv[1])): print(flush=True); sys.stdin.read()",
             job.run_folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        with holder:
            holder.stdout.readline()
            (ended,) = do(job)
            assert (ended.state, ended.error) == ("running", None)
            assert str(holder.pid) in ended.notes[0]
            assert States(Path("out")).get(job.label)["state"] == "running"
            holder.stdin.close()
        assert do(job)[0].state == "done"

    def test_where_it_is_computed_is_no_change(self, here):
        (job,) = cats(3)
        do(job)
        (other,) = cats(3, device="auto")
        assert look(other).kind == "done"

    def test_one_that_fails_does_not_keep_others(self, here):
        missing, good = plan(
            JobRequest("x", "none.npz", seed=1), JobRequest("x", "dog.npz", seed=1)
        )
        first, second = do(missing, good)
        assert (first.state, second.state) == ("failed", "done")
        assert first.error == "none.npz does not exist. Check the name and the folder."
        assert States(Path("out")).get(missing.label)["error"] == first.error


class TestOfVersion01:
    """What it made of the same clip and config counts as another stimulus."""

    def row(self, tmp_path, name, **settings):
        problems = Problems()
        options = {**TREE, "device": "cpu", **settings} if name != "scrambled" else settings
        common = BatchDefaults(preset="stps" if name == "scrambled" else "paper", options=options)
        row = JobRequest("x", "natural.npz", seed=3, output=f"{name}.npy")
        (job,) = plan_jobs([row], copied(tmp_path), common, problems)
        problems.check()
        return job

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("metamer", {}),
            ("scrambled", {"device": "cpu", "color_transfer": False}),
            ("begun", {}),
        ],
    )
    def test_it_is_seen_and_replaced_only_if_wanted(self, tmp_path, monkeypatch, name, settings):
        monkeypatch.chdir(tmp_path)
        States(tmp_path).begin()
        job = self.row(tmp_path, name, **settings)
        found = look(job)
        assert found.kind == "changed"
        assert "napari-stst 0.1.0 made it" in found.why
        assert REMEDY in found.why
        before = {path: path.read_bytes() for path in tmp_path.glob(f"{name}*.npy")}
        (end,) = do(job)
        assert end.state == "failed"
        assert REMEDY in end.error
        assert end.error.endswith("Give `overwrite=True` to make it anew, or another folder.")
        assert before == {path: path.read_bytes() for path in tmp_path.glob(f"{name}*.npy")}
        (end,) = do(job, overwrite=True)
        assert end.state == "done"
        assert look(job).kind == "done"


class TestSideBySide:
    def test_seeds_of_a_clip_go_in_one_run(self, here):
        jobs = [*cats(1, 2, 3, 7), *plan(JobRequest("x", "dog.npz", seed=1))]
        groups = group_jobs(jobs, 2)
        assert [[job.seed for job in group] for group in groups] == [[1, 2, 3, 7], [1]]
        assert group_jobs(jobs, 1) == [(job,) for job in jobs]
        assert [one.state for one in do(*jobs, side_by_side=2)] == ["done"] * 5
        batches = {
            job.seed: recorded(job.files.sidecar)["environment"]["batch"] for job in jobs[:4]
        }
        assert batches == {1: [1, 2], 2: [1, 2], 3: [3], 7: [7]}
        assert [look(job).kind for job in jobs] == ["done"] * 5
        side_by_side = contents()
        for path in Path("out").glob("cat*"):
            path.unlink()
        do(*jobs)
        assert contents().keys() == side_by_side.keys()

    def test_what_was_begun_so_goes_on_so(self, here):
        jobs = cats(1, 2, 3)
        assert [one.state for one in do(*jobs, side_by_side=3, stop=After(8))] == ["stopped"] * 3
        assert sorted(path.name for path in Path("out").iterdir() if path.name[0] != ".") == [
            "cat_paper.run"
        ]
        assert [one.state for one in do(*jobs, side_by_side=2)] == ["done"] * 3
        batch = recorded(jobs[0].files.sidecar)["environment"]["batch"]
        assert batch == [1, 2, 3]

    def test_cut_off_while_files_are_put_in_place(self, here, monkeypatch):
        jobs = cats(1, 2)
        from stst.runs import runner as module

        written = []

        def write(path, *words, **more):
            if len(written) == 1:
                raise RuntimeError("cut off")
            written.append(path)
            return original(path, *words, **more)

        original = module.write_sidecar
        monkeypatch.setattr(module, "write_sidecar", write)
        assert {one.error for one in do(*jobs, side_by_side=2)} == {"RuntimeError: cut off"}
        monkeypatch.undo()
        monkeypatch.chdir(here)
        assert [look(job).kind for job in jobs] == ["done", "begun"]
        assert [one.state for one in do(*jobs, side_by_side=2)][-2:] == ["done", "done"]
        assert [look(job).kind for job in jobs] == ["done", "done"]


def test_a_record_is_json(here):
    (job,) = cats(1)
    do(job)
    record = json.loads(Path(f"out/.stst-batch/jobs/{job.label}.json").read_text())
    assert record["state"] == "done"
    assert record["asked"] == describe_request(job)
