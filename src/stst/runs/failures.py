"""What can go wrong while a run lasts, in words that say how to go on."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from stst.engine.process import ClipProcess, Groupable, Prepared
from stst.errors import TO_RESUME, InputError, StstError, first_line
from stst.utils.devices import free_memory, memory_in_use
from stst.utils.files import sha256_of

# of what is free, the rest being for what other programs take and for what lies idle between blocks
_USABLE = 0.9
_DEVICE_FAILURES = ("CUDA error", "HIP error", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS")


class ExhaustedError(StstError):
    """There is not enough memory for what was tried."""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is Python's or one of torch's for a lack of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("DefaultCPUAllocator", "MPS backend out of memory")
    )


@contextmanager
def explain_failures(
    device: torch.device, folder: Path, check: Callable[[], None]
) -> Iterator[None]:
    """Say in words what fails in a block.

    Parameters
    ----------
    device
        Where it computes.
    folder
        Where the run is kept.
    check
        Raises if an input is not what it was; asked where a clip could not be read.

    Raises
    ------
    ExhaustedError
        If there is not enough memory.
    StstError
        If the device fails, or an input has changed.
    """
    try:
        yield
    except InputError:
        check()
        raise
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise ExhaustedError(f"out of memory on {device}.") from error
        if not any(words in str(error) for words in _DEVICE_FAILURES):
            raise
        raise StstError(
            f"{device} failed ({first_line(error)}). The run is kept in {folder}: continue it "
            f"in a new process: {TO_RESUME}. If that fails as well, reset the device, or restart "
            "the machine."
        ) from error


def release_memory(device: torch.device) -> None:
    """Give memory back that nothing uses any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def split_groups(groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Split every group of seeds that has more than one into two."""
    out: list[list[int]] = []
    for group in groups:
        middle = math.ceil(len(group) / 2)
        out.extend(list(part) for part in (group[:middle], group[middle:]) if part)
    return out


def what_fits(prepared: Prepared, estimate: Callable[[Prepared], int]) -> str:
    """Say what one sample takes, what is free, and what would fit.

    Parameters
    ----------
    prepared
        A run that is out of memory.
    estimate
        Gives the peak in bytes of a run.
    """
    device, process = prepared.device, prepared.process
    height, width = process.size
    start = f"out of memory on {device}: one sample of {height}x{width} px "
    free = free_memory(device)
    try:
        if isinstance(process, Groupable):
            first = process.with_seeds(prepared.config.seeds[:1])
            prepared = Prepared(
                first,
                prepared.config, prepared.fps, prepared.weights, device, first.estimate,
            )  # fmt: skip
        takes = estimate(prepared) - memory_in_use(device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        takes = 0
    if free is None or takes <= 0:
        return start + 'does not fit. Take smaller frames (`max_side`), or `device="cpu"`.'
    start += f"takes about {_gib(takes)}, and {_gib(free)} are free. "
    share = _USABLE * free / takes
    if share >= 1:
        return start + f"Free what other programs hold there, and go on: {TO_RESUME}."
    side = int(max(height, width) * math.sqrt(share))
    if isinstance(process, ClipProcess):
        return start + 'Take fewer frames (`length`), smaller ones (`size`), or `device="cpu"`.'
    return start + f'A `max_side` of {side} would fit; or take `device="cpu"`.'


class Inputs:
    """Files that must not change while a run reads them, and how they looked at first."""

    def __init__(self) -> None:
        self._looks: dict[Path, object] = {}

    def note(self, path: Path) -> None:
        """Remember how a file or folder looks, before it is read."""
        self._looks.setdefault(path, _look(path))

    def check(self, hashes: Mapping[Path, str]) -> None:
        """Refuse to go on if one has changed.

        Parameters
        ----------
        hashes
            SHA-256 of each as it was read first.

        Raises
        ------
        StstError
            Naming the file.
        """
        for path, before in self._looks.items():
            now = _look(path)
            if now == before:
                continue
            if now is None:
                raise StstError(_unlike(path, "is gone"))
            if path in hashes and sha256_of(path) != hashes[path]:
                raise StstError(_unlike(path, "has changed"))
            self._looks[path] = now  # touched or copied, but the same


def _unlike(path: Path, what: str) -> str:
    return (
        f"{path} {what} while the run was reading it. Bring it back as it was, and go "
        f"on: {TO_RESUME}."
    )


def _look(path: Path) -> object:
    """Give sizes and times, by which a change is noticed; None where nothing is."""
    try:
        if path.is_dir():
            entries = sorted(os.scandir(path), key=lambda one: one.name)
            return [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in entries]
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _gib(count: int) -> str:
    return f"{count / 2**30:.2g} GiB"
