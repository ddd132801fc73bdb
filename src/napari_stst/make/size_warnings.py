"""What is asked before a request that is larger than anybody makes without meaning to."""

from __future__ import annotations

import re
from typing import Any

from napari_stst.background.messages import SHOWN
from stst.config import RunConfig
from stst.video import fit_size, parse_range

_ITERATIONS = 100_000  # of a frame, or of a clip that is made as a whole
_BYTES = 4 * 2**30  # of what is shown while it is made
_MODEL_LENGTH, _MODEL_SIDE = 16, 224  # where the config leaves them to the model, about


def describe_size_warnings(config: RunConfig, shape: tuple[int, ...] | None) -> str:
    """Say what of a request is unusually large.

    Parameters
    ----------
    config
        Of the request.
    shape
        (T, H, W, …) of the clip that it is made of; None where there is none.

    Returns
    -------
    str
        A sentence for each, empty where nothing is.
    """
    warnings = []
    if config.samples > SHOWN:
        warnings.append(
            f"{config.samples} samples make {config.samples} clips; the first {SHOWN} are shown."
        )
    iterations = _count_iterations(config)
    if iterations > _ITERATIONS:
        what = "of each frame" if hasattr(config, "octaves") else "of the clip"
        warnings.append(f"{iterations} iterations {what} take very long.")
    size = _count_pixels(config, shape) * 3 * min(config.samples, SHOWN)
    if size > _BYTES:
        warnings.append(
            f"The viewer holds {size / 2**30:.0f} GiB of frames while they are made; fewer or "
            "smaller ones take less."
        )
    return " ".join(warnings)


def _count_iterations(config: Any) -> int:
    octaves = getattr(config, "octaves", ())
    return sum(one.iterations for one in octaves) or getattr(config, "iterations", 0)


def _count_pixels(config: Any, shape: tuple[int, ...] | None) -> int:
    """Count the pixels of all frames of one sample, about."""
    if hasattr(config, "length"):
        numbers = [int(one) for one in re.findall(r"\d+", config.size or "")]
        sides = [*numbers, *numbers] or [_MODEL_SIDE] * 2
        return int((config.length or _MODEL_LENGTH) * sides[0] * sides[1])
    if shape is None:
        return 0
    count, height, width = shape[:3]
    start, stop = parse_range(config.input.frames, count, "the clip")
    width, height = fit_size(width, height, config.input.max_side)
    return (stop - start) * height * width
