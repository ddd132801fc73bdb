from __future__ import annotations

import numpy as np
import pytest

from small_runs import FPS, SMALL, clip, frames, refused, stst, synthesize
from stst.runs.folder import RunFolder
from stst.video import read_video


@pytest.fixture
def run(tmp_path):
    """The folder of a run of two samples that failed after its first frame."""
    natural = clip(tmp_path / "natural.npz")
    shown = stst(
        "synthesize", natural, "-o", tmp_path / "x.mkv", *SMALL, "--samples", 2, "--seed", 4,
        "--set", "spatial.model=tiny_model:diverging",
    )  # fmt: skip
    assert shown.exit_code == 1
    return tmp_path / "x.run"


@pytest.mark.parametrize("name", ["part.mkv", "part.npz", "part/", "part.1/"])
def test_what_is_there_becomes_a_clip(run, tmp_path, name):
    shown = stst("export", run, "-o", f"{tmp_path}/{name}")
    assert shown.exit_code == 0
    assert "1 frames of an unfinished run" in shown.stderr
    made = shown.stdout.splitlines()
    assert len(made) == 2
    for sample, (path, seed) in enumerate(zip(made, (4, 5), strict=True)):
        assert f"_seed{seed}" in path
        video = read_video(path)
        assert video.fps == FPS
        assert np.array_equal(video.frames, [*RunFolder(run).checkpoints()[0].frames(sample)])
    assert run.exists()


def test_groups_of_samples_of_which_one_has_not_begun(run, tmp_path):
    whole = RunFolder(run)
    record = whole.record().model_copy(update={"groups": [[4], [5]]})
    whole.begin(record, overwrite=True)
    first, _ = whole.checkpoints()
    made = frames(2)
    for frame, image in enumerate(made):
        first.keep(frame, image[None], [{}], np.zeros((1, 3, *image.shape[:2]), np.float32), 1.0)
    shown = stst("export", run, "-o", tmp_path / "part.npz")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [str(tmp_path / "part_seed4.npz")]
    assert np.array_equal(read_video(tmp_path / "part_seed4.npz").frames, made)
    assert "seed 5: no frame is finished yet" in shown.stderr
    assert not (tmp_path / "part_seed5.npz").exists()


def test_existing_outputs(run, tmp_path):
    (tmp_path / "part_seed5.npz").write_text("mine")
    refused_line = "part_seed5.npz exists. Give --overwrite"
    shown = stst("export", run, "-o", tmp_path / "part.npz")
    assert shown.exit_code == 2
    assert refused_line in shown.stderr
    assert (tmp_path / "part_seed5.npz").read_text() == "mine"
    assert stst("export", run, "-o", tmp_path / "part.npz", "--overwrite").exit_code == 0
    assert len(read_video(tmp_path / "part_seed5.npz")) == 1


def test_what_is_refused(run, tmp_path):
    refused(stst("export", run, "-o", tmp_path / "part.mp4"), "without loss", "'.mp4'")
    for path in (tmp_path, tmp_path / "natural.npz", tmp_path / "nothing"):
        shown = stst("export", path, "-o", tmp_path / "part.npz")
        refused(shown, str(path), "not the folder of an unfinished run")
    (run / "state.npz").unlink()
    refused(stst("export", run, "-o", tmp_path / "part.npz"), str(run), "no frame is finished yet")
    (run / "job.json").write_text("{}")
    refused(stst("export", run, "-o", tmp_path / "part.npz"), "another version")


def test_a_run_that_is_done_has_nothing_to_export(tmp_path):
    natural = clip(tmp_path / "natural.npz", 2)
    assert synthesize(natural, "-o", tmp_path / "x.npz").exit_code == 0
    assert frames(2).shape == read_video(tmp_path / "x.npz").frames.shape
    refused(stst("export", tmp_path / "x.run", "-o", tmp_path / "p.npz"), "x.run: not the folder")
