from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from small_runs import refused
from stst.video import read_video
from stst_cli.main import main

ROOT = Path(__file__).parents[3]
NAMES = ["README.md", "astronaut.mkv", "cat.mkv", "coffee.mkv", "motion.json"]


def samples(*words):
    return CliRunner().invoke(main, ["samples", *map(str, words)], prog_name="stst")


def test_all_clips_are_copied(tmp_path):
    shown = samples(tmp_path / "clips")
    assert shown.exit_code == 0
    assert sorted(one.name for one in (tmp_path / "clips").iterdir()) == NAMES
    assert [Path(line).name for line in shown.stdout.splitlines()] == NAMES
    copied, original = (
        read_video(one / "cat.mkv") for one in (tmp_path / "clips", ROOT / "sample_data")
    )
    assert copied.sha256() == original.sha256()


def test_an_existing_folder_takes_them_but_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert samples(tmp_path).exit_code == 0
    (tmp_path / "cat.mkv").write_text("mine")
    refused(samples(tmp_path), "exists.", "--overwrite")
    assert (tmp_path / "cat.mkv").read_text() == "mine"
    assert samples(tmp_path, "--overwrite").exit_code == 0
    assert read_video(tmp_path / "cat.mkv").frames.shape == (24, 144, 192, 3)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_where_no_folder_can_be(tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(samples(tmp_path / "file"), "is a file")
    refused(samples(tmp_path / "no" / "folder"), "does not exist")
