from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image, Labels

from napari_stst.viewer import layers
from napari_stst.viewer.arrange import lay_over
from napari_stst.viewer.layers import (
    FrameArray,
    file_of,
    frames_of,
    is_clip,
    layer_of,
    rate_of,
    save_clip,
)
from small_runs import FPS, clip
from stst.errors import InputError
from stst.video import LazyVideo, read_video

T, H, W = 5, 6, 7


def wide(path, aspect):
    """Write two frames of 48 x 32 pixels of this aspect."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for place in range(2):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 90 * place, np.uint8))
            frame.pts, frame.time_base = place, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return clip(tmp_path_factory.mktemp("clips") / "one.mkv", count=T, height=H, width=W)


@pytest.fixture(scope="module")
def array(path):
    return FrameArray(LazyVideo(path))


@pytest.fixture(scope="module")
def frames(path):
    return read_video(path).frames


def slices(length):
    ends = st.one_of(st.none(), st.integers(-length - 1, length + 1))
    steps = st.one_of(st.none(), st.sampled_from([-2, -1, 1, 2]))
    return st.one_of(st.integers(-length, length - 1), st.builds(slice, ends, ends, steps))


class TestFrameArray:
    @given(st.tuples(slices(T), slices(H), slices(W), slices(3)), st.integers(0, 4))
    def test_it_is_sliced_as_an_array(self, array, frames, key, count):
        assert np.array_equal(array[key[:count]], frames[key[:count]])

    @pytest.mark.parametrize(
        "key",
        [
            3,
            ...,
            (..., 0),
            (2, ..., 1),
            (slice(1, 3), ...),
            ([0, 2], slice(None), slice(None)),
            (np.array([[0, 1], [2, 3]]),),
        ],
    )
    def test_other_keys(self, array, frames, key):
        assert np.array_equal(array[key], frames[key])

    def test_it_looks_like_an_array(self, array, frames):
        assert (array.shape, array.dtype, array.ndim, array.size, len(array)) == (
            frames.shape, frames.dtype, frames.ndim, frames.size, len(frames),
        )  # fmt: skip
        assert np.array_equal(np.asarray(array), frames)
        assert np.asarray(array, dtype=float).dtype == float
        with pytest.raises(IndexError):
            array[T]

    def test_only_some_frames_are_kept(self, path, monkeypatch):
        monkeypatch.setattr(layers, "_KEPT_BYTES", 2 * H * W * 3)
        array = FrameArray(LazyVideo(path))
        for frame in range(T):
            array[frame]
        assert list(array._kept) == [T - 2, T - 1]


class TestLayers:
    def test_a_clip_from_disk_knows_its_file_and_rate(self, path):
        data, options, _ = layer_of(path)
        layer = Image(data, **options)
        assert is_clip(layer)
        assert file_of(layer) == path
        assert rate_of(layer) == FPS
        assert options["metadata"]["source"]["decoder"]
        assert save_clip(layer, path.with_name("other.mkv")) == path

    @pytest.mark.parametrize(
        ("suffix", "aspect"), [(".mp4", Fraction(4, 3)), (".mkv", Fraction(8, 9))]
    )
    def test_pixels_that_are_not_square_are_shown_so(self, tmp_path, suffix, aspect):
        path = wide(tmp_path / f"wide{suffix}", aspect)
        data, options, _ = layer_of(path)
        assert data.shape == (2, 32, 48, 3)
        layer = Image(data, **options)
        low, high = layer.extent.world
        _, height, width = high - low + layer.scale
        assert width / height == pytest.approx(48 / 32 * float(aspect))
        result = Image(np.zeros((2, 16, 24, 3), np.uint8), rgb=True)
        lay_over(result, layer, 0)
        edges = [
            (one.extent.world + np.outer([-0.5, 0.5], one.scale))[:, 1:] for one in (layer, result)
        ]
        assert np.allclose(*edges)
        assert "scale" not in layer_of(clip(tmp_path / "square.mkv"))[1]

    def test_frames_in_memory_are_saved(self, tmp_path, frames):
        layer = Image(frames[1:3], rgb=True, metadata={"fps": "24000/1001"})
        assert file_of(layer) is None
        path = save_clip(layer, tmp_path / "saved.mkv")
        saved = read_video(path)
        assert saved.fps == Fraction(24000, 1001)
        assert np.array_equal(saved.frames, frames[1:3])

    def test_not_without_a_rate(self, tmp_path, frames):
        layer = Image(frames, rgb=True, name="stack")
        with pytest.raises(InputError, match="'stack' has no frame rate"):
            save_clip(layer, tmp_path / "saved.mkv")

    def test_grey_becomes_three_equal_channels(self, frames):
        grey = frames[..., 0]
        assert is_clip(Image(grey))
        assert np.array_equal(frames_of(grey), np.stack([grey] * 3, axis=-1))

    def test_an_opaque_fourth_channel_is_dropped(self, frames):
        opaque = np.concatenate([frames, np.full_like(frames[..., :1], 255)], axis=-1)
        assert np.array_equal(frames_of(opaque), frames)
        with pytest.raises(InputError, match="transparent"):
            frames_of(np.concatenate([frames, frames[..., :1]], axis=-1))

    def test_other_layers_are_no_clips(self, frames):
        assert not is_clip(Image(frames[0], rgb=True))
        assert not is_clip(Image(frames.astype(float)[..., 0]))
        assert not is_clip(Labels(np.zeros((T, H, W), int)))
        with pytest.raises(InputError, match=r"float64 .* a clip is uint8"):
            frames_of(frames.astype(float))

    def test_a_rate_that_is_none(self, frames):
        with pytest.raises(InputError, match=r"layer 'a': metadata\['fps'\]"):
            rate_of(Image(frames, rgb=True, name="a", metadata={"fps": "fast"}))
