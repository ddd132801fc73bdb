from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tiny_video
from stst.methods.leaps.layers import LayerInput, watch_inputs
from stst.methods.leaps.terms import (
    coherence,
    coherence_of_last,
    diversity,
    layer_weight,
    priming_difference,
    priming_jaccard,
    total_variation_of_clip,
)


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seen(model, clips):
    with torch.no_grad(), watch_inputs(model.eval(), len(clips), clips.shape[2]) as layers:
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
            shares.append(weight * (1 - a @ b / (a @ a + b @ b - a @ b)))
        assert float(priming_difference(have, want).total[sample]) == pytest.approx(total)
        assert float(priming_jaccard(have, want).total[sample]) == pytest.approx(np.mean(shares))
    for priming in (priming_difference, priming_jaccard):
        assert priming(want, want).total.abs().max() < 1e-12
    zeros = [torch.zeros(1, 4)]
    assert float(priming_jaccard(zeros, zeros).total) == 0


def test_jaccard_of_three_layers_that_have_nothing_in_common():
    """Their weights are 10, 11 and 6, of which the mean is 9."""
    one, other = torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[0.0, 3.0, 0.0]])
    assert float(priming_jaccard([one] * 3, [other] * 3).total) == pytest.approx(9)
    # the last layer as it should be: 10 and 11 are left
    assert float(priming_jaccard([one] * 3, [other, other, one]).total) == pytest.approx(7)
    # opposite vectors have J = -1/3
    assert float(priming_jaccard([one] * 3, [-one] * 3).total) == pytest.approx(9 * 4 / 3)
    generator = torch.Generator().manual_seed(0)
    layers = [torch.randn(2, 1, 4096, generator=generator).unbind() for _ in range(3)]
    # random ones of any size have next to nothing in common
    assert float(priming_jaccard(*zip(*layers, strict=True)).total) == pytest.approx(9, rel=0.02)


@pytest.mark.parametrize("frames", [2, 3, 5])
@pytest.mark.parametrize("size", [1 / 3, 1 / 40])
def test_coherence(frames, size):
    features = drawn(2, frames, 4, 6) * size
    for sample, values in enumerate(features.numpy()):
        near, far = [], []
        for i in range(frames):
            for j in range(i):
                distance = np.abs(values[i] - values[j]).sum()
                near.append(distance) if i == j + 1 else far.append(max(0, 1 - distance))
        assert any(far) == (frames > 2 and size < 0.1)
        assert float(coherence(features)[sample]) == pytest.approx(sum(near) + sum(far))
    still = float(coherence(torch.zeros(1, frames, 4, 6)))
    assert still == (frames - 1) * (frames - 2) / 2  # of all pairs but neighbours: 1


def test_coherence_grows_with_features_and_frames():
    """It is a sum: everything twice is twice as much, and so is twice as long."""
    features = 10 * drawn(1, 5, 4, 6)  # too far apart for the margin
    once = float(coherence(features))
    assert float(coherence(features.repeat(1, 1, 1, 2))) == pytest.approx(2 * once)
    assert float(coherence(features.repeat(1, 1, 3, 1))) == pytest.approx(3 * once)
    there_and_back = torch.cat([features, features.flip(1)[:, 1:]], 1)
    margins = sum(1 for i in range(9) for j in range(i - 1) if i + j == 8)  # frames seen twice
    assert float(coherence(there_and_back)) == pytest.approx(2 * once + margins)


def test_coherence_is_of_the_last_layer_with_time():
    timed, last, still = (
        LayerInput(nn.BatchNorm3d(6), drawn(2, 6, steps, 3, 5, seed=steps).float(), 2, steps)
        for steps in (4, 3, 1)
    )
    pooled = LayerInput(nn.LayerNorm(6), drawn(2, 6).float(), 2, 4)
    for layers in ([timed, last], [timed, last, still, pooled], [last, pooled]):
        assert torch.equal(coherence_of_last(layers), coherence(last.by_frame()))
    assert torch.equal(coherence_of_last([last, timed]), coherence(timed.by_frame()))


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
        assert float(diversity(layers).total[sample]) == pytest.approx(expected, rel=1e-5)


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
        assert torch.equal(coherence_of_last([layer]), torch.zeros(2))

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
