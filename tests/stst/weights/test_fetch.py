"""Fetching, from a server on the loopback interface that can be told to misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from patience import patience, wait_for
from stst import weights
from stst.errors import InputError, StstError
from stst.weights import download, registry

BODY = np.random.default_rng(0).bytes(700_000)


@dataclass
class Server:
    """What to answer, and what was asked."""

    url: str = ""
    status: int = 200
    body: bytes = BODY
    cuts: list[int] = field(default_factory=list)  # bytes after which the next answers break
    ranges: bool = True
    length: bool = True
    said: str | None = None  # in place of the length
    later: bytes | None = None  # what the body is after the first answer
    pause: float = 0.0  # seconds in the middle of an answer
    gone: threading.Event = field(default_factory=threading.Event)  # ends the pause
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            told.asked.append(wanted)
            start = 0
            if wanted and told.ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if start else told.status)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(told.body) - 1}/*")
            if told.length:
                self.send_header("Content-Length", told.said or str(len(told.body) - start))
            self.end_headers()
            rest = told.body[start:]
            with contextlib.suppress(ConnectionError):  # the client may have hung up
                part = rest[: told.cuts.pop(0)] if told.cuts else rest
                if told.pause:
                    self.wfile.write(part[: len(part) // 2])
                    told.gone.wait(told.pause)
                    return
                self.wfile.write(part)
            told.body = told.later or told.body

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told.url = f"http://127.0.0.1:{http.server_port}/tiny.npz"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("STST_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def publish(monkeypatch, url: str, body: bytes | None = BODY) -> None:
    """Add an entry, with the body's hash or none."""
    digest = None
    if body is not None:
        digest = registry.Hash("sha256", hashlib.sha256(body).hexdigest())
    entry = registry.Entry("tiny", "tiny.npz", url, digest, "free", "for tests")
    monkeypatch.setitem(registry.REGISTRY, "tiny", entry)


def test_fetch_verifies_and_tells_progress(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    seen: list[tuple[int, int | None]] = []
    found = weights.fetch("tiny", lambda have, total: seen.append((have, total)))
    assert found.path == cache / "tiny.npz"
    assert found.hash_state == "verified"
    assert found.path.read_bytes() == BODY
    assert [path.name for path in cache.iterdir()] == ["tiny.npz"]
    assert seen[-1] == (len(BODY), len(BODY))
    assert seen == sorted(seen)
    assert len(seen) > 1


def test_what_is_here_is_not_fetched_again(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    weights.fetch("tiny")
    weights.fetch("tiny")
    assert len(server.asked) == 1
    weights.fetch("tiny", overwrite=True)
    assert len(server.asked) == 2
    (cache / "tiny.npz").write_bytes(BODY[:-1])
    assert weights.fetch("tiny").hash_state == "verified"
    assert len(server.asked) == 3


def test_partial_file_of_ones_own_does_not_stand_for_the_published(
    server, tmp_path, cache, monkeypatch
):
    from dataclasses import replace

    publish(monkeypatch, server.url)
    entry = replace(registry.REGISTRY["tiny"], also=("part_*.npz",))
    monkeypatch.setitem(registry.REGISTRY, "tiny", entry)
    monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
    np.savez(tmp_path / "part_1.npz", a=np.zeros(2))
    assert weights.fetch("tiny").path == cache / "tiny.npz"
    assert weights.find("tiny").path == tmp_path / "part_1.npz"


@pytest.mark.parametrize("length", [True, False])
def test_other_content(server, cache, monkeypatch, length):
    publish(monkeypatch, server.url)
    server.body, server.length = b"<html>Log in first</html>", length
    expected = hashlib.sha256(BODY).hexdigest()
    found = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(StstError, match=f"expected sha256:{expected}, found sha256:{found}") as it:
        weights.fetch("tiny")
    assert it.value.exit_code == 1
    assert list(cache.iterdir()) == []


def test_other_content_leaves_an_older_file_alone(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    weights.fetch("tiny")
    server.body = b"other"
    with pytest.raises(StstError):
        weights.fetch("tiny", overwrite=True)
    assert (cache / "tiny.npz").read_bytes() == BODY


def test_broken_connection_is_taken_up(server, monkeypatch):
    publish(monkeypatch, server.url)
    server.cuts = [300_000, 100_000]
    seen: list[int] = []
    found = weights.fetch("tiny", lambda have, total: seen.append(have))
    assert found.path.read_bytes() == BODY
    assert len(server.asked) == 3
    assert server.asked[0] is None
    assert all(str(asked).startswith("bytes=") for asked in server.asked[1:])
    assert seen == sorted(seen)


def test_server_that_cannot_resume(server, monkeypatch):
    publish(monkeypatch, server.url)
    server.cuts, server.ranges = [300_000], False
    assert weights.fetch("tiny").path.read_bytes() == BODY


def test_connection_that_keeps_breaking(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    server.cuts = [1000] * 10
    with pytest.raises(StstError, match=r"could not be fetched.*Offline: fetch http"):
        weights.fetch("tiny")
    assert list(cache.iterdir()) == []
    assert not isinstance(weights.find("tiny"), weights.FoundWeights)


def test_refused(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    server.status = 404
    with pytest.raises(StstError, match=r"tiny: the server refused http.*\(404\)"):
        weights.fetch("tiny")
    assert len(server.asked) == 1
    assert list(cache.iterdir()) == []


def test_nobody_there(monkeypatch, server):
    publish(monkeypatch, "http://127.0.0.1:9/tiny.npz")
    with pytest.raises(StstError, match=r"could not be fetched \(.*STST_WEIGHTS_DIR") as raised:
        weights.fetch("tiny")
    assert not isinstance(raised.value, InputError)
    assert "stst weights import FILE tiny" in str(raised.value)


def test_interrupted(server, cache, monkeypatch):
    publish(monkeypatch, server.url)

    def interrupt(have: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.fetch("tiny", interrupt)
    assert list(cache.iterdir()) == []


def test_without_a_published_hash_what_came_is_recorded(server, cache, monkeypatch):
    publish(monkeypatch, server.url, body=None)
    found = weights.fetch("tiny")
    assert found.hash_state == "unverified"
    record = json.loads((cache / "tiny.npz.json").read_text())
    digest = hashlib.sha256(BODY).hexdigest()
    expected = {"name": "tiny", "url": server.url, "verified": False, "sha256": digest}
    assert record == expected
    weights.fetch("tiny")
    assert len(server.asked) == 1
    (cache / "tiny.npz").write_bytes(BODY[:-1])
    assert weights.find("tiny").hash_state == "mismatch"
    weights.fetch("tiny")
    assert weights.find("tiny").hash_state == "unverified"


def test_several_at_once(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    failures: list[BaseException] = []

    def one() -> None:
        try:
            weights.fetch("tiny", overwrite=True)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in cache.iterdir()] == ["tiny.npz"]
    assert (cache / "tiny.npz").read_bytes() == BODY


def test_cache_that_cannot_be_written(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    (cache / "tiny.npz").mkdir(parents=True)
    with pytest.raises(StstError, match=r"tiny.npz: could not be written.*STST_CACHE_DIR"):
        weights.fetch("tiny")
    assert [path.name for path in cache.iterdir()] == ["tiny.npz"]


def test_a_server_that_never_ends(server, cache, monkeypatch):
    publish(monkeypatch, server.url)
    monkeypatch.setattr(download, "_LARGEST", 400_000)
    server.length = False
    with pytest.raises(StstError, match=r"sent more than 0 MiB for tiny; it was removed\..*STST_W"):
        weights.fetch("tiny")
    assert len(server.asked) == 1
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("said", ["9" * 18, "1"])
def test_a_length_that_is_wrong(server, cache, monkeypatch, said):
    """Told too much, too little or nonsense: only the published bytes are ever put in place."""
    publish(monkeypatch, server.url)
    server.said = said
    with pytest.raises(StstError, match="could not be fetched|sent something else"):
        weights.fetch("tiny")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("said", ["-5", "many"])
def test_a_length_that_is_none(server, monkeypatch, said):
    publish(monkeypatch, server.url)
    server.said = said
    assert weights.fetch("tiny").path.read_bytes() == BODY


@pytest.mark.parametrize("wrong", [b"", BODY[:-1], BODY + b"x", b"x" + BODY[1:]])
def test_bytes_that_differ(server, cache, monkeypatch, wrong):
    publish(monkeypatch, server.url)
    server.body = wrong
    with pytest.raises(StstError, match="sent something else than tiny"):
        weights.fetch("tiny")
    assert list(cache.iterdir()) == []
    assert weights.find("tiny") is None


def test_a_download_that_goes_on_with_other_bytes(server, cache, monkeypatch):
    """The file at the server is replaced between two tries."""
    publish(monkeypatch, server.url)
    server.cuts = [300_000]
    server.later = b"y" * len(BODY)
    with pytest.raises(StstError, match="sent something else than tiny"):
        weights.fetch("tiny")
    assert list(cache.iterdir()) == []


FETCH = """
import hashlib, sys
from stst import weights
from stst.weights import registry
url, digest = sys.argv[1:]
published = registry.Hash("sha256", digest)
entry = registry.Entry("tiny", "tiny.npz", url, published, "free", "for tests")
registry.REGISTRY["tiny"] = entry
for _ in range(5):
    found = weights.fetch("tiny", overwrite=True)
    assert found.hash_state == "verified", found
    assert hashlib.sha256(found.path.read_bytes()).hexdigest() == digest
"""


def test_two_processes_at_once(server, cache):
    words = [sys.executable, "-c", FETCH, server.url, hashlib.sha256(BODY).hexdigest()]
    environment = {**os.environ, "NO_PROXY": "*", "STST_CACHE_DIR": str(cache)}
    running = [
        subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=patience(120))[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert [path.name for path in cache.iterdir()] == ["tiny.npz"]
    assert (cache / "tiny.npz").read_bytes() == BODY


def test_a_process_that_is_killed_leaves_nothing_that_counts(server, cache):
    server.pause = 30.0
    words = [sys.executable, "-c", FETCH, server.url, hashlib.sha256(BODY).hexdigest()]
    environment = {**os.environ, "NO_PROXY": "*", "STST_CACHE_DIR": str(cache)}
    process = subprocess.Popen(words, env=environment)
    wait_for(lambda: cache.is_dir() and any(path.stat().st_size for path in cache.iterdir()))
    process.kill()
    process.wait()
    server.gone.set()
    (left,) = cache.iterdir()
    assert left.name.endswith(".part")
    assert not (cache / "tiny.npz").exists()
