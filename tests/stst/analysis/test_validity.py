from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import stst.analysis.validity as module
from small_runs import frames
from stst import InputError, Video, read_video
from stst.analysis.gram_models import GramModel, load_judges, streams_of_pair
from stst.analysis.tables import table
from stst.analysis.validity import NULL_FRAMES, LayerValidity, percentile, steps, validity
from stst.config import StreamConfig
from stst.video import spread

FPS = Fraction(25)
CAT = Path(__file__).parents[3] / "sample_data" / "cat.mkv"
CPU = torch.device("cpu")
TINY = {
    "spatial": StreamConfig(model="tiny_model:spatial", texture_layers=("rectified", "plain")),
    "temporal": StreamConfig(model="tiny_model:temporal", texture_layers=("plain",)),
}


class Mean(torch.nn.Module):
    """One channel, the mean grey value: its Gram matrix is the square."""

    layers = ("mean",)

    def min_side(self, layers):
        return 1

    def forward(self, frames, layers):
        return {"mean": frames.flatten(1, -3).mean(dim=(1, 2, 3)).reshape(-1, 1, 1, 1)}


def mean_judge(kind="spatial"):
    return GramModel(kind, Mean(), ("mean",), "mean", None, CPU)


def grey(*values, fps=FPS):
    return Video(np.tile(np.array(values, np.uint8)[:, None, None, None], (1, 8, 9, 3)), fps)


def video(count=13, seed=0, height=18, width=20):
    return Video(frames(count, height, width, seed), FPS)


@pytest.fixture(scope="module")
def tiny():
    return load_judges(TINY, "cpu")


def distance(here, there):
    return abs(here**2 - there**2) / here**2


class TestClosedForm:
    """Grey value a against b: |a² - b²| / a²."""

    def test_frames(self):
        (found,) = validity(grey(200, 100, 50), [grey(100, 100, 100)], [mean_judge()])
        (one,) = found.layers
        assert one.distances == pytest.approx([0.75, 0, 3], rel=1e-5)
        assert one.mean == pytest.approx(1.25, rel=1e-5)

    def test_pairs_of_frames(self):
        (found,) = validity(grey(200, 100, 50), [grey(100, 100, 100)], [mean_judge("temporal")])
        (one,) = found.layers
        want = [np.nan, distance(150, 100), distance(75, 100)]
        assert one.distances == pytest.approx(want, rel=1e-5, nan_ok=True)
        assert one.mean == pytest.approx(np.mean(want[1:]), rel=1e-5)

    def test_null_of_natural_frames(self):
        values = np.linspace(50, 250, 14).astype(int)
        (found,) = validity(grey(*values), [grey(*values)], [mean_judge()])
        want = [
            distance(values[i], values[j])
            for i in range(14) for j in range(14) if abs(i - j) >= 10
        ]  # fmt: skip
        assert len(want) == 2 * (4 + 3 + 2 + 1)
        assert sorted(found.layers[0].null_natural) == pytest.approx(sorted(want), rel=1e-5)

    @pytest.mark.parametrize(
        ("fps", "apart"),
        [
            (Fraction(24), 10), (Fraction(24000, 1001), 10), (Fraction(25), 10), (Fraction(1), 1),
            (Fraction(251, 10), 11), (Fraction(30), 12), (Fraction(60000, 1001), 24),
            (Fraction(120), 48),
        ],
    )  # fmt: skip
    def test_natural_frames_are_as_many_seconds_apart_at_every_rate(self, fps, apart):
        values = np.arange(60, 60 + apart + 1)
        (found,) = validity(grey(*values, fps=fps), [grey(*values)], [mean_judge()])
        want = [distance(values[0], values[-1]), distance(values[-1], values[0])]
        assert found.layers[0].null_natural == pytest.approx(want, rel=1e-5)
        (found,) = validity(grey(*values[1:], fps=fps), [grey(*values[1:])], [mean_judge()])
        assert len(found.layers[0].null_natural) == 0

    def test_null_of_other_clips(self):
        natural, *others = (200, 100), (50, 60, 70), (80,)
        (found,) = validity(
            grey(*natural), [grey(*natural)], [mean_judge()], [grey(*one) for one in others]
        )
        want = [distance(here, there) for one in others for there in one for here in natural]
        assert found.layers[0].null_others == pytest.approx(want, rel=1e-5)

    def test_a_silent_layer(self):
        natural = grey(0, *[100] * 10, 110)
        (found,) = validity(natural, [grey(10, *[200] * 11)], [mean_judge()], [grey(0, 50)])
        (one,) = found.layers
        assert np.flatnonzero(np.isnan(one.distances)).tolist() == [0]
        assert one.mean == pytest.approx((10 * 3 + distance(110, 200)) / 11, rel=1e-5)
        # of three pairs, two with the black frame
        want = [1, 1, distance(100, 110), distance(110, 100)]
        assert one.null_natural == pytest.approx(want, rel=1e-5)
        assert len(one.null_others) == 11 * 2

    def test_silence_alone(self):
        (found,) = validity(grey(*[0] * 11), [grey(*[9] * 11)], [mean_judge()])
        (one,) = found.layers
        assert np.isnan([value for _, value, _ in one.summary()]).all()
        assert np.isnan(percentile(np.nan, np.array([1.0])))
        assert [row["measure"] for row in found.rows("x", "y")] == [
            "gram_distance.mean", "gram_distance.mean_natural",
            "gram_distance.percentile_natural",
        ]  # fmt: skip


class TestDirectly:
    """Against Gram matrices written out."""

    @staticmethod
    def grams(pictures, judge, layer):
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        if judge.kind == "temporal":
            x = torch.stack([x[:-1], x[1:]], dim=1)
        flat = judge.stream(x, (layer,))[layer].flatten(2).double().numpy()
        return [a @ a.T for a in flat]

    def test_distances_and_null(self, tiny):
        natural, other, foreign = video(13), video(13, 1), video(5, 2, 30, 24)
        (found,) = validity(natural, [other], tiny, [foreign])
        assert [(one.model, one.layer) for one in found.layers] == [
            ("tiny_model:spatial", "rectified"), ("tiny_model:spatial", "plain"),
            ("tiny_model:temporal", "plain"),
        ]  # fmt: skip
        for one, judge in zip(found.layers, (tiny[0], tiny[0], tiny[1]), strict=True):
            want, have, elsewhere = (
                [g / a.frames[0, ..., 0].size for g in self.grams(a.frames, judge, one.layer)]
                for a in (natural, other, foreign)
            )
            # without padding there are fewer positions than pixels
            positions = [(18 - 2) * (20 - 2) / (18 * 20), (30 - 2) * (24 - 2) / (30 * 24)]
            elsewhere = [g * positions[0] / positions[1] for g in elsewhere]
            relative = [
                np.linalg.norm(a - b) / np.linalg.norm(a) for a, b in zip(want, have, strict=True)
            ]
            assert one.distances[-len(want) :] == pytest.approx(relative, rel=1e-4)
            null = [
                np.linalg.norm(a - b) / np.linalg.norm(a)
                for i, a in enumerate(want) for j, b in enumerate(want) if abs(i - j) >= 10
            ]  # fmt: skip
            assert sorted(one.null_natural) == pytest.approx(sorted(null), rel=1e-4)
            null_others = [
                np.linalg.norm(a - b) / np.linalg.norm(a) for b in elsewhere for a in want
            ]
            assert one.null_others == pytest.approx(null_others, rel=1e-4)
            summary = {name: (value, unit) for name, value, unit in one.summary()}
            mean = one.mean
            assert [*summary][:3] == [
                "gram_distance.mean",
                "gram_distance.mean_other_clips",
                "gram_distance.percentile_other_clips",
            ], "other clips lead"
            assert summary == {
                "gram_distance.mean": (mean, "1"),
                "gram_distance.mean_natural": (pytest.approx(np.mean(null), rel=1e-4), "1"),
                "gram_distance.percentile_natural": (
                    pytest.approx(100 * np.mean(np.array(null) < mean)), "%",
                ),
                "gram_distance.mean_other_clips": (
                    pytest.approx(np.mean(null_others), rel=1e-4), "1",
                ),
                "gram_distance.percentile_other_clips": (
                    pytest.approx(100 * np.mean(np.array(null_others) < mean)), "%",
                ),
            }  # fmt: skip


class TestExtremes:
    def test_the_clip_itself(self, tiny):
        natural = video()
        (found,) = validity(natural, [natural], tiny, [video(seed=3)])
        for one in found.layers:
            assert np.nanmax(one.distances) == one.mean == 0
            assert percentile(one.mean, one.null_natural) == 0
            assert percentile(one.mean, one.null_others) == 0

    def test_noise(self, tiny):
        """Natural frames that hardly differ, and noise in their place."""
        still = np.repeat(np.arange(40, 200, 8, dtype=np.uint8)[:, None], 18, axis=1).T
        pictures = np.stack([np.roll(still, t, axis=1) for t in range(13)])
        natural = Video(np.repeat(pictures[..., None], 3, axis=-1), FPS)
        (found,) = validity(natural, [video(height=18, width=20)], tiny)
        for one in found.layers:
            assert percentile(one.mean, one.null_natural) == 100

    def test_a_short_clip(self, tiny):
        (found,) = validity(video(10), [video(10, 1)], tiny)
        for one in found.layers:
            assert one.mean > 0
            assert len(one.null_natural) == 0
            assert np.isnan(dict((n, v) for n, v, _ in one.summary())[
                "gram_distance.percentile_natural"
            ])  # fmt: skip
        means = ", ".join(f"{one.mean:.3g} in {one.layer}" for one in found.layers)
        assert found.verdict("x.mkv") == (
            f"x.mkv is at a distance of {means} from the natural frames on average, and no natural "
            "frames are 0.4 s apart to compare that with."
        )


class TestResult:
    def test_rows(self, tiny):
        (found,) = validity(video(3), [video(3, 1)], tiny)
        data = table(found.rows("x", "natural"))
        assert list(data) == [
            "clip", "reference", "frame", "time_s", "model", "layer", "measure", "value", "unit",
        ]  # fmt: skip
        per_frame = data[data["measure"] == "gram_distance"]
        assert per_frame["frame"].tolist() == [0, 1, 2, 0, 1, 2, 1, 2]
        assert per_frame["time_s"].tolist() == [f / 25 for f in per_frame["frame"]]
        assert set(data["clip"]) == {"x"}
        assert set(data["reference"]) == {"natural"}
        rest = data[data["measure"] != "gram_distance"]
        assert rest["frame"].isna().all()
        assert rest["measure"].tolist() == 3 * [
            "gram_distance.mean", "gram_distance.mean_natural",
            "gram_distance.percentile_natural",
        ]  # fmt: skip

    NULL, OTHERS = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.4, 0.8])

    @pytest.mark.parametrize(
        ("null", "others", "said"),
        [
            (NULL, None, "closer to the natural frames than 75.0 % of natural frames 0.4 s or more "
             "apart are to each other in a (0.15 against 0.25 on average), 0.0 % in b (0.5 against "
             "0.25 on average)."),
            (NULL, OTHERS, "closer to the natural frames than 100.0 % of frames of other natural "
             "clips are in a (0.15 against 0.6 on average), 50.0 % in b (0.5 against 0.6 on "
             "average); within the natural clip, than 75.0 % of natural frames 0.4 s or more apart "
             "are to each other in a (0.15 against 0.25 on average), 0.0 % in b (0.5 against 0.25 "
             "on average)."),
            (np.empty(0), OTHERS, "closer to the natural frames than 100.0 % of frames of other "
             "natural clips are in a (0.15 against 0.6 on average), 50.0 % in b (0.5 against 0.6 "
             "on average); no natural frames are 0.4 s apart to compare that with."),
            (np.empty(0), None, "at a distance of 0.15 in a, 0.5 in b from the natural frames on "
             "average, and no natural frames are 0.4 s apart to compare that with."),
        ],
        ids=["within", "both", "others", "neither"],
    )  # fmt: skip
    def test_verdict(self, null, others, said):
        one = LayerValidity("m", "a", np.array([0.1, 0.2]), null, others)
        two = LayerValidity("m", "b", np.array([np.nan, 0.5]), null, others)
        assert module.Validity((one, two), FPS).verdict("x.mkv") == f"x.mkv is {said}"

    @pytest.mark.parametrize("null", [np.array([0.1, 0.2, 0.3, 0.4]), np.empty(0)])
    def test_a_silent_layer_has_no_verdict(self, null):
        heard = LayerValidity("m", "a", np.array([0.1, 0.2]), null, None)
        silent = LayerValidity("m", "b", np.array([np.nan, np.nan]), null, null)
        alone = module.Validity((heard,), FPS).verdict("x.mkv")
        nothing = "Nothing can be said of x.mkv in b, which the natural clip leaves silent."
        assert module.Validity((heard, silent), FPS).verdict("x.mkv") == f"{alone} {nothing}"
        assert module.Validity((silent,), FPS).verdict("x.mkv") == nothing
        (found,) = validity(grey(*[0] * 11), [grey(*[9] * 11)], [mean_judge()])
        assert "nan" not in found.verdict("x.mkv")

    def test_several_at_once_are_as_each_alone(self, tiny):
        natural, one, two = video(4), video(4, 1), video(4, 2)
        both = validity(natural, [one, two], tiny)
        for alone, found in zip((one, two), both, strict=True):
            (want,) = validity(natural, [alone], tiny)
            for here, there in zip(want.layers, found.layers, strict=True):
                assert np.array_equal(here.distances, there.distances, equal_nan=True)

    def test_progress_and_cancelling(self, tiny):
        told = []
        words = video(4), [video(4, 1), video(4, 2)], tiny, [video(3)]
        validity(*words, told.append)
        assert len(told) == 4 * 3 + 3 == steps(words[0], words[1], words[3])

        def cancel(_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            validity(*words, cancel)


class TestLongClips:
    def test_spread(self):
        assert spread(5, NULL_FRAMES) == [0, 1, 2, 3, 4]
        chosen = spread(1000, NULL_FRAMES)
        assert (len(chosen), chosen[0], chosen[-1]) == (120, 0, 999)
        assert set(np.diff(chosen)) == {8, 9}

    def test_null_of_chosen_frames(self, monkeypatch):
        monkeypatch.setattr(module, "spread", lambda count, most: [0, 12, count - 1])
        values = range(100, 140)
        (found,) = validity(grey(*values), [grey(*values)], [mean_judge()])
        pairs = [(100, 112), (100, 139), (112, 139)]
        want = [distance(*one[::way]) for one in pairs for way in (1, -1)]
        assert found.layers[0].null_natural == pytest.approx(want, rel=1e-5)


class TestRefusals:
    def test_lengths(self, tiny):
        with pytest.raises(InputError) as error:
            validity(video(3), [video(4)], tiny)
        assert str(error.value) == (
            "the clips differ in length: 3 and 4 frames. Choose frames so that both agree."
        )

    def test_small_frames(self, tiny):
        with pytest.raises(InputError) as error:
            validity(video(3), [video(3)], tiny, [video(3, height=7)])
        assert str(error.value) == (
            "the clip: frames of 7x20 px; tiny_model:spatial needs at least 8 px on the short "
            "side. Choose a larger `max_side`, or leave its layers out."
        )


@pytest.mark.golden
class TestPaperModels:
    def test_natural_and_noise(self, vgg, msoe, natural_clip):
        natural = read_video(natural_clip, "0:12", 160)
        streams = streams_of_pair("paper", ("conv1_1", "conv2_1"))
        judges = load_judges(streams, "cpu")
        noise = Video(frames(12, *natural.frames.shape[1:3]), natural.fps)
        cat = read_video(CAT, "0:3", 160)
        same, far = validity(natural, [natural, noise], judges, [cat])
        assert [one.layer for one in same.layers] == ["conv1_1", "conv2_1", "concat"]
        assert same.layers[0].model.startswith("vgg19 [weights=vgg19_")
        assert same.layers[2].model.startswith("msoe [weights=msoe.npz sha256:")
        for one, other in zip(same.layers, far.layers, strict=True):
            assert one.mean == 0
            assert percentile(one.mean, one.null_others) == 0
            assert percentile(other.mean, other.null_others) == 100
