from __future__ import annotations

import json

import pytest

from napari_stst.make.settings import read_settings, write_settings
from small_runs import config
from stst.config import StstConfig, build
from stst.config.sources import find_code_names
from stst.errors import InputError


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "config.toml"
    made = config(seed=3, targets={"color": str(tmp_path / "color.mkv")})
    write_settings(path, made)
    assert build(read_settings(path), StstConfig) == made


def test_a_sidecar_s_clips_lie_beside_it(tmp_path):
    tree = {"seed": 3, "targets": {"color": "../color.mkv"}, "mask": "m.png"}
    content = {
        "schema_version": 1, "method": "stst", "config": tree, "inputs": [], "environment": {},
        "output": {"frames_sha256": "0"},
    }  # fmt: skip
    (tmp_path / "made.json").write_text(json.dumps(content))
    found = read_settings(tmp_path / "made.json")
    assert found["targets"]["color"] == str(tmp_path / "../color.mkv")
    assert found["mask"] == str(tmp_path / "m.png")


def test_models_of_the_user_s_own_are_named():
    tree = {"spatial": {"model": "a.b:c"}, "temporal": {"model": "msoe"}}
    assert list(dict.fromkeys(find_code_names(tree).values())) == ["a.b:c"]
    assert find_code_names({"spatial": 3}) == {}


@pytest.mark.parametrize("name", ["a.toml", "a.json"])
def test_what_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_settings(tmp_path / name)
    (tmp_path / name).write_text("[[")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_settings(tmp_path / name)
