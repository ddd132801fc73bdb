from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tiny_video
from stst.inversion.layers import LayerInput, watched
from stst.inversion.terms import (
    coherence,
    coherence_of_layers,
    diversity,
    layer_weight,
    priming_difference,
    priming_jaccard,
    total_variation_of_clip,
)


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seen(model, clips):
    with torch.no_grad(), watched(model.eval(), len(clips), clips.shape[2]) as layers:
        model(clips)
    return layers


def test_weights_of_layers():
    assert [layer_weight(index) for index in range(4)] == [10, 11, 6, pytest.approx(4 + 1 / 3)]


def test_priming():
    have, want = [drawn(2, 3), drawn(2, 5, seed=1)], [drawn(1, 3, seed=2), drawn(1, 5, seed=3)]
    for sample in range(2):
        total, shares = 0.0, []
        for weight, one, other in zip((10, 11), have, want, strict=True):
            a, b = one[sample].numpy(), other[0].numpy()
            total += weight * np.abs(a - b).sum()
            shares.append(a @ b / (a @ a + b @ b - a @ b))
        assert float(priming_difference(have, want)[sample]) == pytest.approx(total)
        assert float(priming_jaccard(have, want)[sample]) == pytest.approx(1 - np.mean(shares))
    for priming in (priming_difference, priming_jaccard):
        assert priming(want, want).abs().max() < 1e-12
    zeros = [torch.zeros(1, 4)]
    assert float(priming_jaccard(zeros, zeros)) == 0


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_coherence(frames):
    features = drawn(2, frames, 4, 6) / 3
    for sample, values in enumerate(features.numpy()):
        near, far = [], []
        for i in range(frames):
            for j in range(i):
                distance = np.abs(values[i] - values[j]).sum(0).mean()
                near.append(distance) if i == j + 1 else far.append(max(0, 1 - distance))
        expected = np.mean(near) + (np.mean(far) if far else 0)
        assert float(coherence(features)[sample]) == pytest.approx(expected)
    assert float(coherence(torch.zeros(1, frames, 4, 6))) == (0 if frames == 2 else 1)


def test_diversity():
    model, clips = tiny_video.verifier(), drawn(2, 3, 5, 9, 8).float()
    layers = seen(model, clips)
    with torch.no_grad():
        values = model[0](clips).double().numpy()
    for sample in range(2):
        flat = values[sample].reshape(4, -1)
        mean, var = model[1].running_mean.numpy(), model[1].running_var.numpy()
        expected = 10 * (
            np.linalg.norm(flat.mean(1) - mean) + np.linalg.norm(flat.var(1) - var)
        )  # fmt: skip
        assert float(diversity(layers)[sample]) == pytest.approx(expected, rel=1e-5)


def test_total_variation():
    clips = drawn(2, 3, 4, 5, 6)
    for sample, values in enumerate(clips.numpy()):
        expected = np.abs(np.diff(values, axis=2)).sum() + np.abs(np.diff(values, axis=3)).sum()
        found = float(total_variation_of_clip(clips)[sample])
        assert found == pytest.approx(expected / values.size)


class TestLayers:
    """Whatever the architecture: channels, and what belongs to which time."""

    def test_convolutions(self):
        values = drawn(2, 6, 4, 3, 5).float()
        layer = LayerInput(nn.BatchNorm3d(6), values, 2, 99)
        torch.testing.assert_close(layer.means(), values.mean((2, 3, 4)))
        assert torch.equal(layer.by_frame(), values.transpose(1, 2).flatten(3))

    def test_frames_as_a_batch(self):
        values = drawn(8, 6, 3, 5)
        layer = LayerInput(nn.BatchNorm2d(6), values.float(), 2, 4)
        apart = values.float().unflatten(0, (2, 4))
        torch.testing.assert_close(layer.means(), apart.mean((1, 3, 4)))
        assert torch.equal(layer.by_frame(), apart.flatten(3))

    def test_channels_last(self):
        values = drawn(2, 4, 3, 5, 6).float()
        layer = LayerInput(nn.LayerNorm(6), values, 2, 99)
        torch.testing.assert_close(layer.means(), values.mean((1, 2, 3)))
        assert torch.equal(layer.by_frame(), values.flatten(2, 3).transpose(2, 3))

    @pytest.mark.parametrize("heads", [None, 3])
    @pytest.mark.parametrize("token", [0, 1])
    def test_tokens(self, heads, token):
        tokens = 4 * 5 + token
        shape = (2, tokens, 6) if heads is None else (2, heads, tokens, 6)
        values = drawn(*shape).float()
        layer = LayerInput(nn.LayerNorm(6), values, 2, 4)
        torch.testing.assert_close(layer.means(), values.mean(tuple(range(1, values.ndim - 1))))
        found = layer.by_frame()
        assert found.shape == (2, 4, 6 * (heads or 1), 5)
        whole = values if heads is None else values.transpose(1, 2)
        place = whole[1, token + 2 * 5 + 3].flatten()  # the third time, the fourth place
        assert torch.equal(found[1, 2, :, 3], place)

    @pytest.mark.parametrize(
        ("module", "shape", "steps"),
        [
            (nn.LayerNorm(6), (2, 23, 6), 4), (nn.LayerNorm(6), (2, 20, 6), 1),
            (nn.LayerNorm(6), (2, 6), 4), (nn.BatchNorm1d(6), (2, 6), 4),
            (nn.BatchNorm3d(6), (2, 6, 1, 3, 3), 1), (nn.LayerNorm(6), (16, 9, 6), 4),
        ],
    )  # fmt: skip
    def test_no_time(self, module, shape, steps):
        layer = LayerInput(module, drawn(*shape).float(), 2, steps)
        assert layer.by_frame() is None
        assert layer.means().shape == (2, 6)
        assert torch.equal(coherence_of_layers([layer]), torch.zeros(2))

    def test_in_the_order_of_the_arithmetic_with_times_of_convolutions(self):
        model = tiny_video.tokens()
        layers = seen(model, drawn(2, 3, 4, 8, 8).float())
        assert [layer.module for layer in layers] == [model.second, model.first]
        assert {layer.steps for layer in layers} == {2}
        assert layers[1].by_frame().shape == (2, 2, 5, 4)
        # and nothing stays behind
        assert not any(one._forward_pre_hooks or one._forward_hooks for one in model.modules())

    def test_a_sample_does_not_depend_on_its_batch(self):
        for factory, shape in ((tiny_video.tokens, (4, 8, 8)), (tiny_video.clips, (6, 12, 14))):
            clips, model = drawn(3, 3, *shape).float(), factory()
            for whole, alone in zip(seen(model, clips), seen(model, clips[1:2]), strict=True):
                torch.testing.assert_close(whole.means()[1:2], alone.means())
