from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.scramble import phase_scrambled

SIDES = st.integers(2, 33)


@given(height=SIDES, width=SIDES, seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_amplitudes_mean_and_channel_relations_stay(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)
    noise = torch.rand(2, height, width, generator=generator)
    out = phase_scrambled(images, noise)
    assert out.shape == (2, 3, height, width)
    before, after = torch.fft.fft2(images), torch.fft.fft2(out)
    torch.testing.assert_close(after.abs(), before.abs().expand_as(after))
    torch.testing.assert_close(out.mean((2, 3)), images.mean((2, 3)).expand(2, 3))
    # one field for all channels: their phase differences stay
    cross = (before[:, 0] * before[:, 1].conj()).expand(2, -1, -1)
    torch.testing.assert_close(after[:, 0] * after[:, 1].conj(), cross)


def test_it_scrambles():
    generator = torch.Generator().manual_seed(0)
    image = torch.zeros(1, 1, 32, 32)
    image[..., 10:20, 10:20] = 1
    noise = torch.rand(2, 32, 32, generator=generator)
    out = phase_scrambled(image, noise)
    for one in out[:, 0].flatten(1):
        assert abs(float(torch.corrcoef(torch.stack([one, image.flatten()]))[0, 1])) < 0.6
    assert not torch.equal(out[0], out[1])


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_constant_stays_constant(value):
    image = torch.full((1, 3, 7, 8), value)
    torch.testing.assert_close(phase_scrambled(image, torch.zeros(1, 7, 8)), image)
