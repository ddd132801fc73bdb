from __future__ import annotations

import json
from pathlib import Path

import pytest

from small_runs import clip
from stst.study.entries import read_set
from stst.study.making import describe_making

CONFIG = {"blend": 0.9, "spectrum_weight": 0.1, "regrain": False, "temporal": {"model": "msoe"}}


@pytest.fixture
def entries(tmp_path, monkeypatch):
    """Two stimuli of condition x, one of y."""
    monkeypatch.chdir(tmp_path)
    for name in ("n", "a", "b", "c"):
        clip(tmp_path / f"{name}.npz")
    Path("m.csv").write_text(
        "natural,other,condition\nn.npz,a.npz,x\nn.npz,b.npz,x\nn.npz,c.npz,y\n"
    )
    return read_set(Path("m.csv")).entries


def write_sidecar(name: str, seed: int, **config: object) -> None:
    weights = {"name": "msoe", "hash": "sha256:0123456789abcdef", "verified": seed > 1}
    made = {
        "method": "stst", "seed": seed, "config": CONFIG | config, "weights": [weights],
        "environment": {"precision": "bf16", "versions": {"napari-stst": "0.2", "torch": "2"}},
        "output": {"frames": 3, "size": [18, 20], "fps": "25"},
    }  # fmt: skip
    Path(f"{name}.json").write_text(json.dumps(made))


def test_what_is_common_is_said_once_and_what_differs_too(entries):
    write_sidecar("a", 1)
    write_sidecar("b", 2, blend=0.8)
    ((condition, line),) = describe_making(entries)
    assert condition == "x"
    assert line.split("; ") == [
        "method stst", "seed 1 or 2", "Temporal model msoe", "Blending ratio 0.9 or 0.8",
        "Weight of the spectrum 0.1", "Regrain no", "frames 3",
        "height × width 18 × 20", "Hz 25",
        "weights of msoe sha256:0123456789ab…, not a known file or sha256:0123456789ab…",
        "napari-stst 0.2", "torch 2",
    ]  # fmt: skip


def test_what_has_no_sidecar_is_counted(entries):
    write_sidecar("a", 1)
    ((_, line),) = describe_making(entries)
    assert line.endswith("; 1 of 2 have no sidecar")
    assert describe_making(entries[2:]) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"config": [1], "environment": "x", "output": None, "seed": 7}, "seed 7"),
        ({"weights": ["a", 3], "output": {"size": 3}, "method": None}, "height × width 3"),
        ({"weights": {"name": 5}, "environment": {"versions": [1]}},
         "weights of 5 none…, not a known file"),
    ],
)  # fmt: skip
def test_a_sidecar_of_another_program(entries, content, line):
    Path("c.json").write_text(json.dumps(content))
    assert describe_making(entries[2:]) == [("y", line)]
