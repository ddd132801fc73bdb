from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import count

import numpy as np
import pytest

from stst import Video, frames_sha256
from stst.analysis.measures.confounds import (
    EXCESS,
    LEAST,
    describe_confounds,
    describe_energy_confounds,
)
from stst.analysis.measures.likeness import Likeness, energy_likeness, pixel_likeness
from stst.errors import InputError

FPS = Fraction(25)


def video(values):
    return Video(np.clip(np.rint(values), 0, 255).astype(np.uint8), FPS)


class TestPixels:
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

    def test_a_stimulus_that_was_not_compared(self):
        likeness = Likeness("likeness.pixels", ("a", "b"), np.eye(2))
        for describe in (describe_confounds, describe_energy_confounds):
            with pytest.raises(InputError, match="s: not among the clips that were compared: a, b"):
                describe(likeness, {"s": "a"})


class TestEnergy:
    """Natural clips n0, n1, n2 are alike by 0.4, 0.5 and 0.6; s0, s1, s2 are made of them."""

    NATURALS = {"s0": "n0", "s1": "n1", "s2": "n2"}  # noqa: RUF012

    @staticmethod
    def energy(stimuli, natural=(0.4, 0.5, 0.6), own=0.99):
        names = ("n0", "n1", "n2", "s0", "s1", "s2")
        matrix = np.eye(6)
        places = (0, 1), (0, 2), (1, 2)
        for (one, other), of_naturals, of_stimuli in zip(places, natural, stimuli, strict=True):
            matrix[one, other] = matrix[other, one] = of_naturals
            matrix[one + 3, other + 3] = matrix[other + 3, one + 3] = of_stimuli
        matrix[[0, 1, 2], [3, 4, 5]] = matrix[[3, 4, 5], [0, 1, 2]] = own
        return Likeness("likeness.energy", names, matrix)

    def test_stimuli_that_have_the_energy_of_their_clips(self):
        found = self.energy((0.4, 0.5, 0.6))
        assert describe_energy_confounds(found, self.NATURALS) == []

    def test_stimuli_that_share_energy(self):
        found = self.energy((0.75, 0.2, 0.9))
        assert describe_energy_confounds(found, self.NATURALS) == [
            "2 pairs of stimuli of different natural clips have more energy in the same bands than "
            "any two natural clips of the set do (40 to 60 %, 3 pairs): s1 and s2 90 %. Such "
            "energy is that of the method, or of its noise, and not of their clips."
        ]
        (said,) = describe_energy_confounds(self.energy((0.75, 0.2, np.nan)), self.NATURALS)
        assert said.startswith("One pair of stimuli of different natural clips has more energy ")

    def test_bounds(self):
        for beyond, told in ((-0.001, 0), (0.001, 1)):
            found = self.energy((0.6 + EXCESS + beyond, 0, 0))
            assert len(describe_energy_confounds(found, self.NATURALS)) == told

    def test_pairs_that_have_a_reason(self):
        found = self.energy((0.9, 0, 0))
        assert describe_energy_confounds(found, {"s0": "n0", "s1": "n0", "s2": "n2"}) == []
        same = {"s0": "x", "s1": "x"}
        assert describe_energy_confounds(found, self.NATURALS, same) == []
        assert describe_energy_confounds(found, self.NATURALS, {"s0": "x", "s1": "y"}) != []

    def test_without_natural_clips_to_compare(self):
        found = self.energy((0.9, 0.9, 0.9), natural=[np.nan] * 3)
        assert describe_energy_confounds(found, self.NATURALS) == []

    def test_noise_has_the_same_energy_whatever_its_clip(self):
        """Stripes of several widths, and their pixels in random order."""
        rng = np.random.default_rng(4)
        clips = {}
        for place, step in enumerate((3, 7, 17)):
            stripes = np.sin(2 * np.pi * np.arange(48) / step) * 100 + 127
            natural = np.tile(stripes[None, None, :, None], (8, 40, 1, 3))
            noise = rng.permuted(natural[..., 0].reshape(8, -1), axis=1).reshape(8, 40, 48, 1)
            clips[f"n{place}"], clips[f"s{place}"] = video(natural), video(noise.repeat(3, 3))
        (said,) = describe_energy_confounds(energy_likeness(clips), self.NATURALS)
        assert said.startswith("3 pairs of stimuli")
