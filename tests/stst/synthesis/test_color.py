from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arrays import images, pictures
from stst.synthesis.color import color_transfer, distribution_transfer, match_distribution

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
    found = match_distribution(values, reference)[0]
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
