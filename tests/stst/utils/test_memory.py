from __future__ import annotations

import pytest

from stst.utils.machine import available_memory, left_to_job


@pytest.fixture
def group(tmp_path):
    """Lay out a group of processes in another one, as Linux shows them."""
    own = tmp_path / "cgroup"
    own.write_text("0::/slurm/job_7\n")
    folder = tmp_path / "fs" / "slurm" / "job_7"
    folder.mkdir(parents=True)

    def limited(**limits):
        for name, (limit, used) in limits.items():
            where = folder if name == "job" else folder.parent
            (where / "memory.max").write_text(f"{limit}\n")
            (where / "memory.current").write_text(f"{used}\n")
        return left_to_job(tmp_path / "fs", own)

    return limited


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"job": (1000, 300)}, 700),
        ({"job": ("max", 300)}, None),
        ({"job": ("max", 300), "slurm": (5000, 4900)}, 100),
        ({"job": (1000, 300), "slurm": (5000, 4900)}, 100),
        ({"job": (1000, 1200)}, 0),
        ({"job": ("?", "?")}, None),
        ({}, None),
    ],
)
def test_the_tightest_limit_counts(group, limits, left):
    assert group(**limits) == left


def test_without_groups(tmp_path):
    assert left_to_job(tmp_path, tmp_path / "nothing") is None
    (tmp_path / "old").write_text("3:memory:/x\n")
    assert left_to_job(tmp_path, tmp_path / "old") is None


def test_a_limit_is_heeded(monkeypatch):
    free = available_memory()
    monkeypatch.setattr("stst.utils.machine.left_to_job", lambda: 12345)
    assert available_memory() == (12345 if free is not None else None)
