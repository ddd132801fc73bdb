from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moving_patterns import clip_of, grating
from small_runs import clip
from stst.analysis.settings import Settings
from stst.study.entries import read_set
from stst.study.results import _compare_clips, _open_all, _Opened, evaluate
from stst.study.run import Study, StudySettings
from study_values import HOSTILE


@pytest.fixture(scope="module")
def results(study):
    return evaluate(study)


def verdict(results, condition: str, measure: str) -> str:
    (found,) = {
        one.verdict.partition(" (")[0]
        for one in results.findings
        if (one.condition, one.key.measure) == (condition, measure)
    }
    return found


class TestVerdicts:
    def test_the_natural_clip_itself_keeps_all_and_loses_nothing(self, results):
        assert verdict(results, "same", "contrast.ratio") == "equivalent"
        assert verdict(results, "same", "recognition.class.clip") == "above its null"

    def test_noise_has_the_contrast_and_no_motion(self, results):
        assert verdict(results, "noise", "contrast.ratio") == "equivalent"
        residual = [
            one.interval.mean
            for condition in ("same", "noise")
            for one in results.findings
            if (one.condition, one.key.measure) == (condition, "warp_residual.dis.lag1.mean")
        ]
        assert residual[0] < 0.5 < residual[1]

    def test_another_clip_is_not_equivalent(self, results):
        assert verdict(results, HOSTILE, "contrast.ratio") != "equivalent"


class TestLikeness:
    def test_a_stimulus_that_is_its_natural_clip_is_told_of(self, results):
        said = [one for one in results.confounds if one.endswith("the same clip, frame by frame.")]
        assert said == [
            f"natural {one}, {one}0 are the same clip, frame by frame." for one in "abc"
        ]  # fmt: skip

    def test_all_clips_are_compared(self, results):
        pixels, energy = results.likeness
        assert (pixels.measure, energy.measure) == ("likeness.pixels", "likeness.energy")
        for one in results.likeness:
            assert one.names[:3] == ("natural a", "natural b", "natural c")
            assert len(one.names) == 12
            assert one.value("natural a", "a0") == pytest.approx(1)
            assert one.value("natural a", "a1") < 0.5
        assert energy.value("a1", "b1") > 0.8, "noise is alike in energy alone"
        assert pixels.value("a1", "b1") < 0.2

    def test_what_stimuli_of_other_clips_share_is_told_of(self, results):
        # natural clips of this set have their energy in the same bands
        assert not any("energy" in one for one in results.confounds)
        noise = np.random.default_rng(2).integers(0, 255, (2, 6, 24, 24))
        waves = (grating(*wave, (6, 24, 24)) for wave in ((0.19, 0, 0), (0, 0.38, 0)))
        clips = dict(zip("mnst", map(clip_of, (*waves, *noise)), strict=True))
        likeness, confounds = _compare_clips(_Opened(clips, {"s": "m", "t": "n"}, {}))
        assert [one.measure for one in likeness] == ["likeness.pixels", "likeness.energy"]
        (said,) = confounds
        assert said.startswith("One pair of stimuli of different natural clips has more energy")

    def test_counts(self, results):
        assert (results.title, results.clips) == ("9 stimuli of 3 natural clips", 3)


class TestOpening:
    def opened(self, folder: Path, *lines: str, **settings):
        source = folder / "m.csv"
        source.write_text("\n".join(["natural,other,label", *lines]) + "\n")
        study = Study(read_set(source), folder / "out", StudySettings(Settings(**settings)))
        return _open_all(study, study.stimuli.entries)

    def test_the_part_that_was_measured(self, tmp_path):
        clip(tmp_path / "n.npz", 6, 40, 40)
        clip(tmp_path / "s.npz", 3, 20, 20, seed=1)
        found = self.opened(tmp_path, "n.npz,s.npz,s", frames="1:4", max_side=20)
        assert {len(one.frames) for one in found.clips.values()} == {3}
        assert found.made_of == {"s": "natural n [frames=1:4, max_side=20]"}

    def test_clips_of_one_name(self, tmp_path):
        for seed, name in enumerate(("x", "y")):
            (tmp_path / name).mkdir()
            clip(tmp_path / name / "n.npz", seed=seed)
            clip(tmp_path / f"{name}.npz", seed=seed + 5)
        found = self.opened(
            tmp_path, "x/n.npz,x.npz,natural n", "y/n.npz,y.npz,y"
        )  # fmt: skip
        assert found.made_of == {"natural n": "natural n (2)", "y": "natural n (3)"}
        assert list(found.clips) == ["natural n (2)", "natural n (3)", "natural n", "y"]
        assert len(set(found.hashes.values())) == 4
