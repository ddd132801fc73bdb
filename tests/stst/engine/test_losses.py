from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arrays import images, pictures, relative_error
from stst.engine.color_transfer import distribution_transfer
from stst.engine.losses import (
    color_loss,
    content_loss,
    gram,
    spectrum_loss,
    texture_loss,
    total_variation,
)
from stst.engine.phases import scramble_by_noise
from stst.models.activations import resize_images

LAYERS = ("conv1_1", "conv2_1", "conv3_1")
SIZES = ("67x101", "72x128")


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_vgg_grams_and_losses(golden, vgg, size):
    data = golden(f"vgg_{size}")
    with torch.no_grad():
        target = vgg(images(data["frame_target"]), LAYERS)
        other = vgg(images(data["frame_other"]), LAYERS)
    losses = []
    for layer in LAYERS:
        wanted, found = gram(target[layer], False), gram(other[layer], False)
        assert relative_error(wanted[0], data[f"gram_target_{layer}"]) < 2e-5
        assert relative_error(found[0], data[f"gram_other_{layer}"]) < 2e-5
        losses.append(float(texture_loss(found, wanted)))
        assert losses[-1] == pytest.approx(float(data[f"l2_{layer}"]), rel=5e-5)
    assert np.mean(losses) == pytest.approx(float(data["style_loss_3layers"]), rel=5e-5)


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_total_variation_and_its_gradient(golden, size):
    data = golden(f"tv_resize_{size}")
    image = images(data["image"]).requires_grad_()
    height, width = image.shape[-2:]
    loss = total_variation(image, by_channels=False)
    assert float(loss.detach()) == pytest.approx(float(data["tv_over_hw"]), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    np.testing.assert_array_equal(np.round(pictures(gradient) * height * width), data["tv_grad"])
    by_channels = total_variation(image.detach(), by_channels=True)
    assert float(by_channels) == pytest.approx(float(data["tv_over_hw"]) / 3, rel=1e-5)


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("image", "down_oct_m2"),
        ("down_oct_m2", "mid_oct_m1_from_m2"),
        ("down_oct_m2", "up_from_m2"),
        ("mid_oct_m1_from_m2", "up_via_m1"),
        ("image", "direct_oct_m1"),
    ],
)
def test_resizing(golden, size, source, result):
    data = golden(f"tv_resize_{size}")
    found = resize_images(images(data[source]), data[result].shape[:2])
    np.testing.assert_allclose(pictures(found), data[result], atol=1e-5)


def test_gram_is_normalised_as_in_equation_2():
    activation = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, 1.0]]]])
    expected = torch.tensor([[[30.0, 6.0], [6.0, 2.0]]])
    torch.testing.assert_close(gram(activation), expected / (2 * 4))
    torch.testing.assert_close(gram(activation, by_channels=False), expected / 4)


@given(seed=st.integers(0, 1000), channels=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_gram_forgets_positions(seed, channels):
    generator = torch.Generator().manual_seed(seed)
    activation = torch.rand(2, channels, 4, 5, generator=generator)
    order = torch.randperm(20, generator=generator)
    shuffled = activation.flatten(2)[..., order].view_as(activation)
    torch.testing.assert_close(gram(activation), gram(shuffled))


def test_gram_of_bfloat16_is_summed_in_float32():
    activation = torch.full((1, 2, 64, 64), 1.01, dtype=torch.bfloat16)
    assert gram(activation).dtype == torch.float32
    value = float(activation.flatten()[0])
    torch.testing.assert_close(gram(activation), torch.full((1, 2, 2), value**2 / 2))


def test_content_loss_has_the_half_of_equation_1():
    zero, one = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    assert content_loss(one, zero).tolist() == [0.5, 0.5]
    assert content_loss(one, zero, half=False).tolist() == [1.0, 1.0]


def test_losses_are_per_sample():
    generator = torch.Generator().manual_seed(1)
    many = torch.rand(3, 4, 6, 7, generator=generator)
    target = torch.rand(1, 4, 6, 7, generator=generator)
    for loss in (
        lambda x: texture_loss(gram(x), gram(target)),
        lambda x: content_loss(x, target),
        total_variation,
    ):
        torch.testing.assert_close(loss(many), torch.cat([loss(one[None]) for one in many]))


def test_total_variation_of_a_step_edge():
    image = torch.zeros(1, 1, 4, 6)
    image[..., 3:] = 1
    assert float(total_variation(image)) == pytest.approx(4 / 24)


def drawn(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def gradient_of(loss, picture):
    picture = picture.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(picture).sum(), picture)
    return gradient


SIDES = [(1, 1), (1, 7), (8, 6), (13, 9)]


class TestSpectrum:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("size", SIDES)
    def test_by_parsevals_theorem(self, size, channels):
        """Σ |X|² + |T|² − 2 |Σ X·T*|, the inner sum over channels, says how far it is."""
        images, target = drawn(2, channels, *size), drawn(1, channels, *size, seed=1)
        for image, loss in zip(images, spectrum_loss(images, target), strict=True):
            have, want = (np.fft.fft2(one.double().numpy()) for one in (image, target[0]))
            power = (np.abs(have) ** 2 + np.abs(want) ** 2).sum()
            shared = np.abs((have * want.conj()).sum(0)).sum()
            pixels = size[0] * size[1]
            expected = (power - 2 * shared) / pixels**2 / channels / 2
            assert float(loss) == pytest.approx(expected, rel=1e-4, abs=1e-9)

    @pytest.mark.parametrize("size", SIDES)
    def test_its_gradient_leads_there_at_once(self, size):
        images, target = drawn(2, 3, *size), drawn(1, 3, *size, seed=1)
        there = images - images[0].numel() * gradient_of(
            lambda one: spectrum_loss(one, target), images
        )
        assert float(spectrum_loss(there, target).max()) < 1e-12
        have, want = torch.fft.fft2(there).abs(), torch.fft.fft2(target).abs()
        torch.testing.assert_close(have, want.expand_as(have), atol=1e-4, rtol=1e-4)

    def test_phases_are_free_but_not_between_channels(self):
        target = drawn(1, 3, 12, 10)
        for same in (
            target.roll((3, 4), dims=(2, 3)),
            scramble_by_noise(target, drawn(1, 12, 6, seed=1)),
        ):
            assert float(spectrum_loss(same, target)) < 1e-10
        wrong = target.clone()
        wrong[:, 0] = wrong[:, 0].roll(3, dims=1)
        for other in (wrong, target.flip(1), 0.9 * target, target.mean((2, 3), keepdim=True)):
            assert float(spectrum_loss(other.expand_as(target), target)) > 1e-4


class TestColors:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_its_gradient_leads_to_the_transferred_picture(self, channels):
        images, target = drawn(2, channels, 9, 11), drawn(1, channels, 9, 11, seed=1) ** 2
        steps = gradient_of(lambda one: color_loss(one, target), images)
        wanted = distribution_transfer(images.double(), target.double())
        torch.testing.assert_close(images - images[0].numel() * steps, wanted.float())
        half = (images - wanted).square().mean(dim=(1, 2, 3)) / 2
        torch.testing.assert_close(color_loss(images, target), half.float())

    def test_places_do_not_matter(self):
        """Only so far as bins are coarse: other colours are a hundred times further."""
        target = drawn(1, 3, 40, 50)
        order = torch.randperm(2000, generator=torch.Generator().manual_seed(1))
        shuffled = target.flatten(2)[..., order].view_as(target)
        other = float(color_loss(target.square(), target))
        assert float(color_loss(shuffled, target)) < 0.01 * other

    def test_only_colours_inside_count(self):
        images, target = drawn(1, 3, 12, 10), drawn(1, 3, 12, 10, seed=1) ** 2
        inside = torch.zeros(1, 1, 12, 10, dtype=torch.bool)
        inside[..., 2:8, 3:9] = True
        loss = color_loss(images, target, inside)
        steps = gradient_of(lambda one: color_loss(one, target, inside), images)
        assert float(loss) > 0
        assert not steps[~inside.expand_as(steps)].any()
        cut = (one[..., 2:8, 3:9] for one in (images, target))
        torch.testing.assert_close(loss, color_loss(*cut))
        elsewhere = [torch.where(inside, one, 0.4) for one in (images, target)]
        torch.testing.assert_close(loss, color_loss(*elsewhere, inside))


@pytest.mark.parametrize("loss", [spectrum_loss, color_loss])
def test_pixels_of_a_sample_do_not_depend_on_the_others(loss):
    many, target = drawn(3, 3, 15, 21), drawn(1, 3, 15, 21, seed=1)
    alone = torch.cat([loss(one[None], target) for one in many])
    torch.testing.assert_close(loss(many, target), alone, rtol=0, atol=0)
