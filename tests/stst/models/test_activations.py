from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.models.activations import Multiscale, resize_images

SIDES = st.integers(2, 17)


@given(
    heights=st.lists(SIDES, min_size=1, max_size=4),
    widths=st.lists(SIDES, min_size=4, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_gram_is_that_of_the_concatenation(heights, widths, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(
        torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)
        for height, width in zip(heights, widths[: len(heights)], strict=True)
    )
    activation = Multiscale(maps)
    flat = activation.concatenate().flatten(2)
    torch.testing.assert_close(activation.gram(), flat @ flat.mT)
    size = maps[0].shape[-2:]
    by_torch = torch.cat([resize_images(one, size) for one in maps], 1)
    torch.testing.assert_close(activation.concatenate(), by_torch)
    window = slice(1, heights[0]), slice(0, widths[0] - 1)
    part = activation.concatenate(window)
    torch.testing.assert_close(part, by_torch[..., window[0], window[1]])


def test_gradient_of_the_shortcut():
    generator = torch.Generator().manual_seed(0)
    maps = [
        torch.randn(1, 2, side, side + 1, generator=generator, dtype=torch.float64).requires_grad_()
        for side in (9, 5, 3)
    ]
    weights = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    short = torch.autograd.grad((Multiscale(tuple(maps)).gram() * weights).sum(), maps)
    flat = Multiscale(tuple(maps)).concatenate().flatten(2)
    long = torch.autograd.grad((flat @ flat.mT * weights).sum(), maps)
    for one, other in zip(short, long, strict=True):
        torch.testing.assert_close(one, other)


def test_resizing_to_the_same_size_changes_nothing():
    image = torch.rand(1, 3, 5, 6)
    assert resize_images(image, (5, 6)) is image


@pytest.mark.parametrize("size", [(2, 3), (9, 4)])
def test_resizing_keeps_a_constant(size):
    image = torch.full((1, 3, 5, 6), 0.25)
    torch.testing.assert_close(resize_images(image, size), torch.full((1, 3, *size), 0.25))
