"""Every video model of torchvision is inverted for a few steps, with random weights."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import stst
from small_runs import frames
from stst.config import LeapsConfig
from stst.engine.events import IterationDone
from stst.methods.leaps.classifiers import load_video_model, video_model_names
from stst.methods.leaps.layers import watch_inputs
from stst.video import Video

#: The smallest clips that they take: frames, height and width.
SMALLEST = {
    "mc3_18": (2, 16, 16),
    "mvit_v1_b": (16, 224, 224),
    "mvit_v2_s": (16, 224, 224),
    "r2plus1d_18": (2, 16, 16),
    "r3d_18": (2, 16, 16),
    "s3d": (14, 224, 224),
    "swin3d_b": (4, 32, 32),
    "swin3d_s": (4, 32, 32),
    "swin3d_t": (4, 32, 32),
}


def test_all_are_here():
    assert sorted(SMALLEST) == video_model_names()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALLEST))
def test_a_few_steps(name):
    length, height, width = SMALLEST[name]
    config = LeapsConfig(
        model=name, weights="none", target="juggling b", verifier="mc3_18",
        verifier_weights="none" if name != "mc3_18" else "default", length=length,
        size=f"{height}x{width}", rate=15, iterations=2, warm_up=0, learning_rate=0.05, roll=2,
        device="cpu", diversity_weight=0.0 if name == "mc3_18" else 0.1,
    )  # fmt: skip
    clip, events = Video(frames(length, height, width), Fraction(15)), []
    (made,) = stst.leaps(clip, config, events.append)
    assert made.frames.shape == (length, height, width, 3)
    assert made.frames.std() > 10
    losses = [event.losses for event in events if isinstance(event, IterationDone)]
    assert len(losses) == 2
    wanted = {"class", "priming", "coherence", "diversity", "l2"}
    assert set(losses[0]) == wanted - ({"diversity"} if name == "mc3_18" else set())
    # with random weights, next to nothing of a clip arrives at s3d's last layers
    vanishing = {"coherence"} if name == "s3d" else set()
    for term, (value,) in losses[0].items():
        assert np.isfinite(value)
        assert value > 0 or (term in vanishing and value == 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mvit_v2_s", "swin3d_t", "s3d"])
def test_features_have_channels_and_times(name):
    model = load_video_model(name, "none")
    length, height, width = SMALLEST[name]
    with torch.no_grad(), watch_inputs(model.module, 1, length) as layers:
        model.module(torch.rand(1, 3, length, height, width))
    assert layers
    for layer in layers:
        channels = (
            layer.module.normalized_shape[0]
            if isinstance(layer.module, nn.LayerNorm)
            else layer.module.num_features
        )
        assert layer.means().shape == (1, channels)
    times = {layer.by_frame().shape[1] for layer in layers if layer.by_frame() is not None}
    assert times == {"mvit_v2_s": {8}, "swin3d_t": {2}, "s3d": {14, 7, 4, 2}}[name]
    if name == "mvit_v2_s":
        # the class token has no time; heads count as channels of a place
        assert all(layer.by_frame() is not None for layer in layers)
