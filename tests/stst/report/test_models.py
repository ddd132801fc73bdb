from __future__ import annotations

import csv
import html
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from report_files import FILES
from small_runs import clip
from stst.analysis.cka.models import cka_rows
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.cka.verdicts import is_null, layers_of
from stst.analysis.prediction import PredictionSettings, load_predictor, predictions
from stst.analysis.tables import as_csv, table
from stst.config.cka import CkaSettings, ClassifierSpec, parse_choice
from stst.errors import InputError, StstError
from stst.models.classifiers import load_classifier
from stst.report import frames_to_read, open_clips, write_report
from stst.report.formatting import number
from stst.report.models import CkaPart, FailedPart, PredictionPart, load_parts
from stst.video import read_video, write_video
from stst.video.samples import sample_path

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
        part = CkaPart(models("tiny_classifier:image@late"), CkaSettings(), UnrelatedClips())
        with pytest.raises(InputError, match=r"`cka`: compares .*cat\.npz, and there is none"):
            part.steps(clips[:1])

    def test_table_figures_and_section(self, clips):
        chosen = models("tiny_classifier:image@early.1,late", "tiny_classifier:video@1")
        part = CkaPart(chosen, CkaSettings(), UnrelatedClips())
        begin, begun = counting()
        added = part.add(clips, begin)
        assert sum(frames for _, frames, _ in begun) == part.steps(clips)
        assert all(frames == done for _, frames, done in begun)
        videos = {one.name: one.video for one in clips[1:]}
        unrelated = UnrelatedClips().apart_from_each(clips[0].video, videos)
        expected = [
            row
            for model in part.models
            for row in cka_rows(clips[0].video, videos, clips[0].name, model, unrelated)
        ]
        assert added.tables == {"cka.csv": expected}
        titles = [axis.get_title(loc="left") for axis in added.figures["cka"].axes]
        assert [one.rpartition(", ")[2] for one in titles] == ["early.1", "late", "1"]
        first = added.figures["cka"].axes[0].get_lines()[0]
        here = [
            row
            for row in expected
            if (row["clip"], row["layer"]) == ("a.npz", "early.1") and not is_null(row)
        ]
        assert first.get_ydata().tolist() == [row["value"] for row in here]
        # the band of each of the two clips is shaded in its colour, and said to be of three clips
        spans = [one for one in added.figures["cka"].axes[0].patches if one.get_alpha()]
        assert len(spans) == 2
        low, high = here[0]["null_low"], here[0]["null_high"]
        assert [spans[0].get_y(), spans[0].get_y() + spans[0].get_height()] == [
            pytest.approx(low), pytest.approx(high),
        ]  # fmt: skip
        words = "(shaded: 95 % of pairs with 3 unrelated clips)"
        for name in ("cka", "cka_means"):
            assert added.figures[name].axes[0].get_xlabel().endswith(words)
        bars = added.figures["cka_means"].axes[0].patches
        band = next(bar for bar in bars if bar.get_height() > 0.9)
        assert (band.get_x(), band.get_width()) == pytest.approx((low, high - low))
        late = added.figures["cka"].axes[2].get_lines()[0]
        # a window is named by its last frame
        assert late.get_xdata()[0] == pytest.approx(4 / float(clips[0].video.fps))
        assert "channels as examples" in added.section.body
        assert "each window of 5 frames" in added.section.body
        assert "unbiased estimator (Song et al. 2012)" in added.section.body
        assert "comes from 3 unrelated clips:" in added.section.body
        assert "A band of 3 is a rough one" in added.section.body
        for one in layers_of(expected):
            cells = [number(value) for value in (one.mean, one.noise, one.timing)]
            for cell in (*cells, f"{number(one.band[0])} to {number(one.band[1])}", one.verdict):
                assert f"<td>{cell}</td>" in added.section.body

    def test_one_value_for_a_clip_has_no_course(self, clips):
        settings = CkaSettings("frames", "biased")
        part = CkaPart(models("tiny_classifier:image@late"), settings, UnrelatedClips())
        added = part.add(clips, counting()[0])
        assert set(added.figures) == {"cka_means"}
        assert "frames as examples" in added.section.body
        assert "all units of a layer as features, biased estimator" in added.section.body

    def test_random_weights_are_marked(self, clips):
        part = CkaPart(models("mobilenet_v2=none@features.1"), CkaSettings(), UnrelatedClips())
        added = part.add(clips, counting()[0])
        (panel,) = added.figures["cka"].axes
        assert panel.get_title(loc="left") == "mobilenet_v2 (random weights), features.1"
        assert "weights=none (random, seed 0)" in added.section.body


WEIGHTS = "mobilenet_v2_imagenet.safetensors"
# photographs that come with scikit-image, of other content than the sample clips
PHOTOGRAPHS = (
    "camera.png", "clock_motion.png", "coins.png", "hubble_deep_field.jpg", "moon.png",
    "motorcycle_left.png", "rocket.jpg",
)  # fmt: skip


@pytest.mark.golden
def test_unrelated_and_related_clips_in_a_trained_network(tmp_path, monkeypatch):
    """At every layer the astronaut lies among unrelated clips, the cat and a blurred cat above."""
    if not (Path(os.environ.get("STST_WEIGHTS_DIR", "nowhere")) / WEIGHTS).exists():
        pytest.skip(f"golden: {WEIGHTS} is not here (set STST_WEIGHTS_DIR)")
    import skimage
    from scipy.ndimage import gaussian_filter

    monkeypatch.chdir(tmp_path)
    shutil.copy(sample_path("cat"), "same.mkv")
    cat = read_video("same.mkv")
    blurred = gaussian_filter(cat.frames.astype(float), (0, 0.5, 0.5, 0))
    write_video("blurred.mkv", np.rint(blurred).astype(np.uint8), cat.fps)
    layers = tuple(f"features.{place}" for place in range(19))
    choice = ClassifierSpec("mobilenet_v2", WEIGHTS, layers, mean=(0.5,) * 3, std=(0.5,) * 3)
    data = Path(skimage.__file__).parent / "data"
    nulls = UnrelatedClips(data / name for name in PHOTOGRAPHS)
    part = CkaPart([load_classifier(choice, CPU)], CkaSettings(), nulls)
    shown = open_clips(sample_path("cat"), [sample_path("astronaut"), "same.mkv", "blurred.mkv"])
    added = part.add(shown, counting()[0])
    found = layers_of(added.tables["cka.csv"])
    assert len(found) == 3 * len(layers)
    expected = {"astronaut": ("inside", 8), "same": ("above", 9), "blurred": ("above", 9)}
    for one in found:
        told = one.verdict, one.clips
        assert told == expected[Path(one.clip).stem], one.sentence()
    # two pictures that have nothing in common, early and late
    alike = {one.layer: one.mean for one in found if Path(one.clip).stem == "astronaut"}
    assert (alike["features.3"], alike["features.18"]) == pytest.approx((0.804, 0.003), abs=0.005)
    # the page says the same, layer by layer
    verdicts = re.findall(r"<td>(inside|above|below)</td>", str(added.section.body))
    assert verdicts == ["inside", "above", "above"] * len(layers)
    assert "comes from 8 unrelated clips" in added.section.body


def test_prediction(clips):
    part = PredictionPart(predictor())
    begin, begun = counting()
    added = part.add(clips, begin)
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
        CkaPart(models("tiny_classifier:image@late"), CkaSettings(), UnrelatedClips()),
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
        # 13 frames of two clips, and three kinds of null of each
        assert len(list(csv.DictReader(file))) == 32
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


class TestLeftOut:
    """What fails in a model does not take the rest of the report with it."""

    @staticmethod
    def written(clips, parts):
        """Write a report; give the names of its files, its page, and what was left out."""
        left_out = []
        paths = write_report("one", clips, "words", parts=parts, on_left_out=left_out.append)
        page = html.unescape(Path("one/index.html").read_text("utf-8"))
        for one in left_out:
            assert f"<li><strong>{one}</strong></li>" in page
        return {path.name for path in paths}, page, left_out

    def test_clips_that_are_too_short_for_one_of_two_parts(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for seed, name in enumerate("ab"):
            clip(tmp_path / f"{name}.npz", 6, 24, 24, seed=seed)
        short = open_clips("a.npz", ["b.npz"])
        cka = CkaPart(models("tiny_classifier:image@late"), CkaSettings(), UnrelatedClips())
        names, page, left_out = self.written(short, [PredictionPart(predictor()), cka])
        (one,) = left_out
        assert one.what == "prediction by PredNet"
        assert "6 frames; PredNet sees 11 frames" in str(one)
        assert {"cka.csv", "features.csv", "index.html"} <= names
        assert "prediction.csv" not in names
        assert 'id="cka"' in page
        assert 'id="prediction"' not in page

    def test_one_of_two_models_of_cka(self, clips):
        good, bad = models("tiny_classifier:image@late", "tiny_classifier:video@1")
        whole = CkaPart([good], CkaSettings(), UnrelatedClips()).add(clips, counting()[0])

        def failing(frames):
            found = type(bad).activations(bad, frames)
            calls.append(None)
            if len(calls) > 5:
                raise StstError("the device was lost.")
            return found

        calls = []
        object.__setattr__(bad, "activations", failing)
        part = CkaPart([bad, good], CkaSettings(), UnrelatedClips())
        added = part.add(clips, counting()[0])
        # nothing of the model that got halfway, all of the other
        assert len(calls) > 5
        assert added.tables == whole.tables
        assert added.section.body == whole.section.body
        names, _, left_out = self.written(clips, [part])
        assert list(map(str, left_out)) == [
            "CKA in tiny_classifier:video is left out: the device was lost."
        ]
        assert "cka.png" in names

    def test_a_lack_of_memory(self, clips):
        (model,) = models("tiny_classifier:image@late")

        def failing(frames):
            raise MemoryError

        object.__setattr__(model, "activations", failing)
        part = CkaPart([model], CkaSettings(), UnrelatedClips())
        names, _, left_out = self.written(clips, [part])
        (one,) = left_out
        assert str(one).startswith("CKA in tiny_classifier:image is left out: out of memory. Take")
        assert names == set(FILES)

    def test_no_clip_for_a_null(self, clips):
        nulls = UnrelatedClips()
        nulls._known.clear()
        part = CkaPart(models("tiny_classifier:image@late"), CkaSettings(), nulls)
        names, page, left_out = self.written(clips, [part])
        (one,) = left_out
        assert "cat.npz and a.npz has no null" in str(one)
        assert names == set(FILES)
        assert 'id="cka"' not in page

    def test_what_cannot_be_loaded(self, clips):
        settings = PredictionSettings("none.hdf5", device="cpu")
        choices = [parse_choice("tiny_classifier:image@late"), parse_choice("resnet51=none")]
        parts, _ = load_parts(choices, CkaSettings(), settings, "cpu")
        assert [type(one) for one in parts] == [CkaPart, FailedPart]
        names, _, left_out = self.written(clips, parts)
        assert [one.what for one in left_out] == ["CKA in resnet51", "prediction by PredNet"]
        assert "none.hdf5" in str(left_out[1])
        assert "cka.csv" in names

    def test_what_is_cancelled_is_not_left_out(self, clips):
        class StoppedError(Exception):
            pass

        def begin(name, frames):
            def on_frame(_):
                raise StoppedError

            return on_frame

        part = CkaPart(models("tiny_classifier:image@late"), CkaSettings(), UnrelatedClips())
        with pytest.raises(StoppedError):
            part.add(clips, begin)
