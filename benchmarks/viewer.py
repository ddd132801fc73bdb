"""Does the viewer stay awake while a metamer is made?

    python benchmarks/viewer.py CLIP [--max-side 224] [--frames 8]

Needs a screen (or ``xvfb-run -s "-screen 0 1280x800x24"``). A timer in the event loop notes how
late it is called. The clip is played beside a copy, first alone, one more layer being added on the
way, and then while a metamer of it is made by the built-in pair, from the click on. Software GL
makes the first figure large by itself: compare the two.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

_EVERY_MS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--max-side", type=int, default=224)
    parser.add_argument("--frames", type=int, default=8, help="that are made; 24 are played")
    parser.add_argument("--seconds", type=float, default=30, help="of playing without a run")
    parser.add_argument("--fps", type=int, default=10, help="of playing")
    given = parser.parse_args()
    clip = given.clip.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        os.chdir(folder)
        print(json.dumps(measured(clip, given), indent=1))


def measured(clip: Path, given: argparse.Namespace) -> dict[str, object]:
    import napari
    from napari.layers import Image
    from qtpy.QtCore import QTimer
    from vispy.gloo.glir import GlirProgram

    from napari_stst.make.generate import GenerateWidget
    from napari_stst.viewer.arrange import side_by_side
    from napari_stst.viewer.layers import layer_of
    from stst.config import StstConfig, build, merge, preset_tree
    from stst.video import read_video, write_video

    GlirProgram.delete = lambda self: None  # Mesa 22 crashes on drawing after it
    small = Path("small.mkv").resolve()
    write_video(small, read_video(clip, "0:24", given.max_side))
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    layers = []
    for name in ("natural", "copy"):
        data, options, _ = layer_of(small)
        layers.append(viewer.add_layer(Image(data, **{**options, "name": name})))
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    side_by_side(viewer, layers)
    wait(3)
    # a run adds a layer and puts it beside the clip, which takes napari a while by itself
    QTimer.singleShot(3000, lambda: layers.append(viewer.add_layer(Image(data, rgb=True))))
    QTimer.singleShot(3500, lambda: side_by_side(viewer, layers[::2]))
    end = time.monotonic() + given.seconds
    alone = played(viewer, given.fps, lambda: time.monotonic() > end)
    widget.set_tree(merge(preset_tree("quick"), {"input": {"frames": f"0:{given.frames}"}}))
    build(widget.tree(), StstConfig)
    widget.run.follow.setChecked(False)  # the slider is moved by playing
    widget.make()
    job = widget.run.job
    assert job is not None
    # from the click to the file in its place
    during = played(viewer, given.fps, lambda: job.state not in ("waiting", "running"))
    wait(0.5)
    viewer.close()
    wait(0.2)
    return {
        "clip": f"24 frames, {data.shape[1]}x{data.shape[2]}",
        "cores": os.cpu_count(),
        "playing_at_fps": given.fps,
        "without_a_run_ms": alone,
        "with_a_run_ms": during,
        "run": job.text,
    }


def played(viewer, fps: int, ended: Callable[[], bool]) -> dict[str, float]:
    """Play until something has ended; give how long the event loop was away, in ms."""
    from qtpy.QtCore import QTimer

    step, late, last = 0, [], time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        late.append(1000 * (now - last) - _EVERY_MS)
        last = now

    def turn() -> None:
        nonlocal step
        step += 1
        viewer.dims.set_current_step(0, step % 24)

    ticking, playing = QTimer(), QTimer()
    ticking.timeout.connect(tick)
    playing.timeout.connect(turn)
    ticking.start(_EVERY_MS)
    playing.start(round(1000 / fps))
    while not ended():
        wait(0.3)
    ticking.stop()
    playing.stop()
    gaps = np.array(late[5:])
    found = {f"percentile_{one}": float(np.percentile(gaps, one)) for one in (50, 90, 99)}
    found["longest"] = float(gaps.max())
    return {key: round(value, 1) for key, value in found.items()} | {
        "frames_shown": step,
        "longer_than_100": int((gaps > 100).sum()),
    }


def wait(seconds: float) -> None:
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


if __name__ == "__main__":
    main()
