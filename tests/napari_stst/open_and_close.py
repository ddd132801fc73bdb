"""Open and close viewers with all widgets, and count the threads that stay.

python open_and_close.py COUNT hidden|shown CLIP
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import napari
    import triton  # noqa: F401  before Mesa's LLVM, see conftest.py
    from vispy.gloo.glir import GlirProgram

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

# Mesa 22 crashes where a program is deleted and something is drawn afterwards
GlirProgram.delete = lambda self: None
WIDGETS = ("Generate (STST)", "Scramble (STPS)", "Invert (LEAPS)", "Compare", "Queue")


def threads() -> int:
    """Count those of the system, Qt's and the libraries' included."""
    return len(os.listdir("/proc/self/task"))


def children() -> int:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return len(file.read().split())


def opened_and_closed(shown: bool, clip: str) -> None:
    viewer = napari.Viewer(show=shown)
    viewer.open(clip, plugin="napari-stst")
    for name in WIDGETS:
        viewer.window.add_plugin_dock_widget("napari-stst", name)
    for _ in range(20):
        QApplication.processEvents()
    viewer.close()
    for _ in range(5):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    gc.collect()


def main() -> None:
    count, shown, clip = int(sys.argv[1]), sys.argv[2] == "shown", sys.argv[3]
    counts = []
    for _ in range(count):
        opened_and_closed(shown, clip)
        counts.append(threads())
    ours = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    print(json.dumps({"threads": counts, "python": ours, "children": children()}))


if __name__ == "__main__":
    main()
