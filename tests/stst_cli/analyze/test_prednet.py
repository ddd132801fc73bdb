from __future__ import annotations

import csv
import io
import os

import pytest

from small_runs import clip, refused, stst_analyze, synthesize
from stst import read_video
from stst.analysis.prediction import PredictionSettings, load_predictor, predictions
from stst.analysis.tables import as_csv, table

REFERENCE = "natural.npz [frames=2:14, max_side=33]"
SMALL = ("--weights", "none", "--size", "32x40", "--device", "cpu")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz, and part.mkv made of a part of it."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz", 15, 40, 44)
    words = ("--frames", "2:14", "--max-side", 33)
    assert synthesize("natural.npz", "-o", "part.mkv", *words).exit_code == 0
    return tmp_path


class TestResult:
    def test_on_stdout(self, here):
        shown = stst_analyze("prednet", "natural.npz", "part.mkv", *SMALL)
        assert shown.exit_code == 0, shown.stderr
        loaded = load_predictor(PredictionSettings("none", size=(32, 40), device="cpu"))
        natural = predictions(read_video("natural.npz", "2:14", 33), loaded)
        other = predictions(read_video("part.mkv"), loaded)
        rows = [*natural.rows(REFERENCE), *other.rows("part.mkv", REFERENCE)]
        assert shown.stdout == as_csv(table(rows))
        note, first, second = shown.stderr.splitlines()
        assert (
            note == "Note: natural.npz was aligned as part.json says: [frames=2:14, max_side=33]."
        )
        assert first.startswith(f"{REFERENCE} done (50%), left 0:00:0")
        assert second == "part.mkv done (100%), left 0:00:00"

    def test_rows(self, here):
        shown = stst_analyze("prednet", "natural.npz", "part.mkv", "--fit", "crop", *SMALL)
        rows = list(csv.DictReader(io.StringIO(shown.stdout)))
        assert len(rows) == 2 * 2 * (5 + 4)
        model = "prednet [weights=none (random, seed 0); input=32x40 crop]"
        assert {row["model"] for row in rows} == {model}
        assert {(row["clip"], row["reference"], row["frame"]) for row in rows} == {
            (REFERENCE, "", "12"), (REFERENCE, "", "13"),
            ("part.mkv", REFERENCE, "10"), ("part.mkv", REFERENCE, "11"),
        }  # fmt: skip
        assert {row["unit"] for row in rows} == {"1"}

    def test_the_natural_clip_is_measured_once(self, here, monkeypatch):
        measured = []

        def noted(video, *args):
            measured.append(video.path.name)
            return predictions(video, *args)

        monkeypatch.setattr("stst.analysis.prediction.predictions", noted)
        clip(here / "x.npz", 15, 40, 44, seed=1)
        others = ("part.mkv", "x.npz", "./part.mkv")
        shown = stst_analyze("prednet", "natural.npz", *others, *SMALL, "-o", "t.parquet")
        assert (shown.exit_code, shown.stdout) == (0, "table:    t.parquet\n")
        assert measured == ["natural.npz", "part.mkv", "natural.npz", "x.npz"]
        assert shown.stderr.splitlines()[-1] == "x.npz done (100%), left 0:00:00"


class TestRefusals:
    """Nothing is measured before everything has been checked."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        monkeypatch.setattr("stst.analysis.prediction.predictions", pytest.fail)

    def check(self, here, *words, said):
        before = sorted(os.listdir(here))
        line = refused(stst_analyze("prednet", *words))
        assert line.startswith(f"Error: {said}")
        assert sorted(os.listdir(here)) == before

    def test_short_clips(self, here):
        clip(here / "x.npz", 10, 40, 44)
        said = (
            "natural.npz: 10 frames; PredNet sees 11 frames for one prediction. Give a longer "
            "clip, or more frames of it."
        )
        self.check(here, "natural.npz", "x.npz", "--frames", "0:10", *SMALL, said=said)

    def test_clips(self, here):
        said = "natural.npz (15 frames of 40x44 px at 30000/1001 Hz) and x.npz (12 frames of 18x20"
        clip(here / "x.npz", 12)
        self.check(here, "natural.npz", "part.mkv", "x.npz", *SMALL, said=said)
        self.check(here, "natural.npz", "no.mkv", *SMALL, said="no.mkv")

    def test_settings(self, here):
        words = ("natural.npz", "part.mkv", "--weights", "none", "--size", "30x40")
        self.check(here, *words, said="size: 30x40; a network of 4 levels takes")
        words = ("natural.npz", "part.mkv", "--weights", "no.hdf5")
        self.check(here, *words, said="no.hdf5: there is no such file.")
        words = ("natural.npz", "part.mkv", "--weights", "none", "--device", "gpu")
        self.check(here, *words, said="device: 'gpu' is not available here.")

    def test_outputs(self, here):
        words = ("natural.npz", "part.mkv", *SMALL, "-o")
        self.check(here, *words, "t.xls", said="t.xls: a table is written as .csv, .parquet, .json")

    def test_words(self, here):
        for words, said in (
            (("natural.npz", "part.mkv"), "Missing option '--weights'"),
            (("natural.npz", *SMALL), "Missing argument 'OTHER...'"),
            (
                ("natural.npz", "part.mkv", *SMALL, "--size", "big"),
                "expected HEIGHTxWIDTH in pixels, e.g. 128x160; found 'big'.",
            ),
        ):
            shown = stst_analyze("prednet", *words)
            assert (shown.exit_code, shown.stdout) == (2, "")
            assert said in shown.stderr
