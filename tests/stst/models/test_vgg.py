from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from arrays import images, pictures, relative_error
from stst.engine.losses import content_loss, gram, texture_loss
from stst.errors import InputError
from stst.models.vgg import BLOCKS, VGG19, layer_names

SIZES = ("67x101", "72x128")


def random_tensors(layers: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """He weights for the layers named, from a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    out, channels = {}, 3
    for name in layer_names():
        width = BLOCKS[int(name[4]) - 1][0]
        if name in layers:
            scale = math.sqrt(2 / (9 * channels))
            out[f"{name}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * scale
            out[f"{name}.bias"] = torch.zeros(width)
        channels = width
    return out


@pytest.fixture(scope="module")
def deep(vgg) -> VGG19:
    """The real layers up to conv3_4 and the goldens' He weights for the deeper ones."""
    tensors = {}
    for name, layer in vgg.convolutions.items():
        tensors |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
    random = np.random.default_rng(0)
    channels = 256
    for name in layer_names()[8:]:
        kernel = random.standard_normal((3, 3, channels, 512)) * np.sqrt(2 / (9 * channels))
        tensors[f"{name}.weight"] = torch.from_numpy(
            kernel.astype(np.float32).transpose(3, 2, 0, 1)
        )
        tensors[f"{name}.bias"] = torch.zeros(512)
        channels = 512
    return VGG19(tensors, "keras")


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_preprocessing_and_activations(golden, vgg, size):
    data = golden(f"vgg_{size}")
    frame = images(data["frame_target"])
    np.testing.assert_allclose(
        pictures(vgg.preprocess(frame)), data["preproc_target"], rtol=1e-5, atol=1e-4
    )
    for layer, values in vgg(frame, ("conv1_1", "conv2_1", "conv3_1")).items():
        values = values.detach().double()[0]
        mean, std = values.mean((1, 2)), values.std((1, 2), correction=0)
        assert relative_error(mean, data[f"act_target_mean_{layer}"]) < 2e-5
        assert relative_error(std, data[f"act_target_std_{layer}"]) < 2e-5


@pytest.mark.golden
@pytest.mark.parametrize("size", SIZES)
def test_all_five_texture_layers(golden, deep, size):
    data = golden(f"vgg_{size}")
    layers = (*VGG19.texture_layers, "conv5_2")
    with torch.no_grad():
        target = deep(images(data["frame_target"]), layers)
        other = deep(images(data["frame_other"]), layers)
    grams = {layer: gram(target[layer], False) for layer in layers}
    losses = [float(texture_loss(gram(other[layer], False), grams[layer])) for layer in layers[:5]]
    np.testing.assert_allclose(losses, data["he_l2_5layers"], rtol=5e-5)
    assert sum(losses) / 5 == pytest.approx(float(data["he_style_loss_5layers"]), rel=5e-5)
    for layer in ("conv4_1", "conv5_1"):
        found = grams[layer][0, ::16, ::16]
        assert relative_error(found, data[f"he_gram_target_{layer}_sub16"]) < 2e-5
    content = content_loss(other["conv5_2"], target["conv5_2"], half=False)
    assert float(content) == pytest.approx(float(data["he_content_l2_conv5_2"]), rel=5e-5)


def test_nothing_deeper_than_the_last_layer_needs_weights():
    network = VGG19(random_tensors(("conv1_1", "conv1_2", "conv2_1")), "keras")
    found = network(torch.rand(1, 3, 20, 24), ("conv1_1", "conv2_1"))
    assert found["conv1_1"].shape == (1, 64, 20, 24)
    assert found["conv2_1"].shape == (1, 128, 10, 12)
    assert all(bool((values >= 0).all()) for values in found.values())


def test_a_layer_without_weights_is_named_never_skipped():
    network = VGG19(random_tensors(("conv1_1", "conv2_1")), "keras", "small.npz")
    with pytest.raises(
        InputError, match=r"small\.npz has no weights for the layer conv1_2, which "
    ):
        network(torch.rand(1, 3, 16, 16), ("conv2_1",))


@pytest.mark.parametrize(("layer", "side"), [("conv1_1", 1), ("conv3_4", 4), ("conv5_1", 16)])
def test_smallest_side(layer, side):
    network = VGG19(random_tensors(layer_names()), "torchvision")
    assert network.min_side((layer,)) == side
    assert min(network(torch.rand(1, 3, side, side), (layer,))[layer].shape[-2:]) == 1


def test_conventions():
    frame = torch.rand(1, 3, 4, 4)
    keras = VGG19({}, "keras").preprocess(frame)
    torch.testing.assert_close(keras[0, 0], frame[0, 2] * 255 - 103.939)
    torchvision = VGG19({}, "torchvision").preprocess(frame)
    torch.testing.assert_close(torchvision[0, 0], (frame[0, 0] - 0.485) / 0.229)


def test_it_agrees_with_torchvision():
    from torchvision.models import vgg19

    network = vgg19(weights=None).eval().requires_grad_(False)
    convolutions = [layer for layer in network.features if isinstance(layer, torch.nn.Conv2d)]
    tensors = {}
    for name, layer in zip(layer_names(), convolutions, strict=True):
        tensors |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
    ours = VGG19(tensors, "torchvision")
    frame = torch.rand(1, 3, 33, 47)
    # up to the ReLU after conv4_1, the tenth convolution
    theirs = network.features[:21](ours.preprocess(frame))
    torch.testing.assert_close(ours(frame, ("conv4_1",))["conv4_1"], theirs.relu())


def test_misshapen_kernels_are_named():
    with pytest.raises(InputError, match=r"conv1_1: expected a kernel of shape \(64, 3, 3, 3\)"):
        VGG19({"conv1_1.weight": torch.zeros(1), "conv1_1.bias": torch.zeros(64)}, "keras")
    with pytest.raises(InputError, match=r"conv1_1: a bias of shape \(64,\) is missing"):
        VGG19({"conv1_1.weight": torch.zeros(64, 3, 3, 3)}, "keras")
