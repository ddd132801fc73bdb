from __future__ import annotations

import json

import pytest

from old_versions import REMEDY, copied
from small_runs import TRUST, clip, recorded, refused, stst, synthesize


@pytest.fixture
def folder(tmp_path):
    """natural.npz and its metamers x_seed2.mkv and x_seed3.mkv."""
    natural = clip(tmp_path / "natural.npz")
    shown = synthesize(natural, "-o", tmp_path / "x.mkv", "--samples", 2, "--seed", 2)
    assert shown.exit_code == 0
    return tmp_path


def test_identical(folder):
    before = (folder / "x_seed3.mkv").read_bytes()
    shown = stst("remake", folder / "x_seed3.json", *TRUST, "--overwrite")
    assert shown.exit_code == 0
    assert shown.stderr.endswith("The frames are identical to the recorded ones.\n")
    assert str(folder / "x_seed3.mkv") in shown.stdout
    assert (folder / "x_seed3.mkv").read_bytes() == before


def test_into_another_folder(folder):
    (folder / "deep").mkdir()
    shown = stst("remake", folder / "x_seed2.json", *TRUST, "-o", folder / "deep/y.mkv", "--json")
    assert shown.exit_code == 0
    (files,) = json.loads(shown.stdout)["outputs"]
    assert files["master"] == str(folder / "deep/y.mkv")
    assert (folder / "deep/y.mkv").read_bytes() == (folder / "x_seed2.mkv").read_bytes()
    assert recorded(folder / "deep/y.json")["inputs"][0]["path"] == "../natural.npz"


def test_a_moved_input(folder):
    (folder / "natural.npz").rename(folder / "moved.npz")
    words = ["remake", folder / "x_seed2.json", *TRUST, "-o", folder / "y.npy"]
    refused(stst(*words), "natural clip is not at", "natural.npz", "--input natural=PATH")
    assert stst(*words, "--input", f"natural={folder / 'moved.npz'}").exit_code == 0


def test_a_changed_input(folder):
    (folder / "natural.npz").unlink()
    clip(folder / "natural.npz", seed=6)
    words = ["remake", folder / "x_seed2.json", *TRUST, "--overwrite"]
    before = (folder / "x_seed2.mkv").read_bytes()
    refused(stst(*words), "its frames are not those of the recorded natural clip", "natural.npz")
    assert (folder / "x_seed2.mkv").read_bytes() == before


def test_other_frames_are_a_failure_that_says_what_changed(folder):
    """The result is kept, so that it can be looked at."""
    path = folder / "x_seed2.json"
    content = recorded(path)
    content["output"]["frames_sha256"] = "0" * 64
    content["environment"]["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(content))
    shown = stst("remake", path, *TRUST, "-o", folder / "y.mkv")
    assert shown.exit_code == 1
    line = shown.stderr.splitlines()[-1]
    assert line.startswith(f"Error: {folder / 'y.mkv'}: the frames are not the recorded ones; ")
    assert "versions was" in line
    assert "'torch': '1.0'" in line
    assert (folder / "y.mkv").read_bytes() == (folder / "x_seed2.mkv").read_bytes()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["x_seed2.json"], ["tiny_model:spatial", "--trust-model"]),
        (["x_seed2.json", *TRUST], ["x_seed2.", "exists", "--overwrite"]),
        (["x_seed2.mkv"], ["x_seed2.mkv: a Matroska or WebM video; a sidecar is text"]),
        (["nothing.json"], ["nothing.json: no such sidecar"]),
        (["x_seed2.json", *TRUST, "--input", "tiger=x.npz"], ["--input tiger", "natural"]),
        (["x_seed2.json", *TRUST, "--input", "natural"], ["expected NAME=VALUE, found 'natural'"]),
        (["x_seed2.json", *TRUST, "--device", "gpu", "-o", "y.npy"], ["device: expected auto"]),
        (["x_seed2.json", *TRUST, "-o", "y.mp4"], ["y.mp4", "without loss"]),
    ],
)
def test_what_is_refused(folder, monkeypatch, words, parts):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    refused(stst("remake", *words), *parts)
    assert sorted(folder.iterdir()) == before


def test_what_version_0_1_made(tmp_path):
    """Named with the version that can; everything that only reads goes on to read it."""
    folder = copied(tmp_path)
    words = ("remake", folder / "scrambled.json", "-o", folder / "new.npy")
    refused(stst(*words), str(folder / "scrambled.json"), "napari-stst 0.1.0 made it", REMEDY)
    assert not (folder / "new.npy").exists()
    again = ("scramble", folder / "natural.npz", "-o", folder / "scrambled.npy", "--seed", 3,
             "--no-color-transfer", "--device", "cpu", "--resume")  # fmt: skip
    refused(stst(*again), "scrambled.npy exists", REMEDY, "--overwrite")
    shown = stst("info", folder / "scrambled.npy")
    assert shown.exit_code == 0
    assert "natural.npz (natural)" in shown.stdout
    shown = stst("export", folder / "begun.run", "-o", folder / "part.npy")
    assert shown.exit_code == 0
    assert (folder / "part.npy").exists()
    shown = stst("convert", folder / "scrambled.npy", folder / "moved.mkv")
    assert shown.exit_code == 0
    moved = recorded(folder / "moved.json")
    assert (moved["schema_version"], moved["seed"]) == (1, 3)
    refused(stst("remake", folder / "moved.json"), REMEDY)
