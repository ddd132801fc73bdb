from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from small_runs import RECORD, run_record
from stst.errors import InputError, StstError
from stst.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "X.run")
    folder.begin(run_record(), overwrite=False)
    return folder


def keep(run: RunFolder) -> None:
    """Finish a frame of the first group."""
    (first, *_) = run.checkpoints()
    count = len(first.seeds)
    images = np.zeros((count, 4, 5, 3), np.uint8)
    first.keep(0, images, [{}] * count, np.zeros((count, 3, 4, 5), np.float32), 1.5)


def finished(run: RunFolder) -> list[int]:
    return [one.count_finished() for one in run.checkpoints()]


def test_what_it_was_begun_with(run):
    assert run.record() == run_record()
    assert run.record().as_dict() == RECORD
    assert finished(run) == [0]


def test_it_is_not_begun_twice(run):
    keep(run)
    with pytest.raises(InputError, match=r"X\.run exists: .*`resume=True`.*`overwrite=True`"):
        run.begin(run_record(), overwrite=False)
    assert finished(run) == [1]
    run.begin(run_record(), overwrite=True)
    assert finished(run) == [0]


def test_groups_have_folders_of_their_own(run):
    keep(run)
    run.begin(run_record(groups=[[0], [1]]), overwrite=True)
    assert [one.seeds for one in run.checkpoints()] == [(0,), (1,)]
    keep(run)
    assert finished(run) == [1, 0]
    assert len({one.path for one in run.checkpoints()}) == 2
    # begun anew in smaller ones than before, or in larger
    run.begin(run_record(), overwrite=True)
    assert finished(run) == [0]
    assert not [*run.path.glob("group*")]


def test_groups_that_were_made_in_turn_are_not_continued(run):
    content = json.loads((run.path / "job.json").read_text())
    (run.path / "job.json").write_text(json.dumps({**content, "groups": [[0], [1]]}))
    with pytest.raises(InputError, match="another version .* groups of samples in turn. Start an"):
        run.record()
    run.begin(run_record(groups=[[0], [1]]), overwrite=True)
    assert run.record().seeds == [[0], [1]]


def test_one_that_was_cut_off_as_it_began_is_begun_anew(run):
    (run.path / "job.json").unlink()
    with pytest.raises(InputError, match="no unfinished run to continue"):
        run.record()
    run.begin(run_record(), overwrite=False)
    assert run.record()


@pytest.mark.parametrize("overwrite", [False, True])
def test_anything_else_of_that_name_is_left_alone(tmp_path, overwrite):
    for name in ("thesis.tex", "groups", "group1.txt"):
        (tmp_path / f"{name}.run").mkdir()
        (tmp_path / f"{name}.run/job.json").touch()
        (tmp_path / f"{name}.run" / name).touch()
        with pytest.raises(InputError, match="is not the folder of an unfinished run"):
            RunFolder(tmp_path / f"{name}.run").begin(run_record(), overwrite)
        assert (tmp_path / f"{name}.run" / name).exists()
    (tmp_path / "file.run").touch()
    with pytest.raises(InputError, match="is not the folder of an unfinished run"):
        RunFolder(tmp_path / "file.run").begin(run_record(), overwrite)
    assert (tmp_path / "file.run").exists()


def test_a_place_where_none_can_be_made():
    if not Path("/proc/version").exists():
        pytest.skip("there is no /proc here")
    with pytest.raises(InputError, match=r"/proc/X\.run.*Choose another output"):
        RunFolder(Path("/proc/X.run")).begin(run_record(), overwrite=False)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(path, text, encoding):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StstError, match="the disk is full"):
        RunFolder(tmp_path / "X.run").begin(run_record(), overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_remove(run, tmp_path):
    keep(run)
    run.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_was_writing_is_removed(run):
    for folder in ("", "frames", "group0/frames"):
        (run.path / folder).mkdir(parents=True, exist_ok=True)
        (run.path / folder / ".x.part1").touch()
    with run.hold():
        assert not [*run.path.rglob("*part*")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "written by another version"),
        ("{}", "written by another version"),
        (json.dumps({**RECORD, "format": 2}), "another version .*Start anew with `overwrite=True`"),
        (json.dumps({"format": 1}), r"job.json is damaged \(the entry 'method' is missing or of"),
        (
            json.dumps({**RECORD, "format": 1, "inputs": []}),
            r"is damaged \(its rate or its groups cannot be\)\. Start anew with `overwrite=True`",
        ),
        (
            json.dumps({**RECORD, "format": 1, "environment": {"threads": 1, "batch": [None]}}),
            r"is damaged \(the entry 'environment\.batch\.0' is missing or of the wrong kind\)",
        ),
    ],
)  # fmt: skip
def test_a_damaged_record(run, text, message):
    (run.path / "job.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        run.record()
    assert str(run.path) in str(caught.value)


def test_names_that_are_no_text(run):
    (run.path / "job.json").write_text(json.dumps({**RECORD, "format": 1, "b\ud800": 2}))
    assert run.record().method == "stst"
