from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stst.errors import InputError
from stst.utils.locks import LOCK, check_unlocked, hold_lock

HOLD = """
import sys, time
from pathlib import Path
from stst.utils.locks import hold_lock
with hold_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(3600)
"""


def test_one_at_a_time_and_nothing_is_left(tmp_path):
    folder = tmp_path / "X.run"
    check_unlocked(folder)
    with hold_lock(folder) as works:
        assert works
        with pytest.raises(InputError, match=f"X.run is in use: process {os.getpid()} on "):
            check_unlocked(folder)
        with pytest.raises(InputError, match="is in use"), hold_lock(folder):
            raise AssertionError("two at once")
        assert os.listdir(folder) == [LOCK]
    assert os.listdir(tmp_path) == []
    with hold_lock(folder):
        (folder / "kept").touch()
    assert os.listdir(folder) == ["kept"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_it_goes_with_the_process(tmp_path):
    folder = tmp_path / "X.run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"in use: process {process.pid} on"):
            check_unlocked(folder)
        process.kill()
        process.wait()
        assert os.listdir(folder) == [LOCK], "a file without a lock on it"
        check_unlocked(folder)
        with hold_lock(folder):
            pass
    assert os.listdir(tmp_path) == []


def test_whoever_asks_does_not_get_in_the_way(tmp_path, monkeypatch):
    """Asking takes the lock for a moment."""
    folder = tmp_path / "X.run"
    folder.mkdir()
    (folder / LOCK).touch()
    waited = []
    asking = hold_lock(folder)
    asking.__enter__()
    monkeypatch.setattr(
        time, "sleep", lambda seconds: waited or waited.append(asking.__exit__(None, None, None))
    )
    with hold_lock(folder) as works:
        assert works
    assert len(waited) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="that of POSIX")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_nobody_is_kept_out(tmp_path, monkeypatch, number):
    import fcntl

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold_lock(tmp_path / "X.run") as works, hold_lock(tmp_path / "X.run") as again:
        assert not works
        assert not again
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "bad")))
    with pytest.raises(OSError, match="bad"), hold_lock(tmp_path / "X.run"):
        raise AssertionError("a disk that fails is no disk without locks")


@pytest.mark.skipif(sys.platform == "win32", reason="that of POSIX")
def test_the_lock_is_on_the_file_that_others_see(tmp_path, monkeypatch):
    """NFS keeps a file that is open under another name when it is removed."""
    import fcntl

    folder, flock, kept = tmp_path / "X.run", fcntl.flock, tmp_path / "kept"

    def removed_before(number, what):
        if not kept.exists():
            (folder / LOCK).rename(kept)
        flock(number, what)

    monkeypatch.setattr(fcntl, "flock", removed_before)
    with hold_lock(folder) as works:
        assert works
        with pytest.raises(InputError, match=f"in use: process {os.getpid()} on"):
            check_unlocked(folder)
    assert os.listdir(tmp_path) == ["kept"]


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError), hold_lock(tmp_path / name):
            raise AssertionError("no folder")
    with pytest.raises(FileNotFoundError), hold_lock(tmp_path / "no" / "X.run"):
        raise AssertionError("no parent")
    with pytest.raises(NotADirectoryError), hold_lock(tmp_path / "file" / "X.run"):
        raise AssertionError("no parent")
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="there is no /proc here")
def test_a_file_system_where_no_folder_can_be():
    with pytest.raises(FileNotFoundError), hold_lock(Path("/proc/X.run")):
        raise AssertionError("no folder")
