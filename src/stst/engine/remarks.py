"""What a user should know of any finished stimulus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stst.config import RunConfig

#: Share of clipped values above which a sidecar carries a warning.
CLIPPED_WARNING = 0.01


def clipping(config: RunConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where many of the values that were made were clipped.

    Parameters
    ----------
    config
        What the stimulus was made with.
    per_frame
        Statistics as its sidecar has them.

    Returns
    -------
    list of str
        A sentence for the sidecar's warnings, or none.
    """
    # a frame that stays natural as a whole was made in no iterations
    shares = [frame["clipped"] for frame in per_frame if frame.get("iterations") != 0]
    clipped = float(np.mean(shares)) if shares else 0.0
    if clipped <= CLIPPED_WARNING:
        return []
    return [f"{clipped:.1%} of all values were clipped to 0 or 255."]
