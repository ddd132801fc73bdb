from __future__ import annotations

import math

import pytest
import torch

from stst.engine.losses import gram
from stst.models.motion_energy import (
    ORIENTATIONS,
    WAVELENGTH,
    MotionEnergy,
    scales_of,
)
from stst.models.stream import validate_stream


@pytest.fixture(scope="module")
def energy() -> MotionEnergy:
    return MotionEnergy()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def grating(orientation: int, shift: float, side: int = 48) -> torch.Tensor:
    """Two frames of a grating of the filters' own wavelength that moves along its normal."""
    angle = math.pi * orientation / ORIENTATIONS
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    along = x * math.cos(angle) + y * math.sin(angle)
    frames = [0.5 + 0.4 * torch.cos(2 * math.pi / WAVELENGTH * (along - s)) for s in (0.0, shift)]
    return torch.stack(frames)[None, :, None].expand(1, 2, 3, side, side)


def mean_energy(energy: MotionEnergy, frames: torch.Tensor, scale: int = 0) -> torch.Tensor:
    """Average a scale over positions; (displacements, orientations)."""
    values = energy.energies(frames)[scale][..., 4:-4, 4:-4].mean(dim=(0, 2, 3))
    return values.reshape(-1, ORIENTATIONS)


def test_serves_as_a_temporal_stream(energy):
    assert validate_stream(energy, "temporal", "motion_energy") is energy


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
@pytest.mark.parametrize("third", range(3))
def test_the_channel_tuned_to_a_drift_answers_most(energy, orientation, third):
    values = mean_energy(energy, grating(orientation, third * WAVELENGTH / 3))
    assert divmod(int(values.argmax()), ORIENTATIONS) == (third, orientation)
    assert values[third, orientation] > 2 * values[(third + 1) % 3, orientation]
    assert values[third, orientation] > 2 * values[(third + 2) % 3, orientation]


def test_opposite_directions_have_different_grams(energy):
    right = gram(energy(grating(0, WAVELENGTH / 4))["energy"])
    left = gram(energy(grating(0, -WAVELENGTH / 4))["energy"])
    static = gram(energy(grating(0, 0.0))["energy"])
    assert (right - left).norm() > 0.5 * right.norm()
    assert (right - static).norm() > 0.3 * right.norm()


def test_reversing_time_swaps_the_two_directions(energy):
    frames = noise(1, 2, 3, 40, 40)
    there = mean_energy(energy, frames)
    back = mean_energy(energy, frames.flip(1))
    torch.testing.assert_close(there[1], back[2], rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(there[0], back[0], rtol=1e-3, atol=1e-6)


def test_coarse_scales_see_fast_motion(energy):
    """4 px per frame is nearly the finest scale's wavelength, and 1 px at scale 2."""
    picture = torch.nn.functional.interpolate(noise(1, 3, 16, 22), scale_factor=8, mode="bicubic")
    frames = torch.stack([picture[..., 8:], picture[..., 4:-4]], dim=1)
    values = mean_energy(energy, frames, scale=2)
    assert values[1, 0] > 1.3 * values[2, 0]


def test_energies_are_not_negative_and_sum_to_less_than_one(energy):
    for frames in (
        noise(2, 2, 3, 67, 45),
        grating(0, WAVELENGTH / 2),
        torch.zeros(1, 2, 3, 32, 32),
    ):
        for values in energy.energies(frames):
            assert bool((values >= 0).all())
            assert bool((values.sum(dim=1) < 1).all())


def test_the_gradient_of_a_constant_pair_is_finite(energy):
    frames = torch.full((1, 2, 3, 32, 32), 0.5, requires_grad=True)
    gram(energy(frames)["energy"]).sum().backward()
    assert frames.grad is not None
    assert bool(torch.isfinite(frames.grad).all())


@pytest.mark.parametrize(
    ("side", "scales"), [(8, 1), (15, 2), (16, 2), (29, 3), (32, 3), (64, 4), (126, 5), (999, 5)]
)
def test_smaller_frames_have_fewer_scales(energy, side, scales):
    assert scales_of(side) == scales
    maps = energy.energies(noise(1, 2, 3, side, side + 3))
    assert len(maps) == scales
    assert all(bool(torch.isfinite(values).all()) for values in maps)


def test_min_side(energy):
    assert energy.min_side(("energy",)) <= 16
    assert scales_of(energy.min_side(("energy",))) == 1


def test_a_sample_does_not_depend_on_its_batch(energy):
    frames = noise(3, 2, 3, 40, 33)
    frames[0] *= 0.1
    for one, many in zip(energy.energies(frames[1:2]), energy.energies(frames), strict=True):
        torch.testing.assert_close(one, many[1:2], rtol=1e-4, atol=1e-6)


def test_contrast_and_brightness_do_not_matter(energy):
    frames = noise(1, 2, 3, 40, 33)
    for one, other in zip(
        energy.energies(frames), energy.energies(0.3 * frames + 0.2), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_two_instances_are_the_same(energy):
    frames = noise(1, 2, 3, 40, 33)
    pairs = zip(energy.energies(frames), MotionEnergy().energies(frames), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not list(energy.parameters())
