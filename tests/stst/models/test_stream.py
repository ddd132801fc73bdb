from __future__ import annotations

import pytest
import torch
from torch import nn

from stst.errors import InputError
from stst.models.stream import validate_stream


class Good(nn.Module):
    """Two layers of a fixed linear filter."""

    layers = ("a", "b")
    texture_layers = ("a",)
    content_layers = ("b",)

    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", torch.rand(4, 3, 3, 3))

    def min_side(self, layers):
        return 3

    def forward(self, frames, layers):
        a = nn.functional.conv2d(frames, self.kernel)
        return {name: values for name, values in (("a", a), ("b", a.square())) if name in layers}


def wrong(**members):
    return type("Wrong", (Good,), members)()


def changed(change):
    def forward(self, frames, layers):
        return {name: change(values) for name, values in Good.forward(self, frames, layers).items()}

    return wrong(forward=forward)


def test_a_good_stream_passes():
    stream = Good()
    assert validate_stream(stream, "spatial", "x:y") is stream


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (lambda: "text", "expected a torch.nn.Module, found str"),
        (lambda: nn.Conv2d(3, 3, 3), "has no attribute 'layers'"),
        (lambda: wrong(layers=()), "its attribute layers must be a non-empty tuple"),
        (lambda: wrong(texture_layers=("c",)), "texture_layers: unknown layer 'c'.*has: a, b"),
        (lambda: wrong(layers=("a", "b", "c")), "did not return the layer 'c'"),
        (lambda: wrong(forward=lambda self, frames, layers: frames), "must return a dict"),
        (lambda: wrong(forward=lambda self, frames, layers: 1 / 0), "ZeroDivisionError"),
        (lambda: changed(lambda v: v.detach()), "has no gradient"),
        (lambda: changed(lambda v: v.mean(dim=1)), r"expected shape \(2, channels, height"),
        (lambda: changed(lambda v: v.double()), "torch.float64; the input's torch.float32"),
        (lambda: changed(lambda v: v.numpy(force=True)), "expected a tensor, found ndarray"),
        (lambda: changed(lambda v: v - v.mean(dim=0, keepdim=True)), "changes with what it is b"),
        (lambda: changed(lambda v: v * 0), "no gradient reaches"),
        (lambda: changed(lambda v: v / 0), "is not finite|no gradient reaches"),
    ],
)
def test_what_is_wrong_is_said_in_words(stream, message):
    with pytest.raises(InputError, match=f"model 'my:stream'.*{message}"):
        validate_stream(stream(), "spatial", "my:stream")


def test_trainable_parameters_are_refused():
    stream = Good()
    stream.gain = nn.Parameter(torch.ones(1))
    with pytest.raises(InputError, match=r"trainable parameters.*requires_grad_\(False\)"):
        validate_stream(stream, "spatial", "my:stream")
