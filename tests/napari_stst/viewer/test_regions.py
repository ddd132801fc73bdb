from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

from napari_stst.viewer.arrange import lay_over
from napari_stst.viewer.regions import is_region, mask_of, read_mask_labels
from small_runs import frames
from stst.errors import InputError

H, W, T = 18, 20, 3
# covers the pixels 2 to 8 and 3 to 12, whose centres lie on whole numbers
CORNERS = np.array([[2, 3], [2, 12], [8, 12], [8, 3]], float)


@pytest.fixture
def natural():
    return Image(frames(T, H, W), rgb=True, name="clip")


@pytest.fixture
def rectangle():
    mask = np.zeros((H, W), bool)
    mask[2:9, 3:13] = True
    return mask


def test_a_rectangle_holds_for_all_frames(natural, rectangle):
    assert np.array_equal(mask_of(Shapes([CORNERS], shape_type="rectangle"), natural), rectangle)
    drawn_at_frame_2 = np.column_stack([np.full(4, 2.0), CORNERS])
    layer = Shapes([drawn_at_frame_2], shape_type="rectangle")
    assert np.array_equal(mask_of(layer, natural), rectangle)


def test_several_shapes_are_one_region(natural, rectangle):
    layer = Shapes([CORNERS, CORNERS + 5], shape_type=["rectangle", "ellipse"])
    mask = mask_of(layer, natural)
    assert mask[rectangle].all()
    assert mask.sum() > rectangle.sum()


def test_what_is_drawn_beyond_the_clip_is_cut_off(natural):
    layer = Shapes([CORNERS * 10 - 40], shape_type="rectangle")
    mask = mask_of(layer, natural)
    assert mask.shape == (H, W)
    assert mask.all()


def test_labels(natural, rectangle):
    assert np.array_equal(mask_of(Labels(rectangle.astype(int) * 7), natural), rectangle)


def test_of_several_labels_what_is_seen_is_inside(natural, rectangle):
    other = np.roll(rectangle, 6, axis=0) & ~rectangle
    layer = Labels(rectangle.astype(int) * 3 + other * 5, name="cells")
    assert np.array_equal(mask_of(layer, natural), rectangle | other)
    layer.selected_label = 5
    assert np.array_equal(mask_of(layer, natural), rectangle | other)
    layer.show_selected_label = True
    assert np.array_equal(mask_of(layer, natural), other)
    layer.selected_label = 4
    with pytest.raises(InputError, match="'clip' with label 4, which is all that it shows"):
        mask_of(layer, natural)


def test_a_file_of_labels_is_no_mask(tmp_path, rectangle):
    np.save(tmp_path / "m.npy", rectangle * np.uint8(120))
    with pytest.raises(InputError, match=r"m\.npy\) is not black and white.*values 120"):
        read_mask_labels(tmp_path / "m.npy")
    np.save(tmp_path / "m.npy", rectangle)
    assert np.array_equal(read_mask_labels(tmp_path / "m.npy"), rectangle)


def test_labels_painted_on_one_frame_hold_for_all(natural, rectangle):
    painted = np.zeros((T, H, W), int)
    painted[1] = rectangle
    assert np.array_equal(mask_of(Labels(painted), natural), rectangle)


def test_labels_on_several_frames_move(natural, rectangle):
    painted = np.stack([rectangle, np.roll(rectangle, 1, axis=1), np.zeros_like(rectangle)])
    assert np.array_equal(mask_of(Labels(painted.astype(int)), natural), painted)


def test_pixels_are_matched_by_where_they_are_seen(natural, rectangle):
    small = Image(frames(T, H // 2, W // 2), rgb=True)
    lay_over(small, natural, 0)
    mask = mask_of(Shapes([CORNERS], shape_type="rectangle"), small)
    # centres of the large pixels lie at 0.5, 2.5, …
    expected = np.zeros((H // 2, W // 2), bool)
    expected[1:4, 2:6] = True
    assert np.array_equal(mask, expected)
    whole = mask_of(
        Labels(np.ones((H // 2, W // 2), int), scale=(2, 2), translate=(0.5, 0.5)), natural
    )
    assert whole.all()


@pytest.mark.parametrize("aspect", [4 / 3, 8 / 9])
def test_what_is_drawn_on_wide_pixels_marks_those_below_it(rectangle, aspect):
    """A clip whose pixels are not square is shown wider than it is stored."""
    natural = Image(frames(T, H, W), rgb=True, scale=(1, 1, aspect))
    drawn = Shapes([CORNERS * (1, aspect)], shape_type="rectangle")
    assert np.array_equal(mask_of(drawn, natural), rectangle)
    painted = Labels(rectangle.astype(int), scale=(1, aspect))
    assert np.array_equal(mask_of(painted, natural), rectangle)


@pytest.mark.parametrize(
    "layer", [Shapes(name="region"), Labels(np.zeros((H, W), int), name="region"),
              Shapes([CORNERS + 100], shape_type="rectangle", name="region")],
)  # fmt: skip
def test_nothing_drawn_is_an_error(natural, layer):
    with pytest.raises(InputError, match="'region' marks no pixel of the clip 'clip'"):
        mask_of(layer, natural)


def test_only_what_can_be_drawn_on_is_a_region(natural):
    assert not is_region(natural)
    assert is_region(Shapes())
