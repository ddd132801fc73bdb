from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from patience import patience
from small_runs import clip, stst_analyze


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with short.npz, and with long.npz that takes a while."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "short.npz", 1)
    clip(tmp_path / "long.npz", 99, 500, 500)
    return tmp_path


def begun(*words):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "stst_cli.analyze", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def test_help():
    shown = stst_analyze("--help")
    assert shown.exit_code == 0
    assert "stst-analyze compare clip.mp4 metamer.mkv -o comparison.csv" in shown.stdout
    assert "Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 interrupted." in shown.stdout
    for name in ("features", "compare"):
        assert f"  {name}" in shown.stdout


def test_version():
    from stst import __version__

    assert stst_analyze("--version").stdout.startswith(f"stst-analyze {__version__} (torch ")


def test_unknown_command():
    shown = stst_analyze("feature")
    assert shown.exit_code == 2
    assert "No such command 'feature'" in shown.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals on Windows")
class TestProcess:
    def test_interrupted_while_measuring(self, here):
        running = begun("features", "short.npz", "long.npz", "-o", "t.csv")
        first = running.stderr.readline()
        assert first.startswith("short.npz done (1%), left "), first
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=patience(60))
        assert running.returncode == 130, stderr
        assert (stdout, stderr) == ("", "Interrupted.\n")
        assert sorted(os.listdir(here)) == ["long.npz", "short.npz"]

    def test_interrupted_while_comparing(self, here):
        names = [f"{number}.npz" for number in range(9)]
        for name in names:
            clip(here / name, 4, 500, 500)
        running = begun("compare", *names, "-o", "t.csv")
        first = running.stderr.readline()
        assert first.startswith("0.npz done (11%), left "), first
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=patience(60))
        assert running.returncode == 130, stderr
        assert stdout == ""
        assert stderr.splitlines()[-1] == "Interrupted."
        assert "Traceback" not in stderr
        assert sorted(os.listdir(here)) == [*names, "long.npz", "short.npz"]

    def test_nobody_reads(self, here):
        running = begun("features", "short.npz")
        running.stdout.close()
        stderr = running.stderr.read()
        running.stderr.close()
        assert running.wait(patience(60)) == 1
        assert "Traceback" not in stderr
        assert "Error" not in stderr
