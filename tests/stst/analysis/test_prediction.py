from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from small_runs import clip, frames
from stst import InputError, Video
from stst.analysis.images import fit_frame
from stst.analysis.prediction import (
    MEASURES,
    LoadedPredictor,
    PredictionSettings,
    check_settings,
    cssim,
    load_predictor,
    measure_prediction,
    predict_frames,
    predictions,
)
from stst.analysis.tables import table
from stst.models.prednet import PredNet
from stst.video import LazyVideo

FPS = Fraction(25)
STRETCH = PredictionSettings("none", size=(32, 40), device="cpu")
NAMES = [one.name for one in MEASURES]


class Stub:
    """Says what it has seen: the sum of the frames before the last, and what it got."""

    levels = 2

    def __init__(self):
        self.seen = []

    def run(self, clips):
        self.seen += list(clips)
        errors = torch.stack([clips.mean(dim=(2, 3, 4)), clips.amax(dim=(2, 3, 4))], dim=2)
        return SimpleNamespace(prediction=clips.roll(1, dims=1), errors=errors)


def loaded(model, settings=STRETCH, **changes):
    return LoadedPredictor(model, replace(settings, **changes), torch.device("cpu"), "a stub")


def video(count=14, height=32, width=40, seed=0):
    return Video(frames(count, height, width, seed), FPS)


def scaled(values):
    return np.asarray(values, np.float64) / 255


@pytest.mark.golden
class TestGolden:
    """Against scikit-image's numbers for the authors' network."""

    @pytest.fixture(autouse=True)
    def numbers(self, golden):
        self.want = golden("ssim_cssim")
        network = golden("prednet_small")
        self.x, self.predicted = (network[name].astype(np.float64) for name in ("x", "prediction"))

    def course(self, sample, name, predicted):
        """Measure from frame 1 on."""
        x = self.x[sample]
        return [
            measure_prediction(x[t - 1], x[t], predicted(sample, t))[name] for t in range(1, 12)
        ]

    @pytest.mark.parametrize("sample", [0, 1])
    def test_similarity(self, sample):
        for name, key in (("ssim", "ssim_cur_pred"), ("cssim", "cssim")):
            found = self.course(sample, name, lambda s, t: self.predicted[s, t])
            want = self.want[f"small_uniform7_{key}"][sample, 1:]
            assert found == pytest.approx(want, abs=1e-6)

    @pytest.mark.parametrize("sample", [0, 1])
    def test_copy(self, sample):
        found = self.course(sample, "copy_last.ssim", lambda s, t: self.predicted[s, t])
        want = self.want["small_uniform7_ssim_prev_cur"][sample, 1:]
        assert found == pytest.approx(want, abs=1e-6)

    @pytest.mark.parametrize("percent", [0, 25, 50, 75, 100])
    def test_blends_of_the_frame_and_the_one_before(self, percent):
        share = percent / 100
        for sample in (0, 1):
            found = self.course(
                sample, "cssim",
                lambda s, t: share * self.x[s, t] + (1 - share) * self.x[s, t - 1],
            )  # fmt: skip
            want = self.want[f"blend{percent:03}_uniform7_cssim"][sample]
            assert found == pytest.approx(want, abs=1e-6)
            if percent == 0:
                assert found == [0] * 11
            if percent == 100:
                copied = self.want["small_uniform7_ssim_prev_cur"][sample, 1:]
                assert found == pytest.approx(1 - copied, abs=1e-6)


@pytest.mark.golden
class TestSmallNetwork:
    """With the weights of the golden network, from a file to the table's values."""

    @pytest.mark.parametrize("window", [2, 7, 12])
    def test_first_window_is_a_clip_from_the_zero_state(
        self, golden, tmp_path, monkeypatch, window
    ):
        numbers, similar = golden("prednet_small"), golden("ssim_cssim")
        weights = {name: one for name, one in numbers.items() if name.startswith("layer_")}
        np.savez(tmp_path / "w.npz", **weights)
        settings = replace(STRETCH, weights=str(tmp_path / "w.npz"), window=window)
        network = load_predictor(settings)
        turned = load_predictor(replace(settings, kernels="rotated"))
        assert ", kernels rotated; input=" in turned.name
        assert re.fullmatch(
            r"prednet \[weights=w.npz sha256:[0-9a-f]{8}; input=32x40 stretch\]", network.name
        )
        for sample in (0, 1):
            x = torch.from_numpy(numbers["x"][sample]).permute(0, 3, 1, 2)
            # the golden frames are no grey levels
            monkeypatch.setattr(
                "stst.analysis.prediction.fit_frame", lambda frame, *_, x=x: x[frame[0, 0, 0]]
            )
            numbered = np.zeros((12, 32, 40, 3), np.uint8) + np.arange(12)[:, None, None, None]
            found = next(predict_frames(Video(numbered.astype(np.uint8), FPS), network))
            last = window - 1
            assert found.frame == last
            want = numbers["prediction"][sample, last]
            assert found.predicted == pytest.approx(want, abs=2e-5)
            assert found.errors == pytest.approx(numbers["error"][sample, last], abs=1e-6)
            for name, key in (("ssim", "ssim_cur_pred"), ("cssim", "cssim")):
                want = similar[f"small_uniform7_{key}"][sample, last]
                assert found.measures[name] == pytest.approx(want, abs=2e-5)


class TestWindows:
    @pytest.mark.parametrize("batch", [1, 3, 4, 100])
    def test_what_the_network_is_given(self, batch):
        shown, stub = video(), Stub()
        found = list(predict_frames(shown, loaded(stub, batch=batch)))
        assert [one.frame for one in found] == [10, 11, 12, 13]
        assert len(stub.seen) == 4
        for one, seen in zip(found, stub.seen, strict=True):
            span = shown.frames[one.frame - 10 : one.frame + 1]
            assert seen.permute(0, 2, 3, 1).numpy() == pytest.approx(scaled(span), abs=1e-7)
            assert one.true == pytest.approx(scaled(span[-1]), abs=1e-7)
            assert one.previous == pytest.approx(scaled(span[-2]), abs=1e-7)
            # the stub's prediction of the last step is the frame before
            assert np.array_equal(one.predicted, one.previous)
            assert one.errors == pytest.approx((scaled(span[-1]).mean(), 1), abs=5e-3)

    def test_batches_take_the_same_memory_at_every_size(self):
        for size, windows in (((128, 160), 4), ((64, 160), 8), ((256, 320), 1), ((512, 640), 1)):
            assert PredictionSettings("none", size=size).windows == windows
        assert PredictionSettings("none", batch=7).windows == 7

    def test_window_of_another_length(self):
        stub = Stub()
        found = list(predict_frames(video(5), loaded(stub, window=3)))
        assert [one.frame for one in found] == [2, 3, 4]
        assert {len(seen) for seen in stub.seen} == {3}

    def test_progress_and_cancelling(self):
        told = []
        predictions(video(), loaded(Stub()), lambda one: told.append(one.frame))
        assert told == [10, 11, 12, 13]

        def cancel(one):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            predictions(video(), loaded(Stub()), cancel)


class TestPredictions:
    def test_copy_is_the_baseline(self):
        shown = video()
        found = predictions(shown, loaded(Stub()))
        assert list(found.values) == NAMES
        assert len(found) == 14
        for course in found.values.values():
            assert np.isnan(course[:10]).all()
        assert np.isnan(found.errors[:10]).all()
        for name in ("ssim", "mse"):
            here, there = found.values[name], found.values[f"copy_last.{name}"]
            assert np.array_equal(here, there, equal_nan=True)
        difference = scaled(shown.frames[1:]) - scaled(shown.frames[:-1])
        want = np.square(difference).mean(axis=(1, 2, 3))[9:]
        assert found.values["mse"][10:] == pytest.approx(want, rel=1e-5)
        assert found.values["cssim"][10:] == pytest.approx(0, abs=0)

    def test_rows_keep_the_clip_s_own_numbering(self, tmp_path):
        part = LazyVideo(clip(tmp_path / "x.npz", 20, 32, 40, fps=FPS), "5:17")
        found = predictions(part, loaded(Stub()))
        data = table(found.rows("x", "natural"))
        assert list(data) == [
            "clip", "reference", "frame", "time_s", "model", "layer", "measure", "value", "unit",
        ]  # fmt: skip
        assert sorted(set(data["frame"])) == [15, 16]
        assert sorted(set(data["time_s"])) == [15 / 25, 16 / 25]
        assert set(data["model"]) == {"a stub"}
        assert set(data["reference"]) == {"natural"}
        assert len(data) == 2 * (len(NAMES) + 2)
        errors = data[data["measure"] == "prediction_error"]
        assert list(errors["layer"]) == ["level 0", "level 0", "level 1", "level 1"]
        assert list(errors["value"]) == found.errors[10:].T.flatten().tolist()
        assert "reference" not in table(found.rows("x"))

    def test_batches_agree(self):
        model = PredNet((3, 4, 5), seed=1).requires_grad_(False)
        one, many = (predictions(video(), loaded(model, batch=size)) for size in (1, 4))
        for name in NAMES:
            assert one.values[name] == pytest.approx(many.values[name], abs=1e-5, nan_ok=True)
        assert one.errors == pytest.approx(many.errors, abs=1e-6, nan_ok=True)

    def test_a_clip_that_is_too_short(self, tmp_path):
        path = clip(tmp_path / "x.npz", 12)
        with pytest.raises(InputError) as error:
            predictions(LazyVideo(path, "0:10"), loaded(Stub()))
        assert str(error.value) == (
            f"{path}: 10 frames; PredNet sees 11 frames for one prediction. Give a longer clip, or "
            "more frames of it."
        )


class TestFitting:
    @pytest.mark.parametrize("size", [(24, 30), (40, 20), (90, 100)])
    def test_stretch(self, size):
        """As Pillow does it: a triangle as wide as a pixel of the coarser grid."""
        from PIL import Image

        frame = frames(1, 60, 77)[0]
        found = fit_frame(frame, size, "stretch")
        bands = [Image.fromarray(frame[..., c].astype(np.float32), mode="F") for c in range(3)]
        want = [
            np.asarray(band.resize(size[::-1], Image.Resampling.BILINEAR)) / 255 for band in bands
        ]
        assert found.shape == (3, *size)
        assert found.numpy() == pytest.approx(np.stack(want), abs=1e-5)

    @pytest.mark.parametrize(
        ("shape", "part"),
        [
            ((40, 100), (slice(0, 40), slice(25, 75))),
            ((60, 50), (slice(10, 50), slice(0, 50))),
            ((40, 50), (slice(0, 40), slice(0, 50))),
            ((41, 100), (slice(0, 41), slice(24, 75))),
        ],
    )
    def test_crop(self, shape, part):
        frame = frames(1, *shape)[0]
        found = fit_frame(frame, (32, 40), "crop")
        assert torch.equal(found, fit_frame(frame[part], (32, 40), "stretch"))

    def test_the_same_size_stays_as_it_is(self):
        frame = frames(1, 32, 40)[0]
        for fit in ("stretch", "crop"):
            found = fit_frame(frame, (32, 40), fit)
            assert np.array_equal(found.permute(1, 2, 0).mul(255).round().numpy(), frame)


class TestSettings:
    def test_name(self):
        found = load_predictor(replace(STRETCH, fit="crop"))
        assert found.name == "prednet [weights=none (random, seed 0); input=32x40 crop]"
        assert found.model.levels == 4

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"fit": "pad"}, "fit: 'pad'; there are: stretch, crop."),
            (
                {"size": (128, 156)},
                "size: 128x156; a network of 4 levels takes heights and widths that are multiples "
                "of 8, and SSIM at least 7 pixels, e.g. 128x160.",
            ),
            ({"window": 1}, "window: 1; it must be at least 2."),
            ({"batch": -1}, "batch: -1; it must be at least 1."),
            ({"batch": 0}, "batch: 0; it must be at least 1."),
        ],
    )
    def test_refusals(self, changes, said):
        with pytest.raises(InputError) as error:
            load_predictor(replace(STRETCH, **changes))
        assert str(error.value) == said

    def test_too_small_for_ssim(self):
        with pytest.raises(InputError, match="size: 4x8; a network of 1 levels"):
            check_settings(replace(STRETCH, size=(4, 8)), 1)


def test_cssim():
    assert cssim(0.8, 1.0) == 0
    assert cssim(0.8, 0.25) == pytest.approx(0.6)
