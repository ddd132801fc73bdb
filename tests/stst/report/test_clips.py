from __future__ import annotations

import json
from pathlib import Path

import pytest

from small_runs import clip
from stst.errors import InputError
from stst.report import open_clips
from stst.report.clips import labels_of
from stst.utils.files import sha256_of

STST, STPS = {"method": "stst"}, {"method": "stps"}


@pytest.mark.parametrize(
    ("clips", "labels"),
    [
        ([("m.mkv", None)], ["m"]),
        ([("m.mkv", STST), ("s.mkv", STPS)], ["m (STST)", "s (STPS)"]),
        ([("m.mkv", STST), ("m.npy", STPS)], ["m (STST)", "m (STPS)"]),
        ([("a/m.mkv", STST), ("b/m.mkv", STST)], ["a/m (STST)", "b/m (STST)"]),
        ([("x/a/m.mkv", None), ("y/a/m.mkv", None)], ["x/a/m.mkv", "y/a/m.mkv"]),
        ([("x/m.mkv", None), ("x/m.npy", None), ("n", None)], ["z/x/m.mkv", "z/x/m.npy", "n"]),
        ([("x/natural.mkv", None)], ["x/natural"]),
        ([("frames", {"method": "leaps"})], ["frames (LEAPS)"]),
        ([("m.mkv", {"method": "other"}), ("n.mkv", {"method": [1]})], ["m", "n"]),
        ([("a\nb\x1b\u202e.mkv", None)], ["a b\ufffd\ufffd"]),
    ],
)
def test_labels(clips, labels):
    assert labels_of([(Path("/z") / path, sidecar) for path, sidecar in clips]) == labels


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "cat.npz", 5)
    clip(tmp_path / "other.npz", 5, seed=1)
    return tmp_path


def sidecar(path, natural, **changes):
    record = {"sha256": sha256_of(natural), "frames": [1, 4], **changes}
    path.write_text(json.dumps({"method": "stst", "inputs": [record]}))


def test_what_is_opened(here):
    clip(here / "made.npz", 3, seed=2)
    sidecar(here / "made.json", here / "cat.npz")
    natural, made = open_clips("cat.npz", ["made.npz"])
    assert (natural.label, natural.name) == ("natural", "cat.npz [frames=1:4]")
    assert (made.label, made.name) == ("made (STST)", "made.npz")
    assert natural.sha256 == sha256_of(here / "cat.npz")
    assert len(natural.video) == len(made.video) == 3
    assert natural.sidecar is None
    assert made.sidecar["method"] == "stst"
    assert made.notes == ("cat.npz was aligned as made.json says: [frames=1:4].",)


def test_one_clip_alone(here):
    sidecar(here / "cat.json", here / "other.npz")
    (alone,) = open_clips("cat.npz", [], "1:3")
    assert (alone.label, alone.name, len(alone.video)) == ("cat (STST)", "cat.npz", 2)
    assert alone.sidecar["method"] == "stst"


class TestRefused:
    def test_twice(self, here):
        with pytest.raises(
            InputError, match=r"^.*other\.npz is given twice\. Leave it out once\.$"
        ):
            open_clips("cat.npz", ["other.npz", here / "other.npz"])

    def test_other_frames_of_the_natural_clip(self, here):
        clip(here / "made.npz", 3, seed=2)
        sidecar(here / "made.json", here / "cat.npz")
        message = (
            "made.npz is compared with cat.npz [frames=1:4] and other.npz with all of cat.npz, but "
            "a report shows one natural clip. Make a report of each."
        )
        with pytest.raises(InputError) as caught:
            open_clips("cat.npz", ["made.npz", "other.npz"])
        assert str(caught.value) == message

    def test_another_size(self, here):
        clip(here / "small.npz", 5, 9, 10)
        with pytest.raises(InputError, match=r"18x20 px .* 9x10 px .*`max_side="):
            open_clips("cat.npz", ["small.npz"])


def test_the_same_frames_in_other_words(here):
    clip(here / "made.npz", 5, seed=2)
    sidecar(here / "made.json", here / "cat.npz", frames=[0, 5])
    assert len(open_clips("cat.npz", ["made.npz", "other.npz"], frames="0:5")) == 3


def test_the_natural_clip_beside_itself(here):
    assert [one.label for one in open_clips("cat.npz", ["cat.npz"])] == ["natural", "cat"]
