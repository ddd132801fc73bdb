from __future__ import annotations

import csv
import io
import json
import os

import pytest
import torch

import tiny_classifier
from small_runs import clip, refused, stst_analyze, synthesize
from stst.analysis.cka.models import cka_rows
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.cka.verdicts import describe_verdicts
from stst.analysis.tables import as_csv, as_json, table
from stst.config.cka import CkaSettings, ClassifierSpec
from stst.models.classifiers import load_classifier
from stst.video import LazyVideo
from stst.video.samples import sample_clips

IMAGE = ("--model", "tiny_classifier:image", "--layers", "early,late", "--device", "cpu")
REFERENCE = "natural.npz [frames=2:5, max_side=33]"
NOTE = "Note: natural.npz was aligned as {}.json says: [frames=2:5, max_side=33]."


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz, and part.mkv and again.npy made of a part of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STST_WEIGHTS_DIR", raising=False)
    clip(tmp_path / "natural.npz", 9, 40, 44)
    for seed, name in enumerate(("part.mkv", "again.npy")):
        words = ("--frames", "2:5", "--max-side", 33, "--seed", seed)
        assert synthesize("natural.npz", "-o", name, *words).exit_code == 0
    return tmp_path


def expected(*others, settings=CkaSettings(), null=(), **options):  # noqa: B008
    choice = ClassifierSpec("tiny_classifier:image", layers=("early", "late"), **options)
    model = load_classifier(choice, torch.device("cpu"))
    natural = LazyVideo("natural.npz", "2:5", 33)
    clips = {name: LazyVideo(name) for name in others}
    unrelated = UnrelatedClips(null).apart_from_each(natural, clips)
    return table(cka_rows(natural, clips, REFERENCE, model, unrelated, settings))


def null_note(*others, null=()):
    clips = [*map(str, sample_clips()), *null]
    few = f" A band of {len(clips)} is a rough one: give more natural clips with --null CLIP."
    return (
        f"Note: The null of {', '.join(others)} comes from {len(clips)} unrelated clips: "
        f"{', '.join(clips)}." + few * (len(clips) < 5)
    )


def verdicts(data):
    rows = [{k: v for k, v in row.items() if v == v} for row in json.loads(as_json(data))]
    return describe_verdicts(rows)


class TestResult:
    def test_on_stdout(self, here):
        shown = stst_analyze("cka", "natural.npz", "part.mkv", "again.npy", *IMAGE)
        assert shown.exit_code == 0
        assert shown.stdout == as_csv(expected("part.mkv", "again.npy"))
        assert shown.stderr.splitlines() == [
            NOTE.format("part"), NOTE.format("again"), null_note("part.mkv", "again.npy"),
            "part.mkv, again.npy done (100%), left 0:00:00",
            *verdicts(expected("part.mkv", "again.npy")),
        ]  # fmt: skip
        assert len(verdicts(expected("part.mkv", "again.npy"))) == 4

    def test_rows(self, here):
        shown = stst_analyze("cka", "natural.npz", "part.mkv", *IMAGE)
        rows = list(csv.DictReader(io.StringIO(shown.stdout)))
        assert list(rows[0]) == [
            "clip", "reference", "frame", "time_s", "model", "layer", "measure", "value", "unit",
            "null_low", "null_high", "null_kind", "null_clips", "null_pairs",
        ]  # fmt: skip
        assert [row["frame"] for row in rows] == ["0", "0", "1", "1", "2", "2", *[""] * 6]
        assert [row["null_kind"] for row in rows[6:]] == ["unrelated", "noise", "timing"] * 2
        # 3 frames of part and of its clip, 5 of each of the three samples, every one with every one
        assert {row["null_pairs"] for row in rows[:6]} == {str(2 * 3 * 15 + 3 * 25)}
        assert {row["null_clips"] for row in rows[:6]} == {"3"}
        assert rows[0]["model"] == (
            "tiny_classifier:image [weights=of the factory (seed 0); input=native; mean=0; std=1]"
        )
        assert (rows[0]["reference"], rows[0]["measure"]) == (REFERENCE, "cka_unbiased.channels")

    def test_options(self, here):
        torch.save(tiny_classifier.image().state_dict(), here / "w.pth")
        shown = stst_analyze(
            "cka", "natural.npz", "part.mkv", "--model", "tiny_classifier:image",
            "--layers", "early", "--layers", " late", "--weights", "w.pth", "--input", "20x24",
            "--mean", "0.5", "--std", "1,2,3", "--examples", "positions", "--estimator", "biased",
            "--device", "cpu", "--json", "-o", "t.csv",
        )  # fmt: skip
        assert shown.exit_code == 0, shown.stderr
        data = expected(
            "part.mkv", settings=CkaSettings("positions", "biased"), weights="w.pth", input="20x24",
            mean=(0.5,) * 3, std=(1, 2, 3),
        )  # fmt: skip
        assert shown.stdout == as_json(data)
        assert (here / "t.csv").read_text("utf-8") == as_csv(data)
        model = json.loads(shown.stdout)[0]["model"]
        assert model.startswith("tiny_classifier:image [weights=w.pth sha256:")
        assert model.endswith(
            "; input=resize 20x24 bilinear antialias in 8 bits; mean=0.5; std=1,2,3]"
        )

    def test_frames(self, here):
        shown = stst_analyze("cka", "natural.npz", "part.mkv", *IMAGE, "--examples", "frames")
        lines = shown.stdout.splitlines()
        assert lines[0] == (
            "clip,reference,model,layer,measure,value,unit,null_low,null_high,null_kind,null_clips,"
            "null_pairs"
        )
        assert len(lines) == 1 + 2 + 2 * 3

    def test_windows(self, here):
        words = ("--model", "tiny_classifier:video", "--layers", "1", "--window", 3, "--json")
        shown = stst_analyze("cka", "natural.npz", "natural.npz", *words, "--kind", "video")
        rows = json.loads(shown.stdout)
        assert [row["frame"] for row in rows] == [*range(2, 9), None, None, None]
        assert [row["value"] for row in rows[:7]] == [pytest.approx(1, abs=1e-12)] * 7
        assert rows[0]["model"].endswith("; window=3 frames, named by the last]")

    def test_more_clips_than_are_open_at_once(self, here, monkeypatch):
        whole = stst_analyze("cka", "natural.npz", "part.mkv", "again.npy", *IMAGE)
        monkeypatch.setattr("stst_cli.analyze.cka._AT_ONCE", 1)
        parts = stst_analyze("cka", "natural.npz", "part.mkv", "again.npy", *IMAGE)
        assert parts.stdout == whole.stdout
        told = [line.partition(",")[0] for line in parts.stderr.splitlines()]
        assert told[3:5] == ["part.mkv done (50%)", "again.npy done (100%)"]

    def test_several_alignments(self, here):
        synthesize("natural.npz", "-o", "all.npy")
        shown = stst_analyze(
            "cka", "natural.npz", "part.mkv", "all.npy", "again.npy", "./part.mkv", *IMAGE
        )
        assert shown.exit_code == 0, shown.stderr
        clips = [row["clip"] for row in csv.DictReader(io.StringIO(shown.stdout))]
        assert clips == ["part.mkv"] * 12 + ["all.npy"] * 24 + ["again.npy"] * 12


class TestNull:
    def test_more_clips(self, here):
        for seed in (3, 4):
            clip(here / f"u{seed}.mkv", 7, 50, 30, seed=seed)
        words = ("--null", "u3.mkv", "--null", "u4.mkv")
        shown = stst_analyze("cka", "natural.npz", "part.mkv", *IMAGE, *words)
        null = ("u3.mkv", "u4.mkv")
        assert shown.stdout == as_csv(expected("part.mkv", null=null))
        assert null_note("part.mkv", null=null) in shown.stderr.splitlines()
        assert "the band of 5 unrelated clips" in shown.stderr

    def test_none_of_the_clips_that_are_compared(self, here):
        words = ("--null", "natural.npz", "--null", "again.npy")
        shown = stst_analyze("cka", "natural.npz", "part.mkv", *IMAGE, *words)
        assert shown.stdout == as_csv(expected("part.mkv"))

    def test_without_any_there_is_no_value(self, here, monkeypatch):
        monkeypatch.setattr("stst.analysis.cka.unrelated.sample_clips", list)
        shown = stst_analyze("cka", "natural.npz", "part.mkv", *IMAGE, "-o", "t.csv")
        line = refused(shown, "CKA of", "natural.npz and part.mkv has no null", "--null CLIP")
        assert line.endswith("Give other natural clips: --null CLIP.")
        assert not (here / "t.csv").exists()

    def test_the_estimator(self, here):
        words = ("cka", "natural.npz", "part.mkv", *IMAGE)
        default = stst_analyze(*words)
        for named in (("--estimator", "unbiased"), ("--unbiased",)):
            assert stst_analyze(*words, *named).stdout == default.stdout
        biased = stst_analyze(*words, "--estimator", "biased")
        told = CkaSettings(estimator="biased")
        assert biased.stdout == as_csv(expected("part.mkv", settings=told))
        shown = stst_analyze(*words, "--estimator", "biased", "--unbiased")
        refused(shown, "--unbiased and --estimator biased exclude each other; name one.")
        assert "--unbiased" not in stst_analyze("cka", "--help").stdout


class TestLayers:
    def test_listed(self):
        shown = stst_analyze("cka", "--model", "tiny_classifier:image", "--list-layers")
        assert shown.exit_code == 0
        assert shown.stdout.split() == [
            "x", "early", "early.0", "early.1", "late", "norm", "mean", "head",
        ]  # fmt: skip

    def test_of_torchvisions(self):
        shown = stst_analyze("cka", "--model", "mobilenet_v2", "--list-layers")
        assert {"features.3", "features.18", "classifier.1"} <= set(shown.stdout.split())


class TestRefusals:
    """No frame is shown to the model before everything has been checked."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        monkeypatch.setattr("stst.models.classifiers.LoadedClassifier.activations", pytest.fail)

    def check(self, here, *words, said):
        before = sorted(os.listdir(here))
        line = refused(stst_analyze("cka", *words))
        assert line.startswith(f"Error: {said}")
        assert sorted(os.listdir(here)) == before

    def test_clips(self, here):
        (here / "empty.mp4").touch()
        for name in ("empty.mp4", "no.mkv", "a.txt"):
            self.check(here, "natural.npz", "part.mkv", name, *IMAGE, said=name)
        clip(here / "x.npz")
        said = "natural.npz (9 frames of 40x44 px at 30000/1001 Hz) and x.npz (3 frames of "
        self.check(here, "natural.npz", "x.npz", *IMAGE, said=said)

    def test_a_clip_shorter_than_the_window(self, here):
        words = ("--model", "tiny_classifier:video", "--layers", "1", "--kind", "video")
        said = f"{REFERENCE}: 3 frames are fewer than the model sees at once, 5. Give more "
        self.check(here, "natural.npz", "part.mkv", *words, said=said)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--input", "12"), "--input 12: expected native, default, or HxW in pixels"),
            (("--mean", "1,2"), "--mean 1,2: expected R,G,B"),
            (("--std", "0"), "--std 0: every value must be above 0."),
            (("--window", "0"), "--window 0: a window has at least one frame."),
            (("--layers", "lat"), "layer lat: tiny_classifier:image has no such layer. "),
            (("--weights", "w.pth"), "w.pth: there is no such weights file."),
            (("--device", "tpu"), "device: 'tpu' is not available here. "),
            (("--null", "no.mkv"), "no.mkv does not exist."),
            (("-o", "t.xls"), "t.xls: a table is written as .csv, .parquet, .json"),
            (("-o", "part.json", "--overwrite"), "part.json: the sidecar of part.mkv has this "),
        ],
    )
    def test_options(self, here, words, said):
        self.check(here, "natural.npz", "part.mkv", *IMAGE, *words, said=said)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--model", "m"), "Missing argument 'NATURAL'."),
            (("natural.npz", "--model", "m"), "Missing argument 'OTHER...'."),
            (("natural.npz", "part.mkv"), "Missing option '--model'."),
            (("--model", "m", "--examples", "x"), "Invalid value for '--examples'"),
        ],
    )
    def test_words(self, words, said):
        shown = stst_analyze("cka", *words)
        assert shown.exit_code == 2
        assert said in shown.stderr


def test_interrupted(here, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("stst.models.classifiers.LoadedClassifier.activations", interrupted)
    shown = stst_analyze("cka", "natural.npz", "part.mkv", *IMAGE, "-o", "t.csv")
    assert (shown.exit_code, shown.stderr.splitlines()[-1]) == (130, "Interrupted.")
    assert not (here / "t.csv").exists()
