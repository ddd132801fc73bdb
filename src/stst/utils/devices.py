"""Which device computes, how precisely, under which settings; and what a sidecar says of it."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial, wraps
from importlib import metadata
from inspect import isgeneratorfunction
from typing import Any, TypeVar, cast

import torch

from stst.errors import InputError
from stst.utils.machine import available_memory, default_threads
from stst.version import __version__

Made = TypeVar("Made")
Sent = TypeVar("Sent")
Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., Any])
# how it is read, how it is set, and to what
_Setting = tuple[Callable[[], Any], Callable[[Any], object], Any]

_DISTRIBUTIONS = ("torch", "torchvision", "numpy", "av", "opencv-python-headless")


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


class numerics(AbstractContextManager[None]):
    """Has torch compute alike whatever its process-wide settings are; brings those back after.

    The settings are everything in torch that changes what is computed, or whether it can be:
    default dtype and device, gradients and inference mode, autocast, deterministic algorithms,
    anomaly detection, precision of matrix products, kernels that may be used, number of threads.
    It can be entered again once it was left. Settings belong to the process: two threads of it
    that compute at the same time need the same ones.

    Parameters
    ----------
    device
        Where the arithmetic runs; None where that does not matter, or as outside.
    precision
        ``"fp64"``, ``"fp32"``, ``"tf32"`` or ``"bf16"``; None for fp32, inside another one for
        what that has.
    threads
        On the CPU; None for `stst.utils.machine.default_threads`, inside another one for what that
        has.
    gradients
        Whether gradients can be computed. False leaves it to the caller, as functions of tensors
        do.

    Raises
    ------
    InputError
        If the device cannot compute in that precision.
    """

    def __init__(
        self,
        device: torch.device | None = None,
        precision: str | None = None,
        threads: int | None = None,
        gradients: bool = True,
    ) -> None:
        if device is not None and precision is not None:
            _check_precision(device, precision)
        self._device, self._precision = device, precision
        self._threads, self._gradients = threads, gradients
        self._left: list[ExitStack | None] = []

    def __enter__(self) -> None:
        """Take over."""
        inner = bool(_active())
        if inner and self._device is None and self._precision is None and self._threads is None:
            self._left.append(None)  # nothing to do: another one holds
        else:
            with ExitStack() as stack:
                self._take_over(stack, inner)
                self._left.append(stack.pop_all())
        _active().append(self)

    def __exit__(self, *_: object) -> None:
        """Bring back what was."""
        _active().pop()
        stack = self._left.pop()
        if stack is not None:
            stack.close()

    def _take_over(self, stack: ExitStack, inner: bool) -> None:
        # repeatable matrix products; read when CUDA starts
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if self._gradients and torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.callback(_set_default_device, torch.empty(0).device)
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        settings = list(_SETTINGS)
        if self._gradients:
            settings.append((torch.is_grad_enabled, torch.set_grad_enabled, True))
        threads = default_threads() if self._threads is None and not inner else self._threads
        if threads is not None:
            settings.append((torch.get_num_threads, torch.set_num_threads, threads))
        for get, put, value in settings:
            stack.callback(_put, get, put, get())
            _put(get, put, value)
        if self._precision is not None or not inner:
            stack.callback(_put_float32, _take_float32())
            torch.set_float32_matmul_precision("highest")
            # convolutions only: Gram matrices are products, and stay in float32
            torch.backends.cudnn.allow_tf32 = self._precision == "tf32"

    def steps(self, made: Generator[Made, Sent, Result]) -> Generator[Made, Sent, Result]:
        """Run a generator inside; whoever takes what it gives is outside, as before.

        Parameters
        ----------
        made
            Begun inside, and closed there as well.

        Yields
        ------
        object
            What it yields. What is sent to or raised in this one reaches it.

        Returns
        -------
        object
            What it returns.
        """
        go_on: Callable[[], Made] = partial(next, made)
        while True:
            with self:
                try:
                    value = go_on()
                except StopIteration as end:
                    return cast(Result, end.value)
            try:
                go_on = partial(made.send, (yield value))
            except GeneratorExit:
                with self:
                    made.close()
                raise
            except BaseException as error:
                go_on = partial(made.throw, error)


def guarded(gradients: bool = True) -> Callable[[Function], Function]:
    """Have a function, or every step of a generator, compute inside `numerics`.

    Parameters
    ----------
    gradients
        See `numerics`.

    Returns
    -------
    callable
        A decorator. Inside another `numerics` it changes nothing.
    """

    def decorate(function: Function) -> Function:
        in_steps = isgeneratorfunction(function)

        @wraps(function)
        def inside(*args: Any, **named: Any) -> Any:
            if in_steps:
                return numerics(gradients=gradients).steps(function(*args, **named))
            with numerics(gradients=gradients):
                return function(*args, **named)

        return cast(Function, inside)

    return decorate


def outside(call: Callable[[], Result]) -> Callable[[], Result]:
    """Have a caller's function run with the caller's settings, even where `numerics` holds.

    Parameters
    ----------
    call
        The function.

    Returns
    -------
    callable
        Does the same, outside.
    """

    def called() -> Result:
        held = list(_active())
        for one in reversed(held):
            one.__exit__()
        try:
            return call()
        finally:
            for one in held:
                one.__enter__()

    return called


_here = threading.local()


def _active() -> list[numerics]:
    """Give those that hold in this thread, outermost first."""
    if not hasattr(_here, "active"):
        _here.active = []
    return cast("list[numerics]", _here.active)


def _check_precision(device: torch.device, precision: str) -> None:
    if precision == "tf32" and device.type != "cuda":
        raise InputError(
            f"precision: tf32 exists on CUDA devices only, this run is on {device.type}. "
            "Use fp32 or bf16."
        )
    if precision in ("bf16", "fp64") and device.type == "mps":
        hint = ' or `device="cpu"`' if precision == "fp64" else ""
        raise InputError(f"precision: {precision} is not supported on mps. Use fp32{hint}.")


def _attribute(owner: Any, name: str, value: Any) -> _Setting:
    return partial(getattr, owner, name), partial(setattr, owner, name), value


def _autocast(kind: str) -> _Setting:
    return (
        partial(torch.is_autocast_enabled, kind),
        partial(torch.set_autocast_enabled, kind),
        False,
    )


def _attention(kind: str) -> _Setting:
    backend = torch.backends.cuda
    return getattr(backend, f"{kind}_sdp_enabled"), getattr(backend, f"enable_{kind}_sdp"), True


_SETTINGS: tuple[_Setting, ...] = (
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    *(_autocast(kind) for kind in ("cpu", "cuda", "mps")),
    (
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda both: torch.set_anomaly_enabled(*both),
        (False, True),
    ),
    # what is needed of them is done by name: they refuse work that has no such algorithm
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    _attribute(torch.backends.cudnn, "enabled", True),
    _attribute(torch.backends.cudnn, "deterministic", True),
    _attribute(torch.backends.cudnn, "benchmark", False),
    _attribute(torch.backends.mkldnn, "enabled", True),
    _attribute(torch.backends.mkldnn, "deterministic", False),
    _attribute(torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", True),
    *(_attention(kind) for kind in ("flash", "mem_efficient", "math", "cudnn")),
    (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled, True),
    # torch does not say it, but so does every product of this thread
    (lambda: sys.float_info.min * 0.5 == 0, torch.set_flush_denormal, False),
)  # fmt: skip


def _put(get: Callable[[], Any], put: Callable[[Any], object], value: Any) -> None:
    """Change a setting only where it differs: a change can take time, or mark it as chosen."""
    if get() != value:
        put(value)


def _set_default_device(device: torch.device) -> None:
    """Undo what a user's model did to it; nothing else changes it."""
    if torch.empty(0).device != device:
        torch.set_default_device(device)


# torch 2.9 and newer: by library and operation, each for itself or as the one around it
_FLOAT32 = [
    (library, operation)
    for library, *operations in (
        ("generic", "all"),
        ("cuda", "all", "matmul", "conv", "rnn"),
        ("mkldnn", "all", "matmul", "conv", "rnn"),
    )
    for operation in operations
    if hasattr(torch._C, "_get_fp32_precision_getter")
]


def _take_float32() -> tuple[list[str], str, bool]:
    """Read how exactly float32 is multiplied, and leave all of it unsaid."""
    own = []
    for names in _FLOAT32:
        # the outer ones first: only then the inner ones give their own
        own.append(torch._C._get_fp32_precision_getter(*names))
        torch._C._set_fp32_precision_setter(*names, "none")
    # the older interface, which refuses to be read where the newer one says something else
    products = torch.get_float32_matmul_precision()
    try:
        convolutions = torch.backends.cudnn.allow_tf32
    except RuntimeError:
        convolutions = True
    return own, products, convolutions


def _put_float32(before: tuple[list[str], str, bool]) -> None:
    own, products, convolutions = before
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = convolutions
    for names, value in reversed(list(zip(_FLOAT32, own, strict=True))):
        torch._C._set_fp32_precision_setter(*names, value)


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
    # of the code that runs: what was installed can be older, where it is a checkout
    versions = {"python": platform.python_version(), "napari-stst": __version__}
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
