"""How far losses and gradients of bfloat16 streams are from those of float32, on real pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stst.config import StreamConfig
from stst.engine.pixels import as_tensor
from stst.methods.stst.objective import Statistician, StstObjective
from stst.methods.stst.variants import PAPER
from stst.models import load_stream
from stst.video import read_video

ROOT = Path(__file__).parents[4]
CPU = torch.device("cpu")


def pictures(start: str):
    """Give the natural frame, the one before, and what a synthesis starts from."""
    frames = read_video(ROOT / "sample_data" / "cat.mkv", frames="0:2", max_side=120).frames
    before, here = (as_tensor(frame, CPU) for frame in frames)
    noise = torch.rand(here.shape, generator=torch.Generator().manual_seed(0))
    return here, before, noise if start == "noise" else 0.95 * before + 0.05 * noise


def apart(stream, kind, layers, start):
    """Give the relative distances of the loss, and of its gradient."""
    here, before, images = pictures(start)
    natural = torch.stack([before, here], 1) if kind == "temporal" else here
    term = f"{kind}_texture"
    streams = (stream, None) if kind == "spatial" else (None, stream)
    found = []
    for precision in ("fp32", "bf16"):
        made = Statistician(*streams, PAPER, precision)
        wanted = {term: made.compute_targets(term, natural, layers)}
        objective = StstObjective(made, wanted, {term: 1.0}, 0.0, 0.0, before)
        variable = images.clone().requires_grad_()
        loss = objective(variable)
        assert loss.dtype == torch.float32
        (slope,) = torch.autograd.grad(loss.sum(), variable)
        found.append((float(loss.detach()), slope))
    (exact, gradient), (value, other) = found
    return abs(value / exact - 1), float((other - gradient).norm() / gradient.norm())


@pytest.mark.parametrize("start", ["noise", "previous"])
class TestBfloat16:
    def test_of_the_built_in_pair(self, start):
        for kind, name in (("spatial", "filterbank"), ("temporal", "motion_energy")):
            stream = load_stream(kind, StreamConfig(model=name)).stream
            loss, gradient = apart(stream, kind, stream.texture_layers, start)
            assert loss < 0.1
            assert gradient < 0.1

    @pytest.mark.golden
    def test_of_the_papers_models(self, vgg, msoe, start):
        for kind, stream, layers in (
            ("spatial", vgg, ("conv1_1", "conv2_1", "conv3_1")), ("temporal", msoe, ("concat",)),
        ):  # fmt: skip
            loss, gradient = apart(stream, kind, layers, start)
            assert loss < 0.03
            assert gradient < 0.06
