from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moving_patterns import FPS, clip_of, drift, grating, texture
from small_runs import clip as clip_file
from small_runs import frames
from stst import InputError, Video, read_video
from stst.analysis.measures.energy import Energy, compare_energy, energy
from stst.analysis.measures.flow import Dis
from stst.analysis.tables import COLUMNS
from stst.video import LazyVideo

ARRAYS = (
    "spatial_edges", "spatial", "orientation", "coarse", "contrast", "total_variation",
    "temporal_edges", "spatiotemporal", "directions", "speeds",
)  # fmt: skip


def plaid(right, down, tilt=0.5, frames=4):
    """Two gratings at right angles that move together; one alone has motion across it only."""
    along = 0.05 * np.array([np.cos(tilt), np.sin(tilt)])
    shape = (frames, 96, 128)
    return clip_of(
        127
        + sum(
            grating(x, y, x * right + y * down, shape, amplitude=60) - 127
            for x, y in (along, along[::-1] * (-1, 1))
        )
    )


def turned(clip, quarters):
    """Turn counter-clockwise, as it is seen."""
    return Video(np.ascontiguousarray(np.rot90(clip.frames, quarters, (1, 2))), clip.fps)


def mirrored(clip):
    return Video(np.ascontiguousarray(clip.frames[:, :, ::-1]), clip.fps)


class TestMotion:
    @pytest.mark.parametrize(
        ("right", "down", "direction", "speed"),
        [
            (1, 0, 0, 4), (0, 2, 4, 5), (-1.1, 0, 8, 4), (0, -3, 12, 5), (1, -1, 14, 4),
            (0.5, 0, 0, 3), (0, 0.28, 4, 2), (-1, 1, 6, 4),
        ],
    )  # fmt: skip
    def test_a_plaid_moves_as_it_does(self, right, down, direction, speed):
        found = energy(plaid(right, down))
        assert found.directions[direction] > 0.95
        assert found.speeds[speed] > 0.95

    def test_of_another_flow(self):
        found = energy(plaid(0, 2), flow=Dis())
        assert found.directions[4] > 0.95
        assert not np.array_equal(found.directions, energy(plaid(0, 2)).directions)

    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_turning(self, quarters):
        """Directions turn along, against the way they are counted; and so do orientations."""
        clip = drift(1.4, 0.5, height=128)
        here, there = energy(clip), energy(turned(clip, quarters))
        moved = np.roll(here.directions, -4 * quarters)
        np.testing.assert_allclose(there.directions, moved, atol=0.01)
        oriented = np.roll(here.orientation, 4 * quarters, axis=1)
        np.testing.assert_allclose(there.orientation, oriented, rtol=1e-4)
        np.testing.assert_allclose(there.spatiotemporal, here.spatiotemporal, rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(there.speeds, here.speeds, atol=0.01)
        assert here.directions.argmax() == 1
        # from the right the eighth part of a turn more: not the same after a quarter
        assert abs(here.orientation - there.orientation).max() > 1e-3 or quarters == 2

    def test_mirroring(self):
        clip = drift(1.4, 0.5)
        here, there = energy(clip), energy(mirrored(clip))
        swapped = (8 - np.arange(16)) % 16
        np.testing.assert_allclose(there.directions[swapped], here.directions, atol=0.01)
        np.testing.assert_allclose(
            there.orientation[:, -np.arange(8) % 8], here.orientation, rtol=1e-4
        )
        assert there.directions.argmax() == 7
        compared = compare_energy(here, there)
        assert compared.direction_distance == pytest.approx(6 * np.pi / 8, abs=0.05)
        assert compared.speed_distance < 0.02

    def test_backwards(self):
        clip = drift(1.4, 0.5, frames=5)
        back = Video(clip.frames[::-1].copy(), clip.fps)
        here, there = energy(clip), energy(back)
        assert compare_energy(here, there).direction_distance == pytest.approx(np.pi, abs=0.02)
        for name in ("spatiotemporal", "speeds"):
            np.testing.assert_allclose(getattr(there, name), getattr(here, name), atol=0.01)
        assert there.flicker == pytest.approx(here.flicker)
        assert there.fast == pytest.approx(here.fast, rel=1e-4)

    def test_speed_in_octaves(self):
        """The same picture at 0.6 and at 2.4 px/frame."""
        slow, fast = energy(plaid(0.6, 0)), energy(plaid(2.4, 0))
        compared = compare_energy(slow, fast)
        assert compared.speed_distance == pytest.approx(2, abs=0.05)
        assert compared.direction_distance < 0.02

    def test_a_still_clip(self):
        found = energy(drift(0, 0))
        assert found.speeds[0] > 0.99, "Farnebäck's flow is not quite still"
        assert np.isnan(found.directions).all()
        assert np.isnan(found.fast)
        assert found.flicker == 0
        assert found.temporal[1:].max() < 1e-15 < found.temporal[0]


class TestTime:
    @pytest.mark.parametrize(
        ("over_time", "band"), [(0.375, "0.25-0.5"), (0.1875, "0.125-0.25"), (0.3125, "0.25-0.5")]
    )
    def test_a_drifting_grating(self, over_time, band):
        """Its band in space, in time, and its orientation."""
        found = energy(clip_of(grating(0, 0.1875, over_time, (16, 64, 64))), window="none")
        values = dict(found.statistics())
        for name in (
            f"temporal_power.{band}", f"spatiotemporal_power.0.125-0.25_{band}",
            "spatial_power.0.125-0.25", "orientation_power.0deg",
        ):  # fmt: skip
            # of 8 bits; the plain variance is half of the squared amplitude
            assert values[name] == pytest.approx((100 / 255) ** 2 / 2, rel=6e-3)
        assert found.fast == pytest.approx(float(band == "0.25-0.5"), abs=1e-3)

    def test_in_hz(self):
        found = energy(Video(frames(8), Fraction(60000, 1001)))
        assert found.temporal_edges.tolist() == [1 / 16, 1 / 8, 1 / 4, 1 / 2]
        assert found.temporal_edges_hz[-1] == pytest.approx(30000 / 1001, abs=1e-12)
        rows = {row["measure"]: row for row in found.rows("x")}
        assert rows["temporal_band_low.0.25-0.5"]["value"] == pytest.approx(15000 / 1001)
        assert rows["temporal_band_high.0.25-0.5"]["unit"] == "Hz"

    @pytest.mark.parametrize("step", [1, 51])
    def test_flicker(self, step):
        """Up and down by a step each frame, whatever the picture is."""
        still = np.rint(texture(height=20, width=30))
        found = energy(clip_of([still + step * (t % 2) for t in range(6)]))
        assert found.flicker == pytest.approx(step / 255, abs=1e-12)
        assert found.fast > 0.95

    def test_flicker_is_over_all_changes(self):
        found = energy(clip_of(np.array([10, 10, 61, 61, 10])[:, None, None] + np.zeros((5, 4, 6))))
        assert found.flicker == pytest.approx(0.2 / np.sqrt(2), abs=1e-12)
        assert found.spatial.max() < 1e-30
        assert np.isnan(found.coarse).all()


class TestSpace:
    def test_of_a_ramp(self):
        """Steps of 1/255 beside each other, of 3/255 below."""
        y, x = np.mgrid[:20, :40]
        found = energy(clip_of([x + 3 * y]))
        assert found.total_variation == pytest.approx([4 / 255], abs=1e-12)
        expected = np.sqrt((40**2 - 1) / 12 + 9 * (20**2 - 1) / 12) / 255
        assert found.contrast == pytest.approx([expected], abs=1e-12)

    def test_grey_is_weighted(self):
        red = np.zeros((1, 8, 8, 3), np.uint8)
        red[:, ::2, :, 0] = 255
        found = energy(Video(red, FPS), window="none")
        assert found.contrast == pytest.approx([0.299 / 2])
        assert found.spatial.sum() == pytest.approx((0.299 / 2) ** 2, rel=1e-6)

    def test_orientations_are_of_middle_and_high_octaves(self):
        found = energy(clip_of(frames(2, 64, 80)[..., 0].astype(float)))
        names = [f"{a:g}" for a in found.spatial_edges]
        first, last = names.index("0.03125"), names.index("0.5")
        np.testing.assert_allclose(
            found.orientation.sum(axis=1), found.spatial[:, first:last].sum(axis=1), rtol=1e-9
        )

    @settings(max_examples=8)
    @given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40))
    def test_any_size(self, count, height, width):
        found = energy(Video(frames(count, height, width), FPS))
        assert found.spatial.min() >= 0
        assert np.isfinite(found.spatiotemporal).all()
        moves = found.speeds
        assert moves.sum() == pytest.approx(1) if count > 1 else np.isnan(moves).all()


class TestComparison:
    def test_with_itself(self):
        found = energy(drift(1, 0.5, frames=6))
        compared = compare_energy(found, found)
        known = [one for one in compared.ratios.values() if not np.isnan(one)]
        assert set(known) == {1.0}
        assert compared.direction_distance == compared.speed_distance == 0

    def test_half_the_contrast(self):
        """A quarter of the power in each band, and all shares as they were."""
        here = clip_of([127 + 2 * np.rint((texture(t) - 127) / 2) for t in range(4)])
        there = clip_of([127 + np.rint((texture(t) - 127) / 2) for t in range(4)])
        ratios = compare_energy(energy(here), energy(there)).ratios
        power = [value for name, value in ratios.items() if "_power." in name]
        np.testing.assert_allclose(np.array(power)[~np.isnan(power)], 0.25, rtol=1e-4)
        assert len(power) > 40
        for name, expected in (
            ("contrast", 0.5), ("total_variation", 0.5), ("coarse_power", 1), ("fast_power", 1),
            ("flicker", 0.5),
        ):  # fmt: skip
            assert ratios[name] == pytest.approx(expected, rel=1e-3)

    def test_it_is_other_over_natural(self):
        dim, bright = clip_of([np.eye(8) * 100] * 2), clip_of([np.eye(8) * 200] * 2)
        assert compare_energy(energy(dim), energy(bright)).ratios["contrast"] == pytest.approx(2)

    def test_nothing_to_compare_with(self):
        blank = energy(clip_of(np.full((2, 8, 8), 9)))
        found = compare_energy(blank, energy(Video(frames(2, 8, 8), FPS)))
        assert np.isnan(found.ratios["contrast"])
        assert np.isnan(found.direction_distance)

    def test_rows(self):
        found = energy(drift(1, 0))
        rows = list(compare_energy(found, found).rows("a", "b"))
        assert rows[0] == {
            "clip": "a", "reference": "b", "measure": "spatial_power.0.00390625-0.0078125.ratio",
            "value": 1.0, "unit": "1",
        }  # fmt: skip
        units = {row["measure"]: row["unit"] for row in rows}
        assert units["direction_distance"] == "rad"
        assert units["speed_distance"] == "octave"
        assert all("frame" not in row for row in rows)
        assert "reference" not in next(compare_energy(found, found).rows("a"))

    @pytest.mark.parametrize(
        ("other", "options", "message"),
        [
            ((3, 8, 9), {}, "the clips differ in length: 2 and 3 frames"),
            ((2, 40, 9), {}, "the clips differ in size"),
            ((2, 8, 9), {"window": "none"}, "with the windows hann and none"),
        ],
    )
    def test_refusals(self, other, options, message):
        here, there = energy(Video(frames(2, 8, 9), FPS)), Video(frames(*other), FPS)
        with pytest.raises(InputError, match=message):
            compare_energy(here, energy(there, **options))


class TestShape:
    def test_rows(self):
        found = energy(Video(frames(3, 16, 20), FPS))
        rows = list(found.rows("a.mkv", "b.mkv"))
        assert rows[1] == {
            "clip": "a.mkv", "reference": "b.mkv", "frame": 1, "time_s": 1 / 24,
            "measure": "spatial_power.0.03125-0.0625", "value": found.spatial[1, 0], "unit": "1",
        }  # fmt: skip
        assert {key for row in rows for key in row} <= set(COLUMNS)
        assert {type(row["value"]) for row in rows} == {float}
        whole = [row["measure"] for row in rows if "frame" not in row]
        assert len(set(whole)) == len(whole)
        values = {row["measure"]: row["value"] for row in rows if "frame" not in row}
        assert values["spatial_power.0.25-0.5.mean"] == pytest.approx(found.spatial[:, -2].mean())
        assert values["spatiotemporal_power.uniform_static"] == 0
        assert values["speed_share.25.6-inf"] == found.speeds[-1]
        assert "direction_share.22.5deg" in values
        assert "orientation_power.157.5deg.mean" in values

    def test_names_go_with_their_values(self):
        found = energy(clip_of(grating(0.2, 0, 0.3, (10, 60, 60))))
        rows = {row["measure"]: row["value"] for row in found.rows("x") if "frame" not in row}
        largest = {
            kind: max((name for name in rows if name.startswith(kind)), key=rows.__getitem__)
            for kind in ("spatial_p", "orientation", "temporal_p", "spatiotemporal")
        }
        assert largest == {
            "spatial_p": "spatial_power.0.125-0.25.mean",
            "orientation": "orientation_power.90deg.mean",
            "temporal_p": "temporal_power.0.25-0.5",
            "spatiotemporal": "spatiotemporal_power.0.125-0.25_0.25-0.5",
        }

    def test_one_frame(self):
        found = energy(Video(frames(1, 8, 9), FPS))
        assert len(found) == 1
        assert np.isnan([found.flicker, found.fast, *found.speeds, *found.directions]).all()
        assert found.temporal[0] == pytest.approx(found.spatial.sum())

    def test_a_clip_on_disk(self, tmp_path):
        path = clip_file(tmp_path / "a.npz", 6)
        whole, part = energy(LazyVideo(path, "2:5")), energy(read_video(path, "2:5"))
        assert whole.start == 2
        assert [row["frame"] for row in whole.rows("a") if "frame" in row][:3] == [2, 3, 4]
        for name in ARRAYS:
            assert np.array_equal(getattr(whole, name), getattr(part, name), equal_nan=True)

    def test_progress_and_cancelling(self):
        seen = []

        def stop(frame):
            if frame == 1:
                raise KeyboardInterrupt

        assert isinstance(energy(Video(frames(3), FPS), on_frame=seen.append), Energy)
        assert seen == [0, 1, 2]
        with pytest.raises(KeyboardInterrupt):
            energy(Video(frames(3), FPS), on_frame=stop)
