"""A real SLURM for the tests that ask for it; they are skipped where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from patience import patience

SANDBOX = Path(__file__).parent / "slurm-sandbox"
PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch")


@pytest.fixture(scope="session")
def slurm() -> Iterator[Path]:
    """Start SLURM; its commands find it from now on."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"no SLURM here: {', '.join(missing)} missing")
    pytest.importorskip("submitit")
    run = Path(tempfile.mkdtemp(prefix="slurm-"))  # short enough for the names of sockets
    before = dict(os.environ)
    watched = {**os.environ, "WATCH_PID": str(os.getpid())}
    subprocess.run([SANDBOX, "start", run], check=True, env=watched, timeout=patience(120))
    for name in [one for one in os.environ if one.startswith(("SLURM_", "SBATCH_", "SRUN_"))]:
        del os.environ[name]
    os.environ.update(SLURM_CONF=str(run / "slurm.conf"), PATH=path)
    try:
        yield run
    finally:
        os.environ.clear()
        os.environ.update(before)
        subprocess.run([SANDBOX, "stop", run], timeout=patience(120), check=False)
        shutil.rmtree(run, ignore_errors=True)
