from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from moving_patterns import clip_of, grating
from small_runs import frames
from stst import Video
from stst.analysis.cka.similarity import linear_cka
from stst.analysis.gram_models import gram_matrices, load_judges
from stst.analysis.measures.likeness import (
    Likeness,
    cka_likeness,
    energy_likeness,
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


def octave(frequencies, count):
    """Number octaves from ½ down, from 1 to `count`; 0 is above."""
    return np.clip(np.floor(-np.log2(frequencies.clip(1e-9))), 0, count).astype(int)


def shares_of(clip, octaves):
    """Give shares of power in bands, of a short clip of odd sides, by its whole spectrum."""
    values = clip.frames[..., 0] / 255
    t, y, x = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in values.shape)
    window = np.multiply.outer(y, x)
    means = np.average(values.reshape(len(t), -1), axis=1, weights=window.ravel() ** 2)
    spectra = np.fft.fft2(window * (values - means[:, None, None]))
    spectra /= np.sqrt(window.size * np.sum(window**2))
    down, right = np.meshgrid(*(np.fft.fftfreq(len(one)) for one in (y, x)), indexing="ij")
    bands = octave(np.hypot(down, right), octaves)
    stripes = np.rint((np.arctan2(-down, right) + np.pi / 2) * 8 / np.pi).astype(int) % 8
    steps = octave(np.abs(np.fft.fftfreq(len(t))), len(t).bit_length() - 1)
    uniform = np.zeros(len(t))
    power = np.zeros((octaves + 1, 8, len(t)))
    for values, out, where in ((means, uniform, ()), (spectra, power, (bands, stripes))):
        static = np.average(values, axis=0, weights=t**2)
        moving = np.fft.fft(t.reshape(-1, *[1] * static.ndim) * (values - static), axis=0)
        moving = np.abs(moving) ** 2 / (len(t) * np.sum(t**2))
        if out is power:
            np.add.at(out, (*where, 0), np.abs(static) ** 2)
        for step, one in zip(steps, moving, strict=True):
            np.add.at(out, (*where, step), one)
    return np.concatenate([uniform, power.ravel()]) / (uniform.sum() + power.sum())


class TestEnergy:
    #: In the middle of bands: a drift to the right, and what differs in one way.
    DRIFT = 0.19, 0.0, 0.19

    def alike(self, *waves):
        clips = {str(n): clip_of(one) for n, one in enumerate(waves)}
        found = energy_likeness(clips)
        check_matrix(found, 1)
        assert (found.measure, found.notes) == ("likeness.energy", ())
        return found.matrix[0, 1]

    def test_the_same_grating_whatever_contrast_and_phase(self):
        one, other = grating(*self.DRIFT), grating(*self.DRIFT, amplitude=40, phase=2.0)
        assert self.alike(one, other) == pytest.approx(1, abs=0.005)
        # which way it goes is no matter
        assert self.alike(one, grating(0.19, 0, -0.19)) == pytest.approx(1, abs=0.005)

    @pytest.mark.parametrize(
        "wave",
        [(0.38, 0, 0.19), (0, 0.19, 0.19), (0.135, 0.135, 0.19), (0.19, 0, 0.38), (0.19, 0, 0)],
        ids=["frequency", "stripes", "oblique", "faster", "still"],
    )
    def test_gratings_of_other_bands(self, wave):
        assert self.alike(grating(*self.DRIFT), grating(*wave)) == pytest.approx(0, abs=0.005)

    def test_a_part_of_the_power(self):
        """Of two gratings, one of which has twice the amplitude, 4/5 and 1/5 of the power."""
        one, other = grating(*self.DRIFT, amplitude=80), grating(0.19, 0, 0, amplitude=40)
        assert self.alike(one, one + other - 127) == pytest.approx(0.8, abs=0.005)
        assert self.alike(other, one + other - 127) == pytest.approx(0.2, abs=0.005)

    def test_frames_that_only_flicker_have_energy(self):
        flicker = np.zeros((24, 64, 96)) + 127 + 60 * (-1.0) ** np.arange(24)[:, None, None]
        assert self.alike(flicker, grating(0.19, 0, 0.49)) == pytest.approx(0, abs=0.01)

    def test_random_clips_of_several_sizes_by_their_whole_spectra(self):
        sizes = {"a": (45, 63), "b": (63, 41), "wide": (31, 131)}
        rng = np.random.default_rng(3)
        clips = {}
        for name, size in sizes.items():
            values = rng.random((7, *size)).cumsum(0).cumsum(1).cumsum(2)
            clips[name] = clip_of(255 * (np.sin(values / 9) + 1) / 2 * rng.random((7, 1, 1)))
        found, calls = energy_likeness(clips), []
        check_matrix(found, 1)
        for one, other, octaves in (("a", "b", 5), ("a", "wide", 5), ("b", "wide", 5)):
            p, q = (shares_of(clips[name], octaves) for name in (one, other))
            expected = np.minimum(p, q).sum()
            assert 0.1 < expected < 0.95
            assert found.value(one, other) == pytest.approx(expected, abs=1e-5)
        assert found.notes == ()
        energy_likeness(clips, calls.append)
        assert calls == list(range(21))

    def test_the_shortest_clip_says_how_long_segments_are(self):
        waves = grating(*self.DRIFT)
        clips = {"short": clip_of(waves[:8]), "long": clip_of(waves)}
        found = energy_likeness(clips)
        assert found.value("short", "long") == pytest.approx(1, abs=0.02)
        assert found.notes == (
            "Energy is that of segments of 8 frames, for the shortest clip has no more.",
        )
        frame = energy_likeness({**clips, "frame": clip_of(waves[:1])})
        assert frame.value("frame", "long") == pytest.approx(1, abs=0.005)
        assert frame.notes == (
            "Energy is that of single frames, for the shortest clip has no more.",
        )

    def test_of_other_rates(self):
        waves = grating(*self.DRIFT)
        rates = {"pal": 25, "ntsc": Fraction(24000, 1001), "film": 24, "fast": 50}
        found = energy_likeness({name: clip_of(waves, Fraction(r)) for name, r in rates.items()})
        defined = [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
        assert (~np.isnan(found.matrix)).astype(int).tolist() == defined
        assert found.notes == (
            "Energy is compared between clips of one rate only. 25 Hz: pal; 23.98 Hz: ntsc; "
            "24 Hz: film; 50 Hz: fast.",
        )
        ntsc = {name: clip_of(waves, Fraction(rates[name])) for name in ("ntsc", "film")}
        assert energy_likeness(ntsc).notes == ()

    def test_a_uniform_clip_has_none(self, clips):
        grey = clip_of(np.full((3, 18, 20), 90.0), FPS)
        found = energy_likeness({"a": clips["a"], "grey": grey})
        assert np.isnan(found.matrix).tolist() == [[False, True], [True, True]]
        with pytest.raises(InputError, match="there are no clips to compare"):
            energy_likeness({})


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
