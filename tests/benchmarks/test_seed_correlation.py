"""The measure of what one seed has in common finds what is there, and nothing in this program."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
import seed_correlation as benchmark
import timing
from seed_correlation import compared, correlations, cropped, dealt, mean_correlation

import stst
from small_runs import clip
from stst.video import read_video

RNG = np.random.default_rng(3)
CLIPS = ("cat", "astronaut", "coffee")


def test_correlations_are_numpy_s():
    stimuli = RNG.random((3, 2, 5, 4, 6, 3))
    found = correlations(stimuli)
    expected = np.corrcoef(stimuli.reshape(6, -1)).reshape(3, 2, 3, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    pairs = [abs(expected[i, s, j, s]) for i, j in combinations(range(3), 2) for s in range(2)]
    seeds = np.tile(np.arange(2), (3, 1))
    assert mean_correlation(found, seeds) == pytest.approx(np.mean(pairs), abs=1e-6)


@pytest.mark.parametrize(("clips", "seeds"), [(2, 2), (3, 10), (6, 6)])
def test_no_two_clips_are_dealt_the_same_seed(clips, seeds):
    seen = set()
    for _ in range(30):
        found = dealt(clips, seeds, RNG)
        assert all(sorted(row) == list(range(seeds)) for row in found)
        assert all(len(set(column)) == clips for column in found.T)
        seen.add(found.tobytes())
    assert len(seen) > 1


@pytest.mark.parametrize(("share", "inside"), [(0.0, True), (0.3, False)])
def test_what_a_seed_has_in_common_is_found(share, inside):
    rng = np.random.default_rng(0)
    of_clip, of_seed = rng.normal(size=(4, 1, 3000)), rng.normal(size=(1, 6, 3000))
    own = rng.normal(size=(4, 6, 3000))
    found = compared(correlations(0.5 * of_clip + share * of_seed + own), 300)
    assert found["inside"] is inside
    # the mean |r| of independent values, and r of what is in common
    none, common = np.sqrt(2 / np.pi / 3000), share**2 / (0.25 + share**2 + 1)
    assert found["other_seeds"] == pytest.approx(none, abs=0.003)
    assert found["same_seed"] == pytest.approx(max(none, common), abs=0.01)
    assert (found["share_above"] == 0) is not inside


def small(name: str, noise: str) -> list[np.ndarray]:
    """Make eight small metamers of a sample clip."""
    tree = stst.load_preset("quick").model_dump() | {
        "frames": [], "padding_frames": 1, "samples": 8, "noise": noise, "device": "cpu",
        # the colours of the clips are alike, and would correlate whatever the seeds
        "spectrum_weight": 0.0, "color_weight": 0.0, "color_transfer": False,
    }  # fmt: skip
    tree["octaves"] = [{**tree["octaves"][-1], "iterations": 5}]
    natural = cropped(f"sample_data/{name}.mkv@0:2", (24, 32))
    return [one.frames for one in stst.synthesize(natural, stst.build(tree, stst.StstConfig))]


@pytest.mark.parametrize(("noise", "inside"), [("per_clip", True), ("shared", False)])
def test_metamers_of_different_clips_with_one_seed(noise, inside, monkeypatch):
    """No more alike than with different seeds; with shared noise by far."""
    monkeypatch.chdir(benchmark.__file__.rpartition("/benchmarks/")[0])
    found = compared(correlations(np.array([small(name, noise) for name in CLIPS])), 200)
    assert found["inside"] is inside
    more = found["same_seed"] - found["other_seeds"]
    assert abs(more) < 0.03 if inside else more > 0.5


def test_the_middle_is_cut_out(tmp_path):
    clip(tmp_path / "a@b.npz", 4, 30, 50)
    frames = read_video(tmp_path / "a@b.npz").frames
    found = cropped(f"{tmp_path}/a@b.npz", (30, 20))
    assert np.array_equal(found.frames, frames[:, :, 15:35])
    found = cropped(f"{tmp_path}/a@b.npz@1:3", (16, 20))
    small = read_video(tmp_path / "a@b.npz", "1:3", 27).frames
    assert small.shape == (2, 16, 27, 3)
    assert np.array_equal(found.frames, small[:, :, 3:23])
    with pytest.raises(SystemExit, match="has 30x50 px, less than 31x20"):
        cropped(f"{tmp_path}/a@b.npz", (31, 20))


def test_it_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "RESULTS", tmp_path / "results")
    for number, name in enumerate("abc"):
        clip(tmp_path / f"{name}.npz", 2, 20, 24, seed=number)
    words = [*(f"{tmp_path}/{name}.npz" for name in "abc"), "--size", "18x20", "--presets", "stps",
             "--seeds", "3", "--permutations", "50", "--threads", "1",
             "--folder", f"{tmp_path}/work"]  # fmt: skip
    benchmark.main(words)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    assert len(kept) == 3 * 3 * 2
    next(iter(kept)).unlink()
    before = (tmp_path / "results/seed_correlation.json").read_text()
    benchmark.main(words)
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}
    assert again.keys() == kept.keys()
    assert sum(again[path] != kept[path] for path in kept) == 1
    assert (tmp_path / "results/seed_correlation.json").read_text() == before
    found = json.loads(before)["found"]
    assert set(found) == {"stps, per_clip", "stps, shared"}
    assert "| preset | noise |" in (tmp_path / "results/seed_correlation.md").read_text()
