"""What a user should know of a finished phase-scrambled clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stst.config import StpsConfig
from stst.engine.remarks import clipping


def remarks(config: StpsConfig, per_frame: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn as `clipping` does, and where scrambling has left frames as they were."""
    said = clipping(config, per_frame)
    same = sum(frame["difference"] == 0 for frame in per_frame)
    if same and config.coherence != 1:
        said.append(
            f"{same} of {len(per_frame)} frames are those of the natural clip: it holds too few "
            "frequencies to be scrambled so (a clip of 2 or 3 frames in time, or one without "
            "contrast)."
        )
    return said
