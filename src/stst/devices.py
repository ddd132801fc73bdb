"""Which device computes, how precisely, and what a sidecar says of both."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import torch

from stst.errors import InputError

_DISTRIBUTIONS = ("napari-stst", "torch", "torchvision", "numpy", "av", "opencv-python-headless")


def pick_device(name: str) -> torch.device:
    """Turn a config's device into one that is there.

    Parameters
    ----------
    name
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.

    Raises
    ------
    InputError
        If that device is not there; says which are.
    """
    there = ["cpu"]
    if torch.cuda.is_available():
        there = [f"cuda:{index}" for index in range(torch.cuda.device_count())] + there
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if name == "auto":
        return torch.device(there[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise InputError(
            f"device: {name!r} is not available here. There are: {', '.join(there)} (or auto)."
        )
    return torch.device(wanted)


@contextmanager
def numerics(device: torch.device, precision: str, threads: int | None = None) -> Iterator[None]:
    """Set the precision of matrix products and the number of threads, and restore both.

    Parameters
    ----------
    device
        Where the arithmetic runs.
    precision
        ``"fp32"``, ``"tf32"`` or ``"bf16"``.
    threads
        On the CPU; None leaves torch's choice.

    Raises
    ------
    InputError
        If the device cannot compute in that precision.
    """
    if precision == "tf32" and device.type != "cuda":
        raise InputError(
            f"precision: tf32 exists on CUDA devices only, this run is on {device.type}. "
            "Use fp32 or bf16."
        )
    if precision == "bf16" and device.type == "mps":
        raise InputError("precision: bf16 is not supported on mps. Use fp32.")
    # repeatable matrix products; read when CUDA starts
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.get_num_threads(),
    )
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before[0]
        torch.backends.cudnn.allow_tf32 = before[1]
        torch.backends.cudnn.deterministic = before[2]
        torch.backends.cudnn.benchmark = before[3]
        torch.set_num_threads(before[4])


def environment(device: torch.device, precision: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Describe what the bytes of a result depend on besides its config.

    Returns
    -------
    dict
        Versions, platform, device, threads, precision and the seeds that ran as one batch.
    """
    name = str(device)
    if device.type == "cuda":
        name = f"{device} ({torch.cuda.get_device_name(device)})"
    versions = {"python": platform.python_version()}
    for distribution in _DISTRIBUTIONS:
        try:
            versions[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            versions[distribution] = "not installed as a distribution"
    return {
        "versions": versions,
        "platform": platform.platform(),
        "device": name,
        "threads": torch.get_num_threads(),
        "precision": precision,
        "batch": list(seeds),
    }
