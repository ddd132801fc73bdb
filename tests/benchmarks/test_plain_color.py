"""The yardstick of colour transfer does what the package does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_color import color_transfer as plain
from plain_color import distribution_transfer as plain_distribution

from stst.engine.color_transfer import color_transfer, distribution_transfer


def smooth(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Clouds (3, H, W) in [0, 1]."""
    coarse = torch.from_numpy(rng.random((1, 3, 7, 9)))
    fine = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return 0.9 * fine[0].numpy() + 0.1 * rng.random((3, *size))


@pytest.mark.parametrize("size", [(24, 30), (45, 51), (97, 130)])
def test_it_agrees_with_the_package(size):
    rng = np.random.default_rng(3)
    picture, reference = smooth(rng, size), 0.7 * smooth(rng, size) ** 2
    ours = [torch.from_numpy(one)[None] for one in (picture, reference)]
    both = plain_distribution, distribution_transfer, 1e-9
    # the second part is done in float32
    for here, there, error in (both, (plain, color_transfer, 1e-6)):
        found = there(*ours)[0].numpy()
        np.testing.assert_allclose(here(picture, reference), found, rtol=0, atol=error)
