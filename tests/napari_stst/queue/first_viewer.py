"""A viewer that has one stimulus to make and one that waits, until it is closed or killed.

python first_viewer.py FOLDER closed|killed|reopened FIRST SECOND

FOLDER holds natural.mkv; FIRST and SECOND are configs as JSON. Prints a line when the first
stimulus is under way; killed from outside, or closed by a mouse click on the answer to the
question, whose words it prints. Reopened: another viewer comes after it, and what it has in its
queue is printed.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import napari
    import triton  # noqa: F401  before Mesa's LLVM, see conftest.py
    from vispy.gloo.glir import GlirProgram

from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox

from napari_stst.make import cost
from napari_stst.make.generate import GenerateWidget
from napari_stst.viewer.closing import main_window

GlirProgram.delete = lambda self: None


def answer(words: str) -> None:
    (box,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, QMessageBox)]
    print(box.text().replace("\n", " | "), flush=True)
    (button,) = [one for one in box.buttons() if one.text() == words]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def main() -> None:
    folder, end, *trees = sys.argv[1:]
    os.chdir(folder)
    cost.EVERY_MS = 10**8  # nobody reads it
    viewer = napari.Viewer(show=True)
    viewer.open("natural.mkv", plugin="napari-stst")
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    for tree in trees:
        widget.set_tree(json.loads(tree))
        widget.make()
    first, second = widget.queue.jobs
    while first.progress < 0.4:
        QTest.qWait(50)
    assert (first.state, second.state) == ("running", "waiting")
    print("under way", flush=True)
    while end == "killed":
        QTest.qWait(50)
    QTimer.singleShot(500, lambda: answer("Stop and close"))
    main_window(viewer).close()
    for _ in range(20):
        QApplication.processEvents()
    if end == "reopened":
        viewer = napari.Viewer(show=True)
        for job in GenerateWidget(viewer).queue.jobs:
            print(job.request.output, job.state, flush=True)
        viewer.close()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # Qt and Mesa may crash while Python takes itself apart, which is no matter here
    os._exit(0)
