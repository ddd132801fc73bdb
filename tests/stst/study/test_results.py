from __future__ import annotations

from pathlib import Path

import pytest

from small_runs import clip
from stst.analysis.settings import Settings
from stst.study.entries import read_set
from stst.study.results import _open_all, evaluate
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
        assert results.likeness.names[:3] == ("natural a", "natural b", "natural c")
        assert len(results.likeness.names) == 12
        assert results.likeness.value("natural a", "a0") == pytest.approx(1)

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
