"""``stst batch --engine slurm`` against a real scheduler."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from patience import patience, wait_for
from small_runs import PYTHONPATH, SMALL, clip, recorded, stst

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

#: Jobs of a few seconds.
LONG = (*SMALL, "--device", "cpu", "--set", "octaves.1.iterations=400")
CLUSTER = ("--engine", "slurm", "--memory", "0.9", "--time", "5")


@pytest.fixture
def here(tmp_path, monkeypatch, slurm):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("stst.batch.slurm.POLL_SECONDS", 1.0)
    (tmp_path / "clips").mkdir()
    for number, name in enumerate("abc"):
        clip(tmp_path / f"clips/{name}.npz", seed=number)
    yield tmp_path
    subprocess.run(["scancel", "--full", "-u", str(os.getuid())], check=False)


def rows(folder="out") -> dict[str, dict[str, str]]:
    with open(f"{folder}/jobs.csv", encoding="utf-8", newline="") as file:
        return {row["label"]: row for row in csv.DictReader(file)}


def states(folder="out") -> list[str]:
    return [row["state"] for row in rows(folder).values()]


def masters(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.mkv")}


def record(label) -> dict:
    with suppress(OSError, ValueError):
        return json.loads(Path(f"out/.stst-batch/jobs/{label}.json").read_text())
    return {}


def at_work(label) -> str | None:
    """Give the id of a job that has made a frame."""
    return record(label).get("slurm") if list(Path(f"out/{label}.run/frames").glob("*")) else None


def process_of(job_id: str) -> int:
    """Find the Python process of a job, alone or of an array."""
    job, _, task = job_id.partition("_")
    named = {f"SLURM_ARRAY_JOB_ID={job}", f"SLURM_ARRAY_TASK_ID={task}", "SLURM_PROCID=0"}
    if not task:
        named = {f"SLURM_JOB_ID={job}", "SLURM_PROCID=0"}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes()
            variables = (place / "environ").read_bytes().split(b"\0")
            if (
                b"submitit.core._submit" in words
                and words.split(b"\0")[0].endswith(b"python")
                and {one.encode() for one in named} <= {*variables}
            ):
                return int(place.name)
    raise AssertionError(f"{job_id} has no process")


class Trouble(threading.Thread):
    """Does something to jobs while they are followed; what it raises is raised by `join`."""

    def __init__(self, do) -> None:
        super().__init__()
        self._do, self._error = do, None

    def run(self) -> None:
        try:
            self._do()
        except BaseException as error:
            self._error = error

    def join(self, timeout=None) -> None:
        super().join(timeout)
        if self._error is not None:
            raise self._error


def test_twelve_jobs_survive_what_happens_to_them(here):
    words = ("clips/*.npz", *LONG, "--seed", "1:5")
    assert stst("batch", *words, "-o", "here", "--jobs", 2).exit_code == 0

    def trouble() -> None:
        # one that waits, of which nobody hears again
        last = wait_for(lambda: record("c_paper_seed4").get("slurm"), 120)
        subprocess.run(["scancel", last], check=True)
        os.kill(process_of(wait_for(lambda: at_work("a_paper_seed1"), 120)), signal.SIGKILL)
        # what comes before a time limit; scancel would try again where the job has left already
        second = wait_for(lambda: at_work("a_paper_seed2"), 120)
        with subprocess.Popen(["scancel", "--signal", "USR2", second]) as signalling:
            time.sleep(3)
            signalling.kill()

    troubled = Trouble(trouble)
    troubled.start()
    shown = stst("batch", *words, *CLUSTER, "-o", "out", "--jobs", 4)
    troubled.join(60)
    assert shown.exit_code == 0, shown.stderr
    assert states() == ["done"] * 12
    assert "12 jobs submitted as" in shown.stderr
    assert shown.stderr.count("submitted again") in (1, 2)
    assert masters("out") == masters("here")
    assert len(masters("out")) == 12
    attempts = {label: record(label)["attempts"] for label in rows()}
    assert attempts == {
        label: 2 if label in ("a_paper_seed1", "c_paper_seed4") else 1 for label in attempts
    }
    # put back into the queue by itself
    log = Path(f"out/.stst-batch/slurm/{record('a_paper_seed2')['slurm']}")
    said = "".join(path.read_text() for path in log.glob("*_log.err"))
    assert "Caught signal SIGUSR2" in said
    assert "DUE TO JOB REQUEUE" in said
    assert "summary:  out/summary.csv" in shown.stdout
    with open("out/summary.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    assert not list(Path("out").glob("*.run"))
    again = stst("batch", *words, *CLUSTER, "-o", "out")
    assert again.exit_code == 0
    assert "submitted" not in again.stderr


def test_submitted_and_asked_for_later(here):
    words = ("clips/a.npz", "clips/none.npz", *LONG, *CLUSTER, "-o", "out")
    assert stst("batch", *words, "--no-wait").exit_code == 2
    words = ("clips/a.npz", "clips/b.npz", *LONG, *CLUSTER, "-o", "out")
    shown = stst("batch", *words, "--no-wait")
    assert shown.exit_code == 0, shown.stderr
    assert states() == ["submitted", "submitted"]
    ids = {label: record(label)["slurm"] for label in rows()}
    shown = stst("batch", *words, "--wait-limit", 0.001)
    assert shown.exit_code == 1
    assert "2 jobs not ended in time; they stay in the queue" in shown.stderr
    shown = stst("batch", *words)
    assert shown.exit_code == 0
    assert "In the queue already: 2 jobs." in shown.stderr
    assert {label: record(label)["slurm"] for label in rows()} == ids
    assert states() == ["done", "done"]
    assert recorded(Path("out/a_paper_seed0.json"))["environment"]["threads"] == 1


def test_a_job_that_makes_room_goes_on(here):
    words = ("clips/a.npz", *LONG, "--threads", 4, "--set", "octaves.1.iterations=1500")
    assert stst("batch", *words, "-o", "here").exit_code == 0

    def trouble() -> None:
        wait_for(lambda: at_work("a_paper_seed0"), 120)
        # of a partition whose jobs put others back into the queue
        urgent = ["sbatch", "--wait", "-p", "urgent", "-c", "4", "-t", "1", "--wrap", "sleep 1"]
        subprocess.run([*urgent, "-o", "/dev/null"], check=True, timeout=patience(100))

    troubled = Trouble(trouble)
    troubled.start()
    shown = stst("batch", *words, *CLUSTER, "-o", "out")
    troubled.join(60)
    assert shown.exit_code == 0, shown.stderr
    assert record("a_paper_seed0")["attempts"] == 1
    log = Path(f"out/.stst-batch/slurm/{record('a_paper_seed0')['slurm']}")
    said = "".join(path.read_text() for path in log.glob("*_log.*"))
    assert "Caught signal SIGUSR2" in said
    assert said.count("Starting with JobEnvironment") == 2
    assert masters("out") == masters("here")


def test_one_that_is_killed_again_and_again_fails_alone(here):
    words = ("clips/a.npz", "clips/b.npz", *LONG, *CLUSTER, "-o", "out", "--retries", 1)

    def trouble() -> None:
        for attempt in (1, 2):
            wait_for(lambda attempt=attempt: record("a_paper_seed0").get("attempts") == attempt)
            wait_for(lambda: record("a_paper_seed0").get("state") == "running", 120)
            os.kill(process_of(record("a_paper_seed0")["slurm"]), signal.SIGKILL)

    troubled = Trouble(trouble)
    troubled.start()
    shown = stst("batch", *words, "--set", "octaves.1.iterations=2000")
    troubled.join(60)
    assert shown.exit_code == 1
    assert states() == ["failed", "done"]
    assert "ended in SLURM without a result, 2 times" in rows()["a_paper_seed0"]["error"]


def test_what_slurm_refuses_is_said_in_a_line(here):
    shown = stst("batch", "clips/a.npz", *LONG, *CLUSTER, "-o", "out", "--partition", "none")
    assert shown.exit_code == 1
    (line,) = [one for one in shown.stderr.splitlines() if one.startswith("Error: ")]
    assert "SLURM refused the jobs" in line
    assert "partition" in line
