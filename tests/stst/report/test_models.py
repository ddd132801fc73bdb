from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from small_runs import clip
from stst.analysis.model_cka import cka_rows
from stst.analysis.prediction import PredictionSettings, load_predictor, predictions
from stst.analysis.tables import as_csv, table
from stst.config.choice import CkaSettings, parse_choice
from stst.errors import InputError
from stst.models.classifiers import load_classifier
from stst.report import frames_to_read, open_clips, write_report
from stst.report.models import CkaPart, PredictionPart
from stst.report.write import FILES

CPU = torch.device("cpu")


@pytest.fixture
def clips(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("cat", "a", "b")):
        clip(tmp_path / f"{name}.npz", 13, 24, 24, seed=seed)
    return open_clips("cat.npz", ["a.npz", "b.npz"])


def models(*texts):
    return [load_classifier(parse_choice(text), CPU) for text in texts]


def predictor():
    settings = PredictionSettings("none", size=(16, 16), device="cpu")
    return load_predictor(settings)


def counting():
    """Give a `begin` and the list of what it was told."""
    begun: list[list] = []

    def begin(name, frames):
        begun.append([name, frames, 0])
        place = len(begun) - 1

        def on_frame(_):
            begun[place][2] += 1

        return on_frame

    return begin, begun


class TestCka:
    def test_one_clip_has_nothing_to_be_compared_with(self, clips):
        part = CkaPart(models("tiny_classifier:image@late"), CkaSettings())
        with pytest.raises(InputError, match=r"--cka: compares .*cat\.npz, and there is none"):
            part.steps(clips[:1])

    def test_table_figures_and_section(self, clips):
        part = CkaPart(
            models("tiny_classifier:image@early.1,late", "tiny_classifier:video@1"), CkaSettings()
        )
        begin, begun = counting()
        added = part.added(clips, begin)
        assert sum(frames for _, frames, _ in begun) == part.steps(clips)
        assert all(frames == done for _, frames, done in begun)
        videos = {one.name: one.video for one in clips[1:]}
        expected = [
            row
            for model in part.models
            for row in cka_rows(clips[0].video, videos, clips[0].name, model)
        ]
        assert added.tables == {"cka.csv": expected}
        titles = [axis.get_title(loc="left") for axis in added.figures["cka"].axes]
        assert [one.rpartition(", ")[2] for one in titles] == ["early.1", "late", "1"]
        first = added.figures["cka"].axes[0].get_lines()[0]
        here = [
            row["value"] for row in expected if (row["clip"], row["layer"]) == ("a.npz", "early.1")
        ]
        assert first.get_ydata().tolist() == here
        late = added.figures["cka"].axes[2].get_lines()[0]
        # a window is named by its last frame
        assert late.get_xdata()[0] == pytest.approx(4 / float(clips[0].video.fps))
        assert "channels as examples" in added.section.body
        assert "each window of 5 frames" in added.section.body

    def test_one_value_for_a_clip_has_no_course(self, clips):
        part = CkaPart(models("tiny_classifier:image@late"), CkaSettings("frames", True))
        added = part.added(clips, counting()[0])
        assert set(added.figures) == {"cka_means"}
        assert "frames as examples" in added.section.body
        assert "unbiased estimator" in added.section.body

    def test_random_weights_are_marked(self, clips):
        part = CkaPart(models("mobilenet_v2=none@features.1"), CkaSettings())
        added = part.added(clips, counting()[0])
        (panel,) = added.figures["cka"].axes
        assert panel.get_title(loc="left") == "mobilenet_v2 (random weights), features.1"
        assert "weights=none (random, seed 0)" in added.section.body


def test_prediction(clips):
    part = PredictionPart(predictor())
    begin, begun = counting()
    added = part.added(clips, begin)
    assert part.steps(clips) == 9
    assert [one[1:] for one in begun] == [[3, 3]] * 3
    natural, *others = (predictions(one.video, part.network) for one in clips)
    expected = [
        *natural.rows("cat.npz"),
        *(r for one, p in zip(clips[1:], others, strict=True) for r in p.rows(one.name, "cat.npz")),
    ]
    assert added.tables == {"prediction.csv": expected}
    figure = added.figures["prediction"]
    assert len(figure.axes) == 5 + 4
    for line, one in zip(figure.axes[0].get_lines(), (natural, *others), strict=True):
        assert line.get_ydata()[10:].tolist() == one.values["ssim"][10:].tolist()
    # three true and three predicted frames of every clip
    assert added.section.body.count('<img src="data:image/png') == 18
    assert "from the 10 before it" in added.section.body


def test_in_a_report(clips):
    parts = [
        CkaPart(models("tiny_classifier:image@late"), CkaSettings()),
        PredictionPart(predictor()),
    ]
    begin, begun = counting()
    paths = write_report("one", clips, "words", begin=begin, parts=parts)
    steps = frames_to_read(clips) + sum(part.steps(clips) for part in parts)
    assert sum(frames for _, frames, _ in begun) == steps
    names = {path.name for path in paths}
    added = {
        f"{name}.{kind}"
        for name in ("cka", "cka_means", "prediction", "prediction_means")
        for kind in ("png", "svg")
    }
    assert names == {*FILES, *added, "cka.csv", "prediction.csv"}
    assert names == {path.name for path in Path("one").iterdir()}
    page = Path("one/index.html").read_text("utf-8")
    places = [
        page.index(f'id="{one}"') for one in ("comparison", "cka", "prediction", "provenance")
    ]
    assert places == sorted(places)
    with open("one/cka.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 26
    expected = as_csv(table(predictions(clips[0].video, parts[1].network).rows("cat.npz")))
    text = Path("one/prediction.csv").read_text()
    assert text.splitlines()[1].split(",")[0] == expected.splitlines()[1].split(",")[0]
    # a report with models is replaced by one without, and nothing of it stays
    write_report("one", clips, "words", overwrite=True)
    assert {path.name for path in Path("one").iterdir()} == set(FILES)
    write_report("two", clips, "words", parts=parts)
    write_report("one", clips, "words", overwrite=True, parts=parts)
    for name in names:
        assert (Path("one") / name).read_bytes() == (Path("two") / name).read_bytes(), name
