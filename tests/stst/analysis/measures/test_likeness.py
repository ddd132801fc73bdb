from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import count

import numpy as np
import pytest
import torch

from small_runs import frames
from stst import Video, frames_sha256
from stst.analysis.cka.similarity import linear_cka
from stst.analysis.gram_models import gram_matrices, load_judges
from stst.analysis.measures.likeness import (
    LEAST,
    Likeness,
    cka_likeness,
    describe_confounds,
    gram_likeness,
    likeness,
    pixel_likeness,
)
from stst.config import StreamConfig
from stst.config.cka import ClassifierSpec
from stst.errors import InputError
from stst.models.classifiers import load_classifier

CPU = torch.device("cpu")
FPS = Fraction(25)


def pearson(x, y):
    """Correlate frames (T, H, W, 3) whose channels are centred; mean over frames."""
    x, y = ((one - one.mean((1, 2), keepdims=True)).reshape(len(one), -1) for one in (x, y))
    return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(x, y, strict=True)])


def video(values):
    return Video(np.clip(np.rint(values), 0, 255).astype(np.uint8), FPS)


@pytest.fixture(scope="module")
def clips():
    """Three clips of one size, of 3, 3 and 5 frames."""
    lengths = {"a": 3, "b": 3, "long": 5}
    return {
        name: Video(frames(length, 18, 20, seed), FPS)
        for seed, (name, length) in enumerate(lengths.items())
    }


def check_matrix(found: Likeness, diagonal: float):
    assert found.matrix.shape == (len(found.names),) * 2
    assert (found.matrix == found.matrix.T).all()
    np.testing.assert_allclose(np.diag(found.matrix), diagonal, atol=1e-12)


class TestPixels:
    def test_is_pearson_over_a_frame_and_the_mean_over_frames(self, clips):
        found = pixel_likeness(clips)
        check_matrix(found, 1)
        for one, other in (("a", "b"), ("a", "long")):
            expected = pearson(clips[one].frames, clips[other].frames[:3])
            assert found.value(one, other) == pytest.approx(expected, abs=1e-12)
        inverse = video(255.0 - clips["a"].frames)
        assert pixel_likeness({"a": clips["a"], "i": inverse}).matrix[0, 1] == pytest.approx(-1)
        assert found.notes == ()

    def test_of_other_sizes(self, clips):
        # as many pixels, in another shape
        turned = Video(clips["a"].frames.swapaxes(1, 2), FPS)
        found = pixel_likeness({**clips, "turned": turned})
        assert np.isnan(found.matrix[3, :3]).all()
        assert np.isnan(found.matrix[:3, 3]).all()
        assert found.matrix[3, 3] == pytest.approx(1)
        assert found.notes == (
            "Pixels are compared between clips of one size only. 18x20 px: a, b, long; 20x18 px: "
            "turned.",
        )

    def test_frames_without_contrast_are_left_out(self, clips):
        values = clips["b"].frames.copy()
        values[1] = 7
        found = pixel_likeness({"a": clips["a"], "flat": Video(values, FPS)})
        expected = pearson(clips["a"].frames[::2], values[::2])
        assert found.matrix[0, 1] == pytest.approx(expected, abs=1e-12)
        black = pixel_likeness({"a": clips["a"], "black": video(np.zeros((3, 18, 20, 3)))})
        assert np.isnan(black.matrix[0, 1])
        assert np.isnan(black.matrix[1, 1])

    def test_a_colour_cast_is_nothing_in_common(self, clips):
        cast = np.array([200.0, 60.0, 20.0])
        reddish = {name: video(cast + clips[name].frames / 255 * 20) for name in ("a", "b")}
        assert abs(pixel_likeness(reddish).matrix[0, 1]) < 0.05

    def test_rows(self, clips):
        rows = list(pixel_likeness(clips).rows())
        assert [(r["reference"], r["clip"]) for r in rows] == [
            ("a", "b"), ("a", "long"), ("b", "long"),
        ]  # fmt: skip
        assert {(r["measure"], r["unit"]) for r in rows} == {("likeness.pixels", "1")}
        assert "model" not in rows[0]


class TestOther:
    def test_features_of_ones_own(self, clips):
        calls = []
        found = likeness(
            clips, lambda clip: [clip.frames.mean()], lambda x, y: float(x - y) ** 2, "d",
            calls.append,
        )  # fmt: skip
        assert calls == [0, 1, 2]
        means = [clip.frames.mean() for clip in clips.values()]
        np.testing.assert_allclose(found.matrix, np.subtract.outer(means, means) ** 2)
        with pytest.raises(InputError, match="there are no clips to compare"):
            pixel_likeness({})

    def test_gram_distance(self, clips):
        streams = {
            "spatial": StreamConfig(model="tiny_model:spatial"),
            "temporal": StreamConfig(model="tiny_model:temporal"),
        }
        models = load_judges(streams, "cpu")
        calls = []
        found = gram_likeness(clips, models, calls.append)
        assert calls == list(range(3 + 3 + 5))
        keys = [(place, layer) for place, model in enumerate(models) for layer in model.layers]
        assert [(one.model, one.layer) for one in found] == [
            (models[place].name, layer) for place, layer in keys
        ]
        for key, one in zip(keys, found, strict=True):
            check_matrix(one, 0)
            expected = []
            for number in range(models[key[0]].kind == "temporal", 3):
                x, y = (gram_matrices(clips[n], number, models)[key].double() for n in "ab")
                expected.append(float((x - y).norm()) / (float(x.norm()) + float(y.norm())) * 2)
            assert one.value("b", "a") == pytest.approx(np.mean(expected), rel=1e-9)
            assert one.value("b", "a") > 0.001
        assert next(found[-1].rows())["layer"] == found[-1].layer

    def test_cka(self, clips):
        model = load_classifier(ClassifierSpec("tiny_classifier:image", layers=("early",)), CPU)
        (found,) = cka_likeness(clips, model)
        check_matrix(found, 1)
        expected = []
        for t in range(3):
            x, y = (model.activations(clips[n].frames[t : t + 1])["early"] for n in "ab")
            expected.append(linear_cka(x.reshape(8, -1), y.reshape(8, -1)))
        assert found.value("a", "b") == pytest.approx(np.mean(expected), abs=1e-9)
        assert (found.model, found.layer) == (model.name, "early")

    def test_cka_of_windows(self, clips):
        choice = ClassifierSpec("tiny_classifier:video", layers=("1",), window=3, input="native")
        (found,) = cka_likeness(clips, load_classifier(choice, CPU))
        check_matrix(found, 1)


class TestConfounds:
    """Stimuli of two clips: half their own, half noise, which is the same, or is not."""

    def set_of(self, shared, scale=0.5):
        rng = np.random.default_rng(5)
        noise = count()
        shape = 3, 18, 20, 3
        same = rng.uniform(0, 255, shape)
        clips = {f"n{place}.mkv": rng.uniform(0, 255, shape) for place in range(3)}
        for place in range(3):
            own = same if shared else np.random.default_rng([9, next(noise)]).uniform(0, 255, shape)
            clips[f"s{place}.mkv"] = (1 - scale) * clips[f"n{place}.mkv"] + scale * own
        naturals = {f"s{place}.mkv": f"n{place}.mkv" for place in range(3)}
        return {name: video(one) for name, one in clips.items()}, naturals

    def test_shared_noise(self):
        clips, naturals = self.set_of(shared=True)
        found = pixel_likeness(clips)
        said = describe_confounds(found, naturals)
        assert len(said) == 3
        values = sorted(
            (found.value(f"s{i}.mkv", f"s{j}.mkv"), i, j) for i, j in ((0, 1), (0, 2), (1, 2))
        )
        value, one, other = values[-1]
        # half of each stimulus's variance
        assert value == pytest.approx(0.5, abs=0.05)
        null = [found.value(f"n{i}.mkv", f"n{j}.mkv") for i, j in ((0, 1), (0, 2), (1, 2))]
        assert said[0] == (
            f"s{one}.mkv and s{other}.mkv were made of different clips (n{one}.mkv, n{other}.mkv), "
            f"and their pixels correlate by {value:.2f}; different natural clips of the set "
            f"{min(null):.2f} to {max(null):.2f} (3 pairs). They may have been made from the same "
            "noise: a confound. Give each its own seed, or noise = 'per_clip'."
        )

    def test_independent_noise(self):
        clips, naturals = self.set_of(shared=False)
        assert describe_confounds(pixel_likeness(clips), naturals) == []

    def test_stimuli_of_one_clip_are_alike_with_reason(self):
        clips, naturals = self.set_of(shared=True)
        same = dict.fromkeys(naturals, "n0.mkv")
        assert describe_confounds(pixel_likeness(clips), same) == []

    @pytest.mark.parametrize(
        ("natural", "stimuli", "told"),
        [
            (0.4, 0.39, False), (0.4, 0.41, True), (-0.4, 0.39, False),
            (0, LEAST, False), (0, LEAST + 0.001, True), (np.nan, 0.2, True), (0, np.nan, False),
        ],
    )  # fmt: skip
    def test_bounds(self, natural, stimuli, told):
        matrix = np.eye(4)
        matrix[0, 1] = matrix[1, 0] = natural
        matrix[2, 3] = matrix[3, 2] = stimuli
        pixels = Likeness("likeness.pixels", ("n", "m", "s", "t"), matrix)
        said = describe_confounds(pixels, {"s": "n", "t": "m"})
        assert bool(said) == told
        if np.isnan(natural):
            assert "; there are no two natural clips in the set to compare that with. " in said[0]

    def test_clips_that_are_the_same(self):
        clips, naturals = self.set_of(shared=False)
        clips["s2.mkv"] = replace(clips["s0.mkv"])
        clips["n2.mkv"] = replace(clips["n1.mkv"])
        hashes = {name: frames_sha256(clip.frames) for name, clip in clips.items()}
        # natural clips alone are no stimuli, and are no null; and the pair is not told of twice
        assert describe_confounds(pixel_likeness(clips), naturals, hashes) == [
            "s0.mkv, s2.mkv are the same clip, frame by frame."
        ]

    def test_a_natural_clip_of_two_names_hides_nothing(self):
        clips, naturals = self.set_of(shared=True)
        clips["copy.mkv"] = clips["n1.mkv"]
        naturals["s1.mkv"], naturals["s2.mkv"] = "copy.mkv", "n1.mkv"
        hashes = {name: frames_sha256(clip.frames) for name, clip in clips.items()}
        said = describe_confounds(pixel_likeness(clips), naturals, hashes)
        pairs = [tuple(line.split(" were made")[0].split(" and ")) for line in said]
        assert sorted(pairs) == [("s0.mkv", "s1.mkv"), ("s0.mkv", "s2.mkv")]

    def test_a_stimulus_that_was_not_compared(self, clips):
        with pytest.raises(InputError, match="s: not among the clips that were compared: a, b, lo"):
            describe_confounds(pixel_likeness(clips), {"s": "a"})
