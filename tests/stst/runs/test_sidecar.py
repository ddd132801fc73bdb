from __future__ import annotations

import json
import math

import pytest

from old_versions import MADE, REMEDY
from small_runs import RECORD
from stst.errors import InputError
from stst.runs.folder import RunFolder
from stst.runs.record import SCHEMA_VERSION, RunRecord
from stst.runs.sidecar import (
    Input,
    Sidecar,
    other_version,
    read_sidecar,
    relative,
    write_sidecar,
)

CONTENT = {
    "method": "stst", "config": {}, "inputs": [], "environment": {},
    "output": {"frames_sha256": "0"},
}  # fmt: skip


def test_round_trip(tmp_path):
    path = tmp_path / "a.json"
    write_sidecar(path, {**CONTENT, "ä": [1, 0.1]})
    assert read_sidecar(path).as_dict() == {
        "schema_version": SCHEMA_VERSION, **CONTENT, "ä": [1, 0.1],
    }  # fmt: skip
    assert path.read_text("utf-8").endswith("}\n")
    with pytest.raises(InputError, match="exists"):
        write_sidecar(path, CONTENT)
    write_sidecar(path, CONTENT, overwrite=True)
    assert "ä" not in read_sidecar(path).as_dict()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_has_not_are_never_written(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        write_sidecar(tmp_path / "a.json", {**CONTENT, "seconds": value})
    assert list(tmp_path.iterdir()) == []


def test_paths_are_relative_to_the_sidecar(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = Input("natural", tmp_path / "clips/a b.mp4", {"sha256": "0"})
    assert one.describe(tmp_path / "out/deep") == {
        "role": "natural", "path": "../../clips/a b.mp4", "sha256": "0",
    }  # fmt: skip
    assert relative(tmp_path / "a", tmp_path) == "a"
    from pathlib import Path

    assert relative(Path("x/a"), Path("y")) == "../x/a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture; a sidecar is text"),
        (b"\xff\x01\x02\x03", "not a text file in UTF-8, nor any text"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[]", "not a sidecar of this program"),
        (b"{}", r"no schema_version"),
        (
            b'{"schema_version": 99}',
            "schema_version 99; this version reads 1 and 2. Update napari-stst",
        ),
        (b'{"schema_version": 3}', "schema_version 3; this version reads 1 and 2. Update nap"),
        (b'{"schema_version": "1"}', "schema_version '1'"),
        *(
            (json.dumps({"schema_version": 1, **CONTENT, key: 3}).encode(), f"the entry '{key}'")
            for key in CONTENT
        ),
        (json.dumps({"schema_version": 1, **CONTENT, "output": {}}).encode(), "frames_sha256 is m"),
        *(
            (
                json.dumps({"schema_version": 1, **CONTENT, "inputs": [one]}).encode(),
                "an entry of 'inputs' lacks role, path or frames_sha256",
            )
            for one in (3, {}, {"role": "natural", "path": 3, "frames_sha256": "0"})
        ),
    ],
)
def test_what_is_no_sidecar(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_sidecar(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_damage_that_nothing_depends_on_is_left_out(tmp_path):
    damaged = {
        **CONTENT, "environment": {"threads": "2", "batch": [0, None], "device": 3},
        "weights": "none", "per_frame": 3, "warnings": {}, "beside": {"last": 3},
    }  # fmt: skip
    write_sidecar(tmp_path / "a.json", damaged)
    found = read_sidecar(tmp_path / "a.json")
    assert (found.weights, found.per_frame, found.warnings, found.beside) == (None,) * 4
    assert (found.environment.threads, found.environment.batch) == (None, None)
    assert found.environment.device is None


def test_names_that_are_no_text(tmp_path):
    one = {"role": "natural", "path": "a", "frames_sha256": "0", "a\udcff": 1}
    content = {"schema_version": 2, **CONTENT, "inputs": [one], "b\ud800": 2}
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert read_sidecar(tmp_path / "a.json").inputs[0].role == "natural"


@pytest.mark.parametrize("name", ["a.mkv", "a.npz", "a"])
def test_the_stimulus_in_place_of_its_sidecar(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\1\2\3")
    beside = (tmp_path / name).with_suffix(".json")
    with pytest.raises(InputError) as caught:
        read_sidecar(tmp_path / name)
    assert "Its sidecar is" not in str(caught.value)
    beside.write_text("{}")
    with pytest.raises(InputError) as caught:
        read_sidecar(tmp_path / name)
    assert str(caught.value).endswith(f". Its sidecar is {beside}.")


def test_not_there_or_a_folder(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: no such sidecar"):
        read_sidecar(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_sidecar(tmp_path)


class TestOtherVersions:
    def test_of_version_0_1(self):
        content = read_sidecar(MADE / "metamer.json")
        assert "noise" not in content.config
        said = other_version(content)
        assert said.startswith("napari-stst 0.1.0 made it, and this version would make other bytes")
        assert REMEDY in said
        assert REMEDY in other_version(RunFolder(MADE / "begun.run").record())

    def test_of_this_one(self):
        assert other_version(Sidecar(schema_version=SCHEMA_VERSION, **CONTENT)) == ""

    @pytest.mark.parametrize(
        ("version", "name", "series"),
        [
            ("0.1.7", "0.1.7", "0.1"),
            ("0.1.0.dev3+g12ab", "0.1.0.dev3+g12ab", "0.1"),
            ("0.3.1", "0.3.1", "0.3"),
            ("not installed as a distribution", "0.1", "0.1"),
            ('0.1"; rm -r /', "0.1", "0.1"),
            (None, "0.1", "0.1"),
            (["0.1"], "0.1", "0.1"),
        ],
    )
    def test_they_are_named_as_the_record_does(self, version, name, series):
        environment = {"versions": {"napari-stst": version}}
        said = other_version(Sidecar(**{**CONTENT, "environment": environment}, schema_version=1))
        assert said.startswith(f"napari-stst {name} made it, ")
        assert f'"napari-stst=={series}.*"' in said

    @pytest.mark.parametrize("environment", [{}, {"versions": 3}])
    def test_they_are_guessed_where_it_is_damaged(self, environment):
        content = {**CONTENT, "environment": environment}
        assert REMEDY in other_version(Sidecar(schema_version=1, **content))

    def test_runs_of_0_1_do_not_say_it(self):
        content = {key: value for key, value in RECORD.items() if key != "schema_version"}
        assert REMEDY in other_version(RunRecord.model_validate(content))
