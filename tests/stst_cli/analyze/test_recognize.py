from __future__ import annotations

import csv
import io
import json
import os

import pytest
import torch

from small_runs import clip, refused, stst_analyze, synthesize
from stst.analysis.measures.judges import load_judge
from stst.analysis.measures.naming import NamedStimulus, naming_trials
from stst.analysis.measures.recognition import NO_OBSERVERS, Recognition, judge_clip, nameable
from stst.analysis.tables import as_csv, table
from stst.config.cka import ClassifierSpec
from stst.video import LazyVideo

NAMES = ("tiny_classifier:judge", "tiny_classifier:second_judge")
JUDGES = ("--judge", NAMES[0], "--judge", NAMES[1], "--device", "cpu")
REFERENCE = "natural.npz [frames=2:5, max_side=33]"
NOTE = "Note: natural.npz was aligned as {}.json says: [frames=2:5, max_side=33]."


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz, and part.mkv and again.npy made of a part of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STST_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    clip(tmp_path / "natural.npz", 9, 40, 44)
    for seed, name in enumerate(("part.mkv", "again.npy")):
        words = ("--frames", "2:5", "--max-side", 33, "--seed", seed)
        assert synthesize("natural.npz", "-o", name, *words).exit_code == 0
    return tmp_path


def expected(*others, judges=NAMES):
    """Give the rows, what is said of nameability, and the verdicts."""
    panel = [load_judge(ClassifierSpec(one), torch.device("cpu")) for one in judges]
    natural = LazyVideo("natural.npz", "2:5", 33)
    seen = [judge_clip(REFERENCE, natural, one) for one in panel]
    found = [
        Recognition(there, judge_clip(name, LazyVideo(name), judge))
        for name in others
        for judge, there in zip(panel, seen, strict=True)
    ]
    named = nameable(seen)
    rows = [*named.rows(), *(row for one in seen for row in Recognition(one, one).rows())]
    rows += [row for one in found for row in one.rows()]
    return as_csv(table(rows)), named, [one.verdict() for one in found]


class TestResult:
    def test_two_judges(self, here):
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", "again.npy", *JUDGES)
        assert shown.exit_code == 0, shown.stderr
        rows, named, verdicts = expected("part.mkv", "again.npy")
        assert shown.stdout == rows
        # how long is left depends on the machine
        said = [line.partition(", left ")[0] for line in shown.stderr.splitlines()]
        assert said == [
            NOTE.format("part"), NOTE.format("again"), f"{REFERENCE} done (33%)",
            "part.mkv done (67%)", "again.npy done (100%)", named.sentence(), *verdicts,
            NO_OBSERVERS,
        ]  # fmt: skip
        assert named.nameable
        assert len(verdicts) == 4
        assert verdicts[0].startswith("part.mkv: tiny_classifier:judge sees level ")

    def test_rows(self, here):
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", *JUDGES)
        rows = list(csv.DictReader(io.StringIO(shown.stdout)))
        assert list(rows[0]) == [
            "clip", "reference", "frame", "time_s", "model", "measure", "value", "unit"
        ]  # fmt: skip
        assert (rows[0]["measure"], rows[0]["value"]) == ("recognition.nameable", "1.0")
        # natural clip and stimulus, two judges, 3 frames and the clip, 7 measures
        assert len(rows) == 1 + 2 * 2 * 4 * 7
        frames = [r["frame"] for r in rows if r["measure"] == "recognition.rank"]
        assert frames == ["2", "3", "4"] * 2 + ["0", "1", "2"] * 2

    def test_one_judge_cannot_say_what_is_nameable(self, here):
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", *JUDGES[:2], "--json")
        assert shown.exit_code == 0, shown.stderr
        assert json.loads(shown.stdout)[0]["value"] is None
        said = f"Whether {REFERENCE} is nameable needs two judges; it is called level "
        assert any(line.startswith(said) for line in shown.stderr.splitlines())
        twice = stst_analyze("recognize", "natural.npz", "part.mkv", *JUDGES[:2] * 2, "--json")
        assert twice.stdout == shown.stdout

    def test_options_hold_for_all_judges(self, here):
        words = ("--mean", "0.5", "--std", "1,2,3", "--input", "20x24", "-o", "t.csv")
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", *JUDGES, *words)
        assert (shown.exit_code, shown.stdout) == (0, "table:    t.csv\n"), shown.stderr
        assert "Note: --input, --mean and --std hold for all judges." in shown.stderr.splitlines()
        rows = list(csv.DictReader(io.StringIO((here / "t.csv").read_text("utf-8"))))
        model = "[weights=of the factory (seed 0); input=resize 20x24 bilinear antialias in 8 bits"
        assert {row["model"] for row in rows[1:]} == {
            f"{name} {model}; mean=0.5; std=1,2,3]" for name in NAMES
        }

    def test_windows(self, here):
        words = ("--judge", "tiny_classifier:video_judge", "--window", 3, "--kind", "video")
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", *words, "--json")
        assert shown.exit_code == 0, shown.stderr
        ranks = [r for r in json.loads(shown.stdout) if r["measure"] == "recognition.rank"]
        assert [(r["clip"], r["frame"]) for r in ranks] == [(REFERENCE, 4), ("part.mkv", 2)]

    def test_several_alignments(self, here):
        synthesize("natural.npz", "-o", "all.npy")
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", "all.npy", *JUDGES)
        assert shown.exit_code == 0, shown.stderr
        rows = csv.DictReader(io.StringIO(shown.stdout))
        clips = dict.fromkeys(row["clip"] for row in rows)
        assert list(clips) == [REFERENCE, "part.mkv", "natural.npz", "all.npy"]

    def test_random_weights_are_told_of(self, here):
        shown = stst_analyze(
            "recognize", "natural.npz", "part.mkv", "--judge", "squeezenet1_1=none"
        )
        assert shown.exit_code == 0, shown.stderr
        said = "squeezenet1_1=none: its weights are random, so what it recognises says nothing."
        assert f"Note: {said}" in shown.stderr.splitlines()


class TestTrials:
    def test_stimuli_and_then_the_natural_clip(self, here):
        words = ("--trials", "t.csv", "--seed", "1.0")
        shown = stst_analyze("recognize", "natural.npz", "part.mkv", "again.npy", *JUDGES, *words)
        assert shown.exit_code == 0, shown.stderr
        _, named, _ = expected("part.mkv")
        labels = tuple(dict.fromkeys(label for label, _ in named.names.values()))
        stimuli = [NamedStimulus(name, "natural.npz", labels) for name in ("part.mkv", "again.npy")]
        with (here / "t.csv").open(encoding="utf-8", newline="") as file:
            read = list(csv.DictReader(file))
        assert read == [{k: str(v) for k, v in one.items()} for one in naming_trials(stimuli, 1)]
        assert [one["block"] for one in read] == ["1", "1", "2"]
        assert shown.stderr.splitlines()[-3:] == [
            "Note: The list holds 2 stimuli of natural.npz: whoever names the first knows the "
            "others. Show each observer one of them.",
            f"Note: t.csv lists natural.npz whole; stimuli show {REFERENCE}.",
            "trials:   t.csv",
        ]

    def test_an_existing_file_is_kept(self, here):
        (here / "t.csv").write_text("mine", "utf-8")
        words = ("recognize", "natural.npz", "part.mkv", *JUDGES, "--trials", "t.csv")
        refused(stst_analyze(*words), "t.csv exists. Give --overwrite to replace it")
        assert (here / "t.csv").read_text("utf-8") == "mine"
        assert stst_analyze(*words, "--overwrite").exit_code == 0
        assert (here / "t.csv").read_text("utf-8").startswith("trial,block,")


class TestRefusals:
    """No frame is shown to a judge before everything has been checked."""

    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        monkeypatch.setattr("stst.analysis.measures.judges.Judge.probabilities", pytest.fail)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--judge", "mobilnet_v2"), "model mobilnet_v2: torchvision has no image or video "),
            (("--judge", "no_such:f"), "model: 'no_such:f' cannot be imported (ModuleNotFound"),
            (("--judge", "=w"), "--judge '=w': expected MODEL[=WEIGHTS]."),
            (("--judge", "mobilenet_v2=w.pth"), "w.pth: there is no such weights file."),
            ((), "The weights mobilenet_v2-v2 (mobilenet_v2-7ebf99e0.pth) are not on this "),
            (("--input", "12"), "--input 12: expected native, default, or HxW in pixels"),
            (("--mean", "1,2"), "--mean 1,2: expected R,G,B"),
            (("--device", "tpu"), "device: 'tpu' is not available here. "),
            (("--trials", "t.tsv"), "t.tsv: a list of trials is written as .csv; found '.tsv'."),
            (("--trials", "t.csv", "--seed", "-1"), "--seed -1: must be 0 or more."),
            (("-o", "part.json", "--overwrite"), "part.json: the sidecar of part.mkv has this "),
            ((*JUDGES[:2], "--judge", "tiny_classifier:video_judge"),
             f"{REFERENCE}: 3 frames are fewer than tiny_classifier:video_judge sees at once, 5. "),
        ],
    )  # fmt: skip
    def test_options(self, here, words, said):
        before = sorted(os.listdir(here))
        line = refused(stst_analyze("recognize", "natural.npz", "part.mkv", *words))
        assert line.startswith(f"Error: {said}")
        assert sorted(os.listdir(here)) == before

    def test_clips(self, here):
        clip(here / "x.npz")
        for name, said in (("no.mkv", "no.mkv"), ("x.npz", "natural.npz (9 frames of 40x44 px ")):
            line = refused(stst_analyze("recognize", "natural.npz", "part.mkv", name, *JUDGES))
            assert line.startswith(f"Error: {said}")
