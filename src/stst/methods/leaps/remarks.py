"""What a user should know of a finished inversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stst.config import LeapsConfig


def remarks(config: LeapsConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn where the model itself does not take the clip for the class.

    Takes and gives what `stst.engine.remarks.clipping` does, which does not apply: values have no
    natural range that clipping would harm.
    """
    probability = float(per_frame[0]["probability"])
    if probability >= 0.5:
        return []
    return [
        f"the model gives the class {config.target!r} a probability of {probability:.2g} only. "
        "Try more iterations, or lower weights of the other terms."
    ]
