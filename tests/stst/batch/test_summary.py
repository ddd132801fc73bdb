from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from old_versions import copied
from small_inversions import TREE as INVERSION
from small_runs import TREE, clip, frames
from stst.analysis.features import features
from stst.batch import summary
from stst.batch.errors import Problems
from stst.batch.execute import Execution, Stop, execute
from stst.batch.manifest import JobRequest
from stst.batch.plan import BatchDefaults, plan_jobs
from stst.batch.states import States
from stst.batch.summary import write_summary
from stst.utils.processes import Failure
from stst.video import read_video, write_video


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Labels of what is measured, here and not in other processes."""
    monkeypatch.chdir(tmp_path)
    labels: list[str] = []

    def here(do, works, lanes, prepare):
        for job in works:
            labels.append(job.label)
            yield job, Failure("it crashed") if job.label.startswith("bad") else do(job)

    monkeypatch.setattr(summary, "map_in_processes", here)
    clip(tmp_path / "cat.npz")
    clip(tmp_path / "long.npz", 12, 30, 28, fps=20)
    States(tmp_path / "out").begin()
    return labels


def made(*rows: JobRequest, options=None):
    problems = Problems()
    tree = {"device": "cpu", **(TREE if options is None else options)}
    jobs = plan_jobs(rows, Path("out"), BatchDefaults(options=tree), problems)
    problems.check()
    for job in jobs:
        list(execute((job,), Execution(), Stop()))
    return jobs


def written(jobs, tell=lambda label, note: None):
    assert write_summary(Path("out/summary.csv"), jobs, States(Path("out")), 2, tell) <= len(jobs)
    with open("out/summary.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_values(measured):
    settings = {"input.frames": "1:3", "input.max_side": 14}
    (one,) = written(made(JobRequest("x", "cat.npz", seed=1, output="a", settings=settings)))
    seen = read_video("cat.npz", frames="1:3", max_side=14).frames / 255
    out = read_video("out/a.mkv").frames / 255
    assert (one["frames"], one["height"], one["width"]) == ("2", "12", "14")
    for whose, shown in (("natural_", seen), ("", out)):
        assert float(one[f"{whose}intensity"]) == pytest.approx(shown.mean())
        assert float(one[f"{whose}pixel_change"]) == pytest.approx(
            np.abs(shown[1] - shown[0]).mean()
        )
        grey = shown @ [0.299, 0.587, 0.114]
        assert float(one[f"{whose}contrast"]) == pytest.approx(grey.std((1, 2)).mean(), abs=1e-3)
    assert [one[name] for name in ("master", "preview", "sidecar")] == [
        "a.mkv", "a.preview.mp4", "a.json",
    ]  # fmt: skip


def test_an_angle_is_averaged_around_the_circle_and_empty_where_nothing_moves(measured):
    """Noise has some direction in every frame; a still clip has none, and an empty cell."""
    write_video("still.npz", np.repeat(frames(1), 3, axis=0), 25)
    moving, still = written(
        made(JobRequest("x", "cat.npz", seed=1), JobRequest("x", "still.npz", seed=1))
    )
    angles = features(read_video("cat.npz")).values["flow_angle_weighted_mean"]
    expected = np.angle(np.nansum(np.exp(1j * angles))) % (2 * np.pi)
    assert float(moving["natural_flow_angle"]) == pytest.approx(expected)
    assert (still["natural_flow_angle"], float(still["natural_flow_magnitude"]) < 0.1) == ("", True)


def test_losses_that_are_no_numbers_are_left_out(measured):
    (job,) = made(JobRequest("x", "cat.npz", seed=1))
    content = json.loads(job.files.sidecar.read_text())
    kept = content["per_frame"][0]["losses"]["spatial_texture"]
    for row, value in zip(content["per_frame"][1:], (math.nan, None), strict=True):
        row["losses"]["spatial_texture"] = value
    content["per_frame"][0]["probability"] = math.inf
    job.files.sidecar.write_text(json.dumps(content))
    (one,) = written([job])
    assert float(one["loss_spatial_texture"]) == pytest.approx(kept)
    assert one["probability"] == ""


def test_what_was_measured_is_kept_while_it_is_the_same(measured):
    jobs = made(JobRequest("x", "cat.npz", seed=1), JobRequest("x", "cat.npz", seed=2))
    first = written(jobs)
    assert measured == [job.label for job in jobs]
    assert written(jobs) == first
    assert len(measured) == 2
    sidecar = jobs[0].files.sidecar
    sidecar.write_text(sidecar.read_text() + " ")
    Path(f"out/.stst-batch/measured/{jobs[1].label}.json").write_text("[")
    assert written(jobs) == first
    assert len(measured) == 4
    States(Path("out")).put(jobs[0].label, "failed", error="why")
    assert [row["seed"] for row in written(jobs)] == ["2"]


def test_one_that_cannot_be_measured_has_empty_cells(measured):
    jobs = made(JobRequest("x", "cat.npz", output="bad"), JobRequest("x", "cat.npz", output="good"))
    told = {}
    bad, good = written(jobs, told.__setitem__)
    assert told == {"bad": "it crashed", "good": None}
    assert (bad["intensity"], bad["label"]) == ("", "bad")
    assert float(good["intensity"]) > 0


def test_a_clip_that_is_not_the_one_any_more(measured):
    jobs = made(JobRequest("x", "cat.npz", output="a"))
    Path("cat.npz").unlink()
    clip(Path("cat.npz"), 5)
    told = {}
    (one,) = written(jobs, told.__setitem__)
    assert "cannot be compared" in told["a"]
    assert (one["natural_intensity"], one["intensity"] == "") == ("", False)


@pytest.mark.slow
def test_inversions(measured):
    primed = {"size": "12x14", "length": 6}
    jobs = made(
        JobRequest("x", None, "leaps", output="a"),
        JobRequest("x", "long.npz", "leaps", output="b", settings=primed),
        options=INVERSION,
    )
    told = {}
    a, b = written(jobs, told.__setitem__)
    assert told == {"a": None, "b": None}
    for one in (a, b):
        assert 0 < float(one["probability"]) < 1
        assert float(one["loss_class"]) > 0
        assert one["natural_intensity"] == ""


def test_nothing_is_done_yet(measured):
    assert written([]) == []


def test_what_version_0_1_made_is_measured(measured):
    copied(Path("out"))
    row = JobRequest("x", "out/natural.npz", seed=3, output="metamer.npy")
    problems = Problems()
    jobs = plan_jobs([row], Path("out"), BatchDefaults(options={"device": "cpu", **TREE}), problems)
    States(Path("out")).put(jobs[0].label, "done")
    (one,) = written(jobs)
    assert float(one["loss_spatial_texture"]) == pytest.approx(7919.7, abs=0.1)
    assert float(one["natural_intensity"]) == pytest.approx(
        read_video("out/natural.npz").frames.mean() / 255
    )
