from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from hands import LEFT
from napari_stst.make.generate import GenerateWidget
from napari_stst.make.scramble import ScrambleWidget
from napari_stst.queue.job import MakeRequest, QueuedJob
from small_runs import clip, config

TEXTS = ("frame 1 of 24", "frame 1 of 24, octave −2, iteration 12 of 500; " + "words " * 40)


@pytest.mark.parametrize("kind", [GenerateWidget, ScrambleWidget])
def test_twenty_clicks_of_twenty_reach_their_button_while_words_change(
    viewer, qtbot, tmp_path, kind
):
    viewer.open(str(clip(tmp_path / "a.mkv")), plugin="napari-stst")
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name="form")
    plain = config().model_dump(mode="json", exclude_none=True) | {"method": widget.method}
    job = QueuedJob(viewer, MakeRequest(None, str(tmp_path / "b.mkv"), plain))
    job.state = "running"
    widget.run._attach(job)
    qtbot.wait(200)
    panel = widget.run
    window = panel.window()
    for button, states in ((panel.cancel_button, ("running",)),
                           (panel.pause_button, ("running", "paused"))):  # fmt: skip
        clicks = []
        button.clicked.disconnect()
        button.clicked.connect(lambda _=False, clicks=clicks: clicks.append(1))
        place = button.mapTo(window, QPoint(3, button.height() - 3))
        for number in range(20):
            job.text = TEXTS[number % 2]
            job.state = states[number % len(states)]
            job.changed.emit()
            QApplication.processEvents()
            QTest.mousePress(window.windowHandle(), LEFT, pos=place)
            job.text = TEXTS[(number + 1) % 2]
            job.changed.emit()
            # the layout has its turn between the hand's two movements
            qtbot.wait(10)
            QTest.mouseRelease(window.windowHandle(), LEFT, pos=place)
            QApplication.processEvents()
        assert len(clicks) == 20
