from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from moving_patterns import FPS, clip_of
from small_runs import clip as clip_file
from small_runs import frames
from stst import InputError, StpsConfig, Video, read_video, scramble
from stst.analysis.measures import coherence as module
from stst.analysis.measures.coherence import LAGS, coherence
from stst.analysis.measures.flow import PAPER_FLOW, SECOND_FLOW
from stst.video import LazyVideo, grey_values

SAMPLES = Path(__file__).parents[4] / "sample_data"
NAMES = ("farneback", "dis")


def photographs():
    yield "astronaut", grey_values(data.astronaut())[:160, 100:320]
    for name in ("cat", "coffee"):
        yield name, grey_values(next(iter(LazyVideo(SAMPLES / f"{name}.mkv", "0:1").frames)))


PHOTOGRAPHS = dict(photographs())


def window_over(photograph, count=3, right=2, down=0):
    """What is seen moves to the right and down by so many pixels a frame."""
    height, width = np.subtract(photograph.shape, (count * abs(down), count * abs(right)))
    corners = (
        (max(0, count * down) - down * t, max(0, count * right) - right * t) for t in range(count)
    )
    return clip_of([photograph[y : y + height, x : x + width] for y, x in corners])


def residuals(clip, lags=(1,), name="residual", **options):
    """Give the mean over frames of each flow and lag."""
    found = coherence(clip, lags, **options)
    return {(one.flow, one.lag): float(np.nanmean(getattr(one, name))) for one in found.lags}


def noise(count=3, seed=0):
    return Video(
        np.random.default_rng(seed).integers(0, 256, (count, 96, 128, 3), dtype=np.uint8), FPS
    )


class TestBounds:
    @pytest.mark.parametrize("way", [(2, 0), (0, 2), (-2, 0), (0, -2)])
    @pytest.mark.parametrize("photograph", PHOTOGRAPHS)
    def test_translation_is_explained(self, photograph, way):
        found = residuals(window_over(PHOTOGRAPHS[photograph], 3, *way), (1, 2))
        assert max(found["farneback", lag] for lag in (1, 2)) < 0.15
        assert max(found["dis", lag] for lag in (1, 2)) < 0.03

    @pytest.mark.parametrize("seed", range(3))
    def test_noise_is_not(self, seed):
        """Not quite 1: interpolation takes means of pixels, which vary less."""
        found = residuals(noise(seed=seed), (1, 2))
        assert min(found.values()) > 0.8
        assert max(found.values()) < 1

    @pytest.mark.parametrize("name", ["cat", "coffee", "astronaut"])
    def test_natural_and_scrambled(self, name):
        """Phases at random have the spectrum of a motion, and nothing that moves."""
        natural = read_video(SAMPLES / f"{name}.mkv", frames="0:6", max_side=128)
        (scrambled,) = scramble(natural, StpsConfig(device="cpu"))
        for flow in NAMES:
            here, there = (residuals(clip)[flow, 1] for clip in (natural, scrambled))
            assert here < 0.35
            assert there > 0.65
            assert there > 2.5 * here


class TestPlantedFaults:
    """What is wrong with the warp is seen in the bounds above."""

    @pytest.fixture
    def planted(self, monkeypatch):
        def plant(change):
            right = module.dense_flow
            monkeypatch.setattr(module, "dense_flow", lambda *given: change(right, *given))
            return residuals(window_over(PHOTOGRAPHS["cat"]))

        return plant

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda right, *given: -right(*given), id="sign"),
            pytest.param(lambda right, *given: right(*given)[..., ::-1].copy(), id="axes"),
            pytest.param(lambda right, a, b, way: right(b, a, way), id="direction"),
            pytest.param(lambda right, *given: 0 * right(*given), id="none"),
            pytest.param(lambda right, *given: 2 * right(*given), id="scale"),
        ],
    )
    def test_of_the_flow(self, planted, change):
        found = planted(change)
        assert found["farneback", 1] > 0.5
        assert found["dis", 1] > 0.5

    def test_of_the_lag(self, monkeypatch):
        """A clip that comes back each other frame is explained over two frames, not over one."""
        one, other = noise(2).frames
        clip = Video(np.stack([one, other, one, other, one]), FPS)
        found = coherence(clip, [1, 2])
        for at in found.lags:
            if at.lag == 1:
                assert at.residual[1:].min() > 0.8
            else:
                # nothing changes
                assert np.isnan(at.residual).all()


class TestDefinition:
    """A flow that is given in place of a method's."""

    @pytest.fixture
    def given(self, monkeypatch):
        def measure(pictures, back, forth=None):
            back = np.float32(back)
            forth = -back if forth is None else np.float32(forth)
            shape = (*pictures[0].shape, 2)
            # back comes first
            fields = iter([np.broadcast_to(field, shape).copy() for field in (back, forth)])
            monkeypatch.setattr(module, "dense_flow", lambda *_: next(fields))
            (found,) = coherence(clip_of(pictures), [1], [PAPER_FLOW]).lags
            return found

        return measure

    def test_by_hand(self, given):
        """Two pixels to the right: the first two columns come from outside."""
        before = np.array([[0, 10, 20, 40, 80]], float)
        now = np.array([[99, 99, 0, 10, 30]], float)
        found = given([before, now], (-2, 0))
        # rest |0 − 0|, |10 − 10|, |30 − 20|; change |0 − 20|, |10 − 40|, |30 − 80|
        assert found.residual[1] == pytest.approx(10 / 100, rel=1e-6)
        assert found.visible[1] == pytest.approx(10 / 100, rel=1e-6)
        assert found.occluded[1] == 0

    def test_halves_are_interpolated(self, given):
        before = np.array([[0, 10, 20, 40, 80]], float)
        now = np.array([[5, 15, 30, 60, 0]], float)
        assert given([before, now], (0.5, 0)).residual[1] == pytest.approx(0, abs=1e-6)

    def test_rows_go_down(self, given):
        before = np.array([[0], [10], [30], [70]], float)
        now = np.array([[10], [30], [70], [0]], float)
        assert given([before, now], (0, 1)).residual[1] == pytest.approx(0, abs=1e-6)
        assert given([before, now], (0, -1)).residual[1] == pytest.approx(120 / 130)

    def test_all_from_outside(self, given):
        found = given([np.eye(4) * 9, np.eye(4)[::-1] * 9], (9, 0))
        assert np.isnan([found.residual, found.visible, found.occluded]).all()

    @pytest.mark.parametrize(
        ("gap", "is_occluded"), [(0, False), (0.73, False), (0.78, True), (3, True)]
    )
    def test_the_rule_for_occlusions(self, given, gap, is_occluded):
        """With flows of 2 and of 2 − gap: gap² against 0.01 (4 + (2 − gap)²) + 0.5."""
        assert (gap**2 >= 0.01 * (4 + (2 - gap) ** 2) + 0.5) == is_occluded
        pictures = np.random.default_rng(0).integers(0, 255, (2, 4, 12)).astype(float)
        found = given(pictures, (-2, 0), (2 - gap, 0))
        assert found.occluded[1] == float(is_occluded)
        assert np.isnan(found.visible[1]) == is_occluded
        assert found.residual[1] > 0

    def test_what_is_occluded_is_left_out(self, given):
        """In the last column the flows disagree, and only there is a rest."""
        before = np.array([[0, 10, 20, 40, 80]] * 3, float)
        now = np.array([[0, 20, 0, 60, 90]] * 3, float)
        forth = np.zeros((3, 5, 2))
        forth[:, 4] = 5
        found = given([before, now], (0, 0), forth)
        assert found.occluded[1] == pytest.approx(1 / 5)
        assert found.residual[1] == found.visible[1] == 1, "a flow of 0 explains nothing"

    def test_of_grey_values(self):
        """Differences in grey, whose weights are 0.299, 0.587, 0.114."""
        coloured = frames(3, 32, 40)
        grey = np.repeat(np.rint(grey_values(coloured))[..., None], 3, axis=-1).astype(np.uint8)
        here, there = residuals(Video(coloured, FPS)), residuals(Video(grey, FPS))
        assert here == pytest.approx(there, rel=0.01)


class TestOcclusions:
    def test_what_a_square_hides(self):
        """It goes 6 px to the right over a still ground: 6 columns of that come into sight."""
        ground, square = PHOTOGRAPHS["astronaut"][:96, :128], PHOTOGRAPHS["cat"][40:80, 40:80]
        pictures = np.repeat(ground[None], 3, axis=0)
        for t, picture in enumerate(pictures):
            picture[30:70, 20 + 6 * t : 60 + 6 * t] = square
        for at in coherence(clip_of(pictures), [1]).lags:
            share = np.array([6 * 40 / ground.size] * 2)
            assert (share < at.occluded[1:]).all()
            assert (at.occluded[1:] < 5 * share).all()
            assert (at.visible[1:] < 0.9 * at.residual[1:]).all()


class TestShape:
    def test_frames_before_the_lag_have_none(self):
        found = coherence(noise(4), [1, 3])
        assert [(one.flow, one.lag) for one in found.lags] == [
            ("farneback", 1), ("farneback", 3), ("dis", 1), ("dis", 3),
        ]  # fmt: skip
        for one in found.lags:
            for _, values in one.columns():
                assert np.isnan(values).tolist() == [t < one.lag for t in range(4)]

    def test_lags_as_far_as_the_clip_goes(self):
        clip = Video(frames(4, 16, 16), FPS)
        assert LAGS == (1, 2, 3, 4, 5, 6, 7, 8)
        assert [one.lag for one in coherence(clip, flows=[PAPER_FLOW]).lags] == [1, 2, 3]
        assert coherence(Video(frames(1), FPS)).lags == ()

    def test_nothing_changes(self):
        found = coherence(Video(np.repeat(frames(1, 20, 20), 3, axis=0), FPS), [1])
        for one in found.lags:
            assert np.isnan(one.residual).all()
            assert one.occluded[1:].tolist() == [0, 0]

    def test_rows(self):
        found = coherence(Video(frames(3, 16, 20), Fraction(30000, 1001)), [1, 2], [SECOND_FLOW])
        rows = list(found.rows("a", "b"))
        assert rows[0] == {
            "clip": "a", "reference": "b", "frame": 1, "time_s": pytest.approx(1001 / 30000),
            "measure": "warp_residual.dis.lag1", "value": found.lags[0].residual[1], "unit": "1",
        }  # fmt: skip
        whole = {row["measure"]: row["value"] for row in rows if "frame" not in row}
        assert list(whole) == [
            f"{measure}.dis.lag{lag}.mean"
            for lag in (1, 2)
            for measure in ("warp_residual", "warp_residual_visible", "occluded")
        ]
        mean = np.mean(found.lags[0].residual[1:])
        assert whole["warp_residual.dis.lag1.mean"] == pytest.approx(mean)
        counts = [sum(row["measure"] == name for row in rows) for name in
                  ("warp_residual.dis.lag1", "occluded.dis.lag2")]  # fmt: skip
        assert counts == [2, 1]

    def test_a_clip_on_disk(self, tmp_path):
        path = clip_file(tmp_path / "a.npz", 8, 16, 24)
        here, there = (
            list(coherence(clip, [1, 4]).rows("a"))
            for clip in (LazyVideo(path, "2:8"), read_video(path, "2:8"))
        )
        assert here[0]["frame"] == 3
        np.testing.assert_equal(here, there)

    def test_progress_and_cancelling(self):
        seen = []

        def stop(frame):
            if frame == 1:
                raise KeyboardInterrupt

        clip = Video(frames(3, 16, 16), FPS)
        coherence(clip, on_frame=seen.append)
        assert seen == [0, 1, 2]
        with pytest.raises(KeyboardInterrupt):
            coherence(clip, on_frame=stop)

    @pytest.mark.parametrize(
        ("lags", "message"),
        [
            ([0], "lags has 0; a lag is a whole number"), ([1, -2], "lags has -2"),
            ([1.5], "lags has 1.5"), ([True], "lags has True"), ([2, 1, 2], "lags are 2, 1, 2;"),
        ],
    )  # fmt: skip
    def test_refusals(self, lags, message):
        with pytest.raises(InputError, match=message):
            coherence(noise(), lags)

    def test_small_frames(self):
        with pytest.raises(InputError, match="needs 16 px"):
            coherence(Video(frames(3, 8, 30), FPS))
        assert len(coherence(Video(frames(3, 8, 30), FPS), flows=[PAPER_FLOW]).lags) == 2
