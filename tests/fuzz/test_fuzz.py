"""The fuzz itself: what it must find, it finds; and a few inputs of every format."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from random import Random

import pytest

from fuzz import pool
from fuzz.mutate import damaged
from fuzz.texts import as_json, as_table, as_toml, changed
from patience import patience
from stst.errors import InputError, StstError

if sys.platform != "linux":
    pytest.skip("reads what Linux says of processes", allow_module_level=True)


def format_of(read) -> pool.Format:
    def make(_, rng):
        return {"clip.mkv": rng.randbytes(4)}

    return pool.Format("planted", lambda _: None, make, read)


def outcomes(read, tmp_path, count=1, lanes=1) -> list[pool.Result]:
    canary = tmp_path / "canary"
    results = pool.run(format_of(read), None, range(count), 0, tmp_path / "area", canary, lanes)
    return sorted(results, key=lambda one: one.number)


def refuse(message):
    def read(folder: Path) -> None:
        raise InputError(message.format(folder / "clip.mkv"))

    return read


def crash(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_: Path) -> None:
    while True:
        pass


def swallow(_: Path) -> None:
    with open("/dev/zero", "rb") as file:
        assert len(file.read(5 << 30))


def swallow_less(_: Path) -> None:
    assert bytearray(b"1") * (pool.MEMORY + (200 << 20))


def warn(_: Path) -> None:
    warnings.warn("storm", stacklevel=1)


def chatter(_: Path) -> None:
    os.write(2, b"libx: error\n" * 50)


def run_code(_: Path) -> None:
    os.system("true")


def unpickle(_: Path) -> None:
    import pickle

    pickle.loads(pickle.dumps(Random(0)))


def write_beside(folder: Path) -> None:
    (folder / "new").write_text("x")


def write_elsewhere(folder: Path) -> None:
    (folder / "out" / ".." / ".." / "other").mkdir()


def change_input(folder: Path) -> None:
    os.truncate(folder / "clip.mkv", 0)


def sing(folder: Path) -> None:
    (folder.parent.parent.parent / "canary").touch()


def wrong_type(_: Path) -> None:
    raise KeyError("x")


def leave(_: Path) -> None:
    sys.exit(3)


@pytest.mark.parametrize(
    ("read", "outcome", "why"),
    [
        (lambda folder: None, "accepted", ""),
        (lambda folder: (folder / "out" / "x").write_text("x"), "accepted", ""),
        (refuse("{}: is damaged. Copy it again."), "refused", "is damaged"),
        (refuse("it is damaged."), "unclear", "names no file"),
        (wrong_type, "unclear", "KeyError: 'x' at "),
        (leave, "unclear", "SystemExit: 3"),
        (refuse("{} <object object at 0x7f>"), "unclear", "not for users"),
        (warn, "unclear", "warning UserWarning: storm"),
        (chatter, "unclear", "wrote 50 lines"),
        (crash, "crashed", "SIGSEGV"),
        (swallow, "memory", "MemoryError"),
        (swallow_less, "memory", "MiB, then accepted"),
        (run_code, "unsafe", "os.system"),
        (unpickle, "unsafe", "pickle.find_class"),
        (write_beside, "unsafe", "clip|new"),
        (write_elsewhere, "unsafe", "other"),
        (change_input, "unsafe", "truncate|changed"),
        (sing, "unsafe", "canary"),
    ],
)
def test_what_it_finds(read, outcome, why, tmp_path):
    (found,) = outcomes(read, tmp_path)
    assert found.outcome == outcome, found
    import re

    assert re.search(why, found.detail), found


def test_a_hang(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "SECONDS", 0.5)
    (found,) = outcomes(hang, tmp_path)
    assert found.outcome == "hung"


def test_after_a_crash_it_goes_on(tmp_path):
    def read(folder: Path) -> None:
        first = (folder / "clip.mkv").read_bytes()[0]
        if first % 3 == 0:
            crash(folder)
        if first % 3 == 1:
            raise StstError(f"{folder}: no.")

    found = outcomes(read, tmp_path, count=60, lanes=2)
    assert [one.number for one in found] == list(range(60))
    expected = {0: "crashed", 1: "refused", 2: "accepted"}
    for one in found:
        data = pool.files_of(format_of(read), None, 0, one.number)["clip.mkv"]
        assert one.outcome == expected[data[0] % 3]


def test_damage_is_damage_and_comes_again():
    whole = bytes(range(256)) * 8
    made = [damaged(whole, Random(seed), (whole, b"other" * 99)) for seed in range(300)]
    assert made == [damaged(whole, Random(seed), (whole, b"other" * 99)) for seed in range(300)]
    assert sum(one != whole for one in made) > 280
    assert min(map(len, made)) < 200
    assert max(map(len, made)) > len(whole)


def test_nonsense_follows_the_grammar():
    import csv
    import io
    import json
    import tomllib

    tree = {"a": [1, {"b": "c"}], "d": {"e": 2.5}, "f": "g"}
    whole = {"json": 0, "toml": 0, "csv": 0}
    for seed in range(40):
        rng = Random(seed)
        tries = {
            "json": lambda rng=rng: json.loads(as_json(changed(tree, rng), rng)),
            "toml": lambda rng=rng: tomllib.loads(as_toml(changed(tree, rng), rng).decode()),
            "csv": lambda rng=rng: list(
                csv.reader(io.StringIO(as_table([["a", "b"], ["c", "d"]], ",", rng).decode()))
            ),
        }
        for kind, read in tries.items():
            try:
                read()
                whole[kind] += 1
            except (ValueError, RecursionError, csv.Error):
                continue
    assert min(whole.values()) > 15, whole


def fuzz(*words: object) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent / "src")])
    return subprocess.run(
        [sys.executable, "-m", "fuzz", *map(str, words)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path}, timeout=patience(900), check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_few_inputs(tmp_path):
    names = [word for name in ("mkv", "npz", "batch.toml") for word in ("--format", name)]
    done = fuzz("--count", 40, "--seed", 7, "--keep", tmp_path, *names)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["format", "mkv", "npz", "batch.toml"]
    assert [row[1] for row in rows[1:]] == ["40"] * 3


@pytest.mark.slow
def test_some_of_every_format(tmp_path):
    done = fuzz("--count", 150, "--seed", 11, "--keep", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 25
