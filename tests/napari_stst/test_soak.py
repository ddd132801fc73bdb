"""Opened and closed many times, the viewer leaves nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from patience import patience
from small_runs import clip

SCRIPT = Path(__file__).with_name("open_and_close.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc"),
]


def opened(count, how, tmp_path):
    path = tmp_path / "clip.npz"
    clip(path, 4)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(count), how, str(path)],
        capture_output=True,
        text=True,
        timeout=patience(540),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_fifty_times_in_one_process(tmp_path, qapp):
    found = opened(50, "hidden", tmp_path)
    # pools of libraries have grown to their size by then
    assert found["threads"][-1] <= found["threads"][4]
    assert found["children"] == 0


@pytest.mark.parametrize("time", range(5))
def test_shown_in_a_process_of_its_own(tmp_path, qapp, time):
    found = opened(1, "shown", tmp_path)
    assert found["children"] == 0
    assert not [name for name in found["python"] if "stst" in name.lower()]
