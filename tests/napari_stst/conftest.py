"""A real viewer on a screen (Xvfb's, where there is none), and waiting for it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

import warm_processes
from patience import patience
from small_runs import PYTHONPATH

with suppress(ImportError):
    # torchvision brings an LLVM along, as Mesa does; the process crashes when Mesa's comes first
    import triton._C.libtriton  # noqa: F401

_SCREEN = bool(
    sys.platform != "linux"
    or os.environ.get("DISPLAY")
    or os.environ.get("WAYLAND_DISPLAY")
    or shutil.which("Xvfb")
)
with suppress(ImportError):
    # with all other modules, before garbage is looked for (see the conftest above)
    pass
if not _SCREEN:
    # without it Qt would abort the whole process
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def warm_workers(monkeypatch) -> None:
    """Let the viewer's workers fork from a process that has torch already."""
    worker = warm_processes.command("napari_stst.background.worker")
    monkeypatch.setattr("napari_stst.background.task._WORKER", worker)


@pytest.fixture
def viewer(make_napari_viewer, monkeypatch, tmp_path, warm_workers):
    """A viewer that is seen, in a folder of its own; its workers find the tests' models."""
    if not _SCREEN:
        pytest.skip("no screen: install Xvfb, or set DISPLAY")
    from vispy.gloo.glir import GlirProgram

    # Mesa 22 (Debian 12) crashes when something is drawn after a program was deleted
    monkeypatch.setattr(GlirProgram, "delete", lambda self: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.setenv("STST_DATA_DIR", str(tmp_path / "kept for the user"))
    monkeypatch.chdir(tmp_path)
    # a process more beside every run would only take time; tests of costs set it back
    monkeypatch.setattr("napari_stst.make.cost.EVERY_MS", 10**8)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    return viewer


@pytest.fixture
def until(qtbot) -> Callable[[Callable[[], bool]], None]:
    """Wait for something, as long as a slow machine may take."""

    def wait(condition: Callable[[], bool]) -> None:
        qtbot.waitUntil(condition, timeout=round(1000 * patience(60)))

    return wait


@pytest.fixture
def errors(monkeypatch) -> list[str]:
    """The error notifications that the user sees."""
    from napari.utils.notifications import NotificationSeverity, notification_manager

    shown: list[str] = []

    def note(notification) -> None:
        if notification.severity >= NotificationSeverity.ERROR:
            shown.append(notification.message)

    notification_manager.notification_ready.connect(note)
    yield shown
    notification_manager.notification_ready.disconnect(note)
