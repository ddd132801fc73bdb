from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_stst.background.messages import Failed, Result, Stopped
from napari_stst.background.worker import run_task
from stst.weights import find, registry


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with nothing in it but an empty one for weights, and an empty cache."""
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def imported(*paths, names, **more):
    arguments = {"paths": [str(one) for one in paths], "names": names, **more}
    return run_task("import", arguments, lambda message: None, lambda: False)


def tensors(path, seed=0):
    torch.save({"a.weight": torch.full((2, 3), float(seed))}, path)
    return path


def publish(monkeypatch, name, path):
    """Pretend that a file is what the publisher of an entry published."""
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = replace(registry.REGISTRY[name], hash=registry.Hash("sha256", digits))
    monkeypatch.setitem(registry.REGISTRY, name, entry)


def test_the_published_bytes_are_known_under_any_name(here, monkeypatch):
    files = {name: tensors(here / f"{name} (1).pth", n) for n, name in enumerate(("r3d_18", "s3d"))}
    for name, path in files.items():
        publish(monkeypatch, name, path)
    # the names of the files are no help, and come in another order
    result = imported(files["s3d"], files["r3d_18"], names=["r3d_18", "s3d"])
    assert isinstance(result, Result)
    assert list(result.value["imported"]) == ["s3d", "r3d_18"]
    assert result.value["other"] == {}
    for name in files:
        found = find(name)
        assert found.hash_state == "verified"
        assert str(found.path) == result.value["imported"][name]


@pytest.mark.parametrize("anyway", [False, True])
def test_another_file_of_the_published_name_is_taken_only_if_that_is_wanted(here, anyway):
    path = tensors(here / registry.REGISTRY["s3d"].file)
    result = imported(path, names=["r3d_18", "s3d"], anyway=anyway)
    assert isinstance(result, Result)
    if anyway:
        assert list(result.value["imported"]) == ["s3d"]
        assert find("s3d").hash_state == "unverified"
    else:
        (text,) = result.value["other"].values()
        assert text.startswith(f"{path.name} is not the s3d that was published: expected sha256:")
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text
        assert find("s3d") is None


def test_what_is_none_of_them(here):
    np.savez(here / "a.npz", a=np.zeros(3))
    result = imported(here / "a.npz", names=["vgg19-keras", "msoe"])
    assert isinstance(result, Failed)
    assert result.text.startswith("a.npz is none of the weights that are missing")
    assert "msoe.npz (msoe)" in result.text
    assert result.details == ""
    result = imported(here / "a.npz", names=["msoe"], anyway=True)
    assert isinstance(result, Failed)
    assert "a.npz" in result.text
    assert result.details == ""


def test_it_stops(here):
    path = tensors(here / "a.pth")
    arguments = {"paths": [str(path)], "names": ["s3d"]}
    assert run_task("import", arguments, lambda message: None, lambda: True) == Stopped()
    assert not (here / "cache").exists()


def test_a_download_that_fails_does_not_keep_the_next_one_away(here, monkeypatch):
    from stst.errors import StstError

    tried = []

    def fetch(name, progress):
        tried.append(name)
        if name == "msoe":
            return type("Found", (), {"path": here / "msoe.npz"})
        raise StstError(f"{name}: no network.")

    monkeypatch.setattr("stst.weights.fetch", fetch)
    names = ["vgg19-keras", "msoe"]
    result = run_task("fetch", {"names": names}, lambda message: None, lambda: False)
    assert tried == names
    assert result.value == {
        "paths": {"msoe": str(here / "msoe.npz")},
        "failed": {"vgg19-keras": "vgg19-keras: no network."},
    }
