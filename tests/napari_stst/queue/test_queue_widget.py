from __future__ import annotations

from napari.layers import Image

from napari_stst.make.generate import GenerateWidget
from napari_stst.queue.queue import queue_of
from napari_stst.queue.queue_widget import QueueWidget
from napari_stst.viewer.layers import layer_of
from small_runs import TREE, clip

LONG = {**TREE, "octaves": [{"exponent": 0, "iterations": 100_000, "learning_rate": 0.01}]}


def cells(widget, row):
    return [widget.table.item(row, column).text() for column in range(widget.table.columnCount())]


def choose(widget, *rows):
    widget.table.clearSelection()
    for row in rows:
        widget.table.selectRow(row)


def press(widget, name):
    button, _ = widget.buttons[name]
    assert button.isEnabled(), name
    button.click()


def test_a_table_of_states(viewer, until, tmp_path, errors):
    data, options, _ = layer_of(clip(tmp_path / "natural.mkv"))
    viewer.add_layer(Image(data, **options))
    maker = GenerateWidget(viewer)
    viewer.window.add_dock_widget(maker, name="Generate")
    widget = QueueWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Queue", area="bottom")
    assert widget.queue is maker.queue is queue_of(viewer)
    assert widget.summary.text() == "Nothing is queued; Generate, Scramble and Invert add to it."

    maker.set_tree(LONG)
    maker.make()
    maker.set_tree({**TREE, "seed": 3, "samples": 2})
    maker.make()
    maker.make()
    assert widget.table.rowCount() == 3
    until(lambda: widget.queue.jobs[0].progress > 0)
    assert cells(widget, 1)[:6] == [
        "natural", "STST", "3 to 4", "natural_metamer_2.mkv", "waiting", "0%"
    ]  # fmt: skip
    assert widget.summary.text() == "1 running, 2 waiting"

    choose(widget, 0)
    press(widget, "Pause")
    assert cells(widget, 0)[4] == "paused"
    assert widget.buttons["Pause"][0].text() == "Go on"
    assert not widget.buttons["Remove"][0].isEnabled()
    press(widget, "Pause")
    choose(widget, 2)
    press(widget, "Cancel")
    assert cells(widget, 2)[4] == "stopped"
    press(widget, "Resume")
    assert cells(widget, 2)[4] == "waiting"
    choose(widget, 2)
    press(widget, "Cancel")
    press(widget, "Remove")
    assert widget.table.rowCount() == 2

    choose(widget, 0)
    press(widget, "Cancel")
    until(lambda: cells(widget, 1)[4] == "done")
    assert cells(widget, 0)[4] == "stopped"
    choose(widget, 1)
    press(widget, "Show")
    shown = [one.name for one in viewer.layers if one.visible]
    assert shown == ["natural", "natural_metamer_2 (seed 3)", "natural_metamer_2 (seed 4)"]

    choose(widget, 0)
    press(widget, "Resume")
    until(lambda: cells(widget, widget.table.rowCount() - 1)[4] == "running")
    assert widget.table.rowCount() == 2
    # wherever it was taken up, the maker shows it
    assert maker.run.job is widget.queue.current
    assert errors == []
