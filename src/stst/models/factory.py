"""Models of a user's own, named ``package.module:factory``."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from stst.errors import InputError
from stst.utils.devices import numerics

#: Of random weights.
SEED = 0


@contextmanager
def use_fixed_seed() -> Iterator[None]:
    """Let random weights come from a fixed seed, and leave all generators as they were."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    torch.default_generator.manual_seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002
    random.seed(SEED)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])


def call_factory(name: str, origin: str) -> Any:
    """Import a factory and call it; this runs the user's code, whose random draws are seeded.

    Parameters
    ----------
    name
        ``package.module:factory``.
    origin
        What named it, for messages: an option or a key.

    Raises
    ------
    InputError
        If it cannot be imported, or fails.
    """
    # what the code makes of torch's settings, ends with it
    with numerics(torch.device("cpu")), use_fixed_seed():
        return _make(name, origin)


def _make(name: str, origin: str) -> Any:
    module_name, _, factory_name = name.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), factory_name)
    except Exception as error:  # a module of the user's can fail in any way
        raise InputError(
            f"{origin}: {name!r} cannot be imported ({type(error).__name__}: {error}). "
            "It must name a factory as package.module:factory, on Python's path (PYTHONPATH=. adds "
            "the current folder)."
        ) from error
    try:
        return factory()
    except Exception as error:
        raise InputError(
            f"{origin}: the factory {name!r} failed: {type(error).__name__}: {error}"
        ) from error


def read_numbers(module: object, name: str, count: int, origin: str) -> tuple[float, ...] | None:
    """Read an attribute by which a user's model says something of itself.

    Parameters
    ----------
    module
        The model.
    name
        Of the attribute, whose value may be a tensor.
    count
        How many finite numbers it has to hold.
    origin
        What named the model, for messages.

    Returns
    -------
    tuple of float or None
        None where there is no such attribute.

    Raises
    ------
    InputError
        If it holds anything else.
    """
    value = getattr(module, name, None)
    if value is None:
        return None
    try:
        numbers = torch.as_tensor(value, dtype=torch.float64).flatten().tolist()
    except (TypeError, ValueError, RuntimeError):
        numbers = []
    if len(numbers) != count or not all(abs(number) < float("inf") for number in numbers):
        what = "a number" if count == 1 else f"{count} numbers"
        raise InputError(f"{origin}: its attribute {name} is {value!r}; expected {what}.")
    return tuple(numbers)
