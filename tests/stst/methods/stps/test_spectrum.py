"""Amplitudes mode by mode, in float64, before colours and rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.engine.phases import (
    PhaseFields,
    factors,
    own_partners,
    scramble_by_noise,
    scramble_pictures,
)
from stst.methods.stps.spectrum import BothSteps, SpaceTime, TimeOnly
from stst.utils.noise import uniform_noise

SHAPES = st.tuples(st.integers(2, 9), st.integers(1, 14), st.integers(1, 14))
SEEDS = st.integers(0, 2**32)
COHERENCES = st.sampled_from([0.0, 0.35, 0.5, 0.8])
#: Of the spectrum's RMS without the mean.
TOLERANCE = 1e-5
KINDS = {"both": BothSteps, "spatiotemporal": SpaceTime, "temporal": TimeOnly}


def clip(shape, seed=0, dtype=torch.float64):
    """Give (T, 3, H, W) in [0, 1]; correlated channels, as natural ones are."""
    frames, height, width = shape
    grey = uniform_noise(seed, 0, "grey", (frames, 1, height, width))
    own = uniform_noise(seed, 0, "colour", (frames, 3, height, width))
    return (0.7 * grey + 0.3 * own).to(dtype)


def scrambled(natural, mode, seed=0, channels=1, coherence=0.0):
    frames, _, height, width = natural.shape
    shape, fields = (frames, height, width), PhaseFields(seed, (frames, height, width), channels)
    if mode == "spatial":
        return scramble_pictures(natural, fields.spatial()[None], coherence)
    held = KINDS[mode](shape, natural.dtype, torch.device("cpu"))
    for frame in range(frames):
        held.put(frame, natural[frame])
    assert list(held.scramble(fields, coherence))[-1] == 1
    return torch.stack([held.picture(frame) for frame in range(frames)])


def amplitudes(values, axes):
    return np.abs(np.fft.fftn(values.double().numpy(), axes=axes))


def deviation(natural, made, axes):
    """Give the largest difference of amplitudes over the RMS of the spectrum without its mean."""
    before, after = amplitudes(natural, axes), amplitudes(made, axes)
    centred = amplitudes(natural - natural.mean(dim=axes, keepdim=True), axes)
    return np.abs(after - before).max() / max(np.sqrt((centred**2).mean()), 1e-12)


class TestAmplitudes:
    @given(SHAPES, SEEDS, COHERENCES, st.sampled_from([1, 3]))
    @settings(deadline=None, max_examples=60)
    def test_spatial_keeps_those_of_each_frame(self, shape, seed, coherence, channels):
        natural = clip(shape, seed % 7)
        made = scrambled(natural, "spatial", seed, channels, coherence)
        if min(shape[1:]) > 1:
            assert deviation(natural, made, (2, 3)) < TOLERANCE
        assert deviation(natural, made, (0, 2, 3)) < TOLERANCE
        torch.testing.assert_close(made.mean((2, 3)), natural.mean((2, 3)))

    @pytest.mark.parametrize("mode", KINDS)
    @given(shape=SHAPES, seed=SEEDS, coherence=COHERENCES, channels=st.sampled_from([1, 3]))
    @settings(deadline=None, max_examples=60)
    def test_all_others_keep_those_of_the_clip(self, mode, shape, seed, coherence, channels):
        natural = clip(shape, seed % 7)
        made = scrambled(natural, mode, seed, channels, coherence)
        assert deviation(natural, made, (0, 2, 3)) < TOLERANCE
        torch.testing.assert_close(made.mean((0, 2, 3)), natural.mean((0, 2, 3)))

    @pytest.mark.parametrize("mode", ["both", "spatiotemporal", "temporal"])
    def test_but_not_those_of_each_frame(self, mode):
        natural = clip((6, 10, 11))
        assert deviation(natural, scrambled(natural, mode), (2, 3)) > 0.1

    @pytest.mark.parametrize("mode", ["spatial", *KINDS])
    def test_in_single_precision(self, mode):
        natural = clip((6, 10, 11), dtype=torch.float32)
        made = scrambled(natural, mode)
        assert made.dtype == torch.float32
        assert deviation(natural, made, (0, 2, 3)) < 1e-4

    @pytest.mark.parametrize("mode", ["spatial", *KINDS])
    @pytest.mark.parametrize("shape", [(6, 10, 12), (5, 9, 11)])
    def test_the_mean_never_changes_its_sign(self, mode, shape):
        natural = clip(shape)
        for seed in range(30):
            made = scrambled(natural, mode, seed, channels=3)
            assert (made.mean((0, 2, 3)) > 0).all()


@pytest.mark.parametrize("mode", ["spatial", *KINDS])
@given(shape=SHAPES, seed=SEEDS, channels=st.sampled_from([1, 3]))
@settings(deadline=None, max_examples=30)
def test_full_coherence_is_the_natural_clip(mode, shape, seed, channels):
    natural = clip(shape, seed % 7)
    made = scrambled(natural, mode, seed, channels, coherence=1.0)
    assert float((made - natural).abs().max()) < 1e-6


@given(shape=SHAPES, seed=SEEDS, coherence=COHERENCES, both=st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_result_is_real_by_construction(shape, seed, coherence, both):
    """The field continued to the full plane gives the same clip, and no imaginary part."""
    frames, height, width = shape
    natural = clip(shape)
    fields = PhaseFields(seed, shape, 1)
    turns = fields.spatiotemporal(0, height)[:, 0]
    if both:
        spatial, own = fields.spatial()[0], own_partners(shape[1:])
        turns = (turns + torch.where(own, (2 * spatial).floor() / 2, spatial)) % 1
    half = factors(turns, own_partners(shape), coherence).numpy()
    full = np.empty(shape, complex)
    full[..., : width // 2 + 1] = half
    for index in np.ndindex(frames, height, width):
        if index[2] > width // 2:
            full[index] = half[-index[0] % frames, -index[1] % height, width - index[2]].conj()
    spectrum = np.fft.fftn(natural.numpy(), axes=(0, 2, 3)) * full[:, None]
    expected = np.fft.ifftn(spectrum, axes=(0, 2, 3))
    assert np.abs(expected.imag).max() < 1e-12
    made = scrambled(natural, "both" if both else "spatiotemporal", seed, 1, coherence)
    np.testing.assert_allclose(made.numpy(), expected.real, atol=1e-12)


def test_both_steps_are_one_after_the_other():
    natural = clip((6, 10, 12))
    first = scrambled(natural, "spatial", 3)
    torch.testing.assert_close(scrambled(first, "spatiotemporal", 3), scrambled(natural, "both", 3))


def test_temporal_moves_all_pixels_alike():
    """It filters every pixel's course by one all-pass kernel."""
    natural = clip((7, 5, 6))
    made = scrambled(natural, "temporal", 2)
    kernel = np.fft.ifft(np.fft.fft(made[:, 0, 0, 0]) / np.fft.fft(natural[:, 0, 0, 0]))
    expected = np.zeros(natural.shape)
    for lag, weight in enumerate(kernel.real):
        expected += weight * np.roll(natural.numpy(), lag, axis=0)
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-10)
    assert not torch.allclose(made, natural, atol=0.01)


@pytest.mark.parametrize("mode", ["spatial", *KINDS])
def test_channels_keep_their_relations_unless_asked_otherwise(mode):
    natural = clip((6, 12, 12))

    def relation(values):
        one, two = (np.fft.fftn(values[:, channel].numpy()) for channel in (0, 1))
        return one * two.conj()

    shared, own = scrambled(natural, mode), scrambled(natural, mode, channels=3)
    np.testing.assert_allclose(relation(shared), relation(natural), atol=1e-8)
    assert np.abs(relation(own) - relation(natural)).max() > 1
    # red, green and blue that go together make the luminance vary more
    assert float(own.mean(1).std()) < float(shared.mean(1).std())


def test_blocks_do_not_matter(monkeypatch):
    natural = clip((6, 11, 12))
    whole = {mode: scrambled(natural, mode) for mode in KINDS}
    monkeypatch.setattr("stst.methods.stps.spectrum._BLOCK", 1)
    for mode, made in whole.items():
        torch.testing.assert_close(scrambled(natural, mode), made, atol=1e-15, rtol=0)


@pytest.mark.parametrize("kind", KINDS.values())
def test_a_copy_is_independent(kind):
    shape = (4, 6, 6)
    held = kind(shape, torch.float64, torch.device("cpu"))
    for frame, picture in enumerate(clip(shape)):
        held.put(frame, picture)
    other = held.copy()
    before = held.picture(1).clone()
    list(other.scramble(PhaseFields(0, shape, 1), 0))
    assert torch.equal(held.picture(1), before)
    assert not torch.allclose(other.picture(1), before)


class TestPictures:
    @given(height=st.integers(2, 33), width=st.integers(2, 33), seed=SEEDS)
    @settings(max_examples=60, deadline=None)
    def test_amplitudes_mean_and_channel_relations_stay(self, height, width, seed):
        generator = torch.Generator().manual_seed(seed)
        images = torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)
        noise = torch.rand(2, height, width, generator=generator)
        out = scramble_by_noise(images, noise)
        assert out.shape == (2, 3, height, width)
        before, after = torch.fft.fft2(images), torch.fft.fft2(out)
        torch.testing.assert_close(after.abs(), before.abs().expand_as(after))
        torch.testing.assert_close(out.mean((2, 3)), images.mean((2, 3)).expand(2, 3))
        cross = (before[:, 0] * before[:, 1].conj()).expand(2, -1, -1)
        torch.testing.assert_close(after[:, 0] * after[:, 1].conj(), cross)

    def test_it_scrambles(self):
        generator = torch.Generator().manual_seed(0)
        image = torch.zeros(1, 1, 32, 32)
        image[..., 10:20, 10:20] = 1
        noise = torch.rand(2, 32, 32, generator=generator)
        out = scramble_by_noise(image, noise)
        for one in out[:, 0].flatten(1):
            assert abs(float(torch.corrcoef(torch.stack([one, image.flatten()]))[0, 1])) < 0.6
        assert not torch.equal(out[0], out[1])

    @pytest.mark.parametrize("value", [0.0, 0.25])
    def test_a_constant_stays_constant(self, value):
        image = torch.full((1, 3, 7, 8), value)
        torch.testing.assert_close(scramble_by_noise(image, torch.zeros(1, 7, 8)), image)
