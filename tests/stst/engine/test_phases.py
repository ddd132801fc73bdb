from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.engine.phases import (
    PhaseFields,
    antisymmetric,
    factors,
    half_plane,
    own_partners,
    partners,
    signs_only,
)
from stst.utils.noise import uniform_noise

SIDES = st.integers(1, 9)


def partner(index, shape):
    return tuple(-one % size for one, size in zip(index, shape, strict=True))


@given(shape=st.lists(SIDES, min_size=1, max_size=3))
@settings(deadline=None)
def test_partners(shape):
    found = partners(shape).view(shape)
    for index in np.ndindex(*shape):
        assert np.unravel_index(int(found[index]), shape) == partner(index, shape)


@given(shape=st.lists(SIDES, min_size=1, max_size=3))
@settings(deadline=None)
def test_own_partners(shape):
    found = own_partners(shape)
    assert found.shape == (*shape[:-1], shape[-1] // 2 + 1)
    for index in np.ndindex(*found.shape):
        assert bool(found[index]) == (partner(index, shape) == index)


@given(height=SIDES, width=SIDES, seed=st.integers(0, 99))
@settings(deadline=None)
def test_fields_are_antisymmetric(height, width, seed):
    noise = uniform_noise(seed, 0, "test", (2, height, width)).double()
    field = antisymmetric(noise, 2)
    for index in np.ndindex(height, width):
        here, there = field[:, *index], field[:, *partner(index, (height, width))]
        if partner(index, (height, width)) == index:
            assert torch.equal(here, noise[:, *index])
        else:
            assert torch.allclose((here + there) % 1, torch.zeros(2).double())


def test_half_plane_is_zero_at_frequency_zero_only():
    noise = torch.full((6, 4), 0.25)
    field = half_plane(noise, 6)
    assert field[0, 0] == 0
    assert (field != 0).sum() == field.numel() - 1
    # partners within the columns 0 and 3; their own partners stay
    assert field[:, 0].tolist() == [0, 0.25, 0.25, 0.25, 0.75, 0.75]
    assert field[:, 3].tolist() == [0.25, 0.25, 0.25, 0.25, 0.75, 0.75]
    assert torch.equal(field[:, 1:3], noise[:, 1:3].double())


class TestCoherence:
    OWN = torch.tensor([False])

    @pytest.mark.parametrize("turns", [0.0, 0.1, 0.25, 0.4, 0.6, 0.9])
    def test_the_ends(self, turns):
        field = torch.tensor([turns], dtype=torch.float64)
        random = factors(field, self.OWN, 0)
        assert torch.allclose(random, torch.exp(2j * torch.pi * field))
        assert factors(field, self.OWN, 1) == 1

    @pytest.mark.parametrize("turns", [0.05, 0.2, 0.45, 0.55, 0.95])
    def test_half_way_is_half_the_angle(self, turns):
        field = torch.tensor([turns], dtype=torch.float64)
        signed = turns if turns < 0.5 else turns - 1
        expected = np.exp(1j * np.pi * signed)
        assert factors(field, self.OWN, 0.5).numpy() == pytest.approx([expected])

    @pytest.mark.parametrize("coherence", [0.2, 0.5, 0.9])
    def test_weighted_mean_of_directions(self, coherence):
        """Dakin et al.: atan2 of the weighted sums of sines and cosines."""
        natural, random = 0.7, 2.1
        mean = np.arctan2(
            coherence * np.sin(natural) + (1 - coherence) * np.sin(random),
            coherence * np.cos(natural) + (1 - coherence) * np.cos(random),
        )
        turns = torch.tensor([(random - natural) / (2 * np.pi)], dtype=torch.float64)
        found = natural + float(factors(turns, self.OWN, coherence).angle())
        assert found == pytest.approx(mean)

    def test_opposite_directions_have_no_mean(self):
        field = torch.tensor([0.5], dtype=torch.float64)
        assert factors(field, self.OWN, 0.5) == 1

    @pytest.mark.parametrize("coherence", [0.0, 0.3, 0.7, 1.0])
    def test_own_partners_keep_their_sign_with_its_probability(self, coherence):
        turns = uniform_noise(3, 0, "test", (40000,)).double()
        found = factors(turns, torch.tensor(True), coherence)
        assert set(found.real.tolist()) <= {1.0, -1.0}
        assert (found.imag == 0).all()
        kept = float((found.real > 0).double().mean())
        # four standard deviations of a binomial
        assert abs(kept - (1 + coherence) / 2) < 4 * np.sqrt(0.25 / 40000) + 1e-12

    def test_more_coherence_never_turns_a_phase_away(self):
        turns = uniform_noise(4, 0, "test", (500,)).double()
        own = torch.arange(500) % 5 == 0
        angles = [factors(turns, own, c).angle().abs() for c in (0, 0.2, 0.4, 0.6, 0.8, 1)]
        for less, more in itertools.pairwise(angles):
            assert (more <= less + 1e-12).all()
        assert (angles[-1] == 0).all()


class TestPhaseFields:
    SHAPE = (6, 5, 8)

    @given(frames=SIDES, height=SIDES, width=SIDES, channels=st.sampled_from([1, 3]))
    @settings(deadline=None, max_examples=40)
    def test_the_three_dimensional_field_is_antisymmetric(self, frames, height, width, channels):
        shape = (frames, height, width)
        field = PhaseFields(5, shape, channels).spatiotemporal(0, height).transpose(0, 1)
        assert field.shape == (channels, frames, height, width // 2 + 1)
        assert (field[:, 0, 0, 0] == 0).all()
        for index in np.ndindex(frames, height, width // 2 + 1):
            there = partner(index, shape)
            if there[2] > width // 2 or there == index:
                continue
            total = field[:, *index] + field[:, *there]
            assert torch.allclose(total % 1 % (1 - 1e-12), torch.zeros(channels).double())

    def test_parts_are_the_whole(self):
        fields = PhaseFields(7, self.SHAPE, 1)
        whole = fields.spatiotemporal(0, 5)
        parts = [fields.spatiotemporal(0, 2), fields.spatiotemporal(2, 3)]
        parts.append(fields.spatiotemporal(3, 5))
        assert torch.equal(torch.cat(parts, dim=2), whole)

    @pytest.mark.parametrize("which", ["spatial", "temporal", "spatiotemporal"])
    def test_seeds_and_channels_differ_and_repeat(self, which):
        def field(seed, channels):
            made = getattr(PhaseFields(seed, self.SHAPE, channels), which)
            return made(0, 5) if which == "spatiotemporal" else made()

        assert torch.equal(field(1, 3), field(1, 3))
        assert not torch.equal(field(1, 3), field(2, 3))
        axis = 0 if which == "spatial" else 1
        one, two, three = field(1, 3).unbind(axis)
        assert not torch.equal(one, two)
        assert not torch.equal(two, three)
        assert field(1, 1).shape[axis] == 1

    def test_phases_are_uniform(self):
        """Kolmogorov-Smirnov against the uniform distribution, away from paired columns."""
        turns = PhaseFields(0, (16, 32, 32), 1).spatiotemporal(0, 32)[..., 1:-1].flatten()
        ordered = turns.sort().values
        steps = torch.arange(1, len(ordered) + 1) / len(ordered)
        assert float((ordered - steps).abs().max()) < 1.95 / np.sqrt(len(ordered))

    def test_signs_only(self):
        own = torch.tensor([True, True, False])
        turns = torch.tensor([0.3, 0.8, 0.3])
        assert signs_only(turns, own).tolist() == pytest.approx([0, 0.5, 0.3])
