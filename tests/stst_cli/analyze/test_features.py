from __future__ import annotations

import csv
import io
import json
import os
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from small_runs import clip, frames, refused, stst_analyze
from stst import read_video
from stst.analysis.features import MEASURES, features
from stst.analysis.tables import as_csv, as_json, table
from stst.video import LazyVideo, write_video

DONE = ["a.npz done (50%), left 0:00:00", "b.mkv done (100%), left 0:00:00"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a.npz and b.mkv of three frames."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "a.npz", seed=1)
    clip(tmp_path / "b.mkv", seed=2)
    return tmp_path


def expected(*names, **options):
    found = (features(read_video(name, **options)).rows(name) for name in names)
    return table(row for rows in found for row in rows)


def entries(folder):
    return sorted(os.listdir(folder))


class TestResult:
    def test_on_stdout(self, here):
        shown = stst_analyze("features", "a.npz", "b.mkv")
        assert shown.exit_code == 0
        assert shown.stdout == as_csv(expected("a.npz", "b.mkv"))
        assert shown.stderr.splitlines() == DONE
        assert entries(here) == ["a.npz", "b.mkv"]

    def test_one_tidy_table(self, here):
        shown = stst_analyze("features", "a.npz", "b.mkv")
        rows = list(csv.DictReader(io.StringIO(shown.stdout)))
        assert list(rows[0]) == ["clip", "frame", "time_s", "measure", "value", "unit"]
        # two measures of three frames, seven of two
        assert len(rows) == 2 * (2 * 3 + 7 * 2)
        assert {row["measure"] for row in rows} == {measure.name for measure in MEASURES}
        assert len({(row["clip"], row["frame"], row["measure"]) for row in rows}) == len(rows)

    def test_json(self, here):
        shown = stst_analyze("features", "a.npz", "--json")
        assert shown.stdout == as_json(expected("a.npz"))
        assert json.loads(shown.stdout)[0]["clip"] == "a.npz"

    @pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
    def test_files(self, here, suffix):
        shown = stst_analyze("features", "a.npz", "b.mkv", "-o", f"t.{suffix}")
        assert (shown.exit_code, shown.stdout) == (0, f"table:    t.{suffix}\n")
        data = expected("a.npz", "b.mkv")
        if suffix == "parquet":
            pd.testing.assert_frame_equal(pd.read_parquet("t.parquet"), data, check_exact=True)
        else:
            text = as_csv(data) if suffix == "csv" else as_json(data)
            assert (here / f"t.{suffix}").read_text("utf-8") == text
        assert entries(here) == ["a.npz", "b.mkv", f"t.{suffix}"]

    def test_a_file_and_json(self, here):
        shown = stst_analyze("features", "a.npz", "-o", "t.csv", "--json")
        assert shown.stdout == as_json(expected("a.npz"))
        assert (here / "t.csv").read_text() == as_csv(expected("a.npz"))

    def test_a_part(self, here):
        shown = stst_analyze("features", "a.npz", "b.mkv", "--frames", "1:3", "--max-side", 11)
        data = expected("a.npz", "b.mkv", frames="1:3", max_side=11)
        assert shown.stdout == as_csv(data)
        assert set(data["frame"]) == {1, 2}

    def test_the_same_clip_twice(self, here):
        twice = stst_analyze("features", "a.npz", "b.mkv", "./a.npz", "a.npz")
        assert twice.stdout == stst_analyze("features", "a.npz", "b.mkv").stdout
        assert twice.stderr.splitlines() == DONE

    def test_overwriting(self, here):
        (here / "t.csv").write_text("before")
        words = ("features", "a.npz", "-o", "t.csv")
        refused(stst_analyze(*words), "t.csv exists. Give --overwrite to replace it")
        assert (here / "t.csv").read_text() == "before"
        assert stst_analyze(*words, "--overwrite").exit_code == 0
        assert (here / "t.csv").read_text() == as_csv(expected("a.npz"))

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
    def test_names_that_are_no_text(self, here):
        name = os.fsdecode(b"\xff.npz")
        (here / "a.npz").rename(name)
        shown = stst_analyze("features", name, "-o", "t.csv", "--json")
        assert shown.exit_code == 0, shown.output
        assert {row["clip"] for row in json.loads(shown.stdout)} == {"�.npz"}

    def test_one_frame(self, here):
        shown = stst_analyze("features", "a.npz", "--frames", "0:1")
        assert [line.split(",")[3] for line in shown.stdout.splitlines()] == [
            "measure", "pixel_intensity", "contrast",
        ]  # fmt: skip

    def test_a_still_clip_has_rows_without_angles(self, here):
        """Empty in CSV, null in JSON and Parquet; what is measured stays a number."""
        write_video("still.npz", np.repeat(frames(1, 48, 64), 3, axis=0), 25)
        for suffix in ("csv", "json", "parquet"):
            assert stst_analyze("features", "still.npz", "-o", f"t.{suffix}").exit_code == 0
        rows = {
            "csv": [
                {**row, "value": float(row["value"]) if row["value"] else None}
                for row in csv.DictReader((here / "t.csv").read_text().splitlines())
            ],
            "json": json.loads((here / "t.json").read_text(), parse_constant=pytest.fail),
            "parquet": pq.read_table("t.parquet").to_pylist(),
        }
        for found in rows.values():
            assert len(found) == 2 * 3 + 7 * 2
            for row in found:
                assert (row["value"] is None) == row["measure"].startswith("flow_angle_"), row


class TestRefusals:
    """Nothing is measured before everything has been checked."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        monkeypatch.setattr("stst.analysis.features.measure_frames", pytest.fail)

    def check(self, here, *words, said):
        before = entries(here)
        line = refused(stst_analyze("features", *words))
        assert line.startswith(f"Error: {said}")
        assert entries(here) == before

    def test_clips(self, here):
        (here / "text.mkv").write_text("no clip")
        (here / "empty.mp4").touch()
        for name in ("text.mkv", "empty.mp4", "no.mkv", "a.txt"):
            self.check(here, "a.npz", name, "-o", "t.csv", said=name)

    def test_a_range_that_one_clip_does_not_have(self, here):
        clip(here / "short.npz", 2)
        said = "--frames 0:3 is not inside short.npz, which has 2 frames (0:2)."
        self.check(here, "a.npz", "short.npz", "--frames", "0:3", said=said)
        self.check(here, "a.npz", "--max-side", 0, said="--max-side 0: it must be")

    def test_outputs(self, here):
        said = "t.xlsx: a table is written as .csv, .parquet, .json; found '.xlsx'."
        self.check(here, "a.npz", "-o", "t.xlsx", said=said)
        self.check(here, "a.npz", "-o", "no/t.csv", said="no/t.csv: the folder no does not exist.")
        said = "b.json: the sidecar of b.mkv has this name. Choose another one for the table."
        for words in (["b.mkv"], ["a.npz", "b.mkv", "--overwrite"]):
            self.check(here, *words, "-o", "b.json", said=said)

    def test_words(self, here):
        shown = stst_analyze("features", "--json")
        assert shown.exit_code == 2
        assert "Missing argument 'CLIP...'" in shown.stderr
        assert "Usage: stst-analyze features" in stst_analyze("features").output


def test_a_file_that_is_damaged_inside(here):
    whole = (here / "b.mkv").read_bytes()
    (here / "b.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    shown = stst_analyze("features", "a.npz", "b.mkv", "-o", "t.csv")
    refused(shown, "b.mkv")
    assert entries(here) == ["a.npz", "b.mkv"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists open files on Linux")
def test_no_clip_stays_open(here):
    """There may be more clips than a process may have open files."""
    import resource

    for number in range(40):
        clip(here / f"{number:02}.mkv", 1)
    names = [f"{number:02}.mkv" for number in range(40)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    try:
        shown = stst_analyze("features", *names)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.count("contrast") == 40


def test_on_a_terminal(here, monkeypatch):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    clip(here / "[red]c.npz", seed=3)
    shown = stst_analyze("features", "[red]c.npz", "-o", "t.csv")
    assert shown.exit_code == 0
    assert shown.stdout == "table:    t.csv\n", "the bar is on stderr"
    assert "[red]c.npz" in shown.stderr
    assert "100%" in shown.stderr


def test_lazily(here, monkeypatch):
    """A clip's length costs no memory: never is all of it read."""
    monkeypatch.setattr("stst.video.reader.VideoReader.read", pytest.fail)
    assert stst_analyze("features", "b.mkv").exit_code == 0
    assert len(LazyVideo("b.mkv")) == 3
