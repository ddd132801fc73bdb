from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from small_runs import FPS, clip, frames, stst
from stst.analysis.cka.unrelated import SAME, UnrelatedClip, UnrelatedClips, crop_to, null_notes
from stst.analysis.images import fit_frame
from stst.errors import InputError
from stst.video import LazyVideo, Video, read_video, to_uint8, write_preview, write_video
from stst.video.samples import sample_path

NAMES = ("astronaut", "cat", "coffee")


def left(natural, other, *null):
    """Name the clips that have nothing to do with two others."""
    clips = (one if isinstance(one, Video) else LazyVideo(one) for one in (natural, other))
    return [Path(one.name).stem for one in UnrelatedClips(null).apart_from(*clips)]


@pytest.fixture
def foreign(tmp_path):
    return clip(tmp_path / "foreign.mkv", 6, 30, 40)


class TestChosen:
    def test_the_sample_clips(self, foreign):
        assert left(foreign, foreign) == list(NAMES)

    def test_neither_of_the_two(self, foreign):
        assert left(sample_path("cat"), foreign) == ["astronaut", "coffee"]
        assert left(foreign, sample_path("cat")) == ["astronaut", "coffee"]
        assert left(sample_path("cat"), sample_path("coffee")) == ["astronaut"]

    @pytest.mark.parametrize("suffix", ["npy", "mkv", ""])
    def test_another_container(self, tmp_path, foreign, suffix):
        path = tmp_path / f"other.{suffix}".rstrip(".")
        write_video(path, read_video(sample_path("cat")).frames, FPS)
        given = LazyVideo(path, fps=24 if suffix != "mkv" else None)
        chosen = UnrelatedClips().apart_from(given, LazyVideo(foreign))
        assert [Path(one.name).stem for one in chosen] == ["astronaut", "coffee"]
        # also the other way round: the packaged clip is compared, and the copy is given
        assert left(sample_path("cat"), foreign, path) == ["astronaut", "coffee"]

    def test_another_size_and_part_and_lossy(self, tmp_path, foreign):
        part = read_video(sample_path("coffee"), frames="7:12", max_side=60)
        write_video(tmp_path / "part.mkv", part.frames, FPS)
        assert left(tmp_path / "part.mkv", foreign) == ["astronaut", "cat"]
        write_preview(tmp_path / "lossy.mp4", iter(part.frames), part.fps)
        assert left(tmp_path / "lossy.mp4", foreign) == ["astronaut", "cat"]
        stretched = [fit_frame(one, (200, 190)).permute(1, 2, 0).numpy() for one in part.frames]
        assert left(Video(to_uint8(np.stack(stretched)), FPS), foreign) == ["astronaut", "cat"]

    def test_grey_levels_do_not_hide_it(self, foreign):
        grey = read_video(sample_path("astronaut")).frames.mean(3, keepdims=True)
        darker = np.repeat(grey / 2 + 20, 3, axis=3).astype(np.uint8)
        assert left(Video(darker, FPS), foreign) == ["cat", "coffee"]

    def test_the_samples_are_not_alike(self):
        clips = UnrelatedClips()
        looks = [known.looks for known in clips._known.values()]
        for place, one in enumerate(looks):
            for other in looks[place + 1 :]:
                assert (one @ other.T).max() < SAME - 0.2


class TestSources:
    @pytest.fixture
    def metamer(self, tmp_path, monkeypatch):
        """A scrambled clip that was made of a sample clip in another container, which is gone."""
        monkeypatch.chdir(tmp_path)
        write_video(tmp_path / "source.npz", read_video(sample_path("cat")).frames, FPS)
        words = ("source.npz", "-o", "made.mkv", "--frames", "3:9", "--max-side", 48)
        assert stst("scramble", *words).exit_code == 0
        return tmp_path / "made.mkv"

    def test_frames_of_the_source(self, metamer, foreign):
        for name in ("source.npz", "source.json"):
            (metamer.parent / name).unlink(missing_ok=True)
        assert left(foreign, metamer) == ["astronaut", "coffee"]
        assert left(metamer, foreign) == ["astronaut", "coffee"]

    def test_the_file_of_the_source(self, tmp_path, foreign, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert stst("scramble", sample_path("cat"), "-o", "made.mkv").exit_code == 0
        record = json.loads((tmp_path / "made.json").read_text())
        for one in record["inputs"]:
            one["path"] = "gone.mkv"
            del one["frames_sha256"]
        (tmp_path / "made.json").write_text(json.dumps(record))
        assert left(foreign, tmp_path / "made.mkv") == ["astronaut", "coffee"]

    def test_a_source_that_is_still_there_is_looked_at(self, tmp_path, foreign, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_preview(tmp_path / "lossy.mp4", iter(read_video(sample_path("cat")).frames), FPS)
        assert stst("scramble", "lossy.mp4", "-o", "made.mkv").exit_code == 0
        assert left(foreign, tmp_path / "made.mkv") == ["astronaut", "coffee"]

    def test_a_clip_that_is_given_and_was_made_of_the_same(self, metamer, foreign, tmp_path):
        source = tmp_path / "source.npz"
        assert left(source, foreign, metamer) == ["astronaut", "coffee"]
        assert stst("scramble", "source.npz", "-o", "again.mkv").exit_code == 0
        assert left(foreign, metamer, "again.mkv") == ["astronaut", "coffee"]
        assert left(foreign, sample_path("coffee"), metamer) == ["astronaut", "cat", "made"]


class TestGiven:
    def test_beside_the_samples(self, tmp_path, foreign):
        other = clip(tmp_path / "other.mkv", 3, 20, 20, seed=1)
        assert left(foreign, sample_path("cat"), other) == ["astronaut", "coffee", "other"]

    def test_what_shows_the_same_counts_once(self, tmp_path, foreign):
        write_video(tmp_path / "again.npy", read_video(sample_path("cat")).frames[::3], FPS)
        found = UnrelatedClips([foreign, foreign, tmp_path / "again.npy"])
        assert [Path(one.name).stem for one in found.clips] == [*NAMES, "foreign"]
        (note,) = found.notes
        assert note == (
            f"`null` {tmp_path / 'again.npy'}: shows the same as {sample_path('cat')}, so counts "
            "once."
        )

    def test_a_photograph_and_pictures_without_a_rate(self, tmp_path, foreign):
        from PIL import Image

        shown = frames(2, 40, 60, seed=4)
        Image.fromarray(shown[0]).save(tmp_path / "photograph.png")
        write_video(tmp_path / "pictures", frames(2, seed=7), FPS)
        given = tmp_path / "photograph.png", tmp_path / "pictures"
        assert left(foreign, sample_path("cat"), *given) == [
            "astronaut", "coffee", "photograph", "pictures",
        ]  # fmt: skip

    def test_one_that_cannot_be_read(self, tmp_path):
        with pytest.raises(InputError, match=r"no\.mkv"):
            UnrelatedClips([tmp_path / "no.mkv"])


def test_none_is_left(monkeypatch, foreign):
    monkeypatch.setattr(
        "stst.analysis.cka.unrelated.sample_clips",
        lambda: [sample_path("cat"), sample_path("coffee")],
    )
    with pytest.raises(InputError) as caught:
        left(sample_path("cat"), sample_path("coffee"))
    text = str(caught.value)
    assert "has no null: no clip is left that has nothing to do with them" in text
    assert text.endswith("Give other natural clips: `null=CLIP`.")
    assert str(sample_path("coffee")) in text


def test_brought_to_a_size():
    (frame,) = frames(1, 30, 60)
    assert crop_to(frame, (30, 60)) is frame
    # the middle 20 of 60 columns have the shape of 3:2
    np.testing.assert_array_equal(crop_to(frame, (30, 20)), frame[:, 20:40])
    flat = np.full((9, 12, 3), 77, np.uint8)
    np.testing.assert_array_equal(crop_to(flat, (40, 17)), np.full((40, 17, 3), 77))


def test_notes():
    one, two = (UnrelatedClip(name, Video(frames(1), FPS)) for name in "ab")
    (together, alone) = null_notes({"x": [one, two], "y": [one, two], "z": [one]})
    assert together == (
        "The null of x, y comes from 2 unrelated clips: a, b. A band of 2 is a rough one: give "
        "more natural clips with `null=CLIP`."
    )
    assert alone.startswith("The null of z comes from 1 unrelated clip: a. A band of 1 ")
    assert null_notes({"x": [one] * 5})[0].endswith("5 unrelated clips: a, a, a, a, a.")
