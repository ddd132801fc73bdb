from __future__ import annotations

import json

import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from small_runs import clip, refused
from stst_cli.analyze import main

MODEL = "--cka", "mobilenet_v2=none", "--input", "native"


def figure(*words):
    result = CliRunner().invoke(main, ["figure", *map(str, words)], prog_name="stst-analyze")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a natural clip and two others."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "cat.npz", 4)
    clip(tmp_path / "a.mkv", 4, seed=1)
    clip(tmp_path / "b.mkv", 4, seed=2)
    return tmp_path


def test_low_level_features(here):
    shown = figure(2, "cat.npz", "a.mkv", "b.mkv", "-o", "two.png", "--json")
    assert json.loads(shown.stdout) == {"figure": "two.png", "table": "two.csv"}
    with Image.open("two.png") as picture:
        assert picture.size[0] == 2160
    assert set(pd.read_csv("two.csv")["clip"]) == {"cat.npz", "a.mkv", "b.mkv"}


def test_similarity_in_models(here):
    shown = figure(3, "cat.npz", "a.mkv", "-o", "three.svg", *MODEL)
    assert shown.exit_code == 0
    page = (here / "three.svg").read_text("utf-8")
    # numbers of random weights are never taken for those of a trained network
    assert "mobilenet_v2 (random weights): a" in page
    found = pd.read_csv("three.csv")
    assert set(found["layer"]) == {"features.3", "features.18"}
    assert len(found) == 2 * (4 + 3)
    assert set(found["measure"]) == {"cka_unbiased.channels", "cka_unbiased.channels.null"}
    # neither does a value stand without its null
    assert "shaded: 3 unrelated clips" in page
    lines = [line for line in shown.stderr.splitlines() if "the band of 3 unrelated clips" in line]
    assert len(lines) == 2


def test_more_unrelated_clips(here):
    words = ("cat.npz", "a.mkv", "-o", "three.svg", *MODEL, "--null", "b.mkv")
    shown = figure(3, *words, "--estimator", "biased")
    assert shown.exit_code == 0
    assert "shaded: 4 unrelated clips" in (here / "three.svg").read_text("utf-8")
    assert set(pd.read_csv("three.csv")["measure"]) == {"cka.channels", "cka.channels.null"}


def test_prediction(here):
    for name, seed in (("long.npz", 0), ("other.npz", 1)):
        clip(here / name, 12, seed=seed)
    words = "long.npz", "other.npz", "--prednet", "none", "--size", "16x16"
    assert figure(4, *words, "-o", "four.svg").exit_code == 0
    page = (here / "four.svg").read_text("utf-8")
    assert "weights=none (random, seed 0)" in page
    assert page.count(">level 3<") == 2
    assert "frame 11" in page
    assert {"ssim", "cssim", "prediction_error"} <= set(pd.read_csv("four.csv")["measure"])


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_bytes(here, kind):
    for name in ("one", "other"):
        assert figure(2, "cat.npz", "a.mkv", "-o", f"{name}.{kind}").exit_code == 0
    assert (here / f"one.{kind}").read_bytes() == (here / f"other.{kind}").read_bytes()


def test_nothing_is_overwritten(here):
    (here / "two.csv").write_text("mine")
    refused(figure(2, "cat.npz", "a.mkv", "-o", "two.png"), "two.csv exists.", "--overwrite")
    assert not (here / "two.png").exists()
    assert figure(2, "cat.npz", "a.mkv", "-o", "two.png", "--overwrite").exit_code == 0
    assert (here / "two.csv").read_text("utf-8").startswith("clip,")


def test_what_it_cannot_do(here):
    refused(figure(2, "cat.npz", "a.mkv", "-o", "two.jpg"), "two.jpg", "found '.jpg'")
    refused(figure(4, "cat.npz", "a.mkv", "-o", "four.png"), "--prednet FILE", "train-prednet")
    refused(figure(5, "cat.npz", "a.mkv", "-o", "five.png"), "'5' is not one of")
    words = "--prednet", "none", "--size", "16x16"
    refused(figure(4, "cat.npz", "a.mkv", "-o", "four.png", *words), "4 frames")
