from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from small_runs import FPS, clip, frames
from stst.analysis.cka import as_examples, linear_cka
from stst.analysis.model_cka import cka_rows, steps, undefined
from stst.config.choice import CkaSettings, ModelChoice
from stst.errors import InputError
from stst.models.classifiers import load_classifier
from stst.video import LazyVideo, Video

CPU = torch.device("cpu")
HALF = (0.5, 0.5, 0.5)
GOLDEN = Path(__file__).parents[2] / "golden/cka_golden.json"


@pytest.fixture(scope="module")
def image():
    return load_classifier(
        ModelChoice("tiny_classifier:image", layers=("early", "late"), input="native"), CPU
    )


@pytest.fixture(scope="module")
def video():
    choice = ModelChoice("tiny_classifier:video", layers=("1", "2"), window=3, kind="video")
    return load_classifier(choice, CPU)


def video_of(seed, count=6):
    return Video(frames(count, seed=seed), FPS)


def activations(model, shown, layer):
    ends = range(model.window, len(shown) + 1)
    return [model.activations(shown[end - model.window : end])[layer] for end in ends]


class TestFrames:
    @pytest.mark.parametrize("examples", ["channels", "positions"])
    @pytest.mark.parametrize("unbiased", [False, True])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_every_row(self, kind, examples, unbiased, request):
        model = request.getfixturevalue(kind)
        natural, others = video_of(0), {"b": video_of(1), "a": video_of(2)}
        rows = cka_rows(natural, others, "n", model, CkaSettings(examples, unbiased))
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
            assert row["value"] == linear_cka(here, there, unbiased)
            assert row["time_s"] == float(row["frame"] / FPS)
            assert row["measure"] == f"cka{'_unbiased' * unbiased}.{examples}"
            assert (row["reference"], row["unit"], row["model"]) == ("n", "1", model.name)

    def test_with_itself(self, image):
        clip = video_of(0)
        rows = cka_rows(clip, {"same": clip}, "n", image)
        assert [row["value"] for row in rows] == [pytest.approx(1, abs=1e-12)] * 12

    def test_the_clips_own_numbers(self, image, tmp_path):
        part = LazyVideo(clip(tmp_path / "x.npz", 6, seed=3), "2:5")
        rows = cka_rows(Video(frames(3), FPS), {"x": part}, "n", image)
        assert [row["frame"] for row in rows[::2]] == [2, 3, 4]
        assert rows[0]["time_s"] == float(2 / FPS)

    def test_undefined(self):
        choice = ModelChoice("tiny_classifier:image", layers=("early", "mean"), kind="image")
        clip = video_of(0, 1)
        rows = cka_rows(
            clip, {"x": clip}, "n", load_classifier(choice, CPU), CkaSettings("positions")
        )
        # pooled, there is one position only
        assert [np.isnan(row["value"]) for row in rows] == [False, True]


class TestClips:
    @pytest.mark.parametrize("unbiased", [False, True])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_every_row(self, kind, unbiased, request):
        model = request.getfixturevalue(kind)
        natural, others = video_of(0), {"b": video_of(1), "a": video_of(2)}
        rows = cka_rows(natural, others, "n", model, CkaSettings("frames", unbiased))
        assert [(row["clip"], row["layer"]) for row in rows] == [
            (name, layer) for name in others for layer in model.layers
        ]
        for row in rows:
            here, there = (
                torch.stack([one.flatten() for one in activations(model, shown, row["layer"])])
                for shown in (natural.frames, others[row["clip"]].frames)
            )
            assert row["value"] == pytest.approx(linear_cka(here, there, unbiased), abs=1e-9)
            assert set(row) == {
                "clip", "reference", "model", "layer", "measure", "value", "unit",
            }  # fmt: skip

    def test_no_room(self, image, monkeypatch):
        monkeypatch.setattr("stst.analysis.model_cka.free_memory", lambda device: 1000)
        with pytest.raises(InputError) as caught:
            cka_rows(video_of(0), {"x": video_of(1)}, "n", image, CkaSettings("frames"))
        assert str(caught.value) == (
            f"{image.name}: with frames as examples all 3312 units of 6 frames are held, 0.0 GB, "
            "and 0.0 GB are free. Choose fewer --layers or deeper ones, fewer frames, or a smaller "
            "--max-side."
        )


class TestWork:
    @pytest.mark.parametrize("examples", ["channels", "frames"])
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_the_natural_clip_is_shown_once(self, kind, examples, request):
        model = request.getfixturevalue(kind)
        others = {name: video_of(seed) for seed, name in enumerate("abc")}
        seen = []
        cka_rows(video_of(9), others, "n", model, CkaSettings(examples), seen.append)
        assert seen == list(range(steps(6, 3, model)))
        assert len(seen) == 4 * (7 - model.window)

    def test_cancelled(self, image):
        def stop(number):
            if number == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            cka_rows(video_of(0), {"x": video_of(1)}, "n", image, on_frame=stop)

    def test_lengths(self, image, video):
        with pytest.raises(InputError) as caught:
            cka_rows(video_of(0), {"x": video_of(1, 5)}, "n", image)
        assert str(caught.value) == (
            "x has 5 frames and n has 6. Choose frames so that both agree."
        )
        with pytest.raises(InputError) as caught:
            cka_rows(video_of(0, 2), {"x": video_of(1, 2)}, "n", video)
        assert str(caught.value) == (
            "n: 2 frames are fewer than the model sees at once, 3. Give a smaller --window N, or "
            "more frames."
        )


@pytest.fixture(scope="module")
def trained():
    layers = tuple(json.loads(GOLDEN.read_text())["layers"])
    weights = "mobilenet_v2_imagenet.safetensors"
    if not (Path(os.environ.get("STST_WEIGHTS_DIR", "nowhere")) / weights).exists():
        pytest.skip(f"golden: {weights} is not here (set STST_WEIGHTS_DIR)")
    choice = ModelChoice("mobilenet_v2", weights, layers, input="native", mean=HALF, std=HALF)
    return load_classifier(choice, CPU)


@pytest.mark.golden
@pytest.mark.parametrize("mode", ["plain", "plain_debiased"])
def test_golden(golden, request, mode):
    shown = golden("cka_frames_128x224")
    model = request.getfixturevalue("trained")
    for pair, expected in json.loads(GOLDEN.read_text())[mode].items():
        natural, other = (Video(shown[name][None], FPS) for name in pair.split("|"))
        settings = CkaSettings(unbiased=mode.endswith("debiased"))
        rows = cka_rows(natural, {"other": other}, "natural", model, settings)
        found = {row["layer"]: row["value"] for row in rows}
        assert found == pytest.approx(expected, abs=1e-3), pair


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="gpu: no CUDA device here")
@pytest.mark.parametrize("examples", ["channels", "positions", "frames"])
@pytest.mark.parametrize("model", ["mobilenet_v2", "r3d_18"])
def test_a_gpu_agrees(model, examples):
    choice = ModelChoice(model, "none", input="native")
    clips = [Video(frames(7, 64, 80, seed), FPS) for seed in (0, 1)]
    here, there = (
        cka_rows(
            clips[0], {"x": clips[1]}, "n",
            load_classifier(choice, torch.device(device)), CkaSettings(examples),
        )
        for device in ("cpu", "cuda")
    )  # fmt: skip
    np.testing.assert_allclose(
        [row["value"] for row in there], [row["value"] for row in here], atol=1e-4
    )


def test_what_is_undefined_is_named():
    rows = [
        {"model": "m [weights=none]", "layer": layer, "value": value}
        for layer, value in (("a", 1.0), ("b", np.nan), ("b", 0.5), ("b", np.nan))
    ]
    (note,) = undefined(rows)
    assert note.startswith("m, b: CKA is undefined in 2 of 3 values, where all examples are alike")
    assert undefined(rows[:1]) == []
