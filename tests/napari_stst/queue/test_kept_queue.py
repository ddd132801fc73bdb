from __future__ import annotations

import json

import pytest

from napari_stst.queue.kept_queue import KeptQueue, KeptRequest, data_dir
from napari_stst.queue.request import MakeRequest
from small_runs import config

CONFIG = config(seed=4)


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("STST_DATA_DIR", str(tmp_path / "data"))


def kept(tmp_path, name, began=False) -> KeptRequest:
    return KeptRequest(
        MakeRequest(tmp_path / "a.mkv", str(tmp_path / name), CONFIG, overwrite=True), began
    )


def files() -> list[str]:
    return sorted(one.name for one in data_dir().rglob("*") if one.is_file())


def test_the_next_viewer_takes_over_what_was_left(tmp_path):
    wanted = [kept(tmp_path, "one.mkv", True), kept(tmp_path, "two/")]
    first, second, third = KeptQueue(), KeptQueue(), KeptQueue()
    first.keep(wanted)
    # as long as it lives, it is its own
    assert second.take_over() == ([], [])
    first.close()
    assert second.take_over() == (wanted, [])
    # and nobody has it twice
    assert third.take_over() == ([], [])
    second.close()
    assert third.take_over() == (wanted, [])


def test_nothing_stays_where_everything_is_done(tmp_path):
    queue = KeptQueue()
    queue.keep([])
    assert not data_dir().exists()
    queue.keep([kept(tmp_path, "one.mkv")])
    assert "queue.json" in files()
    queue.keep([])
    assert files() == []


def test_what_is_damaged_is_named_and_the_rest_comes_back(tmp_path):
    first = KeptQueue()
    first.keep([kept(tmp_path, "one.mkv"), kept(tmp_path, "two.mkv")])
    first.close()
    (path,) = data_dir().rglob("queue.json")
    content = json.loads(path.read_text())
    content["entries"][0]["config"] = {"method": "stst", "seed": "many"}
    path.write_text(json.dumps(content))
    second = KeptQueue()
    found, (note,) = second.take_over()
    assert found == [kept(tmp_path, "two.mkv")]
    assert "one.mkv" in note
    assert "seed" in note
    second.close()
    (path,) = data_dir().rglob("queue.json")
    path.write_text("[")
    found, (note,) = KeptQueue().take_over()
    assert found == []
    assert "cannot be read" in note
    assert files() == []
