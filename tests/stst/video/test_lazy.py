from __future__ import annotations

import gc
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from small_runs import FPS, clip, frames
from stst import InputError, frames_sha256, read_video, write_preview, write_video
from stst.video import LazyVideo
from stst.video.formats.container import ContainerReader

NAMES = ["clip.mkv", "clip.npz", "clip.npy", "clip", "clip.mp4"]
ORDER = (5, 0, 6, 6, 1, 2, 3, 0, 5, 4, 6, 2)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lazy")
    for name in ("clip.mkv", "clip.npz", "clip/"):
        write_video(f"{folder}/{name}", frames(7), FPS)
    np.save(folder / "clip.npy", frames(7))
    write_preview(folder / "clip.mp4", frames(7), FPS)
    return folder


def opened(here, name, *args, **options):
    return LazyVideo(here / name, *args, fps=FPS if name == "clip.npy" else None, **options)


def whole(here, name, *args, **options):
    return read_video(here / name, *args, fps=FPS if name == "clip.npy" else None, **options)


@pytest.mark.parametrize("name", NAMES)
class TestSameAsReadVideo:
    def test_in_any_order(self, here, name):
        video, expected = opened(here, name), whole(here, name)
        for index in ORDER:
            assert np.array_equal(video.frames[index], expected.frames[index])
        assert np.array_equal(list(video.frames), expected.frames)
        assert video.frames.shape == expected.frames.shape
        assert (len(video), video.height, video.width) == expected.frames.shape[:3]
        assert video.fps == expected.fps
        assert video.path == here / name

    def test_a_smaller_part(self, here, name):
        video, expected = opened(here, name, "2:6", 11), whole(here, name, "2:6", 11)
        assert (video.start, len(video)) == (2, 4)
        for index in (3, 0, 2, 1):
            assert np.array_equal(video.frames[index], expected.frames[index])
        assert video.sha256() == frames_sha256(expected.frames)
        assert video.source == expected.source

    def test_resampled(self, here, name):
        rate = Fraction(48)
        video, expected = (do(here, name, "1:9", resample_fps=rate) for do in (opened, whole))
        assert np.array_equal(list(video.frames), expected.frames)
        assert (video.fps, video.source) == (rate, expected.source)

    def test_source_and_hash(self, here, name):
        video, expected = opened(here, name), whole(here, name)
        assert video.sha256() == expected.sha256() == video.sha256()
        assert video.source == expected.source
        assert np.array_equal(video.frames[6], expected.frames[6])


class TestKeptFrames:
    def test_neighbours_are_decoded_once(self, here, monkeypatch):
        decoded = []

        def noted(reader, index, read=ContainerReader._read):
            decoded.append(index)
            return read(reader, index)

        monkeypatch.setattr(ContainerReader, "_read", noted)
        video = LazyVideo(here / "clip.mkv")
        for index in range(1, 7):
            assert len(video.frames[index]) == len(video.frames[index - 1])
        assert decoded == [1, 0, 2, 3, 4, 5, 6]

    def test_a_frame_does_not_change_when_others_are_read(self, here):
        video = LazyVideo(here / "clip.mkv")
        first = video.frames[0]
        before = first.copy()
        assert len(list(video.frames)) == 7
        assert np.array_equal(first, before)

    def test_the_hash_is_taken_once(self, here, monkeypatch):
        video = LazyVideo(here / "clip.mkv")
        before = video.sha256()
        monkeypatch.setattr(ContainerReader, "_read", pytest.fail)
        assert video.sha256() == before


class TestErrors:
    @pytest.mark.parametrize("index", [-1, 3, 99])
    def test_frames_outside(self, here, index):
        with pytest.raises(IndexError) as error:
            LazyVideo(here / "clip.mkv", "2:5").frames[index]
        assert str(error.value) == f"frame {index} of 3"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("5:99",), "`frames` 5:99 is not inside {}, which has 7 frames (0:7)."),
            (("3:3",), "`frames` 3:3 is empty. The end is not included: 0:1 is the first frame."),
            ((None, 0), "`max_side` 0: it must be a whole number of pixels, at least 1."),
        ],
    )
    def test_parts_that_cannot_be(self, here, words, said):
        path = here / "clip.mkv"
        with pytest.raises(InputError) as error:
            LazyVideo(path, *words)
        assert str(error.value) == said.format(path)

    def test_files_that_cannot_be_read(self, here, tmp_path):
        (tmp_path / "empty.mp4").touch()
        for path, said in (
            (tmp_path / "no.mkv", "does not exist"),
            (tmp_path / "empty.mp4", "is empty (0 bytes)"),
            (here / "clip.npy", "--fps"),
        ):
            with pytest.raises(InputError) as error:
                LazyVideo(path)
            assert str(path) in str(error.value)
            assert said in str(error.value)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists open files on Linux")
@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_closed(here, name):
    def count():
        gc.collect()
        return sum(here in one.resolve().parents for one in Path("/proc/self/fd").iterdir())

    video = opened(here, name)
    assert video.frames[3].shape == (18, 20, 3)
    del video
    assert count() == 0
    with pytest.raises(InputError):
        opened(here, name, "9:")
    assert count() == 0


def test_frames_outlive_their_video(tmp_path):
    """What is asked for through the frames alone is still decoded."""
    path = clip(tmp_path / "a.mkv", 5)
    kept = LazyVideo(path).frames
    gc.collect()
    assert np.array_equal(list(kept), frames(5))
