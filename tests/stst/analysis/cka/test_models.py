from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from small_runs import FPS, clip, frames
from stst.analysis.cka.models import cka_rows, list_undefined, steps
from stst.analysis.cka.similarity import as_examples, linear_cka
from stst.analysis.cka.unrelated import UnrelatedClip, crop_to
from stst.analysis.cka.verdicts import is_null
from stst.config.cka import CkaSettings, ClassifierSpec
from stst.errors import InputError
from stst.models.classifiers import load_classifier
from stst.video import LazyVideo, Video, as_grey, is_grey

CPU = torch.device("cpu")
HALF = (0.5, 0.5, 0.5)
GOLDEN = Path(__file__).parents[3] / "golden/cka_golden.json"


@pytest.fixture(scope="module")
def image():
    return load_classifier(
        ClassifierSpec("tiny_classifier:image", layers=("early", "late"), input="native"), CPU
    )


@pytest.fixture(scope="module")
def video():
    choice = ClassifierSpec("tiny_classifier:video", layers=("1", "2"), window=3, kind="video")
    return load_classifier(choice, CPU)


def video_of(seed, count=6):
    return Video(frames(count, seed=seed), FPS)


def unrelated(names, *counts):
    """Give every clip the same unrelated ones, of so many frames each, and of another size."""
    clips = [
        UnrelatedClip(f"u{seed}", Video(frames(count, 22, 30, seed), FPS))
        for seed, count in enumerate(counts or (6, 9), 50)
    ]
    return {name: clips for name in names}


def compared(natural, others, model, settings=CkaSettings(), **options):  # noqa: B008
    """Give the rows of values, without those of nulls."""
    rows = cka_rows(natural, others, "n", model, unrelated(others), settings, **options)
    return [row for row in rows if not is_null(row)]


def activations(model, shown, layer):
    ends = range(model.window, len(shown) + 1)
    return [model.activations(shown[end - model.window : end])[layer] for end in ends]


class TestFrames:
    @pytest.mark.parametrize("examples", ["channels", "positions"])
    @pytest.mark.parametrize("estimator", ["unbiased", "biased"])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_every_row(self, kind, examples, estimator, request):
        model = request.getfixturevalue(kind)
        natural, others = video_of(0), {"b": video_of(1), "a": video_of(2)}
        rows = compared(natural, others, model, CkaSettings(examples, estimator))
        places = range(model.window - 1, 6)
        expected = [(name, place, layer) for name in others for place in places
                    for layer in model.layers]  # fmt: skip
        assert [(row["clip"], row["frame"], row["layer"]) for row in rows] == expected
        for row in rows:
            here, there = (
                as_examples(
                    activations(model, one.frames, row["layer"])[row["frame"] - model.window + 1],
                    examples,
                )
                for one in (natural, others[row["clip"]])
            )
            assert row["value"] == linear_cka(here, there, estimator)
            assert row["time_s"] == float(row["frame"] / FPS)
            assert row["measure"] == f"cka{'_unbiased' * (estimator == 'unbiased')}.{examples}"
            assert (row["reference"], row["unit"], row["model"]) == ("n", "1", model.name)

    def test_with_itself(self, image):
        clip = video_of(0)
        rows = compared(clip, {"same": clip}, image)
        assert [row["value"] for row in rows] == [pytest.approx(1, abs=1e-12)] * 12

    def test_the_clips_own_numbers(self, image, tmp_path):
        part = LazyVideo(clip(tmp_path / "x.npz", 6, seed=3), "2:5")
        rows = compared(Video(frames(3), FPS), {"x": part}, image)
        assert [row["frame"] for row in rows[::2]] == [2, 3, 4]
        assert rows[0]["time_s"] == float(2 / FPS)

    def test_undefined(self):
        choice = ClassifierSpec("tiny_classifier:image", layers=("early", "mean"), kind="image")
        clip = video_of(0, 1)
        rows = compared(clip, {"x": clip}, load_classifier(choice, CPU), CkaSettings("positions"))
        # pooled, there is one position only
        assert [np.isnan(row["value"]) for row in rows] == [False, True]


class TestClips:
    @pytest.mark.parametrize("estimator", ["unbiased", "biased"])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_every_row(self, kind, estimator, request):
        model = request.getfixturevalue(kind)
        natural, others = video_of(0), {"b": video_of(1), "a": video_of(2)}
        rows = compared(natural, others, model, CkaSettings("frames", estimator))
        assert [(row["clip"], row["layer"]) for row in rows] == [
            (name, layer) for name in others for layer in model.layers
        ]
        for row in rows:
            here, there = (
                torch.stack([one.flatten() for one in activations(model, shown, row["layer"])])
                for shown in (natural.frames, others[row["clip"]].frames)
            )
            assert row["value"] == pytest.approx(linear_cka(here, there, estimator), abs=1e-9)
            assert set(row) == {
                "clip", "reference", "model", "layer", "measure", "value", "unit", "null_low",
                "null_high", "null_kind", "null_clips", "null_pairs",
            }  # fmt: skip

    def test_no_room(self, image, monkeypatch):
        monkeypatch.setattr("stst.analysis.cka.onlooker.free_memory", lambda device: 1000)
        with pytest.raises(InputError) as caught:
            compared(video_of(0), {"x": video_of(1)}, image, CkaSettings("frames"))
        assert str(caught.value) == (
            f"{image.name}: with frames as examples all 3312 units of 6 frames are held, 0.0 GB, "
            "and 0.0 GB are free. Choose fewer layers or deeper ones, fewer frames, or a smaller "
            "`max_side`."
        )


def by_hand(model, clips, layer, settings):
    """Lay out the frames that stand for clips, all brought to one size."""
    size = clips[0].frames.shape[1:3]
    found = []
    for one in clips:
        shown = np.stack([crop_to(frame, size) for frame in one.frames])
        rows = [as_examples(a, settings.examples) for a in activations(model, shown, layer)]
        places = np.linspace(0, len(rows) - 1, min(5, len(rows))).round().astype(int)
        found.append([rows[place] for place in places])
    return found


def all_pairs(one, other, estimator):
    return [linear_cka(x, y, estimator) for x in one for y in other]


class TestNull:
    @pytest.mark.parametrize("examples", ["channels", "positions"])
    @pytest.mark.parametrize("estimator", ["unbiased", "biased"])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_the_band_by_hand(self, kind, examples, estimator, request):
        """Quantiles over each two of four clips, but the pair that is tested."""
        model, told = request.getfixturevalue(kind), CkaSettings(examples, estimator)
        natural, other, nulls = video_of(0), video_of(1), unrelated("x", 6, 9)
        rows = cka_rows(natural, {"x": other}, "n", model, nulls, told)
        for layer in model.layers:
            clips = [natural, other, *(one.clip for one in nulls["x"])]
            a, b, u, v = by_hand(model, clips, layer, told)
            pairs = (a, u), (a, v), (b, u), (b, v), (u, v)
            values = [value for pair in pairs for value in all_pairs(*pair, estimator)]
            low, high = np.quantile(values, [0.025, 0.975])
            here = [row for row in rows if row["layer"] == layer]
            null = {row["null_kind"]: row for row in here if is_null(row)}
            assert list(null) == ["unrelated", "noise", "timing"]
            for row in here:
                if not is_null(row) or row["null_kind"] == "unrelated":
                    assert row["null_low"] == pytest.approx(low, abs=1e-9)
                    assert row["null_high"] == pytest.approx(high, abs=1e-9)
                    assert (row["null_kind"], row["null_clips"]) == ("unrelated", 2)
                    assert row["null_pairs"] == len(values)
            assert null["unrelated"]["value"] == pytest.approx(np.mean(values), abs=1e-9)
            moved = [
                linear_cka(x, y, estimator)
                for i, x in enumerate(a) for j, y in enumerate(b) if i != j
            ]  # fmt: skip
            assert null["timing"]["value"] == pytest.approx(np.mean(moved), abs=1e-9)
            ends = null["timing"]["null_low"], null["timing"]["null_high"]
            assert ends == pytest.approx(tuple(np.quantile(moved, [0.025, 0.975])), abs=1e-9)
            assert null["timing"]["null_pairs"] == len(a) * (len(a) - 1)
            assert "null_clips" not in null["timing"]

    def test_a_tested_pair_is_not_of_its_null(self, image):
        clip = video_of(0)
        rows = cka_rows(clip, {"same": clip}, "n", image, unrelated(["same"]))
        assert all(row["null_high"] < row["value"] - 1e-6 for row in rows if not is_null(row))

    @pytest.mark.parametrize("grey", [True, False])
    def test_unrelated_clips_have_colour_where_the_natural_one_has(self, image, monkeypatch, grey):
        shown = []
        seen = type(image).activations

        def spied(model, window):
            shown.append(np.array(window[0]))
            return seen(model, window)

        monkeypatch.setattr(type(image), "activations", spied)
        natural, other = video_of(0), video_of(1)
        if grey:
            natural, other = (
                Video(np.stack([as_grey(frame) for frame in one.frames]), FPS)
                for one in (natural, other)
            )
        cka_rows(natural, {"o": other}, "n", image, unrelated(["o"]))
        assert is_grey(shown) == grey
        assert len(shown) > 6 + 6, "the pair alone"

    def test_noise_has_the_colours_of_the_clip_and_nothing_else(self, image, monkeypatch):
        shown = []
        seen = type(image).activations

        def spied(model, window):
            shown.append(window[0])
            return seen(model, window)

        monkeypatch.setattr(type(image), "activations", spied)
        natural = Video(np.sort(frames(6), axis=2), FPS)  # gradients
        cka_rows(natural, {"x": video_of(1)}, "n", image, unrelated("x"))
        clips = [*natural.frames, *frames(6, seed=1)]
        kept = [one for one in shown if not any(np.array_equal(one, frame) for frame in clips)][:5]
        for place, noise in zip(np.linspace(0, 5, 5).round().astype(int), kept, strict=True):
            frame = natural.frames[place]
            assert sorted(map(tuple, noise.reshape(-1, 3))) == sorted(
                map(tuple, frame.reshape(-1, 3))
            )
            rows = noise.mean(2)
            assert abs(np.corrcoef(rows[:, :-1].ravel(), rows[:, 1:].ravel())[0, 1]) < 0.2

    def test_frames_as_examples(self, image):
        """One value for each two clips, over as many first frames as the shorter one has."""
        told, nulls = CkaSettings("frames"), unrelated("x", 5, 9)
        natural, other = video_of(0), video_of(1)
        rows = cka_rows(natural, {"x": other}, "n", image, nulls, told)
        size = natural.frames.shape[1:3]
        for layer in image.layers:
            sets = [
                torch.stack(
                    [
                        image.activations(crop_to(frame, size)[None])[layer].flatten()
                        for frame in one.frames[:6]
                    ]
                )
                for one in (natural, other, *(null.clip for null in nulls["x"]))
            ]
            values = []
            for one, two in ((0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
                count = min(len(sets[one]), len(sets[two]))
                values.append(linear_cka(sets[one][:count], sets[two][:count]))
            here = [row for row in rows if row["layer"] == layer]
            ends = tuple(np.quantile(values, [0.025, 0.975]))
            assert (here[0]["null_low"], here[0]["null_high"]) == pytest.approx(ends, abs=1e-6)
            assert here[0]["null_pairs"] == 5
            timing = next(row for row in here if row["null_kind"] == "timing")
            assert abs(timing["value"]) < 0.5
            assert timing["null_pairs"] > 90

    def test_it_is_of_each_pair(self, image):
        """What else is compared changes no band, and clips are left out pair by pair."""
        others = {"a": video_of(1), "b": video_of(2)}
        (one, two), (three,) = unrelated("a")["a"], unrelated("a", 7)["a"]
        nulls = {"a": [one, two], "b": [three]}
        together = cka_rows(video_of(0), others, "n", image, nulls)
        for name, other in others.items():
            alone = cka_rows(video_of(0), {name: other}, "n", image, nulls)
            assert [row for row in together if row["clip"] == name] == alone
        assert {(row["clip"], row.get("null_clips")) for row in together if not is_null(row)} == {
            ("a", 2), ("b", 1),
        }  # fmt: skip

    def test_a_model_sees_an_unrelated_clip_once(self, image, monkeypatch):
        nulls = unrelated("x")
        shown = []
        seen = type(image).activations

        def counted(model, window):
            shown.append(window.shape)
            return seen(model, window)

        monkeypatch.setattr(type(image), "activations", counted)
        first = cka_rows(video_of(0), {"x": video_of(1)}, "n", image, nulls)
        once = len(shown)
        again = cka_rows(video_of(0), {"x": video_of(1)}, "n", image, nulls)
        assert again == first
        assert len(shown) == 2 * once - 10

    def test_no_unrelated_clip_is_long_enough(self, video):
        with pytest.raises(InputError) as caught:
            cka_rows(video_of(0), {"x": video_of(1)}, "n", video, unrelated("x", 2, 1))
        assert str(caught.value) == (
            "CKA of x has no null: no unrelated clip is long enough: u50, u51 have fewer than 3 "
            "frames. Without it, a value says nothing. Give longer natural clips of other content: "
            "`null=CLIP`."
        )

    def test_a_clip_of_one_frame_has_no_timing(self, image):
        rows = cka_rows(video_of(0, 1), {"x": video_of(1, 1)}, "n", image, unrelated("x"))
        kinds = {row["null_kind"] for row in rows if is_null(row)}
        assert kinds == {"unrelated", "noise"}


class TestWork:
    @pytest.mark.parametrize("examples", ["channels", "frames"])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_the_natural_clip_is_shown_once(self, kind, examples, request):
        model = request.getfixturevalue(kind)
        others = {name: video_of(seed) for seed, name in enumerate("abc")}
        nulls, told = unrelated(others, 6, 9), CkaSettings(examples)
        seen = []
        cka_rows(video_of(9), others, "n", model, nulls, told, seen.append)
        assert seen == list(range(steps(video_of(9), others, model, nulls, told)))
        # as many frames of noise and of the two unrelated clips as stand for a clip
        windows = 7 - model.window
        null = windows if examples == "frames" else min(5, windows)
        longer = windows if examples == "frames" else 5
        assert len(seen) == 4 * windows + 2 * null + longer

    def test_cancelled(self, image):
        def stop(number):
            if number == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            compared(video_of(0), {"x": video_of(1)}, image, on_frame=stop)

    def test_lengths(self, image, video):
        with pytest.raises(InputError) as caught:
            compared(video_of(0), {"x": video_of(1, 5)}, image)
        assert str(caught.value) == (
            "x has 5 frames and n has 6. Choose frames so that both agree."
        )
        with pytest.raises(InputError) as caught:
            compared(video_of(0, 2), {"x": video_of(1, 2)}, video)
        assert str(caught.value) == (
            "n: 2 frames are fewer than the model sees at once, 3. Give more frames, "
            "or a smaller `window`, which `stst-analyze cka` takes."
        )


@pytest.fixture(scope="module")
def trained():
    layers = tuple(json.loads(GOLDEN.read_text())["layers"])
    weights = "mobilenet_v2_imagenet.safetensors"
    if not (Path(os.environ.get("STST_WEIGHTS_DIR", "nowhere")) / weights).exists():
        pytest.skip(f"golden: {weights} is not here (set STST_WEIGHTS_DIR)")
    choice = ClassifierSpec("mobilenet_v2", weights, layers, input="native", mean=HALF, std=HALF)
    return load_classifier(choice, CPU)


@pytest.mark.golden
@pytest.mark.parametrize("mode", ["plain", "plain_debiased"])
def test_golden(golden, request, mode):
    shown = golden("cka_frames_128x224")
    model = request.getfixturevalue("trained")
    for pair, expected in json.loads(GOLDEN.read_text())[mode].items():
        natural, other = (Video(shown[name][None], FPS) for name in pair.split("|"))
        settings = CkaSettings(estimator="unbiased" if mode.endswith("debiased") else "biased")
        rows = compared(natural, {"other": other}, model, settings)
        found = {row["layer"]: row["value"] for row in rows}
        assert found == pytest.approx(expected, abs=1e-3), pair


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="gpu: no CUDA device here")
@pytest.mark.parametrize("examples", ["channels", "positions", "frames"])
@pytest.mark.parametrize("model", ["mobilenet_v2", "r3d_18"])
def test_a_gpu_agrees(model, examples):
    choice = ClassifierSpec(model, "none", input="native")
    clips = [Video(frames(7, 64, 80, seed), FPS) for seed in (0, 1)]
    here, there = (
        compared(
            clips[0], {"x": clips[1]},
            load_classifier(choice, torch.device(device)), CkaSettings(examples),
        )
        for device in ("cpu", "cuda")
    )  # fmt: skip
    np.testing.assert_allclose(
        [row["value"] for row in there], [row["value"] for row in here], atol=1e-4
    )


def test_what_is_undefined_is_named():
    rows = [
        {"model": "m [weights=none]", "layer": layer, "value": value, "measure": "cka.channels"}
        for layer, value in (("a", 1.0), ("b", np.nan), ("b", 0.5), ("b", np.nan))
    ]
    (note,) = list_undefined(rows)
    assert note.startswith("m, b: CKA is undefined in 2 of 3 values, where all examples are alike")
    assert list_undefined(rows[:1]) == []
