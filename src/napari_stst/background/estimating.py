"""The task of a worker process that says what a run would cost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stst.background.messages import Result

if TYPE_CHECKING:
    from napari_stst.background.tasks import Stop, Tell
    from stst.config import RunConfig
    from stst.runs.job import Job


@dataclass(frozen=True)
class EstimateRequest:
    """What is to be estimated.

    Attributes
    ----------
    config
        Of the method. Which clip a term is taken from, and whether there is a region, changes no
        cost, so that it names none.
    natural
        The clip; None where there is none to start from, or it is in no file.
    shape
        (T, H, W) of a clip that is in no file; another one of that size stands in for it.
    fps
        Its rate in Hz.
    """

    config: RunConfig
    natural: Path | None = None
    shape: tuple[int, int, int] | None = None
    fps: str = "25"


def estimate_run(request: EstimateRequest, tell: Tell, stop: Stop) -> Result:
    """Measure a few steps, as ``--dry-run`` does; nothing is written beside the clip.

    Parameters
    ----------
    request
        What is to be estimated.
    tell, stop
        Not used: it takes seconds.

    Returns
    -------
    Result
        ``seconds``, ``memory`` and ``disk`` in bytes, ``device``, and what the clip will be:
        ``frames`` and ``size`` (H, W).
    """
    from stst.runs.job import Job

    with tempfile.TemporaryDirectory() as folder:
        path = request.natural
        if request.shape is not None:
            path = _write_stand_in(Path(folder) / "clip.mkv", request.shape, request.fps)
        return Result(_estimate_costs(Job(path, str(Path(folder) / "made.mkv"), request.config)))


def _estimate_costs(job: Job) -> dict[str, Any]:
    prepared = job.prepared
    estimate = job.estimate(prepared)
    return {
        "seconds": estimate.seconds,
        "memory": estimate.memory,
        "disk": job.disk(prepared),
        "device": str(prepared.device),
        "frames": prepared.process.describe().frames,
        "size": prepared.process.size,
    }


def _write_stand_in(path: Path, shape: tuple[int, int, int], fps: str) -> Path:
    """Write a clip of noise; a flat one has statistics that no natural clip has."""
    from stst.video import write_video

    count, height, width = shape
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    write_video(path, (frame for _ in range(count)), fps)
    return path
