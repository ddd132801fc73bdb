"""Models of a user's own, named ``package.module:factory``."""

from __future__ import annotations

import importlib
from typing import Any

from stst.errors import InputError


def made_by_factory(name: str, origin: str) -> Any:
    """Import a factory and call it; this runs the user's code.

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
