from __future__ import annotations

import json
import time

import numpy as np
import pytest
from napari.layers import Image

from napari_stst.background.estimating import EstimateRequest, estimate_run
from napari_stst.make.cost import describe_cost
from napari_stst.make.generate import GenerateWidget
from napari_stst.viewer.layers import layer_of
from small_runs import TREE, clip, config, synthesize

COST = {
    "seconds": 3725.2, "memory": 3 * 2**29, "disk": 5 * 2**20, "device": "cpu", "frames": 24,
    "size": (18, 20),
}  # fmt: skip


@pytest.fixture
def quick(viewer, monkeypatch) -> None:
    monkeypatch.setattr("napari_stst.make.cost.EVERY_MS", 300)


def plainly(cost):
    return cost.text().replace("\xa0", " ")


def test_what_is_said():
    # numbers stay beside their units
    assert describe_cost(COST, 2**40).split(" ") == [
        "About\xa01:02:05\xa0(h:mm:ss)\xa0on\xa0cpu", "·", "1.5\xa0GiB\xa0of\xa0memory", "·",
        "up\xa0to\xa05.0\xa0MiB\xa0on\xa0disk", "·", "24\xa0frames\xa0of\xa018×20\xa0px",
    ]  # fmt: skip
    assert describe_cost(COST, 2**20).startswith(
        "Not enough room on the disk: 1.0 MiB are free. About"
    )


def test_it_is_the_dry_run_s(tmp_path):
    path = clip(tmp_path / "natural.mkv", count=4)
    result = synthesize(path, "-o", tmp_path / "made.mkv", "--frames", "1:3", "--dry-run", "--json")
    plan = json.loads(result.stdout)
    found = estimate_run(
        EstimateRequest(config(input={"frames": "1:3"}), path), lambda _: None, lambda: False
    ).value  # fmt: skip
    assert (found["frames"], list(found["size"])) == (plan["frames"], plan["size"])
    assert found["disk"] == plan["disk_bytes"]
    assert found["memory"] > 0 < found["seconds"]
    # nothing is written beside the clip
    assert [one.name for one in tmp_path.iterdir()] == ["natural.mkv"]


def test_a_clip_in_no_file_has_a_stand_in():
    request = EstimateRequest(config(), shape=(3, 18, 20), fps="24")
    found = estimate_run(request, lambda _: None, lambda: False).value
    assert (found["frames"], found["size"]) == (3, (18, 20))


def test_it_follows_the_form_and_freezes_nothing(viewer, quick, until, tmp_path):
    data, options, _ = layer_of(clip(tmp_path / "natural.mkv", count=4))
    viewer.add_layer(Image(data, **options))
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    widget.set_tree({**TREE, "input": {"frames": "0:2"}})
    cost = widget.run.cost
    until(lambda: "being estimated" in cost.text())
    until(lambda: "2 frames of 18×20 px" in plainly(cost))
    assert "GiB of memory" in plainly(cost) or "MiB of memory" in plainly(cost)
    widget.set_tree({**TREE, "input": {"frames": "0:3"}})
    began = time.monotonic()
    cost._look()
    cost._look()
    assert time.monotonic() - began < 1
    until(lambda: "3 frames of 18×20 px" in plainly(cost))
    # a form that says nothing sensible has no cost
    widget.set_tree({**TREE, "spatial": {"model": "tiny_model:nothing"}})
    until(lambda: "not known yet" in cost.text())
    # and why is said where all that is in the way is said
    assert "nothing" in widget.problem.text()
    assert not widget.problem.isHidden()
    widget.set_tree(TREE)
    assert widget.problem.isHidden()


def test_nothing_is_measured_while_something_is_made_or_nobody_sees_it(
    viewer, quick, until, tmp_path
):
    viewer.add_image(
        np.zeros((3, 18, 20, 3), np.uint8), rgb=True, name="black", metadata={"fps": "25"}
    )
    widget = GenerateWidget(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Generate")
    widget.set_tree(
        {**TREE, "octaves": [{"exponent": 0, "iterations": 10**5, "learning_rate": 0.01}]}
    )
    cost = widget.run.cost
    until(lambda: cost._task is not None)
    task = cost._task
    widget.make()
    until(lambda: widget.queue.current is not None)
    assert task.ended
    assert cost._task is None
    until(lambda: cost.text() == "Time, memory and disk: estimated when nothing is being made.")
    widget.run.job.cancel()
    until(lambda: widget.queue.current is None)
    until(lambda: cost._task is not None)
    task = cost._task
    dock.hide()
    assert task.ended
    assert not cost._timer.isActive()


def test_what_is_in_the_way_is_said_once_and_in_words_of_the_form(viewer, quick, until, qtbot):
    viewer.add_image(
        np.zeros((3, 18, 20, 3), np.uint8), rgb=True, name="black", metadata={"fps": "25"}
    )
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    cost = widget.run.cost
    widget.set_tree({**TREE, "spatial": {"model": "tiny_model:nothing"}})
    until(lambda: "nothing" in widget.problem.text())
    side = next(one for one in widget.fields if one.key == "input.max_side")
    side.native.setText("wide")
    qtbot.wait(2 * 300)
    assert cost.text() == "Time, memory and disk: not known yet."
    assert widget.problem.text() == "longest side: should be a whole number (found 'wide')"
    # a refused click is not talked over
    side.native.setText("")
    widget._output.setText("")
    qtbot.wait(50)
    widget.make()
    assert widget.problem.text().startswith("There is no output.")
    qtbot.wait(3 * 300)
    assert widget.problem.text().startswith("There is no output.")
    widget._output.setText("named.mkv")
    qtbot.wait(50)
    assert "There is no output." not in widget.problem.text()
