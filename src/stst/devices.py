"""Which device computes, how precisely, and what a sidecar says of both."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import torch

from stst.errors import InputError
from stst.video.read import available_memory

_DISTRIBUTIONS = ("napari-stst", "torch", "torchvision", "numpy", "av", "opencv-python-headless")


def pick_device(name: str) -> torch.device:
    """Turn a config's device into one that is there.

    Parameters
    ----------
    name
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.

    Returns
    -------
    torch.device
        With its number.

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


def pick_precision(name: str, device: torch.device) -> str:
    """Turn a config's precision into one that models compute in.

    Parameters
    ----------
    name
        ``"auto"``, which becomes tf32 on CUDA devices that have it, bf16 on a CPU with
        instructions for it, else fp32; any other name stays.
    device
        Where they compute.

    Returns
    -------
    str
        ``"fp32"``, ``"tf32"``, ``"bf16"`` or ``"fp64"``.
    """
    if name != "auto":
        return name
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return "tf32"
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"


def memory_in_use(device: torch.device) -> int:
    """Give what is in use already, in bytes: by the process on a CPU, by tensors on a GPU."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    if sys.platform == "win32":
        return 700 * 2**20  # no cheap way to ask; torch and the models take about this much
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory(device: torch.device) -> int | None:
    """Give the bytes that can still be used on a device, None where it does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory()


@contextmanager
def numerics(device: torch.device, precision: str, threads: int | None = None) -> Iterator[None]:
    """Set the precision of matrix products and the number of threads, and restore both.

    Parameters
    ----------
    device
        Where the arithmetic runs.
    precision
        ``"fp64"``, ``"fp32"``, ``"tf32"`` or ``"bf16"``.
    threads
        On the CPU; None leaves torch's choice.

    Yields
    ------
    None
        While the settings hold.

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
    if precision in ("bf16", "fp64") and device.type == "mps":
        hint = " or device cpu" if precision == "fp64" else ""
        raise InputError(f"precision: {precision} is not supported on mps. Use fp32{hint}.")
    # repeatable matrix products; read when CUDA starts
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.get_num_threads(),
    )
    # convolutions only: Gram matrices are products, and stay in float32
    torch.backends.cuda.matmul.allow_tf32 = False
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

    Parameters
    ----------
    device, precision
        What is computed with.
    seeds
        Of the samples that are batched.

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
