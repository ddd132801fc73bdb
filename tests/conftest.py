"""Goldens: where they are, when they are skipped, and how many ran."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

# before torch, whose threads then sleep while they wait
import stst  # noqa: F401

# isort: split
import torch
from hypothesis import HealthCheck, settings

with warnings.catch_warnings(), suppress(ImportError):
    # they use what pydantic deprecates, and napari's fixtures import them in every test
    warnings.simplefilter("ignore")
    import napari
    import napari.resources._icons
    import npe2  # noqa: F401

    # written anew by every process: another one, as pytest-xdist has, would read half an icon
    _ICONS = tempfile.TemporaryDirectory(prefix="napari-icons-")
    napari.resources._icons.user_cache_dir = lambda: _ICONS.name
    napari.Viewer  # noqa: B018  it is loaded when it is asked for

# how fast a busy machine is, is no property of the code
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

Arrays = dict[str, np.ndarray]

_HERE = Path(__file__).parent / "golden"
_COUNTS = {"run": 0, "skipped": 0}


def _weights_dir() -> Path | None:
    named = os.environ.get("STST_WEIGHTS_DIR")
    return Path(named).resolve() if named else None


def pytest_configure(config: pytest.Config) -> None:
    # what a shell's background job or nohup ignores, the commands that tests interrupt would, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGQUIT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    # one process a core: several threads each would only get in each other's way
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)


def pytest_collection_finish(session: pytest.Session) -> None:
    # napari's fixture collects garbage three times a test: what is imported need not be looked at
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "golden" not in report.keywords:
        return
    if report.skipped:
        _COUNTS["skipped"] += 1
    elif report.when == "call":
        _COUNTS["run"] += 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        print(f"goldens: {_COUNTS['run']} run, {_COUNTS['skipped']} skipped")


@pytest.fixture(scope="session")
def golden_file() -> Callable[[str], Path]:
    """Find a golden file by its full name; skip the test where it cannot be had."""

    def find(name: str) -> Path:
        beside = _weights_dir()
        named = os.environ.get("STST_GOLDEN_DIR")
        folders = [_HERE, Path(named) if named else beside.parent / "golden" if beside else _HERE]
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"golden: {name} is not here (set STST_GOLDEN_DIR)")

    return find


@pytest.fixture(scope="session")
def golden(golden_file: Callable[[str], Path]) -> Callable[[str], Arrays]:
    """Load a golden npz by its stem; skip the test where it cannot be had."""

    def load(name: str) -> Arrays:
        with np.load(golden_file(f"{name}.npz"), allow_pickle=False) as data:
            return {key: data[key] for key in data.files}

    return load


def _loaded(kind: str, model: str):
    if _weights_dir() is None:
        pytest.skip(f"golden: the weights of {model} are not here (set STST_WEIGHTS_DIR)")
    from stst.config import StreamConfig
    from stst.models import load_stream

    return load_stream(kind, StreamConfig(model=model)).stream


@pytest.fixture(scope="session")
def vgg():
    """VGG-19 with the paper's weights, as many layers as there are."""
    return _loaded("spatial", "vgg19")


@pytest.fixture(scope="session")
def msoe():
    """MSOE with the paper's weights."""
    return _loaded("temporal", "msoe")


@pytest.fixture(scope="session")
def natural_clip() -> Path:
    """The clip that ships with the released code, where it can be had."""
    named = os.environ.get("STST_TEST_CLIP")
    beside = _weights_dir()
    path = Path(named) if named else beside.parent / "videos/animal.mp4" if beside else None
    if path is None or not path.exists():
        pytest.skip("golden: the clip animal.mp4 is not here (set STST_TEST_CLIP)")
    return path


def _mounted(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 KiB; skip where none can be mounted."""
    yield from _disk(tmp_path, "size=24k")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A disk that cannot be written to, not even by root; skip where none can be mounted."""
    yield from _disk(tmp_path, "size=24k,ro")


def _disk(tmp_path: Path, options: str) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not _mounted(folder, options):
        pytest.skip("mounting a small disk takes root on Linux")
    yield folder
    # -l, because a file that failed to be written may still be open
    subprocess.run(["umount", "-l", str(folder)], check=True)
