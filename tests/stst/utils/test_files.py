from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from stst.errors import InputError, StstError
from stst.utils.files import (
    check_local,
    check_output,
    remove_leftovers,
    sha256_of,
    sha256_of_file,
    write_whole,
)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    with write_whole(tmp_path / "a.b.mkv") as part:
        assert part.parent == tmp_path
        assert part.suffix == ".mkv"
        assert part.name.startswith("."), "hidden while it is not whole"
        part.write_bytes(b"new")
        assert not (tmp_path / "a.b.mkv").exists()
    assert (tmp_path / "a.b.mkv").read_bytes() == b"new"
    assert names(tmp_path) == ["a.b.mkv"]


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with write_whole(tmp_path / "v1.2") as part:
        part.mkdir()
        (part / "x").write_bytes(b"1")
    assert names(tmp_path / "v1.2") == ["x"]
    assert names(tmp_path) == ["v1.2"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("folder", [False, True])
def test_nothing_stays_after_an_exception(tmp_path, error, folder):
    def write():
        with write_whole(tmp_path / "a") as part:
            if folder:
                part.mkdir()
                part = part / "x"
            part.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == []


@pytest.mark.parametrize("old", ["file", "folder"])
@pytest.mark.parametrize("new", ["file", "folder"])
def test_overwriting(tmp_path, old, new):
    path = tmp_path / "a"

    def make(where, kind, text):
        if kind == "folder":
            where.mkdir()
            where = where / f"{text}.txt"
        where.write_text(text)

    make(path, old, "old")
    with pytest.raises(InputError, match="a exists. Give `overwrite=True`"), write_whole(path):
        raise AssertionError("nothing is begun")
    with write_whole(path, overwrite=True) as part:
        make(part, new, "new")
        assert path.exists(), "the old one stays until the new one is whole"
    found = path.read_text() if new == "file" else "".join(p.read_text() for p in path.iterdir())
    assert found == "new"
    assert names(tmp_path) == ["a"]


def test_the_old_file_survives_a_failure(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(TypeError), write_whole(path, overwrite=True) as part:
        part.write_text("half") + "a mistake"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_what_an_earlier_crash_left_is_replaced(tmp_path):
    with write_whole(tmp_path / "a") as part:
        left = part
        part.write_text("x")
    left.mkdir()
    (left / "rest").touch()
    with write_whole(tmp_path / "a", overwrite=True) as part:
        assert part == left
        part.write_text("y")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/a.mkv", "the folder .*no does not exist. Create it first"),
        ("file/a.mkv", ".*file is not a folder"),
        ("x" * 300 + ".mkv", "cannot be written there .*[Tt]oo long.*Choose another name"),
        ("x" * 245 + ".mkv", "cannot be written there .*[Tt]oo long.*Choose another name"),
    ],
    ids=["missing", "file", "long", "almost too long"],
)
def test_places_that_cannot_be_written_to(tmp_path, path, message):
    (tmp_path / "file").touch()
    for overwrite in (False, True):
        with pytest.raises(InputError, match=message) as caught:
            check_output(tmp_path / path, overwrite)
        assert str(tmp_path / path) in str(caught.value)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    # root may write anywhere, so the answer is made up
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(InputError, match=r"is not writable. Choose another output"):
        check_output(tmp_path / "a", False)


def test_a_file_system_that_is_read_only(read_only):
    with pytest.raises(InputError, match=r"is not writable. Choose another output"):
        check_output(read_only / "a", False)


def test_the_current_folder_is_a_parent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_output(Path("a.mkv"), False)
    Path("a.mkv").symlink_to("nowhere")
    with write_whole(Path("a.mkv"), overwrite=True) as part:
        part.write_text("x")
    assert not Path("a.mkv").is_symlink()


def test_a_full_disk(tmp_path):
    with (
        pytest.raises(StstError, match="the disk is full; nothing was left there") as caught,
        write_whole(tmp_path / "a"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not isinstance(caught.value, InputError)
    assert str(tmp_path / "a") in str(caught.value)
    assert names(tmp_path) == []


def test_a_disk_that_is_really_full(small_disk):
    with (
        pytest.raises(StstError, match="the disk is full; nothing was left there"),
        write_whole(small_disk / "a") as part,
    ):
        part.write_bytes(bytes(200_000))
    assert names(small_disk) == []


def test_a_disk_that_refuses(tmp_path, monkeypatch):
    def refuse(number):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with (
        pytest.raises(StstError, match=r"could not be written \(Input/output error\)"),
        write_whole(tmp_path / "a") as part,
    ):
        part.write_text("x")
    assert names(tmp_path) == []


def test_hashes(tmp_path):
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    one = hashlib.sha256(b"1").hexdigest()
    two = hashlib.sha256(b"2").hexdigest()
    assert sha256_of_file(tmp_path / "a") == sha256_of(tmp_path / "a") == one
    lines = f"{one}  a\n{two}  b\n"
    assert sha256_of(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_the_folder_reaches_the_disk_as_well(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(os.readlink(f"/proc/self/fd/{number}"))
    )
    if not Path("/proc/self/fd").exists():
        pytest.skip("there is no /proc here")
    with write_whole(tmp_path / "a") as part:
        part.mkdir()
        (part / "x").write_bytes(b"1")
    assert [Path(path).name for path in synced] == ["x", part.name, tmp_path.name]


@pytest.mark.parametrize(
    ("number", "fails"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_file_systems_whose_folders_cannot_be_synchronised(tmp_path, monkeypatch, number, fails):
    if not Path("/proc/self/fd").exists():
        pytest.skip("there is no /proc here")

    def refuse(opened):
        if os.path.isdir(f"/proc/self/fd/{opened}"):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    expected = pytest.raises(StstError, match="a: could not be written") if fails else nullcontext()
    with expected, write_whole(tmp_path / "a") as part:
        part.write_bytes(b"1")


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_bytes(b"old")
    real = os.replace

    def refuse(source, target):
        if ".part" in str(source):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with (
        pytest.raises(StstError, match=r"a: could not be written"),
        write_whole(tmp_path / "a", overwrite=True) as part,
    ):
        part.mkdir()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a/x").read_bytes() == b"old"


def test_leftovers_of_a_killed_process(tmp_path):
    """Also where it was killed between moving the old folder aside and the new one into place."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    part, old = (tmp_path / f".a.{process.pid}.{what}.v1" for what in ("part", "old"))
    alive = tmp_path / f".a.{os.getppid()}.part.v1"
    part.mkdir()
    (part / "x").touch()
    old.mkdir()
    (old / "x").write_bytes(b"old")
    alive.touch()
    remove_leftovers(tmp_path / "a.v1")
    assert names(tmp_path) == [alive.name, "a.v1"]
    assert (tmp_path / "a.v1/x").read_bytes() == b"old"
    old.mkdir()
    remove_leftovers(tmp_path / "a.v1")
    assert names(tmp_path) == [alive.name, "a.v1"]


class TestNamesThatAreNone:
    @pytest.mark.parametrize("scheme", ["http", "https", "ftp", "HTTPS"])
    @pytest.mark.parametrize("kind", [str, Path])
    def test_addresses(self, scheme, kind):
        with pytest.raises(InputError) as caught:
            check_local(kind(f"{scheme}://a.b/c d.mp4"))
        address = f"{scheme.lower()}://a.b/c d.mp4"
        assert str(caught.value) == (
            f"{address}: addresses are not read. Download it first and give the file, e.g. by "
            f"`curl -LO '{address}'`."
        )

    def test_other_places(self):
        with pytest.raises(InputError, match="s3://a/b: addresses are not read.*give the file\\."):
            check_local(Path("s3://a/b"))
        with pytest.raises(InputError, match="Give the path alone: /tmp/a\\.mkv"):
            check_local(Path("file:///tmp/a.mkv"))
        with pytest.raises(InputError, match="http://a/b: outputs are files"):
            check_output(Path("http://a/b"), overwrite=False)

    def test_files_may_be_called_anything(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "http:").mkdir()
        (tmp_path / "http:/a.mp4").touch()
        for name in (Path("http://a.mp4"), "http/a.mp4", "ahttp://b", "C:/a.mp4", ".", Path()):
            check_local(name)

    def test_nothing(self):
        with pytest.raises(InputError, match="the name of a file is empty"):
            check_local("")
