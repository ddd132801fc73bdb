from __future__ import annotations

import numpy as np
from napari.layers import Image
from napari.settings import get_settings

from napari_stst.contrib.reader import read
from napari_stst.make.generate import GenerateWidget
from napari_stst.viewer.closing import main_window
from napari_stst.viewer.layers import layer_of
from napari_stst.viewer.playback import playback_of
from small_runs import TREE, clip


def slider(viewer):
    return main_window(viewer)._qt_viewer.dims.slider_widgets[0]


def shown_frames(viewer, layer, count: int, until) -> list[int]:
    """Collect the frames of a layer that come to be shown."""
    seen: list[int] = []

    def note(event) -> None:
        seen.append(round(float(viewer.dims.point[0] - layer.translate[0])))

    viewer.dims.events.current_step.connect(note)
    until(lambda: len(seen) >= count)
    viewer.dims.events.current_step.disconnect(note)
    return seen


def test_a_clip_is_played_at_its_rate_and_its_slider_has_a_name(viewer, until, tmp_path):
    before = get_settings().application.playback_fps
    path = clip(tmp_path / "natural.mkv", count=4, fps=24)
    ((data, options, _),) = read(str(path))
    viewer.add_layer(Image(data, **options))
    until(lambda: slider(viewer).fps == 24)
    assert viewer.dims.axis_labels == ("frame", "y", "x")
    assert slider(viewer).axis_label.text() == "frame"
    # and what the user has chosen for everything else stays
    assert get_settings().application.playback_fps == before


def test_a_rate_that_is_no_whole_number_and_layers_without_one(viewer, until, tmp_path):
    playback_of(viewer)
    data, options, _ = layer_of(clip(tmp_path / "natural.mkv"))
    viewer.add_layer(Image(data, **options))
    until(lambda: abs(slider(viewer).fps - 30000 / 1001) < 1e-9)
    viewer.add_image(np.zeros((3, 4, 4), np.uint8))
    assert abs(slider(viewer).fps - 30000 / 1001) < 1e-9


def test_the_view_goes_to_a_result_and_loops_its_frames(viewer, until, tmp_path, errors):
    data, options, _ = layer_of(clip(tmp_path / "natural.mkv", count=9))
    viewer.add_layer(Image(data, **options))
    widget = GenerateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Generate")
    widget.set_tree({**TREE, "input": {"frames": "2:5"}})
    widget.run.follow.setChecked(False)
    viewer.dims.set_point(0, 8)
    widget.make()
    until(lambda: widget.run.job.state == "done")
    (layer,) = widget.run.job.layers
    assert layer.translate[0] == 2
    seen = shown_frames(viewer, layer, 7, until)
    # a busy machine may drop frames, but shows no others
    assert set(seen) == {0, 1, 2}
    assert slider(viewer).fps == float(layer.data.video.fps)
    # no black canvas: what the slider shows is there
    assert np.array_equal(layer._slice.image.raw.shape[:2], layer.data.shape[1:3])
    assert errors == []
