"""A frame in the making is put aside after any step and goes on to the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from small_runs import FPS, config, frames
from stst.engine.events import FrameDone, IterationDone
from stst.methods.stst.mask import mask_video
from stst.methods.stst.prepare import prepare
from stst.video import Video

MASK = np.zeros((18, 20), bool)
MASK[4:15, 3:18] = True


def process(optimizer, masked):
    octaves = [
        {"exponent": -1, "iterations": 4, "learning_rate": 0.02, "tv_weight": 0.1},
        {"exponent": 0, "iterations": 5, "learning_rate": 0.02},
    ]
    clips = {"natural": Video(frames(2), FPS)}
    if masked:
        clips["mask"] = mask_video(MASK, FPS)
    schedule = {"name": optimizer, "schedule": "cosine", "history": 2}
    settings = config(
        samples=2, octaves=octaves, optimizer=schedule, start="scrambled", spectrum_weight=0.2,
        color_weight=0.3, regrain=masked,
    )  # fmt: skip
    return prepare(clips, settings).process


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "adam", "lbfgs"])
def test_after_any_step(optimizer, masked):
    whole, held, last = [], [], None
    made = process(optimizer, masked)
    for event in made.run():
        if isinstance(event, IterationDone):
            held.append((made.checkpoint(), last))
        elif isinstance(event, FrameDone):
            assert made.checkpoint() is None
            whole.append(event)
            last = event
    assert [(one.frame, one.octave, one.iteration) for one, _ in held] == [
        (frame, octave, iteration + 1)
        for frame in (0, 1)
        for octave, count in enumerate((4, 5))
        for iteration in range(count)
    ]
    for number, (checkpoint, before) in enumerate(held):
        resumed = process(optimizer, masked)
        after = None if before is None else before.frame
        state = None if before is None else resumed_state(before)
        rest = list(resumed.run(after, state, checkpoint=checkpoint))
        steps = [event for event in rest if isinstance(event, IterationDone)]
        assert len(steps) == len(held) - number - 1
        done = [event for event in rest if isinstance(event, FrameDone)]
        for ours, theirs in zip(done, whole[-len(done) :], strict=True):
            assert np.array_equal(ours.state, theirs.state)
            assert ours.statistics == theirs.statistics
            assert ours.frame == theirs.frame


def test_that_of_another_frame_is_left_alone():
    made = process("adam", False)
    for event in made.run():
        if isinstance(event, IterationDone):
            checkpoint = made.checkpoint()
        elif event.__class__ is FrameDone:
            break
    assert checkpoint.frame == event.frame
    rest = list(
        process("adam", False).run(event.frame, resumed_state(event), checkpoint=checkpoint)
    )
    assert len([one for one in rest if isinstance(one, IterationDone)]) == 9


def resumed_state(event):
    return torch.from_numpy(event.state)
