from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from functools import partialmethod

import click
import pytest
import torch

from patience import patience, wait_for
from small_runs import clip, process, refused, run_record, stst
from stst.errors import DivergedError
from stst.runs.folder import RunFolder
from stst.training.job import TrainingJob
from stst.training.prednet import Trainer, TrainingSettings
from stst.utils.locks import hold_lock
from stst_cli.make.train_prednet import train_prednet

SMALL = (
    *("--size", "8x12", "--stack", "3,4,5", "--steps", "6", "--batch", "2", "--sequence", "3"),
    *("--device", "cpu", "--threads", "1"),
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "a.mkv", count=5)
    clip(tmp_path / "b.mkv", count=6, seed=1)
    return tmp_path


def train(*words):
    return stst("train-prednet", "a.mkv", "b.mkv", "-o", "w.safetensors", *SMALL, *words)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_same_bytes_again(here):
    shown = train()
    assert shown.exit_code == 0, shown.output
    assert shown.stdout == "weights:    w.safetensors\n"
    assert re.search(r"^step 6/6, loss 0\.\d+, left 0:00:00$", shown.stderr, re.MULTILINE)
    first = (here / "w.safetensors").read_bytes()
    assert train("--overwrite").exit_code == 0
    assert (here / "w.safetensors").read_bytes() == first
    for words in (
        ("--seed", "1"),
        ("--seed", "-1"),
        ("--flip",),
        ("--loss", "lall"),
        ("--skip", "1"),
    ):
        assert train("--overwrite", *words).exit_code == 0
        assert (here / "w.safetensors").read_bytes() != first
    assert names(here) == ["a.mkv", "b.mkv", "w.safetensors"]


def test_validation(here):
    shown = train("--validate", "a.mkv", "--json")
    result = json.loads(shown.stdout)
    assert (result["weights"], result["steps"]) == ("w.safetensors", 6)
    judged = result["validation"]
    assert judged["frames"] == 2
    assert 0 < judged["copy_mse"] < 0.2
    line = train("--validate", "a.mkv", "--overwrite").stdout.splitlines()[1]
    assert line == (
        f"validation: MSE {judged['model_mse']:.3g}, of copies of the last frame "
        f"{judged['copy_mse']:.3g} (2 frames)"
    )


def test_the_dry_run(here):
    shown = train("--dry-run")
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert lines["clips"] == "2"
    assert lines["steps"] == "6, of 2 sequences of 3 frames of 8x12 px"
    assert re.fullmatch(r"about \d+\.\d\d GiB", lines["memory"])
    assert re.fullmatch(r"about 0:00:\d\d", lines["time"])
    plan = json.loads(train("--dry-run", "--json").stdout)
    assert (plan["stack"], plan["output"]) == ([3, 4, 5], "w.safetensors")
    assert names(here) == ["a.mkv", "b.mkv"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--size", "10x12"], ["multiples of 4 px, these have 10x12. 8x12 fits."]),
        (["--stack", "1,4"], ["stack: 1,4; it must begin with the 3 channels of a frame"]),
        (["--stack", "3,0"], ["stack: 3,0; it must begin with the 3 channels of a frame"]),
        (["--steps", "0"], ["steps: 0; it must be at least 1."]),
        (["--sequence", "1"], ["sequence: 1; it must be at least 2."]),
        (["--skip", "-1"], ["skip: -1; it must be at least 0."]),
        (["--lr", "0"], ["lr: 0.0; it must be more than 0, at most 1."]),
        (["--lr", "nan"], ["lr: nan; it must be more than 0, at most 1."]),
        (["--threads", "0"], ["threads: 0; it must be at least 1."]),
        (["--device", "tpu"], ["device: 'tpu' is not available here."]),
        (["--skip", "2"], ["a.mkv: 5 frames; a sequence takes 7. Give longer clips, or a shorter"]),
        (["--validate", "c.mkv"], ["c.mkv"]),
        (["-o", "w.h5"], ["w.h5: weights are written as X.safetensors."]),
        (["-o", "no/w.safetensors"], ["the folder no does not exist"]),
    ],
)
def test_what_is_refused(here, words, parts):
    refused(train(*words), *parts)
    assert names(here) == ["a.mkv", "b.mkv"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--size", "8"], "expected HEIGHTxWIDTH in pixels, e.g. 128x160; found '8'."),
        (["--stack", "3;4"], "expected channels such as 3,48,96,192, found '3;4'."),
        (["--loss", "l1"], "'l1' is not one of"),
    ],
)
def test_words_that_are_not_understood(words, part):
    shown = train(*words)
    assert shown.exit_code == 2
    assert part in shown.stderr


def test_the_defaults_are_those_of_python():
    ours = {one.name: one for one in train_prednet.params}
    context = click.Context(train_prednet)
    for name, value in vars(TrainingSettings()).items():
        default = ours[name].process_value(context, ours[name].get_default(context))
        assert default == value, name


def test_a_run_of_another_command_is_not_continued(here):
    RunFolder(here / "w.run").begin(run_record(method="stps"), overwrite=False)
    refused(train("--resume"), "w.run cannot be continued: it is a run of stps. Give everything")


def test_the_same_command_again_and_again(here):
    assert train("--resume").exit_code == 0
    before = (here / "w.safetensors").stat().st_mtime_ns
    again = train("--resume")
    assert (again.exit_code, again.stdout) == (0, "weights:    w.safetensors\n")
    assert again.stderr == "nothing to do: they are there\n"
    assert (here / "w.safetensors").stat().st_mtime_ns == before
    assert names(here) == ["a.mkv", "b.mkv", "w.safetensors"]
    refused(
        train("--resume", "--seed", "4"), "w.safetensors exists, and there is no unfinished run",
        "seed was 0 when it was made and is 4 now", "Give --overwrite",
    )  # fmt: skip
    (here / "w.safetensors").write_text("precious")
    refused(train("--resume"), "w.safetensors exists, and there is no unfinished run")
    assert (here / "w.safetensors").read_text() == "precious"


def test_two_at_once(here):
    with hold_lock(here / "w.run"):
        for words in ((), ("--resume",), ("--overwrite",)):
            refused(train(*words), "w.run is in use: process", "choose another output")


def test_existing_weights_stay(here):
    (here / "w.safetensors").write_text("precious")
    refused(train(), "w.safetensors exists", "--overwrite")
    assert (here / "w.safetensors").read_text() == "precious"


def test_a_loss_that_is_not_finite(monkeypatch):
    def fail(_):
        raise DivergedError("The loss of step 1 is nan. Train with a smaller --lr.")

    monkeypatch.setattr(Trainer, "step", fail)
    shown = train()
    refused(shown, "The loss of step 1 is nan. Train with a smaller --lr.", code=1)
    assert shown.stderr.splitlines()[0] == "What was saved is kept in w.run."


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            ["out of memory on cpu. Train with a smaller --batch, --sequence or --size, or free"],
        ),
        (
            RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with …"),
            ["cpu failed (CUDA error: an illegal memory access was encountered). The run is kept"],
        ),
    ],
)
def test_memory_and_devices_that_fail(here, monkeypatch, error, parts):
    real = Trainer.step

    def fail(trainer):
        if trainer.done == 3:
            raise error
        return real(trainer)

    monkeypatch.setattr(Trainer, "step", fail)
    monkeypatch.setattr(
        TrainingJob, "__init__", partialmethod(TrainingJob.__init__, save_seconds=0)
    )
    refused(train(), *parts, code=1)
    monkeypatch.setattr(Trainer, "step", real)
    assert train("--resume").exit_code == 0
    made = (here / "w.safetensors").read_bytes()
    assert train("--overwrite").exit_code == 0
    assert (here / "w.safetensors").read_bytes() == made


def test_interrupted_and_continued(here):
    words = ["train-prednet", "a.mkv", "b.mkv", "-o", "w.safetensors", *SMALL]
    words[words.index("--steps") + 1] = "200"
    command = [sys.executable, "-m", "stst_cli", *words]
    running = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (here / "w.run" / "job.json").exists() or running.poll() is not None)
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, shown = running.communicate(timeout=patience(60))
    assert running.returncode == 130, shown
    last = shown.splitlines()[-1]
    assert last.startswith("  python -m stst_cli train-prednet a.mkv b.mkv")
    assert last.endswith("--resume")
    assert names(here) == ["a.mkv", "b.mkv", "w.run"]
    refused(stst(*words), "w.run exists", "--resume")
    kept = (here / "w.run" / "state.npz").read_bytes()
    for changed, part in (
        (["--lr", "0.1"], "learning_rate was 0.001 when it was started and is 0.1 now"),
        (["--seed", "1"], "seed was 0 when it was started and is 1 now"),
        (["--threads", "2"], "threads was 1 when it was started and is 2 now"),
    ):
        refused(stst(*words, "--resume", *changed), "w.run cannot be continued", part)
    swapped = ["train-prednet", "b.mkv", "a.mkv", *words[3:]]
    refused(stst(*swapped, "--resume"), "the clips were a.mkv, b.mkv and are b.mkv, a.mkv now")
    was = (here / "b.mkv").read_bytes()
    clip(here / "other.mkv", count=6, seed=2).replace(here / "b.mkv")
    refused(stst(*words, "--resume"), "the clip b.mkv is not the one it was when")
    (here / "b.mkv").write_bytes(was)
    assert (here / "w.run" / "state.npz").read_bytes() == kept
    done = process(*words, "--resume", folder=here)
    assert done.returncode == 0, done.stderr
    words[words.index("-o") + 1] = "whole/w.safetensors"
    (here / "whole").mkdir()
    whole = process(*words, folder=here)
    assert whole.returncode == 0, whole.stderr
    made = (here / "w.safetensors").read_bytes()
    assert made == (here / "whole/w.safetensors").read_bytes()
    assert names(here) == ["a.mkv", "b.mkv", "w.safetensors", "whole"]
