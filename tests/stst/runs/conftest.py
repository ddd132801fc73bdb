from __future__ import annotations

from pathlib import Path

import pytest

from small_runs import clip


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Runs whose bytes are compared compute on one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def natural(tmp_path) -> Path:
    """A clip of three frames."""
    return clip(tmp_path / "natural.npz")
