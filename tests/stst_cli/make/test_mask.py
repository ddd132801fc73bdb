from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

import stst as library
from small_runs import FPS, TRUST, clip, config, frames, recorded, refused, stst, synthesize
from stst.video import read_video, write_video


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with natural.npz."""
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.npz")
    return tmp_path


def entries(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture
def inside(here):
    """A region of natural.npz, as m.png and m.mkv."""
    y, x = np.mgrid[:18, :20]
    inside = (y - 9) ** 2 + (x - 8) ** 2 < 36
    white = np.where(inside, 255, 0).astype(np.uint8)
    cv2.imwrite(str(here / "m.png"), white)
    write_video(here / "m.mkv", white[None, ..., None].repeat(3, 0).repeat(3, -1), FPS)
    return inside


def test_a_picture_and_a_clip(here, inside):
    for name in ("m.png", "m.mkv"):
        words = ("natural.npz", "-o", f"{name}.npy", "--mask", name)
        shown = synthesize(*words)
        assert shown.exit_code == 0
        assert "Note" not in shown.stderr
        same = (np.load(f"{name}.npy") == frames()).all(axis=3)
        assert same[:, ~inside].all()
        assert not same[:, inside].all()
    assert (here / "m.png.npy").read_bytes() == (here / "m.mkv.npy").read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_picture_that_asks_to_be_turned(here, inside, suffix):
    """A mask lies as its file asks, like any picture; and that is said."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(np.where(inside, 255, 0).astype(np.uint8))
    Image.fromarray(stored).save(here / f"turned{suffix}", exif=exif, quality=100)
    shown = synthesize("natural.npz", "-o", "out.npy", "--mask", f"turned{suffix}")
    assert shown.exit_code == 0, shown.stderr
    note = "mask: Frames turned by 270 degrees counter-clockwise, as the file's EXIF orientation"
    assert note in shown.stderr
    assert any(note in warning for warning in recorded(here / "out.json")["warnings"])
    assert synthesize("natural.npz", "-o", "flat.npy", "--mask", "m.png").exit_code == 0
    assert (here / "out.npy").read_bytes() == (here / "flat.npy").read_bytes()


def test_the_command_line_and_python_agree(here, inside):
    words = ("--frames", "1:", "--samples", 2)
    assert synthesize("natural.npz", "-o", "out.npy", "--mask", "m.png", *words).exit_code == 0
    made = library.synthesize(read_video("natural.npz", "1:"), config(samples=2), mask=inside)
    for seed in (0, 1):
        assert np.array_equal(np.load(f"out_seed{seed}.npy"), made[seed].frames)


def test_beside_a_config_file(here, inside):
    (here / "deep").mkdir()
    (here / "m.png").rename(here / "deep/m.png")
    (here / "deep/own.toml").write_text('mask = "m.png"\n')
    shown = synthesize("natural.npz", "-o", "out.npy", "--config", "deep/own.toml")
    assert shown.exit_code == 0
    assert recorded(here / "out.json")["config"]["mask"] == "deep/m.png"
    assert stst("remake", "out.json", "-o", "again.npy", *TRUST).exit_code == 0


def test_dry_run(here, inside):
    before = entries(here)
    shown = synthesize("natural.npz", "-o", "out.mkv", "--mask", "m.png", "--dry-run", "--json")
    plan = json.loads(shown.stdout)
    assert (plan["iterations"], plan["notes"]) == (9, [])
    assert entries(here) == before


def test_frames_that_stay_natural_are_not_optimised(here, inside):
    mask = np.zeros((3, 18, 20), np.uint8)
    mask[2] = 255
    np.save("m.npy", mask)
    words = ("natural.npz", "-o", "out.npy", "--mask", "m.npy")
    plan = json.loads(synthesize(*words, "--dry-run", "--json").stdout)
    assert plan["iterations"] == 3
    shown = synthesize(*words)
    assert shown.exit_code == 0
    assert "frame 3/3 done (100%)" in shown.stderr
    assert np.array_equal(np.load("out.npy")[:2], frames()[:2])


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--mask", "nothing.png"], ["nothing.png does not exist"]),
        (["--mask", ""], ["mask: should not be empty", "found ''"]),
        (["--mask", "black.png"], ["mask (black.png) is empty", "128 of 255", "brightest has 16"]),
        (["--mask", "grey.png"], ["(grey.png) is not black and white: in frame 0, 100.0 % of"]),
        (["--mask", "small.png"], ["mask (small.png) has 9x10 px", "made have 18x20 px"]),
        (
            ["--mask", "m.mkv", "--frames", "1:2", "--set", "mask=short.npy"],
            ["2 frames, and the clip to be made has 1"],
        ),
        (["--mask", "m.png", "--target", "mask=m.mkv"], ["unknown key 'targets.mask'"]),
    ],
)
def test_what_is_refused(here, inside, words, parts):
    cv2.imwrite("black.png", np.full((18, 20), 16, np.uint8))
    cv2.imwrite("grey.png", np.full((18, 20), 127, np.uint8))
    cv2.imwrite("small.png", np.full((9, 10), 255, np.uint8))
    np.save("short.npy", np.full((2, 18, 20), 255, np.uint8))
    before = entries(here)
    refused(synthesize("natural.npz", "-o", "out.mkv", *words), *parts)
    assert entries(here) == before
