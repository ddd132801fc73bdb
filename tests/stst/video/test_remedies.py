"""Refusals of clips say a whole command, and that command helps."""

from __future__ import annotations

import re
import shlex
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from small_clips import encode, moving, save_pictures

import stst as library
from small_runs import stst, stst_analyze
from stst.errors import InputError
from stst.video import read_video
from stst.video.remedies import as_word, convert_command, name_beside

GAPS = [0, 1, 2, 5, 6, 10, 11, 12]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def remedies(text: str) -> list[list[str]]:
    """Give the words of the commands in backticks."""
    found = [shlex.split(command) for command in re.findall("`((?:stst|python) .*?)`", text)]
    assert all(words[0] == "stst" for words in found)
    return [words[1:] for words in found]


def remedy(text: str) -> list[str]:
    """Give the words of the one command in backticks."""
    (words,) = remedies(text)
    return words


def uneven(path: Path) -> Path:
    return encode(path, moving(8), Fraction(25), pts=GAPS)


@pytest.mark.parametrize("name", ["clip.mp4", "a clip's.mp4", "-clip.mkv"])
@pytest.mark.parametrize(
    "command",
    [
        ("scramble", "{}", "-o", "out.npz"),
        ("synthesize", "{}", "-o", "out.npz", "--preset", "quick"),
        ("convert", "{}", "out.npz"),
        ("analyze", "compare", "{}", "{}"),
        ("analyze", "features", "{}"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_varying_rate(here, name, command):
    uneven(here / name)
    words = [one.format(f"./{name}") for one in command]
    run = stst_analyze if words[0] == "analyze" else stst
    shown = run(*words[words[0] == "analyze" :])
    assert shown.exit_code == 2
    assert "variable frame rate" in shown.stderr
    nearest, as_it_is = remedies(shown.stderr)
    assert nearest[-2] == "--resample-fps"
    assert stst(*nearest).exit_code == 0
    rate = Fraction(nearest[-1])
    assert read_video(nearest[2]).fps == rate
    # where only the stamps are wrong, the other one
    assert as_it_is[-2:] == ["--fps", str(rate)]
    assert stst(*as_it_is, "--overwrite").exit_code == 0
    assert len(read_video(as_it_is[2])) == 8


def frames_of_a_folder(here: Path) -> Path:
    return save_pictures(here / "my pictures", moving(3))


def array(here: Path) -> Path:
    np.save(here / "array.npy", moving(3))
    return here / "array.npy"


def archive(here: Path) -> Path:
    np.savez(here / "archive.npz", frames=moving(3))
    return here / "archive.npz"


@pytest.mark.parametrize("make", [frames_of_a_folder, array, archive])
def test_no_rate(here, make):
    path = make(here).relative_to(here)
    shown = stst_analyze("features", path)
    assert (shown.exit_code, "holds no frame rate" in shown.stderr) == (2, True)
    (line,) = (one for one in stst("info", path).stdout.splitlines() if one.startswith("rate:"))
    with pytest.raises(InputError) as caught:
        library.read_video(path)
    assert remedy(shown.stderr) == remedy(line) == remedy(str(caught.value))
    assert stst(*remedy(line)).exit_code == 0
    assert read_video(remedy(line)[2]).fps == 30
    # what the message says of Python
    assert "fps=30" in str(caught.value)
    assert library.read_video(path, fps=30).fps == 30


HLG = {"colorspace": 9, "color_range": 1, "color_trc": 18, "color_primaries": 9}


class TestDeepClips:
    """What a clip's values are read with goes into the command that is advised, too."""

    @pytest.mark.parametrize(
        ("name", "codec", "tags", "asked"),
        [
            ("clip.mp4", "libx264", None, ["--bits", "8"]),
            ("clip.mkv", "ffv1", None, ["--bits", "8"]),
            ("clip.avi", "ffv1", None, ["--bits", "8"]),  # by its empty chunks
            ("clip.mp4", "libx264", HLG, ["--tonemap", "bt2408"]),
            ("clip.mkv", "libx264", HLG, ["--tonemap", "bt2408", "--peak-nits", "600.5"]),
        ],
    )
    def test_a_varying_rate(self, here, name, codec, tags, asked):
        options = {"bf": "0"} if codec == "libx264" else None
        encode(
            here / name, moving(8), Fraction(25), codec, "yuv420p10le", pts=GAPS, tags=tags,
            options=options,
        )  # fmt: skip
        shown = stst("scramble", name, "-o", "out.npz", *asked)
        assert shown.exit_code == 2
        assert "variable frame rate" in shown.stderr
        for command in remedies(shown.stderr):
            assert command[-len(asked) :] == asked
            assert stst(*command, "--overwrite").exit_code == 0
            words = ("scramble", command[2], "-o", "out.npz", "--overwrite")
            assert stst(*words).exit_code == 0

    @pytest.mark.parametrize("kind", ["pictures", "array.npy", "archive.npz"])
    def test_no_rate(self, here, kind):
        frames = moving(3).astype(np.uint16) * 257
        if kind == "pictures":
            import cv2

            (here / kind).mkdir()
            for number, frame in enumerate(frames):
                assert cv2.imwrite(str(here / f"{kind}/{number}.png"), frame)
        elif kind == "array.npy":
            np.save(here / kind, frames)
        else:
            np.savez(here / kind, frames=frames)
        shown = stst_analyze("features", kind, "--bits", "8")
        assert (shown.exit_code, "holds no frame rate" in shown.stderr) == (2, True)
        described = dict(line.split(":", 1) for line in stst("info", kind).stdout.splitlines())
        assert remedy(shown.stderr) == remedy(described["rate"])
        assert stst(*remedy(shown.stderr)).exit_code == 0
        assert read_video(remedy(shown.stderr)[2]).fps == 30

    @pytest.mark.parametrize("tags", [None, HLG])
    def test_what_info_says_is_a_command(self, here, tags):
        """The option that the refusal names is one of other commands, not of ``stst info``."""
        encode(here / "clip.mp4", moving(3), layout="yuv420p10le", tags=tags)
        text = stst("info", "clip.mp4").stdout
        assert "not readable:" in text
        assert stst(*remedy(text)).exit_code == 0
        assert "not readable:" not in stst("info", remedy(text)[2]).stdout


def test_names():
    assert convert_command("a b.mov") == "`stst convert 'a b.mov' 'a b.mkv'`"
    assert as_word("-x.mp4") == "./-x.mp4"
    assert name_beside("deep/-x.mp4", "_30.mkv") == Path("deep/-x_30.mkv")
    assert name_beside(".", ".mkv") == Path.cwd().with_name(Path.cwd().name + ".mkv")
    assert name_beside("/", ".mkv") == Path("/clip.mkv")


class TestArrays:
    def test_what_python_writes_every_command_reads(self, here):
        library.write_video("a.npy", moving(3), "60000/1001")
        assert read_video("a.npy").fps == Fraction(60000, 1001)
        assert stst_analyze("features", "a.npy").exit_code == 0
        with pytest.raises(InputError, match=r"a\.npy exists|a\.json exists"):
            library.write_video("a.npy", moving(3), 25)
        library.write_video("a.npy", moving(2), 25, overwrite=True)
        assert (read_video("a.npy").fps, len(read_video("a.npy"))) == (25, 2)

    def test_the_sidecar_of_another_clip_stays(self, here):
        text = '{"seed": 4, "output": {"path": "a.mkv", "fps": "25"}}'
        (here / "a.json").write_text(text)
        library.write_video("a.npy", moving(3), 25)
        assert (here / "a.json").read_text() == text
        for rate in (30, 25):
            (here / "b.json").write_text('{"seed": 4}')
            with pytest.raises(InputError, match=r"its rate belongs into b\.json.*X\.npz"):
                library.write_video("b.npy", moving(3), rate, overwrite=True)
        assert not (here / "b.npy").exists()
        with pytest.raises(InputError, match=r"its rate belongs into a\.json"):
            library.write_video("a.npy", moving(3), 30, overwrite=True)

    def test_a_run_s_own_sidecar_is_the_only_one(self, here):
        library.write_video("clip.npz", moving(3), 25)
        assert stst("scramble", "clip.npz", "-o", "out.npy").exit_code == 0
        assert read_video("out.npy").fps == 25
        assert library.video.sidecar_of("out.npy")["method"] == "stps"

    def test_a_rate_alone_says_nothing_of_how_a_clip_was_made(self, here):
        library.write_video("clip.npz", moving(3), 25)
        assert stst("convert", "clip.npz", "copy.npy").exit_code == 0
        shown = stst_analyze("compare", "clip.npz", "copy.npy")
        assert (shown.exit_code, "sidecar" in shown.stderr) == (0, False)
        shown = stst_analyze("validity", "clip.npz", "copy.npy")
        assert shown.exit_code == 2
        assert "copy.npy has no sidecar that says which statistics" in shown.stderr
