from __future__ import annotations

import csv
import io
import json
import os

import pandas as pd
import pytest

from small_runs import clip, refused, stst, stst_analyze, synthesize
from stst import read_video
from stst.analysis.comparison import compare, comparison_rows
from stst.analysis.features import MEASURES, features
from stst.analysis.tables import as_csv, as_json, table

PART = ("2:5", 33)
REFERENCE = "natural.npz [frames=2:5, max_side=33]"
NOTE = "Note: natural.npz was aligned as {}.json says: [frames=2:5, max_side=33]."


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz, and part.mkv and again.npy made of a part of it."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz", 9, 40, 44)
    for seed, name in enumerate(("part.mkv", "again.npy")):
        words = ("--frames", "2:5", "--max-side", 33, "--seed", seed)
        assert synthesize("natural.npz", "-o", name, *words).exit_code == 0
    return tmp_path


def expected(*others, reference=REFERENCE, part=PART):
    natural = features(read_video("natural.npz", *part))
    found = (
        comparison_rows(compare(natural, features(read_video(other))), other, reference)
        for other in others
    )
    return table(row for rows in found for row in rows)


class TestResult:
    def test_on_stdout(self, here):
        shown = stst_analyze("compare", "natural.npz", "part.mkv", "again.npy")
        assert shown.exit_code == 0
        assert shown.stdout == as_csv(expected("part.mkv", "again.npy"))
        assert shown.stderr.splitlines() == [
            NOTE.format("part"), NOTE.format("again"),
            f"{REFERENCE} done (33%), left 0:00:00",
            "part.mkv done (67%), left 0:00:00",
            "again.npy done (100%), left 0:00:00",
        ]  # fmt: skip

    def test_rows(self, here):
        shown = stst_analyze("compare", "natural.npz", "part.mkv")
        rows = list(csv.DictReader(io.StringIO(shown.stdout)))
        assert list(rows[0]) == ["clip", "reference", "measure", "value", "unit"]
        assert len({row["measure"] for row in rows}) == len(rows) == 6 * len(MEASURES)
        assert {row["reference"] for row in rows} == {REFERENCE}

    @pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
    def test_files(self, here, suffix):
        shown = stst_analyze("compare", "natural.npz", "part.mkv", "-o", f"t.{suffix}")
        assert (shown.exit_code, shown.stdout) == (0, f"table:    t.{suffix}\n")
        data = expected("part.mkv")
        if suffix == "parquet":
            pd.testing.assert_frame_equal(pd.read_parquet("t.parquet"), data, check_exact=True)
        else:
            text = as_csv(data) if suffix == "csv" else as_json(data)
            assert (here / f"t.{suffix}").read_text("utf-8") == text

    def test_json(self, here):
        shown = stst_analyze("compare", "natural.npz", "part.mkv", "--json")
        assert shown.stdout == as_json(expected("part.mkv"))
        assert json.loads(shown.stdout)[0]["reference"] == REFERENCE

    def test_with_itself(self, here):
        shown = stst_analyze("compare", "natural.npz", "natural.npz", "--json")
        values = {row["measure"]: row["value"] for row in json.loads(shown.stdout)}
        for name, value in values.items():
            if "correlation" in name:
                assert value == pytest.approx(1, abs=1e-12)
            if "error" in name or "difference" in name:
                assert value == 0

    def test_clips_without_a_sidecar(self, here):
        for seed, name in enumerate(("x.npz", "y.npz")):
            clip(here / name, 3, 30, 33, seed=seed)
        words = ("--frames", "2:5", "--max-side", 33)
        shown = stst_analyze("compare", "natural.npz", "x.npz", "y.npz", "part.mkv", *words)
        assert shown.stdout == as_csv(expected("x.npz", "y.npz", "part.mkv"))
        assert shown.stderr.splitlines()[:2] == [
            "Note: natural.npz was aligned as asked for: [frames=2:5, max_side=33].",
            NOTE.format("part"),
        ]

    def test_a_frame_without_correlation(self, here):
        clip(here / "one.npz", 1, 40, 44)
        shown = stst_analyze("compare", "natural.npz", "one.npz", "--frames", "0:1")
        line = next(one for one in shown.stdout.splitlines() if "contrast.correlation" in one)
        assert line == "one.npz,natural.npz [frames=0:1],contrast.correlation,,1"

    def test_overwriting(self, here):
        words = ("compare", "natural.npz", "part.mkv", "-o", "t.csv")
        assert stst_analyze(*words).exit_code == 0
        refused(stst_analyze(*words), "t.csv exists. Give --overwrite to replace it")
        assert stst_analyze(*words, "--overwrite").exit_code == 0


class TestAlignments:
    def test_each_is_measured_once(self, here, monkeypatch):
        measured = []

        def noted(video, *args, **options):
            measured.append((video.path.name, len(video)))
            return features(video, *args, **options)

        monkeypatch.setattr("stst.analysis.features.features", noted)
        synthesize("natural.npz", "-o", "all.npy")
        words = ("part.mkv", "all.npy", "again.npy", "./part.mkv")
        shown = stst_analyze("compare", "natural.npz", *words)
        assert shown.exit_code == 0, shown.stderr
        assert measured == [
            ("natural.npz", 3), ("part.mkv", 3), ("natural.npz", 9), ("all.npy", 9),
            ("again.npy", 3),
        ]  # fmt: skip
        references = [row.split(",")[-4] for row in shown.stdout.splitlines() if "mean_abs" in row]
        assert len(references) == 3 * len(MEASURES)
        assert "again.npy done (100%), left 0:00:00" in shown.stderr

    def test_notes(self, here):
        stst("convert", "part.mkv", "shorter.npy", "--frames", "0:2")
        shown = stst_analyze("compare", "natural.npz", "shorter.npy", "--frames", "2:4")
        refused(
            shown,
            "cannot be compared. shorter.npy was changed after",
            "Shrink the first: --max-side 33",
        )
        words = ("--frames", "2:4", "--max-side", 33)
        shown = stst_analyze("compare", "natural.npz", "shorter.npy", *words)
        assert shown.exit_code == 0, shown.stderr
        assert shown.stderr.splitlines()[:2] == [
            "Note: shorter.npy was changed after it was made, so shorter.json does not say any "
            "more which frames it shows.",
            "Note: natural.npz was aligned as asked for: [frames=2:4, max_side=33].",
        ]
        assert "natural.npz [frames=2:4, max_side=33]" in shown.stdout

    def test_a_part_of_both_clips(self, here):
        clip(here / "other.npz", 9, 40, 44, seed=3)
        synthesize("natural.npz", "-o", "all.npy")
        for other in ("other.npz", "natural.npz", "all.npy"):
            shown = stst_analyze("compare", "natural.npz", other, "--frames", "1:4")
            assert shown.exit_code == 0, shown.stderr
            stst("convert", "natural.npz", "a.npz", "--frames", "1:4", "--overwrite")
            stst("convert", other, "b.npz", "--frames", "1:4", "--overwrite")
            alone = stst_analyze("compare", "a.npz", "b.npz")
            values = [
                [row.split(",")[2:] for row in one.stdout.splitlines()] for one in (shown, alone)
            ]
            assert values[0] == values[1]

    def test_a_batch_and_a_report_of_a_part(self, here):
        clip(here / "other.npz", 9, 40, 44, seed=3)
        (here / "pairs.csv").write_text("natural,other\nnatural.npz,other.npz\n")
        words = ("pairs.csv", "-o", "out", "--frames", "1:4")
        assert stst_analyze("batch", *words).exit_code == 0
        lines = (here / "out/features.csv").read_text().splitlines()
        column = lines[0].split(",").index("frame")
        frames = {line.split(",")[column] for line in lines if line.startswith("other.npz,")}
        assert frames == {"1", "2", "3"}
        shown = stst_analyze("report", "natural.npz", "other.npz", "-o", "page", "--frames", "1:4")
        assert shown.exit_code == 0, shown.stderr
        assert "the same part was taken" in (here / "page/index.html").read_text()


class TestRefusals:
    """Nothing is measured before everything has been checked."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        monkeypatch.setattr("stst.analysis.features.measure_frames", pytest.fail)

    def check(self, here, *words, said):
        before = sorted(os.listdir(here))
        line = refused(stst_analyze("compare", *words))
        assert line.startswith(f"Error: {said}")
        assert sorted(os.listdir(here)) == before

    def test_clips(self, here):
        (here / "empty.mp4").touch()
        for name in ("empty.mp4", "no.mkv", "a.txt"):
            self.check(here, "natural.npz", "part.mkv", name, "-o", "t.csv", said=name)
            self.check(here, name, "part.mkv", said=name)

    def test_clips_that_differ(self, here):
        said = (
            "natural.npz (9 frames of 40x44 px at 30000/1001 Hz) and x.npz (3 frames of 18x20 px "
            "at 30000/1001 Hz) cannot be compared. Say which 3 frames of the first the second shows"
        )
        clip(here / "x.npz")
        self.check(here, "natural.npz", "part.mkv", "x.npz", "-o", "t.csv", said=said)

    def test_options_that_contradict_a_sidecar(self, here):
        said = "--frames 0:3: part.json says that the stimulus shows frames 2:5 of natural.npz."
        self.check(here, "natural.npz", "part.mkv", "--frames", "0:3", said=said)
        said = "--max-side 20: part.json says that the stimulus was made with 33."
        self.check(here, "natural.npz", "part.mkv", "--max-side", 20, said=said)

    def test_sidecars(self, here):
        (here / "part.json").write_text("{")
        said = "part.json: the sidecar of part.mkv is not readable JSON"
        self.check(here, "natural.npz", "part.mkv", said=said)

    def test_outputs(self, here):
        words = ("natural.npz", "part.mkv", "-o")
        self.check(here, *words, "t.xls", said="t.xls: a table is written as .csv, .parquet, .json")
        for name, whose in (("part.json", "part.mkv"), ("natural.json", "natural.npz")):
            said = f"{name}: the sidecar of {whose} has this name. Choose another one"
            self.check(here, *words, name, "--overwrite", said=said)

    def test_words(self, here):
        shown = stst_analyze("compare", "natural.npz")
        assert shown.exit_code == 2
        assert "Missing argument 'OTHER...'" in shown.stderr
