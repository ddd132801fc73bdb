"""CKA and prediction as parts of reports and batches."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from small_runs import clip, refused, stst_analyze

MODELS = ("--cka", "tiny_classifier:image@late", "--prednet", "none", "--size", "16x16")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("cat", "a", "b")):
        clip(tmp_path / f"{name}.npz", 13, 24, 24, seed=seed)
    return tmp_path


def manifest(*names):
    rows = [f"cat.npz,{name}.npz\n" for name in names]
    Path("pairs.csv").write_text("natural,other\n" + "".join(rows))


def test_a_report():
    clip(Path("u.mkv"), 5, seed=9)
    biased = ("--estimator", "biased", "--null", "u.mkv")
    words = (*MODELS, *biased, "--input", "native", "--mean", "0.5")
    shown = stst_analyze("report", "cat.npz", "a.npz", "-o", "report", *words)
    assert shown.exit_code == 0, shown.output
    page = Path("report/index.html").read_text("utf-8")
    command = (
        "--cka tiny_classifier:image@late --estimator biased --input native --mean 0.5 "
        "--prednet none --size 16x16 --null u.mkv"
    )
    assert f"stst-analyze report cat.npz a.npz -o DIR {command}" in page
    cka = pd.read_csv("report/cka.csv")
    assert set(cka["measure"]) == {"cka.channels", "cka.channels.null"}
    assert set(cka["null_clips"].dropna()) == {4}
    assert "comes from 4 unrelated clips" in page
    assert cka["model"].str.contains("mean=0.5").all()
    # the same as the command alone
    alone = stst_analyze(
        "cka", "cat.npz", "a.npz", "--model", "tiny_classifier:image", "--layers", "late",
        *biased, "--input", "native", "--mean", "0.5", "-o", "cka.csv",
    )  # fmt: skip
    assert alone.exit_code == 0, alone.output
    assert Path("cka.csv").read_text() == Path("report/cka.csv").read_text()
    alone = stst_analyze(
        "prednet", "cat.npz", "a.npz", "--weights", "none", "--size", "16x16", "-o", "p.csv"
    )
    assert alone.exit_code == 0, alone.output
    assert Path("p.csv").read_text() == Path("report/prediction.csv").read_text()


def test_a_batch(here):
    manifest("a", "b")
    shown = stst_analyze("batch", "pairs.csv", "-o", "out", "--jobs", "1", *MODELS, "--json")
    assert shown.exit_code == 0, shown.output
    result = json.loads(shown.stdout)
    assert result["done"] == ["a", "b"]
    assert set(result["outputs"]) == {"features", "comparison", "cka", "prediction", "pairs"}
    for name in ("cka", "prediction"):
        parts = [pd.read_csv(f"out/{label}/{name}.csv") for label in "ab"]
        whole = pd.read_csv(f"out/{name}.csv")
        assert set(whole["clip"]) == set(parts[0]["clip"]) | set(parts[1]["clip"])
    found = pd.read_csv("out/cka.csv")
    assert len(found) == 2 * (13 + 3)
    assert set(found["measure"]) == {"cka_unbiased.channels", "cka_unbiased.channels.null"}
    assert (found["null_high"] >= found["null_low"]).all()
    alone = stst_analyze(
        "cka", "cat.npz", "a.npz", "--model", "tiny_classifier:image", "--layers", "late"
    )
    assert Path("out/a/cka.csv").read_text() == alone.stdout
    # the natural clip of both pairs is predicted in both, and stands there once
    found = pd.read_csv("out/prediction.csv")
    assert found[found["clip"] == "cat.npz"].duplicated().sum() == 0

    # nothing to do; other models are something to do; without models, their tables go
    again = stst_analyze("batch", "pairs.csv", "-o", "out", *MODELS, "--json")
    assert json.loads(again.stdout)["skipped"] == ["a", "b"]
    again = stst_analyze("batch", "pairs.csv", "-o", "out", *MODELS, "--unbiased", "--json")
    assert json.loads(again.stdout)["skipped"] == ["a", "b"]
    clip(Path("u.mkv"), 5, seed=9)
    for more in (("--estimator", "biased"), ("--null", "u.mkv")):
        other = stst_analyze("batch", "pairs.csv", "-o", "out", *MODELS, *more, "--json")
        assert sorted(json.loads(other.stdout)["done"]) == ["a", "b"]
    Path("u.mkv").unlink()
    clip(Path("u.mkv"), 5, seed=10)
    other = stst_analyze("batch", "pairs.csv", "-o", "out", *MODELS, *more, "--json")
    assert sorted(json.loads(other.stdout)["done"]) == ["a", "b"]
    without = stst_analyze("batch", "pairs.csv", "-o", "out", "--json")
    assert sorted(json.loads(without.stdout)["done"]) == ["a", "b"]
    assert not list(here.glob("out/**/cka.csv"))


def test_a_pair_that_is_too_short_for_a_model():
    clip(Path("short.npz"), 5, 24, 24)
    clip(Path("other.npz"), 5, 24, 24, seed=3)
    Path("pairs.csv").write_text("natural,other\ncat.npz,a.npz\nshort.npz,other.npz\n")
    shown = stst_analyze("batch", "pairs.csv", "-o", "out", "--jobs", "1", *MODELS)
    assert shown.exit_code == 1
    (error,) = pd.read_csv("out/errors.csv")["error"]
    assert "short.npz" in error
    assert "11 frames" in error


class TestLeftOut:
    def test_what_fails_is_said_on_the_page_and_at_the_end(self):
        for seed, name in enumerate(("short", "other")):
            clip(Path(f"{name}.npz"), 5, 24, 24, seed=seed)
        shown = stst_analyze("report", "short.npz", "other.npz", "-o", "out", *MODELS)
        assert (shown.exit_code, shown.stdout) == (1, "out/index.html\n")
        last = shown.stderr.splitlines()[-1]
        words = "prediction by PredNet is left out: short.npz: 5 frames; PredNet sees 11 frames"
        assert last.startswith(f"Error: not all is in the report: {words}")
        assert words in Path("out/index.html").read_text("utf-8")
        assert Path("out/cka.csv").exists()
        assert not Path("out/prediction.csv").exists()

    def test_one_of_two_models(self):
        words = ("--cka", "tiny_classifier:odd@sqrt", "--cka", "tiny_classifier:image@late")
        shown = stst_analyze("report", "cat.npz", "a.npz", "-o", "out", *words, "--json")
        assert shown.exit_code == 1
        found = json.loads(shown.stdout)
        (line,) = found["left_out"]
        assert line.startswith("CKA in tiny_classifier:odd is left out: tiny_classifier:odd [")
        assert "the layer sqrt gives values that are not finite" in line
        assert shown.stderr.splitlines()[-1] == f"Error: not all is in the report: {line}"
        assert "out/cka.csv" in found["files"]
        assert set(pd.read_csv("out/cka.csv")["model"].str.partition(" ")[0]) == {
            "tiny_classifier:image"
        }
        done = stst_analyze("report", "cat.npz", "a.npz", "-o", "all", *words[2:], "--json")
        assert (done.exit_code, json.loads(done.stdout)["left_out"]) == (0, [])


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--cka", "resnet5"], ["resnet5", "resnet50"]),
        (["--cka", "resnet50=none@layr4"], ["layr4", "layer4"]),
        (["--cka", "tiny_classifier:image"], ["tiny_classifier:image", "layers"]),
        (["--cka", "=none"], ["'=none'", "MODEL[=WEIGHTS]"]),
        (["--cka", "tiny_classifier:image@late", "--mean", "x"], ["--mean x", "R,G,B"]),
        (["--null", "b.npz"], ["--null", "--cka"]),
        (["--cka", "tiny_classifier:image@late", "--null", "no.mkv"], ["no.mkv"]),
        (["--prednet", "none", "--size", "16"], ["--size", "HEIGHTxWIDTH", "'16'"]),
        (["--prednet", "none", "--size", "17x16"], ["17x16"]),
        (["--prednet", "nothing.hdf5"], ["nothing.hdf5"]),
        (["--cka", "tiny_classifier:image@late", "--device", "gpu"], ["device", "gpu"]),
    ],
)
def test_what_is_refused(here, words, parts):
    manifest("a")
    refused(stst_analyze("report", "cat.npz", "a.npz", "-o", "out", *words), *parts)
    refused(stst_analyze("batch", "pairs.csv", "-o", "out", *words), *parts)
    assert not (here / "out").exists()
