from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.models.gradients import by_position, channels_last, convolve, gram_matrix


def drawn(*shape, seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 5, 1, 3), (3, 1, 2, 2), (2, 3, 4, 1)])
class TestCorrelated:
    def test_the_product(self, shape, last):
        values = channels_last(drawn(*shape)) if last else drawn(*shape)
        expected = torch.einsum("bnhw,bmhw->bnm", values, values)
        torch.testing.assert_close(gram_matrix(values), expected)

    def test_its_gradient(self, shape, last):
        values = channels_last(drawn(*shape)) if last else drawn(*shape)
        values.requires_grad_()
        # not symmetric, as the gradient of a loss may be
        weights = drawn(shape[0], shape[1], shape[1], seed=1)
        (found,) = torch.autograd.grad((gram_matrix(values) * weights).sum(), values)
        plain = torch.einsum("bnhw,bmhw->bnm", values, values)
        (expected,) = torch.autograd.grad((plain * weights).sum(), values)
        torch.testing.assert_close(found, expected)
        assert torch.autograd.gradcheck(gram_matrix, values)


@given(
    batch=st.integers(1, 2), channels=st.integers(1, 2), filters=st.integers(1, 5),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)), bias=st.booleans(), last=st.booleans(),
)  # fmt: skip
@settings(max_examples=60)
def test_convolution_and_its_gradient(batch, channels, filters, kernel, size, bias, last):
    images = drawn(batch, channels, size[0] + kernel[0] - 1, size[1] + kernel[1] - 1)
    images = (channels_last(images) if last else images).requires_grad_()
    weights, offset = drawn(filters, channels, *kernel, seed=1), None
    if bias:
        offset = drawn(filters, seed=2)
    found, plain = convolve(images, weights, offset), F.conv2d(images, weights, offset)
    torch.testing.assert_close(found, plain)
    towards = drawn(*plain.shape, seed=3)
    for gradient in (towards, channels_last(towards)):
        (one,) = torch.autograd.grad(found, images, gradient, retain_graph=True)
        (other,) = torch.autograd.grad(plain, images, gradient, retain_graph=True)
        torch.testing.assert_close(one, other)


def test_the_gradient_of_half_precision_is_in_the_precision_of_the_images():
    images = drawn(1, 2, 12, 13).float().requires_grad_()
    weights = drawn(4, 2, 5, 5, seed=1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = convolve(images, weights)
    assert found.dtype == torch.bfloat16
    (gradient,) = torch.autograd.grad(found.float().square().sum(), images)
    exact = F.conv2d(images, weights)
    (expected,) = torch.autograd.grad(exact.square().sum(), images)
    assert gradient.dtype == torch.float32
    assert (gradient - expected).norm() < 0.02 * expected.norm()


def test_positions_are_rows():
    values = drawn(2, 3, 4, 5)
    rows = by_position(values)
    assert rows.shape == (2, 20, 3)
    assert torch.equal(rows[1, 7], values[1, :, 1, 2])
    last = channels_last(values)
    assert by_position(last).data_ptr() == last.data_ptr()
