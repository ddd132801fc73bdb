"""Whatever only reads takes the stimuli of version 0.1 as before."""

from __future__ import annotations

import csv
import io

import pytest

from old_versions import copied
from small_runs import TRUST, stst_analyze


@pytest.fixture
def old(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return copied(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "natural.npz", "metamer.npy", "scrambled.npy"),
        ("features", "metamer.npy", "scrambled.npy"),
        ("validity", "natural.npz", "metamer.npy", *TRUST),
    ],
)
def test_tables(old, words):
    shown = stst_analyze(*words)
    assert shown.exit_code == 0, shown.stderr
    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    assert {row["clip"] for row in rows} >= {word for word in words[1:3] if word != "natural.npz"}


def test_a_report(old):
    shown = stst_analyze("report", "natural.npz", "metamer.npy", "scrambled.npy", "-o", "report")
    assert shown.exit_code == 0, shown.stderr
    page = (old / "report/index.html").read_text("utf-8")
    assert "spatiotemporal style transfer" in page
    assert "napari-stst" in page
    assert "not ours" not in page
