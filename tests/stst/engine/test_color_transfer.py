from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arrays import images, pictures
from stst.engine.color_transfer import (
    Matching,
    color_transfer,
    distribution_transfer,
    regrain,
)
from stst.models.activations import resize_images

SIZES = ("33x37", "67x101", "144x256")


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_both_parts_in_float64(golden, size):
    data = golden(f"color_{size}")
    picture, reference = (images(data[key], torch.float64) for key in ("input", "reference"))
    found = pictures(distribution_transfer(picture, reference))
    np.testing.assert_allclose(found, data["pdf"], atol=1e-6)
    np.testing.assert_allclose(
        pictures(color_transfer(picture, reference)), data["full"], atol=5e-6
    )


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_matching_in_one_dimension(golden, size):
    data = golden(f"color_{size}")
    values, reference = (
        torch.from_numpy(data[key]).double()[None] for key in ("oned_in", "oned_ref")
    )
    found = (values + Matching(values, reference).change(values, reference))[0]
    np.testing.assert_allclose(found.numpy(), data["oned_out"], atol=1e-6)


def test_samples_are_treated_by_themselves():
    generator = torch.Generator().manual_seed(0)
    many = torch.rand(3, 3, 40, 44, generator=generator)
    reference = torch.rand(1, 3, 40, 44, generator=generator)
    together = color_transfer(many, reference)
    alone = torch.cat([color_transfer(one[None], reference) for one in many])
    assert torch.equal(together, alone)


@given(seed=st.integers(0, 50), constant=st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_it_stays_finite_and_in_range(seed, constant):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(1, 3, 9, 11, generator=generator)
    flat = torch.full_like(noise, constant)
    for picture, reference in ((noise, flat), (flat, noise), (flat, flat)):
        out = color_transfer(picture, reference)
        assert bool(torch.isfinite(out).all())
        assert 0 <= float(out.min()) <= float(out.max()) <= 1


def test_distributions_move_towards_the_reference():
    generator = torch.Generator().manual_seed(2)
    picture = torch.rand(1, 3, 64, 64, generator=generator, dtype=torch.float64)
    mean = torch.tensor([0.2, 0.5, 0.6])[None, :, None, None]
    reference = (mean + 0.1 * torch.randn(1, 3, 64, 64, generator=generator)).double().clamp(0, 1)
    out = distribution_transfer(picture, reference)
    torch.testing.assert_close(out.mean((2, 3)), reference.mean((2, 3)), atol=0.005, rtol=0)
    torch.testing.assert_close(out.std((2, 3)), reference.std((2, 3)), atol=0.005, rtol=0)


def test_dtype_is_kept():
    picture = torch.rand(1, 3, 12, 12)
    assert color_transfer(picture, picture).dtype == torch.float32


def test_order_in_memory_does_not_matter():
    picture, reference = rand(2, 3, 44, 50), rand(2, 3, 44, 50, seed=1)
    other = [one.to(memory_format=torch.channels_last) for one in (picture, reference)]
    assert torch.equal(color_transfer(*other), color_transfer(picture, reference))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_tiny_pictures(size):
    out = color_transfer(rand(1, 3, *size), rand(1, 3, 5, 6, seed=1))
    assert out.shape == (1, 3, *size)
    assert bool(torch.isfinite(out).all())


def test_inputs_stay_as_they_are():
    picture, reference = (rand(1, 3, 44, 50, seed=seed).double() for seed in (0, 1))
    before = picture.clone(), reference.clone()
    color_transfer(picture, reference)
    distribution_transfer(picture, reference)
    regrain(picture, reference)
    assert torch.equal(picture, before[0])
    assert torch.equal(reference, before[1])


def test_references_of_their_own_are_those_of_samples_alone():
    pictures, references = rand(2, 3, 30, 34), rand(2, 3, 25, 51, seed=1)
    together = color_transfer(pictures, references)
    alone = [color_transfer(pictures[i : i + 1], references[i : i + 1]) for i in range(2)]
    assert torch.equal(together, torch.cat(alone))


def rand(*shape, seed=0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def disc(height, width, radius) -> torch.Tensor:
    """(1, 1, H, W) bool."""
    y, x = np.mgrid[:height, :width]
    return torch.from_numpy((y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2)[None, None]


class TestWithoutRegrain:
    def test_it_is_distribution_transfer_alone(self):
        pictures, references = rand(2, 3, 20, 24), rand(1, 3, 20, 24, seed=1) ** 2
        alone = color_transfer(pictures, references, with_regrain=False)
        exact = distribution_transfer(pictures.double(), references.double())
        assert torch.equal(alone, exact.float())
        assert not torch.equal(alone, color_transfer(pictures, references))

    def test_a_grey_reference_gives_grey(self):
        grey = rand(1, 1, 20, 24, seed=1).expand(-1, 3, -1, -1)
        out = color_transfer(rand(1, 3, 20, 24), grey, with_regrain=False)
        assert torch.equal(out[:, 0], out[:, 1])
        assert torch.equal(out[:, 0], out[:, 2])

    def test_the_outside_stays(self):
        inside = disc(50, 60, 18)
        pictures, references = rand(1, 3, 50, 60), 0.3 * rand(1, 3, 50, 60, seed=1)
        out = color_transfer(pictures, references, inside, with_regrain=False)
        places = inside[0, 0]
        assert torch.equal(out[..., ~places], pictures[..., ~places])
        here, there = (one[..., places][..., None, :] for one in (pictures, references))
        row = color_transfer(here, there, with_regrain=False)
        assert torch.equal(out[..., places], row[..., 0, :])


class TestInside:
    """Only the pixels of a region."""

    def test_those_inside_are_matched_and_the_others_stay(self):
        inside = disc(50, 60, 18)
        pictures, references = rand(2, 3, 50, 60), 0.3 * rand(1, 3, 50, 60, seed=1)
        places = inside[0, 0]
        whole = color_transfer(pictures, references)[..., places]
        # the same inside, and something else around it
        around, there = (torch.where(inside, one, 0.9) for one in (pictures, references))
        out = color_transfer(around, there, inside)
        assert torch.equal(out[..., ~places], around[..., ~places])
        np.testing.assert_allclose(out[..., places].mean(2), whole.mean(2), atol=0.02)
        everywhere = color_transfer(around, there)[..., places]
        assert float((everywhere - whole).mean(2).abs().max()) > 0.1

    def test_neither_side_bleeds_into_the_other(self):
        """Smooth pictures and a small region: regrain would even out the step at its edge."""
        inside = disc(90, 110, 12)
        places = inside[0, 0]
        one, two = (resize_images(rand(1, 3, 9, 11, seed=seed), (90, 110)) for seed in (0, 1))
        pictures, references = (torch.where(inside, each, 0.9) for each in (one, 0.3 * two))
        out = color_transfer(pictures, references, inside)[..., places]
        assert float((out.mean(2) - references[..., places].mean(2)).abs().mean()) < 0.045

    @pytest.mark.parametrize("pixels", [1, 2])
    def test_few_pixels(self, pixels):
        inside = torch.zeros(1, 1, 24, 24, dtype=torch.bool)
        inside[0, 0, 3, 4 : 4 + pixels] = True
        out = color_transfer(rand(1, 3, 24, 24), rand(1, 3, 24, 24, seed=1), inside)
        assert bool(torch.isfinite(out).all())
