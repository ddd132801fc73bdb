from __future__ import annotations

import json
import re
import shlex
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from deep_clips import deep
from small_runs import clip, frames, stst, synthesize
from stst import InputError, read_video, write_video
from stst.analysis.pairs import Alignment, NaturalClip
from stst.video import LazyVideo, Levels

ALIGNED = "natural.npz was aligned as part.json says: [frames=2:5, max_side=33]."


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz of 9 frames of 40x44 px and part.mkv made of a part."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz", 9, 40, 44)
    words = ("--frames", "2:5", "--max-side", 33)
    assert synthesize("natural.npz", "-o", "part.mkv", *words).exit_code == 0
    return tmp_path


def pair(other="part.mkv", frames=None, max_side=None, natural="natural.npz"):
    return NaturalClip(Path(natural), frames, max_side).pair(Path(other))


def refused(*args, **options):
    with pytest.raises(InputError) as error:
        pair(*args, **options)
    return str(error.value)


def change(name="part.json", output=(), **entries):
    """Change entries of the first input, or of the output, in a sidecar."""
    content = json.loads(Path(name).read_text())
    content["inputs"][0].update(entries)
    content["output"].update(output)
    Path(name).write_text(json.dumps(content))


class TestSidecar:
    def test_frames_and_size_are_applied(self, here):
        found = pair()
        assert found.alignment == Alignment((2, 5), 33)
        assert found.notes == (ALIGNED,)
        assert found.reference == "natural.npz [frames=2:5, max_side=33]"
        assert found.sidecar["seed"] == 0
        expected = read_video("natural.npz", "2:5", 33).frames
        assert np.array_equal(list(found.natural.frames), expected)
        assert found.other.frames.shape == found.natural.frames.shape == (3, 30, 33, 3)

    @pytest.mark.parametrize("name", ["copy.npz", "copy/", "copy.npy"])
    def test_it_goes_along_to_other_formats(self, here, name):
        stst("convert", "part.mkv", name)
        assert pair(name).alignment == Alignment((2, 5), 33)

    def test_the_natural_clip_is_known_by_its_bytes(self, here):
        (here / "natural.npz").rename(here / "renamed.npz")
        assert pair(natural="renamed.npz").alignment == Alignment((2, 5), 33)

    def test_a_folder_of_pictures(self, here):
        stst("convert", "natural.npz", "natural/")
        words = ("--frames", "1:3", "--max-side", 33)
        assert synthesize("natural", "-o", "of_pictures.npy", *words).exit_code == 0
        assert pair("of_pictures.npy", natural="natural").alignment == Alignment((1, 3), 33)

    def test_all_of_the_clip(self, here):
        synthesize("natural.npz", "-o", "all.npy")
        found = pair("all.npy")
        assert (found.alignment, found.notes) == (Alignment(), ())
        assert found.reference == "natural.npz"

    def test_options_that_agree(self, here):
        assert pair(frames="2:5", max_side=33).notes == (ALIGNED,)
        assert pair(max_side=33).alignment == Alignment((2, 5), 33)

    def test_options_that_contradict(self, here):
        assert refused(frames="2:6") == (
            "`frames` 2:6: part.json says that the stimulus shows frames 2:5 of natural.npz. "
            "Ask for a part of these, or leave `frames` out."
        )
        assert refused(max_side=32) == (
            "`max_side` 32: part.json says that the stimulus was made with 33. "
            "Leave `max_side` out."
        )
        for outside in ("0:3", ":", "4:9"):
            assert refused(frames=outside).endswith("or leave `frames` out.")
        synthesize("natural.npz", "-o", "all.npy")
        assert refused("all.npy", None, 33) == (
            "`max_side` 33: all.json says that the stimulus was made with no such limit. "
            "Leave `max_side` out."
        )
        assert pair("all.npy", "0:9").alignment == Alignment()

    @pytest.mark.parametrize(("start", "stop"), [(3, 5), (2, 4), (4, 5)])
    def test_a_part_of_what_the_stimulus_shows(self, here, start, stop):
        found = pair(frames=f"{start}:{stop}")
        assert found.alignment == Alignment((start, stop), 33)
        there = start - 2, stop - 2
        assert np.array_equal(list(found.other.frames), read_video("part.mkv", there).frames)
        expected = read_video("natural.npz", (start, stop), 33).frames
        assert np.array_equal(list(found.natural.frames), expected)
        # tables count in each clip's own numbering
        assert (found.natural.start, found.other.start) == (start, start - 2)
        said = (
            f"natural.npz was aligned as part.json says, and asked for: {found.alignment}. Of "
            "part.mkv the same part was taken: [frames={}:{}].".format(*there)
        )
        assert (found.notes, found.alignment_note) == ((said,), said)

    def test_a_part_of_all_of_the_clip(self, here):
        synthesize("natural.npz", "-o", "all.npy")
        found = pair("all.npy", "1:4")
        assert found.alignment == Alignment((1, 4))
        assert np.array_equal(list(found.other.frames), read_video("all.npy", "1:4").frames)

    def test_another_clip(self, here):
        clip(here / "second.npz", 9, 40, 44, seed=1)
        unnamed = "part.json does not name second.npz as an input."
        found = pair(frames="2:5", max_side=33, natural="second.npz")
        assert found.notes == (
            unnamed, "second.npz was aligned as asked for: [frames=2:5, max_side=33].",
        )  # fmt: skip
        assert found.sidecar is not None
        clip(here / "third.npz", 3, 30, 33, seed=2)
        assert pair(natural="third.npz").notes == (
            "part.json does not name third.npz as an input.",
        )

    def test_a_clip_that_was_changed_later(self, here):
        stst("convert", "part.mkv", "shorter.npy", "--frames", "1:3")
        found = pair("shorter.npy", "3:5", 33)
        assert found.notes == (
            "shorter.npy was changed after it was made, so shorter.json does not say any more "
            "which frames it shows.",
            "natural.npz was aligned as asked for: [frames=3:5, max_side=33].",
        )

    def test_resampled(self, here):
        change(frames=[1, 4], resample_fps="60000/1001")
        write_video("part.npz", frames(3, 30, 33), Fraction(60000, 1001))
        found = pair("part.npz")
        assert found.alignment == Alignment((1, 4), 33, Fraction(60000, 1001))
        assert found.reference == ("natural.npz [frames=1:4, max_side=33, resample_fps=60000/1001]")
        expected = read_video("natural.npz", "1:4", 33, resample_fps="60000/1001")
        assert np.array_equal(list(found.natural.frames), expected.frames)
        # counted as resampled, so 17 and not 8 would be the last
        change(frames=[15, 18])
        assert pair("part.npz").alignment.frames == (15, 18)

    def test_a_decoder_that_gives_other_pixels(self, here):
        change(frames_sha256="0" * 64)
        assert pair().notes == (
            ALIGNED,
            "The frames of natural.npz are decoded differently here than when part.mkv was made.",
        )


class TestDamagedSidecars:
    @pytest.mark.parametrize(
        ("frames", "found"),
        [
            ([2], "[2]"),
            ([2, 5.0], "[2, 5.0]"),
            ("2:5", "'2:5'"),
            ([True, 5], "[true, 5]"),
            ({"2": 5}, "{2 = 5}"),
            (7, "7"),
        ],
    )
    def test_frames(self, here, frames, found):
        change(frames=frames)
        assert refused() == f"part.json: inputs.frames is {found}; it must be two whole numbers."

    @pytest.mark.parametrize(
        ("side", "found"), [("33", "'33'"), (33.0, "33.0"), ([33], "[33]"), (False, "false")]
    )
    def test_side(self, here, side, found):
        change(max_side=side)
        assert refused() == f"part.json: inputs.max_side is {found}; it must be a whole number."

    @pytest.mark.parametrize(
        ("entries", "said"),
        [
            ({"frames": [2, 99]}, "`frames` 2:99 is not inside natural.npz, which has 9 frames"),
            ({"frames": [5, 5]}, "`frames` 5:5 is empty."),
            ({"max_side": 0}, "`max_side` 0: it must be a whole number of pixels, at least 1."),
        ],
    )
    def test_values_that_cannot_be(self, here, entries, said):
        change(**entries)
        assert refused().startswith(f"part.json: what it says of natural.npz cannot be. {said}")

    def test_rate(self, here):
        change(resample_fps="quick")
        assert refused().startswith("part.json: inputs.resample_fps")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "the sidecar of part.mkv "),
            ("[]", "the sidecar of part.mkv "),
            ("\x00", "not a text file in UTF-8: line 1 holds NUL bytes"),
        ],
    )
    def test_no_sidecar_at_all(self, here, text, said):
        (here / "part.json").write_text(text)
        assert refused().startswith(f"part.json: {said}")

    @pytest.mark.parametrize("inputs", [None, {}, [1], [{}], [{"sha256": 1}]])
    def test_inputs(self, here, inputs):
        (here / "part.json").write_text(json.dumps({"inputs": inputs}))
        found = pair(frames="2:5", max_side=33)
        assert found.notes[0] == "part.json does not name natural.npz as an input."

    @pytest.mark.parametrize("output", [None, {}, 3])
    def test_output(self, here, output):
        content = json.loads((here / "part.json").read_text())
        (here / "part.json").write_text(json.dumps({**content, "output": output}))
        assert pair().notes == (ALIGNED,)


class TestWithoutSidecar:
    def test_as_asked_for(self, here):
        (here / "part.json").unlink()
        found = pair(frames="2:5", max_side=33)
        assert found.alignment == Alignment((2, 5), 33)
        assert found.sidecar is None
        assert found.notes == ("natural.npz was aligned as asked for: [frames=2:5, max_side=33].",)

    def test_nothing_to_do(self, here):
        clip(here / "other.npz", 9, 40, 44, seed=1)
        assert pair("other.npz").notes == ()
        assert pair("other.npz", ":").reference == pair("other.npz", "0:9").reference

    def test_open_ends(self, here):
        clip(here / "other.npz", 3, 40, 44)
        assert pair("other.npz", "6:").reference == "natural.npz [frames=6:9]"

    def test_what_still_differs(self, here):
        (here / "part.json").unlink()
        assert refused() == (
            "natural.npz (9 frames of 40x44 px at 30000/1001 Hz) and part.mkv (3 frames of 30x33 "
            "px at 30000/1001 Hz) cannot be compared. Say which 3 frames of the first the second "
            'shows: `frames="A:B"` (`frames` cuts the first alone, unless both are of the same '
            "length). Shrink the first: `max_side=33`."
        )
        assert pair(frames="2:5", max_side=33).notes != ()
        # what was given is not advised again
        assert refused(frames="2:7", max_side=33).endswith(
            "The frames 2:7 of the first are 5; ask for the 3 that the second shows, or cut the "
            "second, too, e.g. `stst convert part.mkv part_part.mkv --frames 0:5`."
        )
        assert refused(frames="2:5").endswith(
            "cannot be compared. Shrink the first: `max_side=33`."
        )
        clip(here / "slow.npz", 9, 40, 44, fps=Fraction(25))
        assert "slow.npz (9 frames of 40x44 px at 25 Hz) cannot be" in refused("slow.npz")
        clip(here / "turned.npz", 9, 44, 40)
        assert "turned.npz (9 frames of 44x40 px at" in refused("turned.npz")
        assert "Their sizes are of another shape" in refused("turned.npz")

    @pytest.mark.parametrize(
        "options",
        [
            {"count": 12, "height": 40, "width": 44},
            {"count": 9, "height": 80, "width": 88},
            {"count": 9, "height": 40, "width": 44, "fps": Fraction(25)},
            {"count": 12, "height": 80, "width": 88},
        ],
    )
    def test_the_commands_of_the_advice_help(self, here, options):
        clip(here / "other.npz", **options)
        natural, other = "natural.npz", "other.npz"
        while True:
            try:
                found = pair(other, natural=natural)
                break
            except InputError as error:
                command, *_ = re.findall("`(stst .*?)`", str(error))
                _, _, source, new, *_ = words = shlex.split(command)
                assert stst(*words[1:], "--overwrite").exit_code == 0
                natural, other = (new, other) if source == natural else (natural, new)
        assert found.natural.frames.shape == found.other.frames.shape

    @pytest.mark.parametrize(
        "options",
        [{"count": 9, "height": 80, "width": 88}, {"count": 12, "height": 40, "width": 44}],
    )
    def test_of_deep_clips_too(self, here, options):
        """The commands have the option that the clips are read with."""
        deep("natural.mkv", count=9, height=40, width=44)
        deep("other.mkv", **options)
        with pytest.raises(InputError, match="cannot be compared") as error:
            NaturalClip(Path("natural.mkv"), levels=Levels(bits=8)).pair(Path("other.mkv"))
        (command,) = re.findall("`(stst .*?)`", str(error.value))
        assert stst(*shlex.split(command)[1:]).exit_code == 0
        new = Path(shlex.split(command)[3])
        found = NaturalClip(Path("natural.mkv"), levels=Levels(bits=8)).pair(new)
        assert found.natural.frames.shape == found.other.frames.shape

    def test_a_part_of_both_clips(self, here):
        clip(here / "other.npz", 9, 40, 44, seed=1)
        for second in ("other.npz", "natural.npz"):
            found = pair(second, "1:4")
            assert np.array_equal(
                list(found.natural.frames), read_video("natural.npz", "1:4").frames
            )
            assert np.array_equal(list(found.other.frames), read_video(second, "1:4").frames)
            assert (found.natural.start, found.other.start) == (1, 1)
            assert found.notes == (
                "natural.npz was aligned as asked for: [frames=1:4]. Of "
                f"{second} the same part was taken: [frames=1:4].",
            )

    def test_both_clips_smaller(self, here):
        clip(here / "other.npz", 9, 40, 44, seed=1)
        found = pair("other.npz", None, 33)
        expected = read_video("other.npz", max_side=33).frames
        assert np.array_equal(list(found.other.frames), expected)
        # as large, and of another length
        clip(here / "short.npz", 3, 40, 44, seed=1)
        found = pair("short.npz", "2:5", 22)
        assert found.natural.frames.shape == found.other.frames.shape == (3, 20, 22, 3)
        assert np.array_equal(list(found.other.frames), read_video("short.npz", max_side=22).frames)

    def test_a_clip_that_was_replaced(self, here):
        clip(here / "part.mkv.npz", 3, 30, 33, seed=9)
        (here / "part.mkv.npz").rename(here / "part.npz")
        (here / "part.mkv").unlink()
        note = pair("part.npz").notes[0]
        assert note.startswith("part.npz is not the file that part.json describes: it was changed")

    def test_the_sidecar_of_another_file(self, here):
        clip(here / "longer.npz", 4, 30, 33)
        (here / "part.json").rename(here / "longer.json")
        assert refused("longer.npz").endswith(
            "cannot be compared. longer.npz is not the file that longer.json describes: it was "
            "changed, or the sidecar belongs to another one. The sidecar's frame range and size "
            "have been applied already, so the clip is not what its sidecar describes."
        )


class TestFiles:
    def test_missing(self, here):
        assert refused(natural="no.mp4") == "no.mp4 does not exist. Check the name and the folder."
        assert refused("no.mkv") == "no.mkv does not exist. Check the name and the folder."

    def test_options_that_cannot_be(self, here):
        clip(here / "other.npz", 9, 40, 44)
        for other in ("other.npz", "part.mkv"):
            assert refused(other, "5:99").startswith("`frames` 5:99 is not inside natural.npz")
            assert refused(other, "x").startswith("`frames` 'x' is not a range.")
        assert refused("other.npz", None, 0).startswith("`max_side` 0: it must be a whole number")

    def test_one_opened_clip_per_alignment(self, here, monkeypatch):
        opened = []

        def noted(path, *args, **options):
            opened.append(str(path))
            return LazyVideo(path, *args, **options)

        monkeypatch.setattr("stst.analysis.pairs.LazyVideo", noted)
        stst("convert", "part.mkv", "copy.npz")
        synthesize("natural.npz", "-o", "all.npy")
        natural = NaturalClip(Path("natural.npz"))
        found = [natural.pair(Path(name)) for name in ("part.mkv", "copy.npz", "all.npy") * 2]
        assert len({one.natural for one in found}) == 2
        assert found[0].natural is found[1].natural
        assert opened.count("natural.npz") == 2
