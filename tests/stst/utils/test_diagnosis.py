"""Broken downloads, links and files under a wrong name: called what they are by every reader."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import subprocess
import sys
import tarfile
import zipfile
from fractions import Fraction
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import stst
from stst.config import read_config_file
from stst.errors import InputError
from stst.models.prednet import load_prednet
from stst.runs.sidecar import read_sidecar
from stst.utils.diagnosis import content, read_text
from stst.utils.manifests import read_rows
from stst.utils.toml import toml_tree
from stst.video import open_video, probe, sidecar_of
from stst.weights import find, import_file, list_weights, load_tensors, verify

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
ANSWER = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
ANNEX = b"/annex/objects/MD5E-s12345--0123456789abcdef.mp4\n"
STAND_INS = {
    "lfs": (LFS, "a Git LFS pointer, not the file. Get it: git lfs pull (in the folder {folder})."),
    "page": (PAGE, "an HTML page, not the file. Download it again."),
    "page with a mark": (b"\xef\xbb\xbf<HTML lang='de'>", "an HTML page, not the file."),
    "page with a comment": (b"<!-- saved from x -->\n<html>", "an HTML page, not the file."),
    "answer": (ANSWER, "an error message of a web server, not the file. Download it again."),
    "link as text": (b"../.git/annex/objects/a/b/MD5E-s1--x", "a pointer of git-annex, not the"),
    "annex": (ANNEX, "a pointer of git-annex, not the file. Get its content: datalad get {path}."),
}
READERS = {
    **dict.fromkeys(
        [f"clip{suffix}" for suffix in (".mp4", ".mkv", ".avi", ".gif", ".npy", ".npz")],
        stst.read_video,
    ),
    "probed.mov": probe,
    "mask.png": lambda path: open_video(path, fps=1, picture=True),
    "frames/f_1.png": lambda path: stst.read_video(path.parent, fps=25),
    "frames/f_1.tif": lambda path: probe(path.parent),
    **dict.fromkeys(
        ["w.pth", "w.ckpt", "w.pth.tar", "w.npz", "w.h5", "w.safetensors"], load_tensors
    ),
    "imported.h5": lambda path: import_file(path, "vgg19-keras"),
    "imported.pth": lambda path: import_file(path, "msoe"),
    "prednet.hdf5": load_prednet,
    "config.toml": read_config_file,
    "pairs.csv": lambda path: read_rows(path, "pairs", ("natural",), ()),
    "pairs.tsv": lambda path: read_rows(path, "pairs", ("natural",), ()),
    "pairs.toml": lambda path: read_rows(path, "pairs", ("natural",), ()),
    "sidecar.json": read_sidecar,
    "of_a_clip.json": lambda path: sidecar_of(path.with_suffix(".mkv")),
    "folder/video.json": lambda path: stst.read_video(path.parent),
}


@pytest.fixture(autouse=True)
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))


def told(read, path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    return str(caught.value)


def said(read, path: Path) -> str:
    message = told(read, path)
    assert message.startswith(f"{path}: ")
    for word in ("allow_pickle", "weights_only", "Errno", "magic", "damaged", "cut short"):
        assert word not in message
    return message.removeprefix(f"{path}: ")


def placed(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if name == "folder/video.json":
        cv2.imwrite(str(path.with_name("f_1.png")), np.zeros((8, 8, 3), np.uint8))
    return path


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("name", READERS)
def test_what_stands_in_the_place_of_a_file(tmp_path, name, kind):
    path = placed(tmp_path, name)
    data, words = STAND_INS[kind]
    path.write_bytes(data)
    assert said(READERS[name], path).startswith(words.format(folder=path.parent, path=path))


@pytest.mark.parametrize("name", READERS)
def test_links_to_what_is_elsewhere(tmp_path, name):
    path = placed(tmp_path, name)
    path.symlink_to("../.git/annex/objects/aa/bb/MD5E-s1--x/MD5E-s1--x")
    assert said(READERS[name], path) == (
        "a link to ../.git/annex/objects/aa/bb/MD5E-s1--x/MD5E-s1--x, which is not here. "
        f"Get its content: datalad get {path}."
    )


@pytest.mark.parametrize("name", ["clip.mp4", "w.pth", "prednet.hdf5", "config.toml", "pairs.csv"])
def test_other_links_that_lead_nowhere(tmp_path, name):
    (tmp_path / name).symlink_to("/volumes/gone/x")
    assert said(READERS[name], tmp_path / name) == (
        "a link to /volumes/gone/x, which is not here. Restore it, or correct the link."
    )
    # a folder on the way
    (tmp_path / "data").symlink_to("/volumes/gone")
    path = tmp_path / "data" / name
    assert said(READERS[name], path).startswith(
        f"{tmp_path / 'data'} is a link to /volumes/gone, which is not here."
    )
    (tmp_path / "round").symlink_to("round")
    path = tmp_path / "round" / name
    assert "a link to round, which is not here" in said(READERS[name], path)


def test_a_link_to_a_file_is_followed(tmp_path):
    clip = stst.Video(np.zeros((2, 8, 8, 3), np.uint8), Fraction(25))
    stst.write_video(tmp_path / "x.npz", clip)
    (tmp_path / "y.npz").symlink_to("x.npz")
    assert len(stst.read_video(tmp_path / "y.npz")) == 2
    assert "does not exist" in told(probe, tmp_path / "z.npz")


class TestFolderOfWeights:
    """Files that are found by their name."""

    def test_a_link_is_not_called_missing(self, tmp_path):
        path = tmp_path / "msoe.npz"
        path.symlink_to(".git/annex/objects/x")
        status = verify("msoe")
        assert status.state == "unusable"
        assert status.message.startswith(f"{path}: a link to .git/annex/objects/x, which is not")
        listed = {one.entry.name: one.message for one in list_weights()}
        assert listed["msoe"] == status.message

    def test_a_link_among_other_names_that_serve(self, tmp_path):
        path = tmp_path / "vgg19_conv1.npz"
        path.symlink_to(".git/annex/objects/x")
        with pytest.raises(InputError, match=r"vgg19_conv1\.npz: a link to .*datalad get"):
            load_tensors("vgg19-keras")

    def test_a_link_does_not_hide_a_file(self, tmp_path):
        """In the cache, where a fetched one lies, or under another name that serves."""
        (tmp_path / "cache").mkdir()
        (tmp_path / "msoe.npz").symlink_to(".git/annex/objects/x")
        assert find("msoe") is None  # so that it can be fetched
        (tmp_path / "cache" / "msoe.npz").write_bytes(b"x")
        assert find("msoe").path == tmp_path / "cache" / "msoe.npz"
        (tmp_path / "weights.npz").write_bytes(b"x")
        assert find("msoe").path == tmp_path / "weights.npz"

    @pytest.mark.parametrize(("kind", "words"), STAND_INS.values())
    @pytest.mark.parametrize("name", ["msoe.npz", "mobilenet_v2-b0353104.pth", "vgg19_x.npz"])
    def test_a_pointer_is_not_called_changed(self, tmp_path, kind, words, name):
        path = tmp_path / name
        path.write_bytes(kind)
        entry = {"msoe.npz": "msoe", "vgg19_x.npz": "vgg19-keras"}.get(name, "mobilenet_v2-v1")
        status = verify(entry)
        assert not status.usable
        assert status.message.startswith(f"{path}: {words.split('.')[0]}")

    def test_a_bare_name(self, tmp_path, monkeypatch):
        from stst.models.torchvision_weights import file_weights

        (tmp_path / "mine.pth").symlink_to("gone.pth")
        monkeypatch.chdir(tmp_path.parent)
        with pytest.raises(InputError, match=r"mine\.pth: a link to gone\.pth, which is not here"):
            file_weights(Path("mine.pth"))

    def test_a_folder_in_the_place_of_a_file(self, tmp_path):
        (tmp_path / "checkpoint.ckpt").mkdir()
        message = said(load_tensors, tmp_path / "checkpoint.ckpt")
        assert message == "a folder. Give the file of weights in it."


def picture(suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, np.zeros((8, 8, 3), np.uint8))
    assert done
    return data.tobytes()


def video(suffix: str) -> bytes:
    import av

    file = io.BytesIO()
    codec = {".avi": "mjpeg", ".ts": "mpeg2video", ".flv": "flv1"}.get(suffix, "mpeg4")
    form = {".mkv": "matroska", ".ts": "mpegts"}.get(suffix, suffix[1:])
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuvj420p" if suffix == ".avi" else "yuv420p"
        for level in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), level * 60, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def saved(save, *what) -> bytes:
    file = io.BytesIO()
    save(file, *what)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def hdf5() -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        opened["a"] = np.ones(3)
    return file.getvalue()


def tensors(folder: Path) -> bytes:
    save_file({"a": torch.ones(3)}, folder / "x.safetensors")
    return (folder / "x.safetensors").read_bytes()


def tape() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("clip.mp4"))
    return file.getvalue()


ARRAY = np.zeros((2, 8, 8, 3), np.uint8)
OTHERS = {
    "png": (lambda _: picture(".png"), "a PNG picture"),
    "jpeg": (lambda _: picture(".jpg"), "a JPEG picture"),
    "tiff": (lambda _: picture(".tif"), "a TIFF picture"),
    "bmp": (lambda _: picture(".bmp"), "a BMP picture"),
    "webp": (lambda _: picture(".webp"), "a WebP picture"),
    "npy": (lambda _: saved(np.save, ARRAY), "a NumPy array"),
    "npz": (lambda _: saved(np.savez, ARRAY), "an archive of NumPy arrays"),
    "hdf5": (lambda _: hdf5(), "an HDF5 file"),
    "torch": (lambda _: saved(lambda file: torch.save({"a": torch.ones(1)}, file)), "a torch file"),
    "safetensors": (tensors, "a safetensors file"),
    "pickle": (lambda _: pickle.dumps({"a": 1}), "a Python pickle"),
    "gzip": (lambda _: gzip.compress(b"x" * 99), "a gzip archive"),
    "bzip2": (lambda _: bz2.compress(b"x" * 99), "a bzip2 archive"),
    "xz": (lambda _: lzma.compress(b"x" * 99), "an xz archive"),
    "tar": (lambda _: tape(), "a tar archive"),
    "zip": (lambda _: zipped(a=b"x"), "a zip archive"),
    "excel": (lambda _: zipped(**{"xl/workbook.xml": b"<x/>"}), "an Excel workbook"),
    "mp4": (lambda _: video(".mp4"), "an MP4 or QuickTime video"),
    "mkv": (lambda _: video(".mkv"), "a Matroska or WebM video"),
    "avi": (lambda _: video(".avi"), "an AVI video"),
    "transport stream": (lambda _: video(".ts"), "an MPEG transport stream"),
    "flash": (lambda _: video(".flv"), "a Flash video"),
}
VIDEOS = ("mp4", "mkv", "avi")
PICTURES = ("png", "jpeg", "tiff", "bmp", "webp")


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize(
    "name",
    ["clip.mp4", "clip.npy", "clip.npz", "frames/f_1.png", "w.pth", "w.npz", "w.safetensors",
     "imported.h5", "config.toml", "pairs.csv", "sidecar.json"],
)  # fmt: skip
def test_a_name_that_says_something_else(tmp_path, kind, name):
    """Whatever it holds is named, wherever it is given, unless it is what is wanted."""
    right = {"clip.mp4": VIDEOS, "clip.npy": ("npy",), "clip.npz": ("npz",),
             "w.npz": ("npz", "npy"), "frames/f_1.png": PICTURES, "w.pth": ("torch", "pickle"),
             "imported.h5": ("hdf5",), "w.safetensors": ("safetensors",)}  # fmt: skip
    if kind in right.get(name, ()):
        return
    make, what = OTHERS[kind]
    path = placed(tmp_path, name)
    path.write_bytes(make(tmp_path))
    assert what in said_of_content(READERS[name], path)


def said_of_content(read, path: Path) -> str:
    message = told(read, path)
    assert path.name in message
    assert "allow_pickle" not in message
    return message


@pytest.mark.parametrize(
    ("name", "kind", "other"),
    [("clip.mp4", "npy", "clip.npy"), ("clip.npy", "mkv", "clip.mkv"), ("clip", "mp4", "clip.mp4"),
     ("clip.npz", "npy", "clip.npy"), ("clip.dat", "avi", "clip.avi")],
)  # fmt: skip
def test_the_name_that_is_told_helps(tmp_path, name, kind, other):
    path = tmp_path / name
    path.write_bytes(OTHERS[kind][0](tmp_path))
    assert said_of_content(probe, path).endswith(f". Rename it to {other}.")
    path.rename(tmp_path / other)
    assert probe(tmp_path / other).frames > 0


@pytest.mark.parametrize(
    ("name", "kind", "other"),
    [("w.pth", "safetensors", "w.safetensors"), ("w.bin", "npz", "w.npz"), ("w", "torch", "w.pth"),
     ("w.npz", "torch", "w.pth"), ("w.model", "safetensors", "w.safetensors")],
)  # fmt: skip
def test_the_name_of_weights_that_is_told_helps(tmp_path, name, kind, other):
    path = tmp_path / name
    data = OTHERS[kind][0](tmp_path) if kind != "npz" else saved(np.savez, np.ones(3, np.float32))
    path.write_bytes(data)
    assert said_of_content(load_tensors, path).endswith(f". Rename it to {other}.")
    path.rename(tmp_path / other)
    assert load_tensors(tmp_path / other).tensors


@pytest.mark.parametrize("name", ["clip.mp4", "my clip.mp4.gz", "w.npz", "m.csv"])
@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zip", "tar"])
@pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of other systems")
def test_the_command_that_is_told_unpacks(tmp_path, kind, name):
    path = tmp_path / name
    path.write_bytes(OTHERS[kind][0](tmp_path))
    found = content(path)
    command = found.remedy.removeprefix("Unpack it first: ").removesuffix(".")
    command = command.replace("python", sys.executable, 1)
    assert subprocess.run(command, shell=True, check=False).returncode == 0
    unpacked = [one for one in tmp_path.iterdir() if one != path]
    assert len(unpacked) == 1
    assert unpacked[0].is_dir() == (kind in ("zip", "tar"))
    if unpacked[0].is_file():
        assert unpacked[0].read_bytes() == b"x" * 99
        assert unpacked[0].suffix == (path.with_suffix("").suffix or path.suffix)


def test_a_compressed_clip_and_one_without_suffix(tmp_path):
    (tmp_path / "clip.mkv.gz").write_bytes(gzip.compress(b"x" * 99))
    message = said(probe, tmp_path / "clip.mkv.gz")
    assert message == (
        f"a gzip archive. Unpack it first: gunzip -c {tmp_path}/clip.mkv.gz > {tmp_path}/clip.mkv."
    )
    (tmp_path / "clip.xyz").write_bytes(b"%PDF-1.7")
    assert said(probe, tmp_path / "clip.xyz").endswith("By its content it is a PDF document.")


@pytest.mark.parametrize("text", ["404: Not Found", '{"error": "Entry not found"}\n', "b'a"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.npy", "clip.npz", "clip.xyz", "w.pth", "w.npz",
                                  "w.safetensors", "prednet.hdf5", "frames/f_1.png"])  # fmt: skip
def test_the_answer_of_a_server_in_words(tmp_path, name, text):
    path = placed(tmp_path, name)
    path.write_text(text)
    shown = f"It is a text that begins with {text.strip()!r}."
    assert told(READERS.get(name, probe), path).endswith(shown)


def test_damage_is_still_called_damage(tmp_path):
    """A file of the right kind that is cut short is not called another kind."""
    for name, whole in (("a.mkv", video(".mkv")), ("a.npz", saved(np.savez, ARRAY))):
        (tmp_path / name).write_bytes(whole[: 2 * len(whole) // 3])
        assert "whatever its name says" not in told(probe, tmp_path / name)
    data = OTHERS["torch"][0](tmp_path)
    (tmp_path / "a.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="not a whole torch file: cut short or damaged"):
        load_tensors(tmp_path / "a.pth")


def test_a_page_of_comments_takes_no_time(tmp_path):
    (tmp_path / "a").write_bytes(b"<!---->" * 200)
    assert content(tmp_path / "a") is None


def test_what_is_not_told_apart(tmp_path):
    for data in (
        b"",
        b"x",
        b"text\n" * 9,
        bytes(99),
        b"GIF",
        b"<p>",
        b"version 1",
        b"annex/objects",
    ):
        (tmp_path / "a").write_bytes(data)
        assert content(tmp_path / "a") is None
    assert content(tmp_path / "none") is None


class TestWordsOfPython:
    """What Python and its libraries advise is not passed on."""

    def test_numbers_that_are_too_long(self, tmp_path):
        digits = "9" * 5000
        with pytest.raises(ValueError, match="^a number has too many digits$"):
            toml_tree(f"a = {digits}")
        (tmp_path / "a.json").write_text(f'{{"a": {digits}}}')
        message = told(read_sidecar, tmp_path / "a.json")
        assert message.endswith("cannot be read as JSON (a number is too long).")
        assert "set_int_max" not in told(sidecar_of, tmp_path / "a.mkv")

    def test_a_byte_order_mark_in_a_sidecar(self, tmp_path):
        (tmp_path / "a.json").write_text('\ufeff{"output": {"fps": "25"}}', "utf-8")
        assert sidecar_of(tmp_path / "a.mkv") == {"output": {"fps": "25"}}

    def test_where_json_is_wrong(self, tmp_path):
        (tmp_path / "a.json").write_text('{\n"a": x}')
        message = told(read_sidecar, tmp_path / "a.json")
        assert message.endswith("cannot be read as JSON (wrong at line 2, column 6).")

    def test_objects_in_an_archive(self, tmp_path):
        np.savez(tmp_path / "w.npz", a=np.array([{}], dtype=object))
        message = told(load_tensors, tmp_path / "w.npz")
        assert "it holds objects, which are never loaded. Save numbers only" in message
        assert "allow_pickle" not in message


def test_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfa\r\n")
    assert read_text(path, "manifest") == "a\r\n"
    path.write_bytes(b"\xff")
    assert said(lambda one: read_text(one, "manifest"), path).startswith("not a text file in UTF-8")
    for name in ("none.csv", "a" * 300, "a\0b"):
        with pytest.raises(InputError, match="no such manifest|cannot be read"):
            read_text(tmp_path / name, "manifest")
