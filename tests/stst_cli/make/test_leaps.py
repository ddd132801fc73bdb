from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

import stst as package
from patience import patience, wait_for
from small_inversions import SMALL, TRUST, config
from small_runs import PYTHONPATH, clip, refused, stst, stst_analyze
from stst.engine.events import Checkpointed, IterationDone, RunFinished, RunStopped
from stst.runs.folder import RunFolder
from stst.runs.job import Job
from stst.video import read_video


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "seen.mkv", count=20, height=12, width=14)
    return tmp_path


def leaps(*words):
    return stst("leaps", *words, *SMALL)


def sidecar(path="out.json") -> dict:
    with open(path) as file:
        return json.load(file)


def same(one, other) -> bool:
    with open(one, "rb") as a, open(other, "rb") as b:
        return a.read() == b.read()


def test_master_preview_sidecar_and_the_other_clip(here):
    shown = leaps("seen.mkv", "-o", "out.mkv", "--seed", "3", "--no-flip")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.split() == [
        "master:", "out.mkv", "preview:", "out.preview.mp4", "sidecar:", "out.json",
        "last:", "out.last.mkv", "stimulus:", "out.stimulus.mkv",
    ]  # fmt: skip
    assert sorted(path.name for path in here.iterdir()) == [
        "out.json", "out.last.mkv", "out.mkv", "out.preview.mp4", "out.stimulus.mkv", "seen.mkv"
    ]  # fmt: skip
    (expected,) = package.leaps(read_video("seen.mkv"), config(seed=3, flip=False))
    made = read_video("out.mkv")
    assert np.array_equal(made.frames, expected.frames)
    assert (made.fps, len(made)) == (10, 6)
    assert read_video("out.last.mkv").frames.shape == made.frames.shape
    primed = read_video("out.stimulus.mkv")
    assert (primed.frames.shape, primed.fps) == (made.frames.shape, made.fps)
    content = sidecar()
    assert (content["method"], content["seed"]) == ("leaps", 3)
    assert content["config"]["target"] == "right"
    assert (content["config"]["length"], content["config"]["flip"]) == (6, False)
    assert [one["role"] for one in content["inputs"]] == ["stimulus"]
    assert content["output"]["frames_sha256"] == made.sha256()
    first = content["per_frame"][0]
    assert list(first["losses"]) == ["class", "priming", "coherence", "diversity", "l2"]
    assert 0 < first["probability"] < 1
    assert content["course"]["iteration"] == [0, 1, 2, 3, 4]
    assert list(content["course"]["probability"]) == ["model", "verifier"]
    assert any("class 1 (right) of tiny_video:clips" in note for note in content["warnings"])


def test_all_clips_that_are_made_as_arrays_are_read_by_other_commands():
    assert leaps("seen.mkv", "-o", "out.npy").exit_code == 0
    for name in ("out", "out.last", "out.stimulus"):
        assert read_video(f"{name}.npy").fps == 10
    shown = stst_analyze("compare", "seen.mkv", "out.npy")
    assert "compare with out.stimulus.npy" in shown.stderr
    assert stst_analyze("compare", "out.stimulus.npy", "out.npy").exit_code == 0
    refused(leaps("seen.mkv", "-o", "out.npy"), "exists")
    os.remove("out.npy")
    os.remove("out.json")
    os.remove("out.preview.mp4")
    for name in ("out.last.npy", "out.stimulus.npy"):
        os.remove(name)
    # what would be replaced at the end is found out before
    refused(leaps("seen.mkv", "-o", "out.npy"), "out.last.json exists")


def test_without_a_stimulus():
    assert leaps("-o", "out.npy").exit_code == 0
    content = sidecar()
    assert (content["inputs"], content["fps"], content["output"]["fps"]) == ([], "10", "10")
    assert "priming" not in content["per_frame"][0]["losses"]
    assert np.load("out.last.npy").shape == (6, 12, 14, 3)
    again = stst("remake", "out.json", "-o", "again.npy", *TRUST)
    assert again.exit_code == 0, again.output
    assert same("again.npy", "out.npy")


def test_a_folder_of_pictures(here):
    assert leaps("-o", "out/").exit_code == 0
    for name in ("out", "out.last"):
        assert len(list((here / name).glob("*.png"))) == 6


def test_samples_and_remake():
    shown = leaps("seen.mkv", "-o", "out.mkv", "--samples", "2", "--seed", "5", "--json")
    outputs = json.loads(shown.stdout)["outputs"]
    assert [one["last"] for one in outputs] == ["out_seed5.last.mkv", "out_seed6.last.mkv"]
    for seed in (5, 6):
        again = stst("remake", f"out_seed{seed}.json", "-o", f"again{seed}.mkv", *TRUST)
        assert again.exit_code == 0, again.output
        assert "identical" in again.stderr
        assert same(f"again{seed}.mkv", f"out_seed{seed}.mkv")
        assert same(f"again{seed}.last.mkv", f"out_seed{seed}.last.mkv")


def test_a_sidecar_may_not_name_a_model_unless_it_is_trusted():
    assert leaps("-o", "out.mkv").exit_code == 0
    refused(stst("remake", "out.json", "-o", "a.mkv"), "model names 'tiny_video:clips'")
    refused(
        stst("remake", "out.json", "-o", "a.mkv", *TRUST[:2]),
        "verifier names 'tiny_video:verifier'", "--trust-model tiny_video:verifier",
    )  # fmt: skip


def test_remake_wants_the_same_stimulus(here):
    assert leaps("seen.mkv", "-o", "out.mkv").exit_code == 0
    (here / "seen.mkv").rename(here / "moved.mkv")
    refused(stst("remake", "out.json", "-o", "a.mkv", *TRUST), "the stimulus is not at")
    found = stst("remake", "out.json", "-o", "a.mkv", "--input", "stimulus=moved.mkv", *TRUST)
    assert found.exit_code == 0, found.output
    clip(here / "other.mkv", count=20, height=12, width=14, seed=1)
    refused(
        stst("remake", "out.json", "-o", "b.mkv", "--input", "stimulus=other.mkv", *TRUST),
        "not those of the recorded stimulus",
    )


def test_the_dry_run():
    shown = leaps("seen.mkv", "-o", "out.mkv", "--dry-run")
    assert shown.exit_code == 0, shown.output
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert lines["frames"] == "6 of 12x14 px at 10 Hz"
    assert lines["iterations"] == "5 in all"
    assert re.fullmatch(r"about \d\.\d\d GiB", lines["memory"])
    assert "octaves" not in lines


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--target", "rigth"], ["--target rigth", "Did you mean 'right'"]),
        (["--target", "7"], ["--target 7", "3 classes, 0 to 2"]),
        (["--model", "r3d_81"], ["--model r3d_81", "Did you mean r3d_18"]),
        (["--verifier", "tiny_video:tokens"], ["--verifier tiny_video:tokens", "only LayerNorm"]),
        (["--length", "2"], ["cannot take 2 frames", "--length and --size"]),
        (["--size", "12by14"], ["size", "expected HxW in pixels", "12by14"]),
        (["--rate", "2"], ["the stimulus has 20 frames at 29.97 Hz", "need 75 of them"]),
        (["--frames", "0:9"], ["the stimulus has 9 frames"]),
        (["--preset", "fast"], ["--preset fast", "There are: leaps"]),
        (["--set", "octaves.0.iterations=3"], ["unknown key 'octaves'"]),
        (["--precision", "fp64"], ["precision", "'fp32', 'tf32' or 'bf16'"]),
        (["--weights", "w.pth"], ["w.pth"]),
    ],
)
def test_what_is_refused(here, words, parts):
    # the later option wins
    refused(stst("leaps", "seen.mkv", "-o", "out.mkv", *SMALL, *words), *parts)
    assert [path.name for path in here.iterdir()] == ["seen.mkv"]


def test_a_class_has_to_be_named():
    refused(stst("leaps", "-o", "out.mkv", "--model", "tiny_video:clips"), "Give --target")


def test_existing_outputs_stay(here):
    (here / "out.last.mkv").write_bytes(b"mine")
    refused(leaps("-o", "out.mkv"), "out.last.mkv exists", "--overwrite")
    assert leaps("-o", "out.mkv", "--overwrite").exit_code == 0
    assert (here / "out.last.mkv").stat().st_size > 4


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_stopped_and_continued_to_the_same_bytes(here, steps):
    def job(output, resume=False):
        return Job(here / "seen.mkv", str(here / output), config(samples=2), resume=resume)

    counted, events = [], []

    def stop():
        return len(counted) >= steps

    for event in job("out.mkv").run(stop=stop):
        events.append(event)
        counted += [event] if isinstance(event, IterationDone) else []
    assert isinstance(events[-1], RunStopped)
    assert not (here / "out_seed0.mkv").exists()
    assert RunFolder(here / "out.run").checkpoints()[0].checkpoint()[0].iteration == steps
    rest = list(job("out.mkv", resume=True).run())
    assert isinstance(rest[-1], RunFinished)
    assert next(e.iteration for e in rest if isinstance(e, IterationDone)) == steps
    list(job("whole.mkv").run())
    for name in ("_seed0.mkv", "_seed1.mkv", "_seed1.last.mkv"):
        assert same(f"out{name}", f"whole{name}")
    assert not (here / "out.run").exists()


def test_stopped_while_frames_are_given(here):
    stopped = Job(None, str(here / "out.mkv"), config())
    seen = []
    events = stopped.run(stop=lambda: any(getattr(one, "frame", -1) == 2 for one in seen))
    for event in events:
        seen += [event] if isinstance(event, Checkpointed) else []
    assert stopped.folder.checkpoints()[0].count_finished() == 3
    shown = stst("export", "out.run", "-o", "part.npy")
    assert (shown.exit_code, np.load("part.npy").shape) == (0, (3, 12, 14, 3))
    list(Job(None, str(here / "out.mkv"), config(), resume=True).run())
    list(Job(None, str(here / "whole.mkv"), config()).run())
    assert same("out.mkv", "whole.mkv")


def test_a_run_is_continued_only_as_it_was(here):
    done = []
    stop = Job(None, str(here / "out.mkv"), config()).run(stop=lambda: len(done) > 1)
    done.extend(stop)
    # a later checkpoint that is damaged is told
    refused(leaps("-o", "out.mkv"), "--resume")
    refused(leaps("-o", "out.mkv", "--resume", "--seed", "9"), "config.seed was 0")
    (here / "out.run" / "interim.npz").write_bytes(b"no")
    refused(leaps("-o", "out.mkv", "--resume"), "interim.npz is missing or damaged")


def test_interrupted(here):
    """Ctrl-C in a real process leaves what can be continued."""
    words = ["leaps", "seen.mkv", "-o", "out.mkv", *SMALL, "--iterations", "3000"]
    running = subprocess.Popen(
        [sys.executable, "-m", "stst_cli", *words], cwd=here, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": PYTHONPATH, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    folder = RunFolder(here / "out.run")
    wait_for(lambda: (folder.path / "interim.npz").exists() or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    _, shown = running.communicate(timeout=patience(60))
    assert running.returncode == 130, shown
    assert "--resume" in shown.splitlines()[-1]
    assert 0 < folder.checkpoints()[0].checkpoint()[0].iteration < 3000
    assert not (here / "out.mkv").exists()
