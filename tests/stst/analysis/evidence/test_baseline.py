"""Against the functions that measure, one clip at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from small_runs import FPS, clip
from stst.analysis.cka.unrelated import UnrelatedClips
from stst.analysis.evidence.baseline import (
    LAGS,
    UNRELATED,
    Baseline,
    choose_unrelated,
    count_frames,
    make_baseline,
    natural_rows,
    stimulus_rows,
)
from stst.analysis.measures.coherence import coherence
from stst.analysis.measures.energy import compare_energy, energy
from stst.analysis.measures.photometry import photometry
from stst.analysis.nulls import NULL_LENGTH, shuffle_pixels
from stst.analysis.settings import MEASURES
from stst.video import LazyVideo, Video, write_video

LONG = NULL_LENGTH + 2


def noise(seed: int, count: int = 4) -> Video:
    shape = (count, 18, 20, 3)
    return Video(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), FPS)


@pytest.fixture
def baseline() -> Baseline:
    return make_baseline(noise(0), [("u", noise(5)), ("v", noise(6))])


def value(rows, measure: str, kind: str | None = None) -> float:
    (found,) = [
        row["value"]
        for row in rows
        if row["measure"] == measure and "frame" not in row
        and (kind is None or row["null_kind"] == kind)
    ]  # fmt: skip
    return found


class TestRows:
    def test_of_the_natural_clip(self, baseline):
        rows = natural_rows("photometry", baseline, "n")
        assert rows == list(photometry(baseline.clip).rows("n"))
        rows = natural_rows("energy", baseline, "n")
        assert rows == list(energy(baseline.clip, window="none").rows("n"))

    def test_of_another_clip_beside_the_nulls_of_the_natural_one(self, baseline):
        other = noise(1)
        rows = stimulus_rows("coherence", baseline, other, "o", "n")
        assert {(row["clip"], row["reference"]) for row in rows} == {("o", "n")}
        measure = "warp_residual.dis.lag2.mean"
        assert value(rows, measure) == value(coherence(other, LAGS).rows("o"), measure)
        ends = [value(coherence(noise(seed), LAGS).rows("u"), measure) for seed in (5, 6)]
        (row,) = (row for row in rows if row["measure"] == measure)
        assert (row["null_low"], row["null_high"]) == (min(ends), max(ends))
        shuffled = [shuffle_pixels(frame, n) for n, frame in enumerate(baseline.clip.frames)]
        alone = coherence(Video(np.stack(shuffled), FPS), LAGS)
        assert value(rows, f"{measure}.null", "noise") == value(alone.rows(""), measure)

    def test_energy_is_compared_with_that_of_as_many_frames(self):
        natural = noise(0, LONG)
        baseline = make_baseline(natural, [("u", noise(5, LONG))])
        rows = stimulus_rows("energy", baseline, noise(1, LONG), "o", "n")
        whole, other = (energy(one, window="none") for one in (natural, noise(1, LONG)))
        assert value(rows, "flicker.ratio") == compare_energy(whole, other).ratios["flicker"]
        part, null = (energy(Video(one.frames[:NULL_LENGTH], FPS), window="none")
                      for one in (natural, noise(5, LONG)))  # fmt: skip
        unrelated = value(rows, "flicker.ratio.null", "unrelated")
        assert unrelated == compare_energy(part, null).ratios["flicker"]
        assert value(rows, "flicker") == other.flicker

    def test_a_clip_that_is_alone_has_the_nulls_itself(self, baseline):
        rows = natural_rows("photometry", baseline, "n", beside_nulls=True)
        beside = stimulus_rows("photometry", baseline, baseline.clip, "n", "n")
        assert [{**row, "reference": "n"} for row in rows] == beside
        # a comparison with nothing else
        alone = natural_rows("energy", baseline, "n", beside_nulls=True)
        assert alone == natural_rows("energy", baseline, "n")


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("others", [0, 2])
def test_every_frame_is_counted(measure, others):
    baseline = make_baseline(noise(0, LONG), [("u", noise(5, LONG))])
    seen: list[int] = []
    natural_rows(measure, baseline, "n", seen.append, beside_nulls=not others)
    for number in range(others):
        stimulus_rows(measure, baseline, noise(number, LONG), "o", "n", seen.append)
    assert len(seen) == count_frames(measure, LONG, [LONG] * others, 1)


def test_no_more_unrelated_clips_than_that(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "n.npz", 4, 24, 28)
    clip(tmp_path / "short.npz", 3, 24, 28, seed=40)
    for seed in range(UNRELATED):
        write_video(tmp_path / f"more{seed}.npz", noise(seed + 50).frames, FPS)
    given = [Path("n.npz"), Path("short.npz"), *(Path(f"more{n}.npz") for n in range(UNRELATED))]
    chosen = choose_unrelated(LazyVideo(Path("n.npz")), UnrelatedClips(given))
    names = [Path(name).name for name, _ in chosen]
    assert len(names) == UNRELATED
    assert "n.npz" not in names, "it is not its own null"
    assert "short.npz" not in names, "it has fewer frames"
    # evenly out of all: sample clips, and clips that were given
    assert (names[0], names[-1]) == ("astronaut.mkv", f"more{UNRELATED - 1}.npz")
