from __future__ import annotations

import tomllib

from small_runs import refused, stst
from stst.config import METHODS, build, preset_method, preset_names


def test_list():
    lines = stst("presets").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(preset_names())
    assert all(len(line.split()) > 5 for line in lines), "each says what it is"


def test_one_as_toml(tmp_path):
    for name in preset_names():
        shown = stst("presets", name)
        assert (shown.exit_code, shown.stderr) == (0, "")
        kind = METHODS[preset_method(name)].config
        assert build(tomllib.loads(shown.stdout), kind).method == preset_method(name)


def test_unknown():
    refused(stst("presets", "papr"), "unknown preset 'papr'", "did you mean 'paper'", "fast")
