from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_stst.viewer.arrange import lay_beside, lay_over, side_by_side
from small_runs import frames


def test_side_by_side_in_the_order_that_is_given():
    viewer = ViewerModel()
    layers = [viewer.add_layer(Image(frames(), rgb=True, name=name)) for name in "abc"]
    viewer.add_layer(Shapes(name="region"))
    side_by_side(viewer, [layers[2], layers[0]])
    grid = viewer.canvas.grid
    assert grid.enabled
    assert [grid.position(viewer.layers.index(layers[i]), viewer.layers) for i in (2, 0)] == [
        (0, 0), (0, 1)
    ]  # fmt: skip
    assert [one.name for one in viewer.layers if one.visible] == ["c", "a"]


@pytest.mark.parametrize("shrunk", [1, 2, 4])
def test_a_shrunk_part_covers_what_it_was_made_of(shrunk):
    natural = Image(frames(6, 16, 24), rgb=True, scale=(2, 1, 1), translate=(1, 5, -3))
    part = Image(frames(2, 16 // shrunk, 24 // shrunk), rgb=True)
    lay_over(part, natural, 3)
    assert np.allclose(part.scale, (2, shrunk, shrunk))
    # the same edges, half a pixel beyond the centres of the outermost ones
    low, high = natural.extent.world[:, 1:] + [[-0.5], [0.5]] * np.ones(2)
    assert np.allclose(part.extent.world[0, 1:] - shrunk / 2, low)
    assert np.allclose(part.extent.world[1, 1:] + shrunk / 2, high)
    assert part.extent.world[0, 0] == natural.data_to_world((3, 0, 0))[0]


def test_a_clip_of_another_size_and_rate_lies_in_the_middle_undistorted():
    natural = Image(frames(6, 16, 24), rgb=True, scale=(2, 1, 1), translate=(1, 5, -3))
    made = Image(frames(4, 8, 8), rgb=True)
    lay_beside(made, natural, 3, 1.5)
    assert np.allclose(made.scale, (3, 2, 2))
    middle = made.extent.world[:, 1:].mean(0)
    assert np.allclose(middle, natural.extent.world[:, 1:].mean(0))
    assert made.extent.world[0, 0] == natural.data_to_world((3, 0, 0))[0]
