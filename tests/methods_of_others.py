"""A package that brings a method of its own, as if it were installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from small_runs import PYTHONPATH
from stst.config import methods

TOY = str(Path(__file__).parent / "toy")
#: For processes that are to have it.
WITH_TOY = os.pathsep.join([TOY, PYTHONPATH])


@contextmanager
def installed(monkeypatch: pytest.MonkeyPatch, *folders: str) -> Iterator[None]:
    """Install packages that lie in folders, meanwhile."""
    for folder in folders or (TOY,):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*(folders or (TOY,)), PYTHONPATH]))
    loaded = methods._load
    methods._foreign.cache_clear()
    yield
    methods._foreign.cache_clear()
    loaded.cache_clear()
