"""Drive the real viewer over a sample clip and keep pictures of its widgets.

``make screenshots`` runs this; the pictures go to ``docs/images``. On Linux without a screen it
starts itself again under Xvfb. A metamer is made on the way, and a small network is trained and
inverted, which takes a few minutes. ``docs/screenshots.py metamers`` or ``inversion`` does a part.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from palette import small_png
from PIL import Image

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PLUGIN = "napari-stst"
SIZE = (1280, 800)
PATIENCE = 900  # seconds


def main() -> None:
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        screen = ["xvfb-run", "-a", "-s", f"-screen 0 {SIZE[0]}x{SIZE[1]}x24"]
        if shutil.which(screen[0]) is None:
            raise SystemExit("There is no screen. Install Xvfb (Debian: apt install xvfb xauth).")
        raise SystemExit(subprocess.call([*screen, sys.executable, __file__, *sys.argv[1:]]))
    folder = Path(tempfile.mkdtemp())
    os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")
    os.chdir(folder)
    IMAGES.mkdir(exist_ok=True)
    shutil.copy(ROOT / "sample_data" / "cat.mkv", folder)
    parts = {"metamers": MetamersTour, "inversion": InversionTour}
    try:
        for name in sys.argv[1:] or parts:
            parts[name](folder).walk()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Tour:
    """A viewer, and what a user would do in it."""

    def __init__(self, folder: Path) -> None:
        import napari
        from vispy.gloo.glir import GlirProgram

        GlirProgram.delete = lambda self: None  # Mesa 22 crashes on drawing after it
        self.folder = folder
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)

    def walk(self) -> None:
        self.visit()
        self.viewer.close()
        self.wait(0.5)

    def visit(self) -> None:
        raise NotImplementedError

    # --- hands and eyes ---------------------------------------------------------------------------

    def open(self, name: str) -> Any:
        """Open a widget from the menu of plugins, and give it."""
        from napari_stst.viewer.closing import main_window
        from napari_stst.viewer.docks import DISPLAYED

        place: Any = main_window(self.viewer).menuBar()
        for title in ("Plugins", DISPLAYED, name):
            texts = {one.text().replace("&", ""): one for one in place.actions()}
            action = next(one for text, one in texts.items() if text.startswith(title))
            place = action.menu()
        action.trigger()
        self.wait(0.5)
        return self.viewer.window.dock_widgets[f"{name} ({DISPLAYED})"]

    def hide(self, widget: Any) -> None:
        widget.parentWidget().hide()

    def set(self, maker: Any, changes: Mapping[str, Any]) -> None:
        from stst.config import merge

        maker.set_tree(merge(maker.tree(), changes))

    def choose_others(self, widget: Any, names: list[str]) -> None:
        for clip in widget.choice.clips:
            widget.choice.tick(clip, clip.name in names)

    def mode(self, widget: Any, name: str) -> None:
        widget.controls.choose(name)
        self.wait(1.5)

    def keep(self, name: str) -> None:
        self.wait(0.3)
        shot = self.viewer.screenshot(canvas_only=False, flash=False)
        (IMAGES / f"{name}.png").write_bytes(small_png(Image.fromarray(shot)))
        print(f"{IMAGES / name}.png", flush=True)

    def wait(self, seconds: float) -> None:
        from qtpy.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def until(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > end:
                raise SystemExit("waited in vain")
            self.wait(0.1)


class MetamersTour(Tour):
    """Stimuli are made of a clip, and compared with it."""

    def visit(self) -> None:
        self.generate()
        self.scramble()
        self.compare()
        self.region()

    def generate(self) -> None:
        viewer = self.viewer
        viewer.open(str(self.folder / "cat.mkv"), plugin=PLUGIN)
        self.maker = self.open("Generate (STST)")
        self.maker.choose_preset("quick")
        self.set(self.maker, {"input": {"frames": "4:16"}, "seed": 3})
        self.maker.make()
        job = self.maker.run.job
        self.until(lambda: job.progress > 0.55)
        self.keep("viewer_generate")
        viewer.theme = "light"
        self.wait(1)
        self.keep("viewer_generate_light")
        viewer.theme = "dark"
        self.until(lambda: job.state == "done")
        self.maker.advanced.expand()
        self.wait(0.5)
        bar = self.maker.scroll.verticalScrollBar()
        bar.setValue(bar.maximum() // 2)
        self.keep("viewer_advanced")
        bar.setValue(0)
        self.maker.advanced.collapse()

    def scramble(self) -> None:
        scrambler = self.open("Scramble (STPS)")
        queue = self.open("Queue")
        self.wait(1)
        # the tables of states: one clip twice, and once more
        self.set(scrambler, {"input": {"frames": "4:16"}})
        scrambler.make()
        self.set(scrambler, {"input": {"frames": "4:16"}, "coherence": 0.5})
        scrambler.make()
        self.until(lambda: scrambler.queue.jobs[1].state == "done")
        self.keep("viewer_scramble_and_queue")
        self.until(lambda: scrambler.queue.current is None)
        for widget in (queue, self.maker, scrambler):
            self.hide(widget)
        self.wait(0.5)

    def compare(self) -> None:
        widget = self.open("Compare")
        self.wait(2)
        self.choose_others(widget, ["cat_metamer", "cat_scrambled"])
        self.wait(0.5)
        self.until(lambda: bool(widget.results.measured) and not widget.actions.cancel.isEnabled())
        self.viewer.dims.set_point(0, 9)
        self.mode(widget, "Side by side")
        self.keep("viewer_compare")
        self.viewer.theme = "light"
        self.wait(1)
        self.keep("viewer_compare_light")
        self.viewer.theme = "dark"
        self.mode(widget, "Difference")
        self.keep("viewer_difference")
        self.mode(widget, "Curtain")
        self.keep("viewer_curtain")
        self.mode(widget, "Side by side")
        self.compare_widget = widget

    def region(self) -> None:
        from napari.layers import Shapes

        viewer = self.viewer
        self.hide(self.compare_widget)
        self.maker.parentWidget().show()
        viewer.canvas.grid.enabled = False
        for layer in viewer.layers:
            layer.visible = layer.name == "cat"
        ellipse = [[25, 35], [25, 150], [125, 150], [125, 35]]
        viewer.add_layer(Shapes([ellipse], shape_type="ellipse", name="region", opacity=0.4))
        self.maker._region.setCurrentIndex(self.maker._region.findText("region"))
        self.set(self.maker, {"input": {"frames": "4:7"}})
        self.wait(1)
        before = self.maker.run.job
        self.maker.make()
        self.until(lambda: self.maker.run.job is not before)
        self.until(lambda: self.maker.run.job.state == "done")
        self.keep("viewer_region")


class InversionTour(Tour):
    """A small network, which is trained here, is inverted with a clip as its stimulus."""

    def visit(self) -> None:
        viewer = self.viewer
        self.train()
        viewer.open(str(self.folder / "cat.mkv"), plugin=PLUGIN)
        maker = self.open("Invert (LEAPS)")
        maker._natural.setCurrentIndex(maker._natural.findText("cat"))
        wanted = {
            "model": "moving_shapes:inverted", "weights": "shapes.pth", "target": "bars right",
            "size": "72x96", "length": 12, "iterations": 400, "flip": False, "verifier": "none",
            "l2_weight": 0.0005, "device": "cpu",
        }  # fmt: skip
        self.set(maker, wanted)
        maker.make()
        job = maker.run.job
        self.until(lambda: job.progress > 0.75)
        self.keep("viewer_leaps")
        self.until(lambda: job.state == "done")
        viewer.theme = "light"
        self.wait(2)
        self.keep("viewer_leaps_light")

    def train(self) -> None:
        """Train the network of the tests, in a process of its own: this one has no torch."""
        tests = str(ROOT / "tests")
        os.environ["PYTHONPATH"] = tests
        code = (
            "import torch, moving_shapes as m; "
            "net = m.trained(m.inverted(), seed=1, steps=700, robust=0.08); "
            "torch.save(net.state_dict(), 'shapes.pth')"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()
