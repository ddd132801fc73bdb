from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moving_patterns import grating
from stst.analysis.measures.spectra import (
    ORIENTED,
    SEGMENT,
    ClipSpectrum,
    FrameSpectrum,
    octaves,
    spatial_octaves,
    window_values,
)


def weights(shape, window):
    """Give squared windows by their definition, not normalised."""
    out = np.ones(shape)
    if window == "hann":
        for axis, length in enumerate(shape):
            at = 0.5 * (1 - np.cos(2 * np.pi * (np.arange(length) + 0.5) / length))
            out = out * np.expand_dims(at**2, [k for k in range(len(shape)) if k != axis])
    return out


def variance(values, window):
    """Give the variance under the squared window."""
    of = weights(values.shape, window)
    mean = np.average(values, weights=of)
    return np.average((values - mean) ** 2, weights=of)


def of_clip(values, window="hann"):
    """Give the power of a clip, and the spatial bands of its frames."""
    space = FrameSpectrum(*values.shape[1:], window)
    time, bands = ClipSpectrum(space, len(values)), []
    for frame in values:
        mean, spectrum = space.transform(frame)
        bands.append(space.in_bands(space.power(spectrum)))
        time.add(mean, spectrum)
    return time, np.array(bands)


def share(frame, window, of=FrameSpectrum.in_bands):
    space = FrameSpectrum(*frame.shape, window)
    power = of(space, space.power(space.transform(frame)[1]))
    return power / power.sum()


class TestOctaves:
    @pytest.mark.parametrize(
        ("length", "lowest"), [(1, 2), (2, 2), (3, 2), (4, 3), (24, 5), (31, 5), (32, 6), (192, 8)]
    )
    def test_edges(self, length, lowest):
        assert octaves(length).tolist() == [2.0**-one for one in range(lowest, 0, -1)]

    @given(st.integers(2, 5000))
    def test_the_lowest_frequency_is_in_the_lowest_band(self, length):
        edges = octaves(length)
        if length > 2:
            assert edges[0] < 1 / length <= edges[1]

    def test_the_corner(self):
        assert spatial_octaves(12, 40).tolist() == [*octaves(40), np.sqrt(0.5)]


@given(st.integers(1, 50))
def test_a_window_has_no_zero_and_is_symmetric(length):
    window = window_values(length)
    assert window.min() > 0
    assert window.max() <= 1
    np.testing.assert_allclose(window, window[::-1], atol=1e-12)
    assert window.sum() == pytest.approx(length / 2 if length > 1 else 1)


class TestParseval:
    @settings(max_examples=30)
    @given(
        st.integers(1, 13), st.integers(1, 14), st.sampled_from(["hann", "none"]),
        st.integers(0, 999),
    )  # fmt: skip
    def test_of_a_frame(self, height, width, window, seed):
        frame = np.random.default_rng(seed).random((height, width))
        space = FrameSpectrum(height, width, window)
        mean, spectrum = space.transform(frame)
        power = space.power(spectrum)
        expected = variance(frame, window)
        assert mean == pytest.approx(np.average(frame, weights=weights(frame.shape, window)))
        assert power.sum() == pytest.approx(expected, rel=1e-5, abs=1e-15)
        assert space.in_bands(power).sum() == pytest.approx(expected, rel=1e-5, abs=1e-15)

    @settings(max_examples=30)
    @given(
        st.integers(1, 9), st.integers(1, 7), st.integers(1, 8),
        st.sampled_from(["hann", "none"]), st.integers(0, 999),
    )  # fmt: skip
    def test_of_a_clip(self, frames, height, width, window, seed):
        values = np.random.default_rng(seed).random((frames, height, width))
        time, bands = of_clip(values, window)
        power = time.power()
        assert power.min() >= 0
        assert power[0, 0] == 0
        assert power.sum() == pytest.approx(variance(values, window), rel=1e-5, abs=1e-14)
        # frame by frame or over time: in each spatial band there is the same
        means = np.average(bands, axis=0, weights=weights((frames,), window))
        np.testing.assert_allclose(power[1:].sum(axis=1), means, rtol=1e-5, atol=1e-14)

    def test_of_a_frame_without_a_window_it_is_the_plain_variance(self):
        frame = np.random.default_rng(1).random((10, 17))
        space = FrameSpectrum(10, 17, "none")
        assert space.power(space.transform(frame)[1]).sum() == pytest.approx(frame.var(), rel=1e-6)


def spread(*steps):
    """Give where a Hann window spreads a grating of so many periods each way, and how much of it.

    A half at its own frequency and a quarter on both sides, which squares to 4 : 1 : 1.
    """
    sides = [[(step - 1, 1 / 6), (step, 2 / 3), (step + 1, 1 / 6)] for step in steps]
    for ways in product(*sides):
        yield [step for step, _ in ways], np.prod([part for _, part in ways])


def in_band(steps, lengths, low, high):
    """Give the share of a grating under a Hann window that is in a band."""
    kept = [
        part
        for place, part in spread(*steps)
        if low < np.linalg.norm(np.divide(place, lengths)) <= high
    ]
    return sum(kept)


class TestGratings:
    @pytest.mark.parametrize(
        ("right", "down", "low", "high"),
        [
            (0.4, 0, 1 / 4, 1 / 2), (0, 0.26, 1 / 4, 1 / 2), (0.25, 0, 1 / 8, 1 / 4),
            (0.15, 0.15, 1 / 8, 1 / 4), (0.2, -0.2, 1 / 4, 1 / 2), (-0.1, 0, 1 / 16, 1 / 8),
            (0, 0.05, 1 / 32, 1 / 16), (0.45, 0.45, 1 / 2, 1),
        ],
    )  # fmt: skip
    def test_spatial_band(self, right, down, low, high):
        """Of 100 pixels, so that periods are whole and the frame can be a tile."""
        frame = grating(right, down, 0, (1, 100, 100))[0] / 255
        place = np.flatnonzero(spatial_octaves(100, 100) == low).item()
        assert share(frame, "none")[place] == pytest.approx(1, abs=1e-6)
        expected = in_band((100 * right, 100 * down), (100, 100), low, high)
        assert share(frame, "hann")[place] == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize("angle", range(8))
    def test_orientation(self, angle):
        """Counter-clockwise as it is seen, and rows go down."""
        along = np.exp(1j * np.deg2rad(22.5 * angle))
        y, x = np.mgrid[:80, :120]
        across = x * along.imag + y * along.real
        frame = 0.5 + 0.4 * np.sin(2 * np.pi * 0.2 * across)
        found = share(frame, "hann", FrameSpectrum.in_orientations)
        assert found[angle] > 0.99

    def test_four_orientations_in_plain_words(self):
        y, x = np.mgrid[:64, :64]
        stripes = {0: y, 2: x + y, 4: x, 6: x - y}
        for number, place in stripes.items():
            found = share((place % 8 < 4) * 1.0, "hann", FrameSpectrum.in_orientations)
            assert found[number] > 0.95

    @pytest.mark.parametrize(
        ("frequency", "is_coarse"), [(0.01, True), (0.02, True), (0.04, False)]
    )
    def test_coarse(self, frequency, is_coarse):
        frame = grating(frequency, 0, 0, (1, 100, 100))[0] / 255
        space = FrameSpectrum(100, 100, "none")
        power = space.power(space.transform(frame)[1])
        assert space.coarse(power) == pytest.approx(float(is_coarse), abs=1e-6)

    @pytest.mark.parametrize("way", [1, -1])
    @pytest.mark.parametrize(
        ("right", "over_time", "band", "moving"),
        [
            (18, 10, (1 / 4, 1 / 2), (1 / 4, 1 / 2)), (18, 6, (1 / 4, 1 / 2), (1 / 8, 1 / 4)),
            (6, 3, (1 / 16, 1 / 8), (1 / 16, 1 / 8)), (12, 8, (1 / 8, 1 / 4), (1 / 8, 1 / 4)),
        ],
    )  # fmt: skip
    def test_drift(self, right, over_time, band, moving, way):
        """By periods in 60 pixels and in 32 frames."""
        values = grating(right / 60, 0, way * over_time / 32, (32, 40, 60)) / 255
        row = 1 + np.flatnonzero(spatial_octaves(40, 60) == band[0]).item()
        column = 1 + np.flatnonzero(octaves(32) == moving[0]).item()
        none, hann = (of_clip(values, window)[0].power() for window in ("none", "hann"))
        assert none[row, column] / none.sum() == pytest.approx(1, abs=1e-6)
        expected = in_band((right, 0), (60, 40), *band) * in_band((over_time,), (32,), *moving)
        assert hann[row, column] / hann.sum() == pytest.approx(expected, abs=1e-4)

    @pytest.mark.parametrize("window", ["none", "hann"])
    def test_what_stays_is_static(self, window):
        values = np.broadcast_to(np.random.default_rng(0).random((12, 16)), (9, 12, 16))
        power = of_clip(values, window)[0].power()
        assert power[:, 0].sum() == pytest.approx(variance(values, window), rel=1e-5)
        assert power[:, 1:].sum() < 1e-12

    @pytest.mark.parametrize("window", ["none", "hann"])
    def test_what_is_alike_everywhere_is_uniform(self, window):
        values = np.broadcast_to(np.array([0.0, 1.0] * 6)[:, None, None], (12, 8, 10))
        power = of_clip(values, window)[0].power()
        assert power[0, -1] / power.sum() > 0.999
        assert power[1:].sum() < 1e-12


class TestNull:
    def test_noise_has_power_where_there_are_frequencies(self):
        """So much in a band as its share of the plane of frequencies is."""
        values = np.random.default_rng(3).random((24, 96, 96))
        found = of_clip(values)[1].mean(axis=0)
        edges = spatial_octaves(96, 96)
        side = np.abs(np.fft.fftfreq(96))
        radius = np.hypot(side[:, None], side).ravel()[1:]
        expected = np.histogram(radius, [0, *edges[1:-1] + 1e-9, 1])[0] / len(radius)
        np.testing.assert_allclose((found / found.sum())[3:], expected[3:], rtol=0.05)

    def test_noise_has_all_orientations(self):
        space = FrameSpectrum(96, 128)
        rng = np.random.default_rng(4)
        frames = [space.power(space.transform(rng.random((96, 128)))[1]) for _ in range(20)]
        found = np.mean([space.in_orientations(power) for power in frames], axis=0)
        np.testing.assert_allclose(found / found.sum(), 1 / 8, rtol=0.05)


class TestOrientedBands:
    def test_they_are_the_bands_and_the_orientations(self):
        space = FrameSpectrum(40, 56)
        power = space.power(space.transform(np.random.default_rng(7).random((40, 56)))[1])
        found = space.in_oriented_bands(power).reshape(-1, 8)
        np.testing.assert_allclose(found.sum(1), space.in_bands(power), rtol=1e-9)
        # edges of bands are those of what counts as oriented
        first = int(np.flatnonzero(space.edges == ORIENTED[0])[0])
        np.testing.assert_allclose(found[first:-1].sum(0), space.in_orientations(power), rtol=1e-9)

    def test_over_time_they_sum_to_the_bands(self):
        values = np.random.default_rng(8).random((11, 14, 20))
        space = FrameSpectrum(14, 20)
        plain, oriented = (ClipSpectrum(space, 11, 6, oriented=one) for one in (False, True))
        for frame in values:
            for one in (plain, oriented):
                one.add(*space.transform(frame))
        uniform, *found = oriented.power()
        np.testing.assert_allclose(uniform, plain.power()[0], rtol=1e-9)
        summed = np.reshape(found, (-1, 8, len(uniform))).sum(1)
        np.testing.assert_allclose(summed, plain.power()[1:], rtol=1e-9)
        assert plain.segment == 6


class TestSegments:
    def test_a_long_clip_has_the_power_of_its_parts(self):
        values = np.random.default_rng(5).random((SEGMENT + 9, 6, 7))
        parts = [of_clip(part)[0].power() for part in (values[:SEGMENT], values[9:])]
        np.testing.assert_allclose(of_clip(values)[0].power(), np.mean(parts, axis=0), rtol=1e-9)

    @pytest.mark.parametrize("frames", [1, 31, 32, 33, 48, 49, 100])
    def test_each_frame_is_in_one_and_few_are_held(self, frames):
        space = FrameSpectrum(4, 5)
        time, most = ClipSpectrum(space, frames), 0
        for number in range(frames):
            changed = np.zeros((4, 5))
            changed[1, 2] = number == frames - 1
            time.add(*space.transform(changed))
            most = max(most, len(time._held))
        assert most <= SEGMENT
        assert time.power().sum() > 0, "the last frame is in a segment"
        assert time.edges.tolist() == octaves(min(frames, SEGMENT)).tolist()

    def test_they_overlap_by_half_or_more(self):
        for frames in range(33, 120):
            starts = ClipSpectrum(FrameSpectrum(2, 2), frames)._starts
            assert (starts[0], starts[-1]) == (0, frames - SEGMENT)
            assert np.diff(starts).max() <= SEGMENT // 2
            assert np.diff(starts).min() > 0
