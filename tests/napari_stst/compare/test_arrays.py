from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_stst.background.measurements import Match
from napari_stst.compare.arrays import compose_frame, curtain, difference
from napari_stst.viewer.layers import layer_of
from small_runs import clip, frames
from stst import read_video


def layer(path):
    data, options, _ = layer_of(path)
    return Image(data, **options)


@pytest.fixture
def pair(tmp_path):
    natural = clip(tmp_path / "natural.mkv", 6, 20, 24)
    return layer(natural), layer(clip(tmp_path / "other.mkv", 3, 20, 24, seed=1)), natural


class TestDifference:
    def test_every_pair_of_values(self):
        values = np.arange(256)
        natural, other = np.meshgrid(values.astype(np.uint8), values.astype(np.uint8))
        exact = other.astype(int) - natural
        for gain in (0.5, 1, 3):
            shown = difference("absolute", gain)(natural, other)
            np.testing.assert_array_equal(shown, np.rint(gain * np.abs(exact)).clip(0, 255))
            shown = difference("signed", gain)(natural, other)
            np.testing.assert_array_equal(shown, np.rint(128 + gain * exact / 2).clip(0, 255))
            assert shown.dtype == np.uint8
        # what is equal is mid-grey, and at gain 1 the ends are almost the ends
        shown = difference("signed", 1)(natural, other)
        assert (np.diag(shown) == 128).all()
        assert (shown.min(), shown.max()) == (0, 255)


class TestCurtain:
    @pytest.mark.parametrize("split", [0, 1, 9, 24])
    def test_left_and_right(self, split):
        natural, other = frames(2, 20, 24)
        shown = curtain(split, line=False)(natural, other)
        np.testing.assert_array_equal(shown[:, :split], natural[:, :split])
        np.testing.assert_array_equal(shown[:, split:], other[:, split:])

    def test_the_edge_is_marked(self):
        natural, other = np.zeros((2, 20, 24, 3), np.uint8)
        assert curtain(9)(natural, other).any(axis=(0, 2)).nonzero()[0].tolist() == [9]
        for end in (0, 24):
            assert not curtain(end)(natural, other).any()


class TestComposed:
    def test_frames_of_the_natural_clip_and_of_the_other(self, pair):
        natural, other, path = pair
        array = compose_frame(natural, other, Match(2, 5), path, difference("absolute", 1))
        assert (array.shape, array.ndim, array.size, len(array)) == ((3, 20, 24, 3), 4, 4320, 3)
        here, there = np.asarray(natural.data)[2:5].astype(int), np.asarray(other.data)
        expected = np.abs(there - here)
        np.testing.assert_array_equal(np.asarray(array), expected)
        np.testing.assert_array_equal(array[1], expected[1])
        np.testing.assert_array_equal(array[-1, 3:5, :, 0], expected[-1, 3:5, :, 0])
        np.testing.assert_array_equal(array[1:, :2], expected[1:, :2])
        np.testing.assert_array_equal(array[[2, 0]], expected[[2, 0]])
        np.testing.assert_array_equal(array[..., 1], expected[..., 1])
        assert array[3:].shape == (0, 20, 24, 3)
        with pytest.raises(IndexError):
            array[3]
        with pytest.raises(ValueError, match="without copying"):
            np.array(array, copy=False)

    def test_a_natural_clip_that_was_shrunk_and_resampled(self, tmp_path):
        path = clip(tmp_path / "natural.mkv", 9, 20, 24, fps=24)
        rate = {"max_side": 12, "resample_fps": "12"}
        wanted = read_video(path, "1:4", **rate)
        other = Image(frames(3, 10, 12, seed=3), rgb=True)
        array = compose_frame(layer(path), other, Match(1, 4, 2.0, **rate), path, curtain(12))
        np.testing.assert_array_equal(np.asarray(array), wanted.frames)

    def test_grey_frames(self):
        natural, other = Image(frames(4)[..., 0]), Image(frames(4, seed=1)[..., 0])
        array = compose_frame(natural, other, Match(0, 4), "no file", curtain(0))
        np.testing.assert_array_equal(np.asarray(array)[..., 2], other.data)
        assert array.shape == (4, 18, 20, 3)
