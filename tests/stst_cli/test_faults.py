"""Whatever call of a run the disk refuses: nothing is damaged, and the run can be continued."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faults import Disk, failing
from small_inversions import SMALL as SMALL_INVERSION
from small_runs import SMALL, clip, stst

if sys.platform == "win32":
    pytest.skip("calls are those of POSIX", allow_module_level=True)

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)
SHORT = (
    *(*SMALL, "--set", "checkpoint_every=2", "--frames", "0:2", "--set", "padding_frames=0"),
    *("--set", "octaves=[{exponent = 0, iterations = 3, learning_rate = 0.02}]"),
)
COMMANDS = {
    "new": ("synthesize", "natural.npz", "-o", "out.mkv", *SHORT),
    "npz": ("synthesize", "natural.npz", "-o", "out.npz", *SHORT),
    "replaced": ("synthesize", "natural.npz", "-o", "out/", *SHORT, "--overwrite"),
    "leaps": ("leaps", "-o", "out.npy", *SMALL_INVERSION),
    "prednet": (
        *("train-prednet", "natural.npz", "-o", "out.safetensors", "--size", "8x12"),
        *("--stack", "3,4", "--steps", "2", "--batch", "1", "--sequence", "3"),
    ),
}


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Make a folder with what is there before the run; the run is done there."""
    monkeypatch.setattr("stst.runs.runner.CHECKPOINT_SHARE", float("inf"))
    start = tmp_path / "start"
    start.mkdir()
    clip(start / "natural.npz")
    (start / "mine.txt").write_text("mine")

    def make(kind: str, name: str) -> Path:
        folder = tmp_path / name
        monkeypatch.chdir(tmp_path)
        if kind == "replaced" and not (start / "out").exists():
            monkeypatch.chdir(start)
            assert stst(*COMMANDS[kind], "--seed", "5").exit_code == 0
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        monkeypatch.chdir(folder)
        return folder

    return make


def contents(folder: Path) -> dict[str, object]:
    """Give what every file holds; of a sidecar all but the time that it took."""
    out: dict[str, object] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        out[name] = path.read_bytes()
        if name == "out.json":
            out[name] = json.loads(path.read_text("utf-8")) | {"seconds": 0}
    return out


def one_fault(begin, kind: str, expected: dict[str, object], disk: Disk, what: str) -> None:
    folder = begin(kind, "run")
    disk.folder = folder
    before = contents(folder)
    with failing(disk):
        shown = stst(*COMMANDS[kind])
    after = contents(folder)
    assert disk.failed, what
    said = f"{what}, {disk.failed}: {shown.output}"
    assert shown.exit_code in (0, 1, 2), said
    if shown.exit_code:
        *_, line = shown.stderr.splitlines()
        assert line.startswith("Error: "), said
        assert "out" in line, said
        assert "Traceback" not in shown.stderr, said
    for name, content in before.items():
        # an output that is replaced is the old one, if need be moved aside, or the new one
        there = content in after.values() or after.get(name) == expected.get(name)
        assert there, (name, said)
    for name in expected.keys() & after.keys() - before.keys():
        assert after[name] == expected[name], (name, said)
    if shown.exit_code == 0:
        assert {**after, **expected} == after, said
    again = stst(*COMMANDS[kind], "--resume")
    assert again.exit_code == 0, f"{said}\n{again.output}"
    assert contents(folder) == expected, said


def sweep(begin, kind: str, share: float) -> None:
    folder = begin(kind, "expected")
    with failing(Disk(folder)) as dry:
        assert stst(*COMMANDS[kind]).exit_code == 0
    expected = contents(folder)
    cases = [
        # every other one lasts
        (call, number, (call + place) % 2 == 1)
        for call in range(len(dry.calls))
        for place, number in enumerate(ERRORS)
        # which a full disk allows
        if number != errno.ENOSPC or dry.calls[call].split()[0] in ("open", "write", "mkdir")
    ]
    seed = random.SystemRandom().randrange(2**32)
    print(f"{kind}: {len(dry.calls)} calls, {len(cases)} faults, seed {seed}")
    chosen = random.Random(seed).sample(cases, max(1, int(share * len(cases))))
    for call, number, lasting in chosen:
        what = f"call {call} ({dry.calls[call]}), {os.strerror(number)}, lasting: {lasting}"
        one_fault(begin, kind, expected, Disk(folder, call, number, lasting), what)


@pytest.mark.parametrize("kind", list(COMMANDS))
def test_some_faults(begin, kind):
    sweep(begin, kind, 0.01)


@pytest.mark.parametrize("name", ["out.mkv", "out.npz", "out/"])
def test_a_disk_that_is_full_until_somebody_makes_room(tmp_path, small_disk, monkeypatch, name):
    """FFmpeg writes by itself, so here the disk is a real one."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz", 12, 30, 40)
    words = ("scramble", "natural.npz", "--set", "color_transfer=false", "--set", "mode=spatial")
    assert stst(*words, "-o", name).exit_code == 0
    (small_disk / "mine.txt").write_text("mine")
    failed = []
    for size in range(24, 400, 8):
        command = ["mount", "-o", f"remount,size={size}k", str(small_disk)]
        subprocess.run(command, check=True)
        shown = stst(*words, "-o", f"{small_disk}/{name}", "--resume")
        if shown.exit_code == 0:
            break
        line = shown.stderr.splitlines()[-1]
        assert "the disk is full" in line, shown.stderr
        assert "Traceback" not in shown.stderr
        failed.append(line.split(": ")[1])
        assert not list(small_disk.glob(".*part*")), "what cannot be finished takes no room"
    assert shown.exit_code == 0, shown.stderr
    # the frames, then the outputs
    assert any("frames" in one or "state" in one for one in failed)
    assert str(small_disk / name.rstrip("/")) in failed
    ours, theirs = contents(small_disk), contents(tmp_path)
    ours.pop("out.json")
    assert ours.pop("mine.txt") == b"mine"
    assert {key: value for key, value in theirs.items() if key in ours} == ours


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(COMMANDS))
def test_every_fault(begin, kind):
    sweep(begin, kind, 1)
