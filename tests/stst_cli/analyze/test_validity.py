from __future__ import annotations

import csv
import io
import json
import os

import numpy as np
import pytest

from small_runs import TRUST, clip, refused, stst, stst_analyze, synthesize
from stst import read_video
from stst.analysis.gram_models import load_judges, streams_of_pair
from stst.analysis.tables import as_csv, table
from stst.analysis.validity import validity
from stst.config import StreamConfig

REFERENCE = "natural.npz [frames=2:15, max_side=33]"
NOTE = "Note: natural.npz was aligned as part.json says: [frames=2:15, max_side=33]."
TINY = {
    "spatial": StreamConfig(model="tiny_model:spatial"),
    "temporal": StreamConfig(model="tiny_model:temporal"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz, and part.mkv made of a part of it."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz", 15, 40, 44)
    words = ("--frames", "2:15", "--max-side", 33)
    assert synthesize("natural.npz", "-o", "part.mkv", *words).exit_code == 0
    return tmp_path


def expected(other, judges, natural_clips=()):
    natural = read_video("natural.npz", "2:15", 33)
    (found,) = validity(natural, [read_video(other)], judges, natural_clips)
    return found


class TestResult:
    def test_statistics_that_it_was_made_for(self, here):
        shown = stst_analyze("validity", "natural.npz", "part.mkv", *TRUST, "--device", "cpu")
        assert shown.exit_code == 0, shown.stderr
        found = expected("part.mkv", load_judges(TINY, "cpu"))
        assert shown.stdout == as_csv(table(found.rows("part.mkv", REFERENCE)))
        note, progress, verdict = shown.stderr.splitlines()
        assert note == NOTE
        assert progress == f"{REFERENCE} done (100%), left 0:00:00"
        assert verdict == found.verdict("part.mkv")
        assert verdict.startswith("part.mkv is closer to the natural frames than ")

    def test_a_mask_is_not_passed_over_in_silence(self, here):
        mask = np.zeros((13, 30, 33), np.uint8)
        mask[:, 5:20, 5:20] = 255
        np.save("m.npy", mask)
        words = ("--frames", "2:15", "--max-side", 33, "--mask", "m.npy")
        assert synthesize("natural.npz", "-o", "region.mkv", *words).exit_code == 0
        shown = stst_analyze(
            "validity", "natural.npz", "part.mkv", "region.mkv", *TRUST, "--device", "cpu"
        )
        assert shown.exit_code == 0, shown.stderr
        said = [line for line in shown.stderr.splitlines() if "inside a mask only" in line]
        assert [line.split(" was made")[0] for line in said] == ["Note: region.mkv"]

    def test_model_and_other_clips(self, here):
        clip(here / "other.npz", 4, 50, 60)
        clip(here / "x.npz", 13, 30, 33)
        words = ("--model", "builtin", "--spatial-layers", "conv1, conv2", "--temporal-layers", "")
        shown = stst_analyze(
            "validity", "natural.npz", "part.mkv", "x.npz", *words, "--natural-clip", "other.npz",
            "--frames", "2:15", "--max-side", 33, "--device", "cpu",
        )  # fmt: skip
        assert shown.exit_code == 0, shown.stderr
        judges = load_judges(streams_of_pair("builtin", ("conv1", "conv2"), ()), "cpu")
        foreign = read_video("other.npz", max_side=33)
        rows = []
        for name in ("part.mkv", "x.npz"):
            rows += expected(name, judges, [foreign]).rows(name, REFERENCE)
        assert shown.stdout == as_csv(table(rows))
        assert sum("done" in line for line in shown.stderr.splitlines()) == 1
        verdict = shown.stderr.splitlines()[-1]
        assert verdict.startswith("x.npz is closer to the natural frames than ")
        lead, within = verdict.split("; ")
        assert "of frames of other natural clips are in conv1 (" in lead
        # the first and the last of 13 frames at 29.97 Hz
        assert within.startswith("within the natural clip, than ")

    def test_each_by_its_own_sidecar(self, here):
        words = ("--frames", "2:15", "--max-side", 33, "--set", "temporal.texture_weight=0")
        synthesize("natural.npz", "-o", "still.npy", *words)
        shown = stst_analyze("validity", "natural.npz", "part.mkv", "still.npy", *TRUST)
        rows = list(csv.DictReader(io.StringIO(shown.stdout)))
        models = {
            name: {r["model"] for r in rows if r["clip"] == name}
            for name in ("part.mkv", "still.npy")
        }
        assert models == {
            "part.mkv": {"tiny_model:spatial", "tiny_model:temporal"},
            "still.npy": {"tiny_model:spatial"},
        }
        assert shown.stderr.splitlines()[2].startswith(f"{REFERENCE} done (")

    def test_the_clip_itself_and_files(self, here):
        words = ("--model", "builtin", "--temporal-layers", "", "--frames", "0:3")
        stst("convert", "natural.npz", "same.mkv", "--frames", "0:3")
        shown = stst_analyze("validity", "natural.npz", "same.mkv", *words, "-o", "t.json")
        assert (shown.exit_code, shown.stdout) == (0, "table:    t.json\n"), shown.stderr
        rows = json.loads((here / "t.json").read_text("utf-8"))
        assert {r["value"] for r in rows if r["measure"] == "gram_distance"} == {0}
        percentiles = [r for r in rows if r["measure"] == "gram_distance.percentile_natural"]
        assert {row["value"] for row in percentiles} == {None}
        assert {row["unit"] for row in percentiles} == {"%"}
        assert shown.stderr.splitlines()[-1].endswith(
            "no natural frames are 0.4 s apart to compare that with."
        )


class TestRefusals:
    """Nothing is measured before everything has been checked."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        monkeypatch.setattr("stst.analysis.validity.validity", pytest.fail)

    def check(self, here, *words, said):
        before = sorted(os.listdir(here))
        line = refused(stst_analyze("validity", *words))
        assert line.startswith(f"Error: {said}")
        assert sorted(os.listdir(here)) == before

    def test_models_that_are_not_trusted(self, here):
        said = (
            "part.json: spatial.model names 'tiny_model:spatial'; importing it would run its code. "
            "If you trust it, give --trust-model tiny_model:spatial."
        )
        self.check(here, "natural.npz", "part.mkv", said=said)

    def test_clips_that_do_not_say(self, here):
        hint = "Say which statistics to compare: --model paper or --model builtin."
        clip(here / "x.npz", 15, 40, 44)
        said = "x.npz has no sidecar that says which statistics it was made to match. Say which"
        self.check(here, "natural.npz", "x.npz", said=said)
        stst("scramble", "natural.npz", "-o", "s.npy", "--frames", "0:3")
        said = f"s.json: made by 'stps', which matches no Gram matrices. {hint}"
        self.check(here, "natural.npz", "s.npy", said=said)

    def test_other_clips(self, here):
        words = ("natural.npz", "part.mkv", *TRUST, "--natural-clip")
        said = "--natural-clip natural.npz: it is the natural clip itself. Name another."
        self.check(here, *words, "natural.npz", said=said)
        self.check(here, *words, "no.mkv", said="no.mkv")
        clip(here / "tiny.npz", 3, 6, 30)
        said = "tiny.npz: frames of 6x30 px; tiny_model:spatial needs at least 8 px"
        self.check(here, *words, "tiny.npz", said=said)

    def test_clips_that_differ(self, here):
        clip(here / "x.npz", 3)
        said = "natural.npz (15 frames of 40x44 px at 30000/1001 Hz) and x.npz (3 frames of 18x20"
        self.check(here, "natural.npz", "x.npz", "--model", "builtin", said=said)

    def test_layers(self, here):
        words = ("natural.npz", "part.mkv", "--model", "builtin", "--spatial-layers")
        self.check(here, *words, "a,b", said="spatial.texture_layers: unknown layer 'a'.")
        said = "There is no layer to compare. Name one of either stream."
        self.check(here, *words, "", "--temporal-layers", "", said=said)

    def test_outputs(self, here):
        words = ("natural.npz", "part.mkv", *TRUST, "--overwrite", "-o")
        self.check(here, *words, "t.xls", said="t.xls: a table is written as .csv, .parquet, .json")
        self.check(here, *words, "part.json", said="part.json: the sidecar of part.mkv has this")

    def test_words(self, here):
        shown = stst_analyze("validity", "natural.npz", "part.mkv", "--spatial-layers", "conv1")
        assert shown.exit_code == 2
        assert "--spatial-layers and --temporal-layers belong to --model." in shown.stderr
