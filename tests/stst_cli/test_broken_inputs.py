"""What is given to a command and is not the file it should be: one line that says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_runs import clip, refused, stst, stst_analyze, synthesize

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
WORDS = {
    "lfs": "a Git LFS pointer, not the file. Get it: git lfs pull.",
    "page": "an HTML page, not the file. Download it again.",
    "link": "a link to .git/annex/objects/a/b/c, which is not here. Get its content: datalad get ",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    clip(tmp_path / "cat.npz", 13, 24, 24)
    return tmp_path


def put(name: str, kind: str) -> str:
    if kind == "link":
        Path(name).symlink_to(".git/annex/objects/a/b/c")
    else:
        Path(name).write_text(LFS if kind == "lfs" else "<!DOCTYPE html><html>Sign in</html>")
    return f"{name}: {WORDS[kind]}"


COMMANDS = {
    "info": lambda name: stst("info", name),
    "synthesize": lambda name: synthesize(name, "-o", "out.npz"),
    "target": lambda name: synthesize(
        "cat.npz", "-o", "out.npz", "--target", f"temporal_texture={name}"
    ),
    "mask": lambda name: synthesize("cat.npz", "-o", "out.npz", "--mask", name),
    "scramble": lambda name: stst("scramble", name, "-o", "out.npz"),
    "convert": lambda name: stst("convert", name, "out.npz"),
    "features": lambda name: stst_analyze("features", name),
    "compare": lambda name: stst_analyze("compare", "cat.npz", name),
    "report": lambda name: stst_analyze("report", "cat.npz", name, "-o", "out"),
}


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_clips(command, kind):
    refused(COMMANDS[command]("a.mp4"), "a.mp4 does not exist")
    words = put("a.mp4", kind)
    refused(COMMANDS[command]("a.mp4"), words)
    assert not Path("out.npz").exists()
    assert not Path("out").exists()


@pytest.mark.parametrize("kind", WORDS)
def test_weights_and_texts(kind):
    words = put("w.pth", kind)
    model = ("--model", "tiny_classifier:image", "--layers", "late", "--weights", "w.pth")
    refused(stst_analyze("cka", "cat.npz", "cat.npz", *model), words)
    refused(stst("weights", "import", "w.pth", "vgg19-torchvision"), words)
    words = put("p.hdf5", kind)
    refused(stst_analyze("prednet", "cat.npz", "cat.npz", "--weights", "p.hdf5"), words)
    words = put("c.toml", kind)
    refused(synthesize("cat.npz", "-o", "out.npz", "--config", "c.toml"), words)
    words = put("m.csv", kind)
    refused(stst("batch", "m.csv", "-o", "out"), words)
    words = put("s.json", kind)
    refused(stst("remake", "s.json", "-o", "out.npz"), words)


@pytest.mark.parametrize("kind", WORDS)
def test_a_clip_of_a_manifest(kind):
    words = put("a.mp4", kind)
    Path("m.csv").write_text("natural,preset\na.mp4,quick\n")
    shown = stst("batch", "m.csv", "-o", "out")
    assert shown.exit_code == 2
    assert words in shown.stderr
