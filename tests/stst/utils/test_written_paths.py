from __future__ import annotations

from pathlib import Path

import pytest

from small_runs import clip, frames
from stst.config import read_config_file
from stst.config.sources import build, load_preset, merge, paths_beside, set_override
from stst.config.stst import StstConfig, TargetsConfig
from stst.errors import InputError
from stst.runs.outputs import outputs_for
from stst.utils.files import at_home, resolve_path
from stst.video import LazyVideo, probe, read_video, sidecar_path, write_video


@pytest.fixture
def home(tmp_path, monkeypatch):
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    return home


def test_home(home):
    assert at_home("~/out/") == f"{home}/out/"
    assert at_home("~") == str(home)
    assert at_home("a~") == "a~"
    assert at_home("~nobody-of-this-name/x") == "~nobody-of-this-name/x"
    assert resolve_path("~/x.mkv", Path("folder")) == home / "x.mkv"
    Path("~").mkdir()
    Path("~/x.mkv").touch()
    assert resolve_path("~/x.mkv") == Path("~/x.mkv")


def test_backslashes(home):
    Path("sub").mkdir()
    Path("sub/a.mkv").touch()
    (home / "b.mkv").touch()
    assert resolve_path("sub\\a.mkv") == Path("sub/a.mkv")
    assert resolve_path("a.mkv", Path("sub")) == Path("sub/a.mkv")
    assert resolve_path("~\\b.mkv") == home / "b.mkv"
    assert resolve_path("sub\\none.mkv") == Path("sub\\none.mkv")
    with pytest.raises(InputError, match=r"none.mkv does not exist\. .* separated by / here\."):
        probe("sub\\none.mkv")


def test_clips(home):
    clip(home / "a.mkv")
    assert probe("~/a.mkv").frames == 3
    assert len(read_video("~/a.mkv").frames) == 3
    assert LazyVideo("~/a.mkv").path == home / "a.mkv"
    assert sidecar_path("~/a.mkv") == home / "a.json"
    write_video("~/b.npz", frames(), 25)
    assert (home / "b.npz").exists()
    assert outputs_for("~/c/", [0])[0].master == home / "c"
    assert outputs_for("~/c.mkv", [0])[0].master == home / "c.mkv"


def test_configs(home):
    Path("own").mkdir()
    file = Path("own/config.toml")
    file.write_text('mask = "~/m.png"\n[targets]\ncolor = "~/c.mkv"\nspatial_texture = "t.mkv"\n')
    tree = paths_beside(read_config_file(file), file)
    config = build(merge(load_preset("quick").model_dump(), tree), StstConfig)
    assert config.mask == str(home / "m.png")
    assert config.targets == TargetsConfig(color=str(home / "c.mkv"), spatial_texture="own/t.mkv")
    for key in ("mask", "targets.color"):
        tree = set_override(load_preset("quick").model_dump(), f"{key}=~/x.npz")
        made = build(tree, StstConfig)
        assert (made.mask or made.targets.color) == str(home / "x.npz")
