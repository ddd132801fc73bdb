"""A task in a process of its own: messages, pause, stop, and all that can go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import small_inversions
from napari_stst.background import tasks
from napari_stst.background.messages import (
    ENDS,
    ClipPicture,
    Failed,
    Picture,
    Result,
    Started,
    Step,
    Stopped,
    pack,
)
from napari_stst.background.task import Task
from napari_stst.background.worker import run_task
from napari_stst.queue.request import MakeRequest
from patience import patience
from small_runs import PYTHONPATH, clip, config
from stst.video import read_video


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def request_(tmp_path):
    return MakeRequest(clip(tmp_path / "natural.mkv"), str(tmp_path / "made.mkv"), config())


def make(request, tell, stop=lambda: False):
    return run_task("make", {"request": request}, tell, stop)


@pytest.fixture
def started(qtbot, qapp):
    """Start tasks; they are ended with the test."""
    made = []

    def start(name, **arguments):
        task = Task(name, **arguments)
        task.heard = []
        task.message.connect(task.heard.append)
        made.append(task)
        return task

    yield start
    for task in made:
        task.close()


def ended(until, task):
    until(lambda: task.ended)
    assert [isinstance(one, ENDS) for one in task.heard].count(True) == 1
    return task.heard[-1]


def endless(request):
    octaves = [{"exponent": 0, "iterations": 100_000, "learning_rate": 0.01}]
    return replace(request, config=config(octaves=octaves))


class TestAProcess:
    def test_a_run_tells_everything_in_order(self, until, started, request_):
        task = started("make", request=request_)
        end = ended(until, task)
        assert isinstance(end, Result), end
        master = read_video(end.value["outputs"][0]["master"])
        first = task.heard[0]
        assert isinstance(first, Started)
        assert (first.frames, first.size, first.seeds) == (3, (18, 20), (0,))
        assert first.done == [()]
        finished = [one for one in task.heard if isinstance(one, Picture) and one.finished]
        assert [one.frame for one in finished] == [0, 1, 2]
        assert np.array_equal(np.concatenate([one.images for one in finished]), master.frames)
        shares = [one.progress for one in task.heard if isinstance(one, Step)]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    def test_pause_stop_and_resume(self, qtbot, until, started, request_):
        task = started("make", request=endless(request_))
        until(lambda: any(isinstance(one, Step) for one in task.heard))
        task.pause()
        qtbot.wait(300)
        count = len(task.heard)
        qtbot.wait(300)
        assert len(task.heard) == count
        task.stop()
        assert ended(until, task) == Stopped()

    def test_the_user_s_mistake_is_told_in_the_command_s_words(self, until, started, request_):
        end = ended(until, started("make", request=replace(request_, natural=Path("missing.mkv"))))
        assert end == Failed("missing.mkv does not exist. Check the name and the folder.")

    def test_a_process_that_is_killed(self, until, started, request_):
        task = started("make", request=endless(request_))
        until(lambda: len(task.heard) > 1)
        task._process.kill()
        end = ended(until, task)
        assert isinstance(end, Failed)
        assert "was killed or crashed" in end.text

    def test_a_process_that_ends_too_early(self, until, started, monkeypatch, tmp_path):
        broken = tmp_path / "broken" / "napari_stst"
        broken.mkdir(parents=True)
        (broken / "__init__.py").write_text("raise SystemExit(7)")
        monkeypatch.setenv("PYTHONPATH", str(broken.parent))
        end = ended(until, started("weights", names=[]))
        assert isinstance(end, Failed)
        assert "ended with exit code 7" in end.text

    def test_python_that_cannot_be_started(self, until, started, monkeypatch):
        monkeypatch.setattr("napari_stst.background.task._WORKER", ["/nowhere/python", "-P"])
        end = ended(until, started("weights", names=[]))
        assert isinstance(end, Failed)
        assert "/nowhere/python could not be started" in end.text

    def test_closing_ends_the_process_at_once(self, until, started, request_):
        task = started("make", request=endless(request_))
        until(lambda: len(task.heard) > 1)
        pid = task._process.processId()
        task.close()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert task.ended

    def test_a_worker_ends_when_the_viewer_is_gone(self, request_):
        words = [sys.executable, "-P", "-m", "napari_stst.background.worker"]
        worker = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # stdin ends with the message
        message = pack(("make", {"request": endless(request_)}))
        out, _ = worker.communicate(message, timeout=patience(60))
        assert worker.returncode == 0
        assert b"Stopped" in out

    def test_the_viewer_needs_no_torch(self):
        code = (
            "import sys\n"
            "from napari_stst.make import generate, leaps, scramble\n"
            "from napari_stst.queue import queue_widget\n"
            "from napari_stst.compare import compare_widget\n"
            "from napari_stst.contrib import reader, writer\n"
            "assert 'torch' not in sys.modules"
        )
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)


class TestInverting:
    def test_a_run_shows_all_frames_at_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tasks, "_PREVIEW_SECONDS", 0.0)
        monkeypatch.setattr(tasks, "_STEP_SECONDS", 0.0)
        natural = clip(tmp_path / "waves.mkv", count=14, fps=20)
        wanted = small_inversions.config(input={"frames": "1:14"}, samples=2)
        told = []
        end = make(MakeRequest(natural, str(tmp_path / "made.mkv"), wanted), told.append)
        assert isinstance(end, Result), end
        assert set(end.value["outputs"][0]) == {
            "master", "preview", "sidecar", "last", "stimulus"
        }  # fmt: skip
        first = told[0]
        assert (first.frames, first.size, first.seeds, first.fps) == (6, (12, 14), (0, 1), "10")
        assert (first.start, first.step, first.whole) == (1, 2, True)
        shown = [one.images for one in told if isinstance(one, ClipPicture)]
        assert shown
        assert {one.shape for one in shown} == {(2, 6, 12, 14, 3)}
        steps = [one for one in told if isinstance(one, Step) and one.losses]
        assert steps[-1].what == "iteration 5 of 5"
        assert {"class", "priming", "diversity"} <= set(steps[-1].losses)
        assert set(steps[-1].probabilities) == {"model", "verifier"}
        finished = [one for one in told if isinstance(one, Picture)]
        assert [one.frame for one in finished] == list(range(6))

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"target": "write"}, "Did you mean 'right'"),
            ({"verifier": "tiny_video:tokens"}, '`verifier="none"`'),
            ({"length": 8}, "the stimulus has 14 frames"),
        ],
    )
    def test_what_is_wrong_is_said_in_the_core_s_words(self, tmp_path, changes, words):
        natural = clip(tmp_path / "waves.mkv", count=14, fps=20)
        wanted = small_inversions.config(**changes)
        end = make(MakeRequest(natural, str(tmp_path / "made.mkv"), wanted), print)
        assert isinstance(end, Failed)
        assert words in end.text
        assert not end.details


class TestTasks:
    def test_what_was_done_before_is_shown_at_once(self, request_):
        steps = []
        told = []

        def stop():
            steps.append(1)
            return len(told) and any(isinstance(one, Picture) and one.frame == 0 for one in told)

        assert make(request_, told.append, stop) == Stopped()
        again = []
        end = make(replace(request_, resume=True), again.append)
        assert isinstance(end, Result)
        made = read_video(end.value["outputs"][0]["master"]).frames
        assert np.array_equal(again[0].done[0], made[:1])

    def test_groups_of_samples_are_shown_where_they_belong(self, request_, monkeypatch):
        import torch

        from stst.methods.stst.objective import StstObjective

        real = StstObjective.__call__

        def tried(objective, images):
            if len(images) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return real(objective, images)

        monkeypatch.setattr(StstObjective, "__call__", tried)
        monkeypatch.setattr(tasks, "_STEP_SECONDS", 0.0)
        request = replace(request_, config=config(samples=2))
        told = []

        def stop():
            return any(
                isinstance(one, Picture) and (one.first, one.frame) == (1, 0) for one in told
            )

        assert make(request, told.append, stop) == Stopped()
        again = []
        end = make(replace(request, resume=True), again.append)
        made = [read_video(one["master"]).frames for one in end.value["outputs"]]
        count = len(made[0])
        pictures = [one for one in told + again if isinstance(one, Picture) and one.finished]
        assert [(one.first, one.frame) for one in pictures if one.frame >= 0] == [
            (sample, frame) for sample in range(2) for frame in range(count)
        ]
        for one in pictures:
            if one.frame >= 0:
                assert np.array_equal(one.images, made[one.first][None, one.frame])
        assert [len(one) for one in again[0].done] == [count, 1]
        assert np.array_equal(again[0].done[1][0], made[1][0])
        words = [one.what for one in again if isinstance(one, Step)]
        assert words[-1] == f"sample 2 of 2, frame {count} of {count}"

    @pytest.mark.parametrize("method", ["stst", "leaps"])
    def test_stopping_takes_no_more_than_the_step_that_is_done(self, request_, method):
        inverted = small_inversions.config(iterations=50)
        inversion = replace(request_, natural=None, config=inverted)
        request = request_ if method == "stst" else inversion
        told, answers, heard = [], [], []

        def stop():
            answers.append(len(answers) == 4)
            heard.append(len(told))
            return answers[-1]

        assert make(request, told.append, stop) == Stopped()
        # once it was told so, it does not ask again, nor say anything more
        assert answers == [False, False, False, False, True]
        assert len(told) == heard[-1]

    def test_an_unexpected_error_has_details(self, monkeypatch, request_):
        def broken(**_):
            raise RuntimeError("out of luck\nand more")

        monkeypatch.setattr(tasks, "make_stimuli", broken)
        end = make(request_, print)
        assert end.text == "unexpected error: RuntimeError: out of luck"
        assert "Traceback" in end.details

    def test_memory_that_runs_out(self, monkeypatch, request_):
        def broken(**_):
            raise MemoryError

        monkeypatch.setattr(tasks, "make_stimuli", broken)
        end = make(request_, print)
        assert "not enough memory" in end.text

    def test_a_download_can_be_stopped(self, monkeypatch):
        def fetch(name, progress):
            progress(10, 100)
            raise AssertionError("it went on")

        monkeypatch.setattr("stst.weights.fetch", fetch)
        assert run_task("fetch", {"names": ["msoe"]}, print, lambda: True) == Stopped()

    def test_a_download_tells_how_far_it_is(self, monkeypatch):
        class Found:
            path = Path("msoe.npz")

        def fetch(name, progress):
            progress(2**20, 2**21)
            progress(2**21, None)
            return Found

        monkeypatch.setattr("stst.weights.fetch", fetch)
        told = []
        end = run_task("fetch", {"names": ["msoe"]}, told.append, lambda: False)
        assert [one.progress for one in told] == [0.5, 0.0]
        assert end == Result({"paths": {"msoe": "msoe.npz"}, "failed": {}})

    def test_the_state_of_weights(self, monkeypatch, tmp_path):
        monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
        monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path))
        end = run_task("weights", {"names": ["msoe", "vgg19-keras"]}, print, lambda: False)
        assert [(one["name"], one["state"], one["usable"]) for one in end.value] == [
            ("msoe", "missing", False), ("vgg19-keras", "missing", False)
        ]  # fmt: skip
