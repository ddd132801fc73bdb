"""What a report says of inversions, beside the courses of their losses and probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stst.config.methods import CourseSection

_NONE = "–"


def _row(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the finished clip is taken for."""
    config, frames = sidecar.get("config"), sidecar.get("per_frame")
    config = config if isinstance(config, Mapping) else {}
    first = frames[0] if isinstance(frames, list) and frames else {}
    first = first if isinstance(first, Mapping) else {}
    best, iterations = first.get("best_iteration", _NONE), config.get("iterations", _NONE)
    return {
        "Target class": config.get("target"),
        "Model": config.get("model"),
        "Its probability of the class": _share(first.get("probability")),
        "Verifier": config.get("verifier"),
        "Its probability": _share(first.get("verifier_probability")),
        "Best iteration": f"{best} of {iterations}",
    }


def _share(value: object) -> object:
    return value if isinstance(value, float) else _NONE


SECTION = CourseSection(
    name="inversion",
    title="Class probability and losses while the clip was made",
    caption="What the finished clips are taken for",
    row=_row,
    note="Both are of the clip as each iteration saw it, rolled and perhaps mirrored, before its "
    "step; the table is of the finished clip. The verifier lends its running statistics to the "
    "loss, so it is no independent judge. It tells no probability where it does not know the "
    "class.",
)
