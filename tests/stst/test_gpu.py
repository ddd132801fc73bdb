"""What agrees between a CPU and a CUDA device, and how closely."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arrays import images, relative_error
from stst.config import StpsConfig, StreamConfig, build, load_preset, merge
from stst.config.stst import StstConfig
from stst.engine.color_transfer import color_transfer
from stst.methods.stps.prepare import scramble
from stst.methods.stst.prepare import synthesize
from stst.models import load_stream
from stst.video import Video

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="gpu: no CUDA device here"),
]


def clip() -> Video:
    from fractions import Fraction

    frames = np.random.default_rng(0).integers(0, 256, (3, 80, 96, 3), dtype=np.uint8)
    return Video(frames, Fraction(24))


def quick(**changes) -> StstConfig:
    octaves = [{"exponent": 0, "iterations": 5, "learning_rate": 0.01, "tv_weight": 0.1}]
    return build(
        merge(load_preset("quick").model_dump(), {"octaves": octaves}, changes), StstConfig
    )


def test_one_run_agrees_with_the_cpu():
    (here,), (there,) = (synthesize(clip(), quick(device=device)) for device in ("cpu", "cuda"))
    assert relative_error(there.frames, here.frames) < 0.02


def test_the_same_bytes_twice():
    first, second = (synthesize(clip(), quick(device="cuda", samples=2)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)


def test_a_region():
    y, x = np.mgrid[:80, :96]
    inside = np.stack([(y - 40) ** 2 + (x - 40 - 8 * frame) ** 2 < 500 for frame in range(3)])
    (first,), (second,), (here,) = (
        synthesize(clip(), quick(device=device), mask=inside) for device in ("cuda", "cuda", "cpu")
    )
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.frames[~inside], clip().frames[~inside])
    assert relative_error(first.frames, here.frames) < 0.02


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_lower_precision_stays_close(precision):
    (exact,) = synthesize(clip(), quick(device="cuda"))
    (found,) = synthesize(clip(), quick(device="cuda", precision=precision))
    assert relative_error(found.frames, exact.frames) < 0.1


@pytest.mark.parametrize(
    ("kind", "model"), [("spatial", "filterbank"), ("temporal", "motion_energy")]
)
def test_streams_agree_with_the_cpu(kind, model):
    stream = load_stream(kind, StreamConfig(model=model)).stream
    shape = (2, 3, 80, 96) if kind == "spatial" else (2, 2, 3, 80, 96)
    frames = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    layers = stream.texture_layers
    here = stream(frames, layers)
    there = stream.to(torch.device("cuda"))(frames.cuda(), layers)
    from stst.engine.losses import gram

    for layer in layers:
        assert relative_error(gram(there[layer]).cpu(), gram(here[layer])) < 1e-4


def test_color_transfer_agrees_with_the_cpu():
    frames = np.random.default_rng(1).random((2, 60, 70, 3))
    picture, reference = images(frames[0]), images(frames[1])
    there = color_transfer(picture.cuda(), reference.cuda()).cpu()
    np.testing.assert_allclose(there, color_transfer(picture, reference), atol=1e-6)


@pytest.mark.parametrize("mode", ["both", "spatial", "spatiotemporal", "temporal"])
@pytest.mark.parametrize("color", [True, False])
def test_scrambling_agrees_with_the_cpu(mode, color):
    config = StpsConfig(mode=mode, color_transfer=color, coherence=0.2, samples=2)
    here, there = (
        scramble(clip(), config.model_copy(update={"device": device})) for device in ("cpu", "cuda")
    )
    for one, other in zip(here, there, strict=True):
        difference = np.abs(one.frames.astype(int) - other.frames)
        # a value on the edge between two bytes may fall to either side
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3


def test_scrambling_gives_the_same_bytes_twice():
    config = StpsConfig(device="cuda")
    first, second = (scramble(clip(), config)[0] for _ in range(2))
    np.testing.assert_array_equal(first.frames, second.frames)
