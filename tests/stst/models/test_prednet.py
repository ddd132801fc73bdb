from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from stst.errors import InputError
from stst.models.prednet import PredNet, hard_sigmoid, load_prednet

NETWORK = (3, 4, 5)


def network(dtype=torch.float64, seed=1) -> PredNet:
    model = PredNet(NETWORK, seed).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.requires_grad_(False)


def clip(count=4, height=8, width=12, batch=2, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, count, 3, height, width, generator=generator).to(dtype)


def channels_last(values: torch.Tensor) -> np.ndarray:
    return values.movedim(-3, -1).numpy()


@pytest.mark.golden
@pytest.mark.parametrize("file", ["keras2_weights", "keras2_fullmodel", "theano_style_weights"])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-5), (torch.float64, 1e-5)])
def test_golden(golden, golden_file, file, dtype, atol):
    expected = golden("prednet_small")
    model, provenance = load_prednet(golden_file(f"prednet_small_{file}.hdf5"))
    assert provenance["kernels_rotated"] is (file == "theano_style_weights")
    frames = torch.from_numpy(expected["x"]).movedim(-1, -3).to(dtype)
    out = model.to(dtype).run(frames, representations=True)
    assert np.abs(channels_last(out.prediction) - expected["prediction"]).max() < atol
    assert np.abs(out.errors.numpy() - expected["error"]).max() < 1e-6
    compared = 0
    for key, values in expected.items():
        time, _, name = key.partition("_")
        if time not in ("t5", "t11"):
            continue
        ours = getattr(out, name[:-1].lower())[int(name[-1])][:, int(time[1:])]
        assert np.abs(channels_last(ours) - values).max() < atol, key
        compared += 1
    assert compared == 4 + 16
    longer = model.run(frames, extrapolate_from=8)
    assert np.abs(channels_last(longer.prediction) - expected["extrap8_prediction"]).max() < atol
    assert np.abs(longer.errors.numpy() - expected["extrap8_error"]).max() < 1e-6


def convolved(values, kernel, bias):
    """(C, H, W) with zeros around it, one output value after the other."""
    outputs, _, _, _ = kernel.shape
    _, height, width = values.shape
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    out = np.empty((outputs, height, width))
    for o in range(outputs):
        for y in range(height):
            for x in range(width):
                out[o, y, x] = (padded[:, y : y + 3, x : x + 3] * kernel[o]).sum() + bias[o]
    return out


def slow_prednet(frames, weights, stack):
    """The update rules of the paper, level by level, for one clip (T, 3, H, W)."""

    def sigmoid(values):
        return np.clip(0.2 * values + 0.5, 0, 1)

    def applied(unit, level, values, part=slice(None)):
        kernel, bias = weights[f"{unit}.{level}.weight"], weights[f"{unit}.{level}.bias"]
        return convolved(values, kernel[part], bias[part])

    height, width = frames.shape[2:]
    levels = range(len(stack))
    sizes = [(height >> level, width >> level) for level in levels]
    r = [np.zeros((stack[level], *sizes[level])) for level in levels]
    c = [np.zeros((stack[level], *sizes[level])) for level in levels]
    e = [np.zeros((2 * stack[level], *sizes[level])) for level in levels]
    predictions, errors = [], []
    for frame in frames:
        for level in reversed(levels):
            seen = [r[level], e[level]]
            if level + 1 in levels:
                seen.append(r[level + 1].repeat(2, axis=1).repeat(2, axis=2))
            seen = np.concatenate(seen)
            n = stack[level]
            i, f, new, o = (
                applied("gates", level, seen, slice(k * n, (k + 1) * n)) for k in range(4)
            )
            c[level] = sigmoid(f) * c[level] + sigmoid(i) * np.tanh(new)
            r[level] = sigmoid(o) * np.tanh(c[level])
        a = frame
        for level in levels:
            ahat = np.maximum(applied("ahat", level, r[level]), 0)
            if level == 0:
                ahat = np.minimum(ahat, 1)
                predictions.append(ahat)
            e[level] = np.concatenate([np.maximum(ahat - a, 0), np.maximum(a - ahat, 0)])
            if level + 1 in levels:
                up = np.maximum(applied("a", level, e[level]), 0)
                n, (h, w) = len(up), sizes[level]
                a = up.reshape(n, h // 2, 2, w // 2, 2).max(axis=(2, 4))
        errors.append([one.mean() for one in e])
    return np.array(predictions), np.array(errors)


def test_as_slow_loops():
    model, frames = network(), clip()
    weights = {name: one.numpy() for name, one in model.state_dict().items()}
    out = model.run(frames)
    for sample in range(2):
        prediction, errors = slow_prednet(frames[sample].numpy(), weights, NETWORK)
        assert np.abs(out.prediction[sample].numpy() - prediction).max() < 1e-12
        assert np.abs(out.errors[sample].numpy() - errors).max() < 1e-12
    assert out.errors.min() > 0


def test_a_prediction_knows_earlier_frames_only():
    model, frames = network(), clip()
    whole = model.run(frames).prediction
    other = frames.clone()
    other[:, 2] = 0.5
    changed = model.run(other).prediction
    assert torch.equal(changed[:, :3], whole[:, :3])
    assert not torch.equal(changed[:, 3], whole[:, 3])


def test_the_first_prediction_comes_from_biases():
    model = network()
    one, other = (model.run(frames).prediction[:, 0] for frames in (clip(), clip() * 0.5))
    assert torch.equal(one, other)
    inner = one[..., 4:-4, 4:-4]
    assert torch.allclose(inner, inner[..., :1, :1].expand_as(inner))
    assert PredNet(NETWORK).run(clip(dtype=torch.float32)).prediction[:, 0].abs().max() == 0


def test_errors_are_what_is_too_much_then_what_is_missing():
    out = network().run(clip(), representations=True)
    for a, ahat, e in zip(out.a, out.ahat, out.e, strict=True):
        assert torch.equal(e, torch.cat([F.relu(ahat - a), F.relu(a - ahat)], dim=2))
    assert torch.equal(out.a[0], clip())
    assert torch.equal(out.ahat[0], out.prediction)
    means = [e.mean(dim=(2, 3, 4)) for e in out.e]
    assert torch.allclose(torch.stack(means, dim=2), out.errors, atol=1e-15)
    assert [tuple(r.shape) for r in out.r] == [(2, 4, 3, 8, 12), (2, 4, 4, 4, 6), (2, 4, 5, 2, 3)]


def test_step_by_step_as_at_once():
    model, frames = network(), clip()
    whole = model.run(frames)
    assert whole.r == ()
    steps = model.steps(frame for frame in frames.unbind(dim=1))
    for number, step in enumerate(steps):
        assert torch.equal(step.prediction, whole.prediction[:, number])
        assert torch.equal(step.errors, whole.errors[:, number])
    assert number == 3


def test_extrapolation_sees_its_own_predictions():
    model, frames = network(), clip(count=6)
    out = model.run(frames, extrapolate_from=3)
    seen = torch.cat([frames[:, :3], out.prediction[:, 2:5]], dim=1)
    again = model.run(seen)
    assert torch.equal(out.prediction, again.prediction)
    assert torch.equal(out.errors, again.errors)
    assert torch.equal(out.prediction[:, :4], model.run(frames).prediction[:, :4])


def test_samples_do_not_touch_each_other():
    model, frames = network(), clip()
    both = model.run(frames).prediction
    assert torch.allclose(model.run(frames[1:]).prediction, both[1:], atol=1e-14)


def test_gradients():
    model = network().requires_grad_(True)
    frames = clip(count=3, height=4, width=4, batch=1).requires_grad_()
    model.run(frames).errors[:, 1:].sum().backward()
    assert all(one.grad.abs().sum() > 0 for one in (frames, *model.parameters()))
    # a predicted frame depends smoothly on the frames before
    assert torch.autograd.gradcheck(
        lambda x: model.run(x).errors[:, 1:].sum(), (frames.detach().requires_grad_(),), atol=1e-4
    )


def test_hard_sigmoid():
    values = torch.tensor([-3.0, -2.5, 0.0, 1.0, 2.5, 9.0])
    assert torch.allclose(hard_sigmoid(values), torch.tensor([0.0, 0.0, 0.5, 0.7, 1.0, 1.0]))


def test_the_published_size():
    count = sum(parameter.numel() for parameter in PredNet().parameters())
    assert count == 6_915_948


def test_initial_weights():
    one, same, other = PredNet(NETWORK, 3), PredNet(NETWORK, 3), PredNet(NETWORK, 4)
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c) is (a.ndim == 1)
    # Glorot: each gate by itself, with 3 * 3 * (3 * 3 + 4) inputs and 3 * 3 * 3 outputs
    limit = (6 / (9 * (13 + 3))) ** 0.5
    assert 0.97 * limit < one.gates[0].weight.abs().max() <= limit


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (
            torch.zeros(1, 2, 3, 10, 12),
            "PredNet with 3 levels takes frames whose sides are multiples of 4 px, these have "
            "10x12. 8x12 fits.",
        ),
        (
            torch.zeros(1, 2, 3, 8, 0),
            "PredNet with 3 levels takes frames whose sides are multiples of 4 px, these have "
            "8x0. 8x4 fits.",
        ),
        (
            torch.zeros(1, 2, 1, 8, 12),
            "PredNet takes frames of shape (batch, 3, height, width), found (1, 1, 8, 12).",
        ),
        (
            torch.zeros(2, 3, 8, 12),
            "PredNet takes clips of shape (batch, frames, 3, height, width), found (2, 3, 8, 12).",
        ),
        (
            torch.zeros(1, 0, 3, 8, 12),
            "PredNet takes clips of shape (batch, frames, 3, height, width), found "
            "(1, 0, 3, 8, 12).",
        ),
        (
            torch.zeros(1, 2, 3, 8, 12, dtype=torch.uint8),
            "PredNet computes in torch.float32, the frames are torch.uint8.",
        ),
    ],
)
def test_wrong_frames(frames, message):
    with pytest.raises(InputError) as caught:
        PredNet(NETWORK).run(frames)
    assert str(caught.value) == message


def test_there_is_nothing_to_extrapolate_from_before_the_first_frame():
    with pytest.raises(InputError, match="extrapolate_from: 0, expected 1 or more"):
        network().run(clip(), extrapolate_from=0)


@pytest.mark.parametrize("stack", [(), (3, 0)])
def test_wrong_stacks(stack):
    with pytest.raises(InputError, match="stack: expected channels of one or more levels"):
        PredNet(stack)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_gpu_agrees():
    from stst.utils.devices import numerics

    device, model, frames = torch.device("cuda"), network(torch.float32), clip(dtype=torch.float32)
    expected = model.run(frames)
    with numerics(device, "fp32"):
        out = model.to(device).run(frames.to(device))
    assert torch.allclose(out.prediction.cpu(), expected.prediction, rtol=0, atol=2e-5)
    assert torch.allclose(out.errors.cpu(), expected.errors, rtol=0, atol=1e-6)
