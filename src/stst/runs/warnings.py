"""What a user should know of a finished stimulus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stst.config import LeapsConfig, RunConfig, StpsConfig

#: Share of clipped values above which a sidecar carries a warning.
CLIPPED_WARNING = 0.01


def remarks_on(config: RunConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what a user should know of a finished stimulus.

    Parameters
    ----------
    config
        What it was made with.
    per_frame
        Statistics as its sidecar has them.

    Returns
    -------
    list of str
        A sentence each, for the sidecar's warnings.
    """
    if isinstance(config, LeapsConfig):
        # its values have no natural range that clipping would harm
        return _unrecognised(config, per_frame)
    return [*_clipping(per_frame), *_unchanged(config, per_frame)]


def _unrecognised(config: LeapsConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where the model itself does not take the clip for the class."""
    probability = float(per_frame[0]["probability"])
    if probability >= 0.5:
        return []
    return [
        f"the model gives the class {config.target!r} a probability of {probability:.2g} only. "
        "Try more iterations, or lower weights of the other terms."
    ]


def _clipping(per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where many of the values that were made were clipped."""
    # a frame that stays natural as a whole was made in no iterations
    shares = [frame["clipped"] for frame in per_frame if frame.get("iterations") != 0]
    clipped = float(np.mean(shares)) if shares else 0.0
    if clipped <= CLIPPED_WARNING:
        return []
    return [f"{clipped:.1%} of all values were clipped to 0 or 255."]


def _unchanged(config: RunConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where scrambling has left frames as they were."""
    if not isinstance(config, StpsConfig) or config.coherence == 1:
        return []
    same = sum(frame["difference"] == 0 for frame in per_frame)
    if not same:
        return []
    return [
        f"{same} of {len(per_frame)} frames are those of the natural clip: it holds too few "
        "frequencies to be scrambled so (a clip of 2 or 3 frames in time, or one without contrast)."
    ]
