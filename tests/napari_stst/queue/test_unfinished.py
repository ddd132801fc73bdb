"""What a viewer had to make when it was closed, killed, or told to stop, and how it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_stst.make.generate import GenerateWidget
from napari_stst.make.settings import read_settings
from napari_stst.queue.job import QueuedJob
from napari_stst.queue.kept_queue import KeptQueue, KeptRequest, data_dir
from napari_stst.queue.queue import _find_resume_state
from napari_stst.queue.request import MakeRequest, read_stored_request
from napari_stst.queue.resume_offer import ResumeOffer
from napari_stst.viewer.closing import main_window
from napari_stst.viewer.layers import layer_of
from patience import patience
from small_runs import TREE, clip, config
from stst.config import StstConfig, build
from stst.errors import InputError
from stst.runs.job import Job
from stst.utils.locks import check_unlocked
from stst.video import read_video

HERE = Path(__file__).parent
QUICK = {**TREE, "seed": 8}
NAMES = [f"{'a rather long name of a clip' * 2}_{number}.mkv" for number in range(4)]
SLOW = {
    **TREE,
    "seed": 5,
    "octaves": [{"exponent": 0, "iterations": 1500, "learning_rate": 0.01}],
}


def opened(viewer) -> GenerateWidget:
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    return widget


def add(viewer, path) -> Image:
    data, options, _ = layer_of(path)
    return viewer.add_layer(Image(data, **options))


def frames_of(folder: Path, name: str, tree) -> np.ndarray:
    """Make the same without a viewer."""
    job = Job(folder / "natural.mkv", str(folder / name), build(tree, StstConfig))
    for _ in job.run():
        pass
    return read_video(folder / name).frames


def stopped(folder: Path, **changes) -> Path:
    """Give a run folder with one finished frame."""
    clip(folder / "natural.mkv")
    job = Job(folder / "natural.mkv", str(folder / "made.mkv"), config(**changes))
    seen = []

    def stop() -> bool:
        return len(seen) > 10

    for event in job.run(stop=stop):
        seen.append(event)
    return folder / "made.run"


def is_idle(run: Path) -> bool:
    try:
        check_unlocked(run)
    except InputError:
        return False
    return True


def click(button) -> None:
    assert button.isVisible(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def press_in_question(words: str, told: list[str]) -> None:
    def press() -> None:
        boxes = [one for one in QApplication.topLevelWidgets() if isinstance(one, QMessageBox)]
        if not boxes:
            QTimer.singleShot(50, press)
            return
        told.append(boxes[0].text())
        (button,) = [one for one in boxes[0].buttons() if one.text() == words]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(50, press)


# the slow one differs by how the first viewer ends
@pytest.mark.parametrize("end", ["closed", pytest.param("killed", marks=pytest.mark.slow)])
def test_a_click_continues_what_was_left(viewer, until, tmp_path, monkeypatch, errors, end):
    clip(tmp_path / "natural.mkv")
    first = subprocess.Popen(
        [sys.executable, str(HERE / "first_viewer.py"), str(tmp_path), end,
         json.dumps(SLOW), json.dumps(QUICK)],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    try:
        assert first.stdout.readline() == "under way\n"
        if end == "closed":
            words = first.stdout.readline()
            assert "natural_metamer.mkv: " in words
            assert "natural_metamer_2.mkv: waiting" in words
            assert "one click continues it all" in words
        else:
            first.kill()
        first.wait()
    finally:
        first.kill()
        first.stdout.close()
        first.wait()
    assert (tmp_path / "natural_metamer.run" / "job.json").exists()
    assert not (tmp_path / "natural_metamer.mkv").exists()

    asked = []
    monkeypatch.setattr(
        "napari_stst.queue.queue.ask", lambda *words: asked.append(words[2]) or "Trust it"
    )
    # nothing is open, and the form says something else
    widget = opened(viewer)
    form = widget.tree()
    (offer,) = widget.run.findChildren(ResumeOffer)
    assert offer.words.text().endswith("natural_metamer.mkv, natural_metamer_2.mkv")
    # the killed viewer's worker may be about to put down where it stands
    until(lambda: is_idle(tmp_path / "natural_metamer.run"))
    assert [one.state for one in widget.queue.jobs] == ["stopped", "stopped"]
    until(offer.go_on.isVisible)
    click(offer.go_on)
    until(lambda: [one.state for one in widget.queue.jobs] == ["done", "done"])
    assert widget.tree() == form
    assert "tiny_model:spatial" in asked[0]
    assert "natural" in [one.name for one in viewer.layers]
    assert not offer.isVisible()
    for name, tree in (("natural_metamer", SLOW), ("natural_metamer_2", QUICK)):
        made = read_video(tmp_path / f"{name}.mkv").frames
        assert np.array_equal(made, frames_of(tmp_path, f"straight_{name}.mkv", tree))
    assert list(data_dir().rglob("*.json")) == []
    assert errors == []


def test_another_viewer_of_the_same_process_offers_it(viewer, tmp_path):
    clip(tmp_path / "natural.mkv")
    found = subprocess.run(
        [sys.executable, str(HERE / "first_viewer.py"), str(tmp_path), "reopened",
         json.dumps(SLOW), json.dumps(QUICK)],
        capture_output=True, text=True, timeout=patience(60), check=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert found.stdout.splitlines()[-2:] == [
        f"{tmp_path}/natural_metamer.mkv stopped", f"{tmp_path}/natural_metamer_2.mkv stopped"
    ]  # fmt: skip
    # and no process of it was killed where it stood
    assert "Destroyed while process" not in found.stderr


def test_the_offer_takes_the_room_of_its_words_and_no_more(viewer, until, qtbot, tmp_path):
    names = [f"a natural clip of mine_{number}.mkv" for number in range(3)]
    before = KeptQueue()
    before.keep(
        [KeptRequest(MakeRequest(None, str(tmp_path / name), config()), False) for name in names]
    )
    before.close()
    widget = opened(viewer)
    (offer,) = widget.run.findChildren(ResumeOffer)
    until(offer.words.isVisible)
    qtbot.wait(500)
    needed = offer.words.heightForWidth(offer.words.width())
    assert needed <= offer.words.height() <= needed + 10


def test_staying_and_what_a_script_closes(viewer, until, tmp_path):
    add(viewer, clip(tmp_path / "natural.mkv"))
    widget = opened(viewer)
    widget.set_tree({**SLOW, "octaves": [{**SLOW["octaves"][0], "iterations": 100_000}]})
    widget.make()
    job = widget.run.job
    until(lambda: job.progress > 0)
    told = []
    press_in_question("Stay", told)
    window = main_window(viewer)
    assert not window.close()
    assert "natural_metamer.mkv" in told[0]
    assert window.isVisible()
    assert job.state == "running"
    job.cancel()
    until(lambda: job.state == "stopped")
    # nothing runs: nothing is asked; the test would hang else
    viewer.close()
    assert [one.name for one in data_dir().rglob("*.json")] == ["queue.json"]


def test_what_came_back_keeps_its_name(viewer, tmp_path, errors):
    path = clip(tmp_path / "natural.mkv")
    stored = MakeRequest(path, str(tmp_path / "natural_metamer.mkv"), config())
    before = KeptQueue()
    before.keep([KeptRequest(stored, False)])
    before.close()
    add(viewer, path)
    widget = opened(viewer)
    # it only waited: nothing on disk has that name
    assert widget._output.text() == str(tmp_path / "natural_metamer_2.mkv")
    widget._output.setText(stored.output)
    widget.make()
    assert errors == [f"{stored.output} is in the queue already. Choose another output."]
    assert [one.request for one in widget.queue.restored] == [stored]


def test_resume_goes_on_as_it_was_begun_whatever_the_form_says(viewer, until, tmp_path, errors):
    run = stopped(tmp_path, seed=3)
    add(viewer, clip(tmp_path / "other.mkv", seed=9))
    widget = opened(viewer)
    widget.set_tree({**TREE, "seed": 4, "octave_scale": 1.3})
    widget._output.setText(str(tmp_path / "made.mkv"))
    asked = []

    def ask(question, answers):
        asked.append(question)
        return answers[0]

    widget.ask = ask
    until(widget.make_button.isVisible)
    click(widget.make_button)
    assert "holds a run that was not finished" in asked[0]
    until(lambda: widget.run.job is not None and widget.run.job.state in ("done", "failed"))
    assert errors == []
    assert not run.exists()
    sidecar = json.loads((tmp_path / "made.json").read_text())
    assert sidecar["config"]["seed"] == 3
    assert sidecar["inputs"][0]["path"] == "natural.mkv"
    straight = frames_of(tmp_path, "straight.mkv", {**TREE, "seed": 3})
    assert np.array_equal(read_video(tmp_path / "made.mkv").frames, straight)


def test_a_run_s_job_is_loaded(viewer, tmp_path, errors):
    run = stopped(tmp_path, seed=3)
    widget = opened(viewer)
    widget.ask = lambda text, answers: answers[0]
    widget.load_config(str(run / "job.json"))
    assert errors == []
    assert build(widget.tree(), StstConfig).seed == 3
    assert widget.natural().name == "natural"
    assert widget._output.text() == str(tmp_path / "made.mkv")


class TestStored:
    def test_settings_and_clips_are_those_of_the_run(self, tmp_path):
        clip(tmp_path / "color.mkv", seed=4)
        run = stopped(tmp_path, seed=3, targets={"color": str(tmp_path / "color.mkv")})
        stored = read_stored_request(run)
        assert (stored.natural, stored.output) == (
            tmp_path / "natural.mkv", str(tmp_path / "made.mkv")
        )  # fmt: skip
        assert stored.resume
        assert stored.config.seed == 3
        assert stored.config.targets.color == str(tmp_path / "color.mkv")
        assert read_settings(run) == read_settings(run / "job.json")

    def test_a_folder_that_was_moved_with_its_clips_goes_on(self, tmp_path):
        (tmp_path / "here").mkdir()
        stopped(tmp_path / "here", seed=3)
        (tmp_path / "here").rename(tmp_path / "there")
        stored = read_stored_request(tmp_path / "there" / "made.run")
        assert stored.natural == tmp_path / "there" / "natural.mkv"
        job = Job(stored.natural, stored.output, stored.config, resume=True)
        events = list(job.run())
        assert events[-1].outputs[0]["master"] == tmp_path / "there" / "made.mkv"

    def test_what_was_changed_meanwhile_is_named(self, tmp_path):
        run = stopped(tmp_path)
        kept = KeptRequest(
            MakeRequest(tmp_path / "natural.mkv", str(tmp_path / "made.mkv"), config()), True
        )
        began, state, text = _find_resume_state(kept)
        assert (began, state) == (True, "stopped")
        assert text.endswith("finished when its viewer was closed")
        (tmp_path / "natural.mkv").rename(tmp_path / "elsewhere.mkv")
        assert _find_resume_state(kept)[1:] == (
            "failed",
            f"made.run cannot go on: its natural clip is not at {tmp_path}/natural.mkv any more. "
            "Put it back there.",
        )
        renamed = run.rename(tmp_path / "other.run")
        with pytest.raises(InputError, match=r"was called made\.run"):
            read_stored_request(renamed)
        assert _find_resume_state(kept)[1:] == (
            "failed", f"{run} is not there any more; Resume begins anew"
        )  # fmt: skip
        gone = KeptRequest(MakeRequest(None, str(tmp_path / "gone" / "made.mkv"), config()), True)
        assert _find_resume_state(gone)[1] == "failed"
        renamed.rename(run)
        (run / "job.json").write_text("{")
        assert "cannot be read" in _find_resume_state(kept)[2]


def test_all_lines_of_the_offer_are_seen(viewer, qtbot, tmp_path):
    widget = opened(viewer)
    (offer,) = widget.run.findChildren(ResumeOffer)
    for name in NAMES:
        job = QueuedJob(viewer, MakeRequest(None, str(tmp_path / name), config()))
        job.restore(True, "stopped", "stopped")
        job.changed.connect(widget.queue.changed)
        widget.queue.jobs.append(job)
    widget.queue.changed.emit()
    qtbot.waitUntil(offer.isVisible)
    assert offer.words.text().endswith(f"{NAMES[0]}, {NAMES[1]} and 2 more")
    assert all(name in offer.words.toolTip() for name in NAMES)
    words = offer.words
    qtbot.waitUntil(lambda: words.height() >= words.heightForWidth(words.width()))
