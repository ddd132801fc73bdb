"""A network trained here on moving shapes is inverted: clips move as their class does."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

import moving_shapes
import stst
from stst.config import LeapsConfig

#: Classes and seeds, fixed beforehand.
PAIRS = [((number * 3) % 8, number) for number in range(10)]


def direction(frames) -> float:
    """Give the angle of the mean optical flow (Farnebäck), 0 to the right and π/2 down."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    total = np.zeros(2)
    for one, other in pairwise(grey):
        flow = cv2.calcOpticalFlowFarneback(one, other, None, 0.5, 2, 9, 3, 5, 1.1, 0)
        total += flow.reshape(-1, 2).mean(0)
    return math.atan2(total[1], total[0])


@pytest.mark.slow
def test_motion_is_that_of_the_class(tmp_path):
    network = moving_shapes.trained(moving_shapes.inverted(), seed=1, steps=700)
    assert moving_shapes.accuracy(network) > 0.95
    torch.save(network.state_dict(), tmp_path / "shapes.pth")
    right = 0
    for target, seed in PAIRS:
        config = LeapsConfig(
            model="moving_shapes:inverted", weights=str(tmp_path / "shapes.pth"),
            target=moving_shapes.CATEGORIES[target], seed=seed, flip=False, iterations=300,
            verifier="none", l2_weight=0.0005, device="cpu",
        )  # fmt: skip
        (made,) = stst.leaps(None, config)
        values = torch.from_numpy(made.frames.copy()).permute(3, 0, 1, 2)[None] / 255
        with torch.no_grad():
            scores = network(moving_shapes.normalized(values)).softmax(1)
        assert float(scores[0, target]) > 0.9
        wanted = list(moving_shapes.DIRECTIONS.values())[target % len(moving_shapes.DIRECTIONS)]
        off = (direction(made.frames) - wanted + math.pi) % (2 * math.pi) - math.pi
        right += abs(off) < math.pi / 4
    assert right >= 8
