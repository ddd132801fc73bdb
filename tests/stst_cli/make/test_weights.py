"""The commands ``stst weights …``."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from stst.weights import registry
from stst_cli.make.weights import weights


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def run(*arguments: str):
    return CliRunner().invoke(weights, arguments)


def write_vgg(path):
    np.savez(path, conv1_1_w=np.ones((3, 3, 3, 64), "f4"), conv1_1_b=np.ones(64, "f4"))
    return path


def publish(monkeypatch, name, path):
    digest = registry.Hash("sha256", hashlib.sha256(path.read_bytes()).hexdigest())
    entry = replace(registry.REGISTRY[name], hash=digest, url="http://127.0.0.1:9/none")
    monkeypatch.setitem(registry.REGISTRY, name, entry)


def test_help_does_not_import_torch():
    code = (
        "import sys; from stst_cli.make.weights import weights\n"
        "try: weights(['fetch', '--help'])\n"
        "except SystemExit: sys.exit('torch' in sys.modules or 'stst.weights' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0
    assert b"preset paper" in done.stdout


def test_list(own):
    write_vgg(own / "vgg19_mine.npz")
    (own / "msoe.npz").write_bytes(b"other")
    result = run("list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "unverified" in lines["vgg19-keras"]
    assert str(own / "vgg19_mine.npz") in lines["vgg19-keras"]
    assert "missing" in lines["vgg19-torchvision"]
    assert "mismatch" in lines["msoe"]
    assert "expected sha256:99c984d7" in result.stderr


def test_list_json(own):
    write_vgg(own / "vgg19_mine.npz")
    listed = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert listed["vgg19-keras"]["path"] == str(own / "vgg19_mine.npz")
    assert listed["vgg19-torchvision"]["hash"] == "sha256:dcbb9e9d"
    assert listed["msoe"]["state"] == "missing"
    assert "GPL-3.0" in listed["msoe"]["licence"]


def test_verify(own, monkeypatch):
    result = run("verify")
    assert result.exit_code == 1
    assert "no weights here" in result.stderr
    write_vgg(own / "vgg19_mine.npz")
    result = run("verify")
    assert result.exit_code == 0
    assert result.stdout == f"vgg19-keras\tunverified\t{own / 'vgg19_mine.npz'}\n"
    (own / "msoe.npz").write_bytes(b"other")
    result = run("verify", "--json")
    assert result.stderr.endswith("Error: 1 of 2 failed: msoe.\n")
    assert result.exit_code == 1
    assert [row["state"] for row in json.loads(result.stdout)] == ["unverified", "mismatch"]
    assert "Error: 2 of 2 failed" in run("verify", "msoe", "vgg19-torchvision").stderr
    assert run("verify", "nothing").exit_code == 2


def test_fetch_takes_what_the_paper_needs_by_default(own, monkeypatch):
    for name in registry.PAPER:
        path = own / registry.REGISTRY[name].file
        path.write_bytes(name.encode())
        publish(monkeypatch, name, path)
    result = run("fetch")
    assert result.exit_code == 0
    assert [line.split("\t")[:2] for line in result.stdout.splitlines()] == [
        ["vgg19-keras", "verified"],
        ["msoe", "verified"],
    ]
    assert "CC BY 4.0" in result.stderr
    assert "GPL-3.0" in result.stderr


def test_fetch_that_fails(own, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    path = own / "something"
    path.write_bytes(b"")
    publish(monkeypatch, "msoe", path)
    result = run("fetch", "msoe")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert run("fetch", "msoe", "mose").exit_code == 2


def test_fetch_without_published_hash_says_so(own, monkeypatch):
    entry = registry.Entry("tiny", "tiny.npz", "http://127.0.0.1:9/", None, "free", "for tests")
    monkeypatch.setitem(registry.REGISTRY, "tiny", entry)
    (own / "tiny.npz").write_bytes(b"abc")
    result = run("fetch", "tiny")
    assert "unverified; recorded sha256:ba7816bf" in result.stderr


def test_import(own, tmp_path):
    path = write_vgg(tmp_path / "mine.npz")
    made = tmp_path / "cache" / "vgg19-keras.safetensors"
    result = run("import", str(path), "vgg19-keras")
    assert result.stdout == f"vgg19-keras\tunverified\t{made}\n"
    assert "Give --overwrite to" in run("import", str(path), "vgg19-keras").stderr
    write_vgg(own / "vgg19_mine.npz")
    result = run("import", str(path), "vgg19-keras", "--overwrite")
    assert result.exit_code == 0
    assert f"{own / 'vgg19_mine.npz'} goes before it" in result.stderr
    assert run("import", str(tmp_path / "none.npz"), "msoe").exit_code == 2
