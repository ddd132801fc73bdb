from __future__ import annotations

import shlex
import sys
import tomllib
from datetime import date, time

import pytest

from small_runs import TREE
from stst.config import (
    StpsConfig,
    StstConfig,
    build,
    load_preset,
    merge,
    model_override,
    preset_names,
    preset_text,
    read_config_file,
    set_override,
    toml_value,
)
from stst.errors import InputError
from stst.models import load_stream
from stst.runs.sidecar import write_sidecar
from stst_cli.shared.settings import run_config


def made(**given) -> StstConfig:
    words = {
        "preset": None, "config_file": None, "trusted": (), "seed": None, "samples": None,
        "device": None, "precision": None, "frames": None, "max_side": None, "grey": None,
        "bits": None, "tonemap": None, "peak_nits": None, "assignments": (),
    }  # fmt: skip
    model, targets = given.pop("model", None), given.pop("targets", {})
    own = {**(model_override(model) if model else {}), "targets": targets}
    return run_config(StstConfig, "fast", own, **words | given.pop("options", {}) | given)


class TestPrecedence:
    """Preset, then file, then options, then ``--set``."""

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "own.toml"
        path.write_text('seed = 2\nblend = 0.2\n[spatial]\nweights = "x"\n[input]\nmax_side = 7\n')
        return path

    def test_the_default_is_fast(self):
        assert made() == load_preset("fast")

    def test_a_file_wins_over_the_preset(self, file):
        config = made(preset="paper", config_file=file)
        assert (config.seed, config.blend, config.spatial.weights) == (2, 0.2, "x")
        # tables are merged: what the file leaves out stays the preset's
        assert config.spatial.model == "vgg19"
        assert config.octaves == load_preset("paper").octaves

    def test_options_win_over_the_file(self, file):
        config = made(config_file=file, options={"seed": 3, "samples": None}, max_side=9)
        assert (config.seed, config.blend, config.samples) == (3, 0.2, 1)
        assert (config.input.max_side, config.input.frames) == (9, None)

    def test_a_model_wins_over_the_file(self, file):
        config = made(config_file=file, model="builtin")
        assert (config.spatial.model, config.temporal.model) == ("filterbank", "motion_energy")
        assert config.spatial.weights == "default"

    def test_set_wins_over_all(self, file):
        config = made(
            config_file=file, options={"seed": 3}, model="builtin", frames="0:4",
            assignments=("seed=4", "input.frames=1:2", "spatial.model=vgg19", "seed=5"),
        )  # fmt: skip
        assert (config.seed, config.input.frames, config.spatial.model) == (5, "1:2", "vgg19")

    def test_targets_and_mask_of_a_file_lie_beside_it(self, tmp_path):
        folder = tmp_path / "deep"
        folder.mkdir()
        (folder / "own.toml").write_text(
            'mask = "m.png"\n[targets]\ncolor = "c.mp4"\nspatial_texture = "/x/s"\n'
        )
        config = made(config_file=folder / "own.toml", targets={"temporal_texture": "here.mp4"})
        assert config.targets.color == str(folder / "c.mp4")
        assert config.targets.spatial_texture == "/x/s"
        assert config.targets.temporal_texture == "here.mp4"
        assert config.mask == str(folder / "m.png")


class TestSet:
    @pytest.mark.parametrize(
        ("assignment", "expected"),
        [
            ("seed=3", {"seed": 3}),
            (" seed = 3", {"seed": 3}),
            ("a.b=0.5", {"a": {"b": 0.5}}),
            ("a=true", {"a": True}),
            ('a="3"', {"a": "3"}),
            ("a=plain text", {"a": "plain text"}),
            ("a=clip=1.mp4", {"a": "clip=1.mp4"}),
            ("a=", {"a": ""}),
            ('a=["x", "y"]', {"a": ["x", "y"]}),
            ("a={b = 1}", {"a": {"b": 1}}),
            ("a=10:20", {"a": "10:20"}),
            (r"a=C:\new\table.mp4", {"a": r"C:\new\table.mp4"}),
            ("a=" + "[" * 9999, {"a": "[" * 9999}),
        ],
    )
    def test_values_are_toml_or_else_text(self, assignment, expected):
        assert set_override({}, assignment) == expected

    def test_indices(self):
        tree = {"octaves": [{"iterations": 1}, {"iterations": 2}], "seed": 1}
        changed = set_override(tree, "octaves.1.iterations=9")
        assert changed == {"octaves": [{"iterations": 1}, {"iterations": 9}], "seed": 1}
        assert tree["octaves"][1] == {"iterations": 2}, "the given tree is left alone"
        assert set_override(tree, "octaves.0={iterations = 5}")["octaves"][0] == {"iterations": 5}

    @pytest.mark.parametrize(
        ("assignment", "message"),
        [
            ("seed", r"`assignments`: expected KEY=VALUE, found 'seed'\."),
            ("=3", "`assignments`: expected KEY=VALUE, found '=3'"),
            ("", "`assignments`: expected KEY=VALUE, found ''"),
            ("list.2=3", r"`assignments` list\.2: the list has no entry '2'; allowed are 0 to 1"),
            ("list.-1=3", "the list has no entry '-1'"),
            ("list.²=3", "the list has no entry '²'"),
            ("list.x.y=3", "the list has no entry 'x'"),
            ("none.0=3", "allowed are none, it is empty"),
            ("one.two=3", r"`assignments` one\.two: 'two' lies below a single value"),
            (".".join("a" * 9999) + "=1", "no key has 9999 parts"),
        ],
    )
    def test_what_is_refused(self, assignment, message):
        with pytest.raises(InputError, match=message) as caught:
            set_override({"list": [1, 2], "none": [], "one": 1}, assignment)
        assert len(str(caught.value)) < 200

    def test_a_wrong_key_is_found_when_the_config_is_built(self):
        with pytest.raises(InputError, match=r"unknown key 'seeds' \(did you mean 'seed'\?\)"):
            made(assignments=("seeds=3",))


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"seed = ", "not valid TOML: "),
            (b"seed = 1\nseed = 2", "not valid TOML: "),
            (b"a = " + b"[" * 9999, "not valid TOML: "),
            (b"\xff\xfe\x00", "not a text file in UTF-8"),
        ],
    )
    def test_damage(self, tmp_path, content, message):
        path = tmp_path / "own.toml"
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_config_file(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert len(str(caught.value).splitlines()) == 1

    def test_a_sidecar(self, tmp_path):
        path = tmp_path / "a b.json"
        write_sidecar(path, {"config": {"seed": 3}})
        with pytest.raises(InputError) as caught:
            read_config_file(path)
        command = shlex.join(["stst", "remake", str(path)])
        assert str(caught.value) == (
            f"{path}: a sidecar, not a config in TOML. To make its stimulus again: `{command}`."
        )
        path.write_text('{"seed": 3}')
        with pytest.raises(InputError, match="not valid TOML"):
            read_config_file(path)

    def test_not_there_or_a_folder(self, tmp_path):
        with pytest.raises(InputError, match=r"own\.toml: no such config file"):
            read_config_file(tmp_path / "own.toml")
        with pytest.raises(InputError, match="cannot be read"):
            read_config_file(tmp_path)


class TestTrust:
    """Importing a model runs its code; a file must not be able to cause that by itself."""

    @pytest.fixture
    def trap(self, tmp_path, monkeypatch):
        """A module that leaves a file behind when it is imported."""
        (tmp_path / "trap_model.py").write_text(
            "import pathlib, tiny_model\n"
            f"pathlib.Path({str(tmp_path / 'imported')!r}).touch()\n"
            "make = tiny_model.spatial\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        yield tmp_path / "imported"
        sys.modules.pop("trap_model", None)

    @pytest.mark.parametrize("stream", ["spatial", "temporal"])
    def test_a_file_may_not_name_a_model(self, tmp_path, trap, stream):
        file = tmp_path / "own.toml"
        file.write_text(f'[{stream}]\nmodel = "trap_model:make"\n')
        for trusted in ((), ("trap_model:other",), ("trap_model",), ("",)):
            with pytest.raises(InputError) as caught:
                made(config_file=file, trusted=trusted)
            assert str(caught.value).startswith(f"{file}: {stream}.model names 'trap_model:make'")
            assert "`trusted=['trap_model:make']`" in str(caught.value)
        assert not trap.exists()
        assert "trap_model" not in sys.modules

    def test_unless_it_is_trusted(self, tmp_path, trap):
        file = tmp_path / "own.toml"
        file.write_text('[spatial]\nmodel = "trap_model:make"\n')
        config = made(config_file=file, trusted=("trap_model:make",))
        assert not trap.exists(), "a config imports nothing"
        load_stream("spatial", config.spatial)
        assert trap.exists(), "the trap would have been seen"

    def test_the_command_line_is_trusted(self, trap):
        config = made(assignments=("spatial.model=trap_model:make",))
        assert config.spatial.model == "trap_model:make"


def test_models():
    paper = merge(TREE, model_override("paper"))
    assert paper["spatial"]["model"] == "vgg19"
    assert build(paper, StstConfig).temporal.model == "msoe"
    own = merge({"spatial": {"texture_layers": ["x"], "weights": "y"}}, model_override("builtin"))
    assert own["spatial"] == {
        "model": "filterbank", "weights": "default", "texture_layers": None, "content_layers": None,
    }  # fmt: skip
    with pytest.raises(InputError, match=r"'bultin' \(did you mean 'builtin'\?\).*paper, builtin"):
        model_override("bultin")


def test_presets_by_name():
    assert preset_names() == tuple(sorted(preset_names()))
    for name in preset_names():
        assert preset_text(name).startswith("# "), "the first line says what it is"
        tomllib.loads(preset_text(name))
    for wrong, hint in (("papr", r" \(did you mean 'paper'\?\)"), ("../x", ""), ("", "")):
        with pytest.raises(InputError, match=rf"unknown preset '{wrong}'{hint}\. There are: fast"):
            preset_text(wrong)
    with pytest.raises(InputError, match="unknown preset ''"):
        made(preset="")


class TestHints:
    @pytest.mark.parametrize(
        ("tree", "said"),
        [
            ({"max_side": 3}, "unknown key 'max_side' (did you mean 'input.max_side'?)"),
            ({"frames": "0:4"}, "frames: should be a list (found '0:4'; did you mean "
             "'input.frames'?)"),
            ({"texture_weight": 3}, "(did you mean 'spatial.texture_weight' or "
             "'temporal.texture_weight'?)"),
            ({"spatial": {"iterations": 3}}, "(did you mean 'octaves.0.iterations'?)"),
            ({"input": {"seed": 3}}, "unknown key 'input.seed' (did you mean 'seed'?)"),
            ({"max_sied": 3}, "(did you mean 'input.max_side'?)"),
            ({"octaves": [{"exponent": -1, "iterations": 1, "learning_rate": 1}, {"exponent": 0,
              "iteration": 1, "learning_rate": 1}]}, "(did you mean 'octaves.1.iterations'?)"),
            ({"Seed": 3}, "(did you mean 'seed'?)"),
            ({"targets": {"texture": "a.mkv"}}, "(did you mean 'targets.spatial_texture' or "
             "'targets.temporal_texture'?); allowed here: spatial_texture, "),
            ({"targets": {"content": "a.mkv"}}, "(did you mean 'targets.spatial_content' or "
             "'targets.temporal_content'?)"),
            ({"optimizer": {"beta": 1}}, "(did you mean 'optimizer.betas'?)"),
            ({"schedule": "cosine"}, "(did you mean 'optimizer.schedule'?)"),
        ],
    )  # fmt: skip
    def test_keys_of_tables(self, tree, said):
        with pytest.raises(InputError) as caught:
            build(merge(load_preset("quick").model_dump(), tree), StstConfig)
        assert said in str(caught.value)

    def test_frames_of_scrambling(self):
        with pytest.raises(InputError, match=r"'frames' \(did you mean 'input.frames'\?\)"):
            build({"frames": "0:4"}, StpsConfig)

    @pytest.mark.parametrize(
        ("tree", "said"),
        [
            ({"input": {"frames": time(0, 4)}}, "input.frames: should be text (found the time "
             "00:04:00)"),
            ({"input": {"frames": "00:04:00"}}, "input.frames: expected A:B (frames A to B-1) "
             "(found '00:04:00'; a spreadsheet makes a time of what is like 0:4; format its "
             "column as text there, and type it again)"),
            ({"input": {"frames": 4}}, "input.frames: should be text (found 4)"),
            ({"input": {"grey": "maybe"}}, "input.grey: should be true or false (found 'maybe')"),
            ({"input": {"max_side": 1.5}}, "input.max_side: should be a whole number (found 1.5)"),
            ({"input": {"max_side": "1,024"}}, "(found '1,024'; decimals are written with a point, "
             "and thousands without separators)"),
            ({"samples": "two"}, "samples: should be a whole number (found 'two')"),
            ({"blend": "0,5"}, "blend: should be a number (found '0,5'; decimals are written"),
            ({"blend": date(2025, 1, 2)}, "blend: should be a number (found the date 2025-01-02)"),
            ({"blend": None}, "blend: should be a number (found nothing)"),
            ({"mask": ""}, "mask: should not be empty (found '')"),
            ({"targets": 3}, "targets: should be a table (found 3)"),
            ({"optimizer": {"betas": [0.1, True, 0.2]}}, "optimizer.betas: should have at most 2 "
             "entries (found [0.1, true, 0.2])"),
            ({"color_transfer": {"a": True}}, "color_transfer: should be true or false"),
        ],
    )  # fmt: skip
    def test_values_in_plain_words(self, tree, said):
        with pytest.raises(InputError) as caught:
            build(merge(load_preset("quick").model_dump(), tree), StstConfig)
        assert said in str(caught.value)
        for word in ("datetime", "valid", "Input", "input should", "True", "None"):
            assert word not in str(caught.value)

    def test_whole_numbers_with_a_point(self):
        tree = {"seed": 1.0, "samples": 2.0, "input": {"max_side": 48.0}}
        config = build(tree, StpsConfig)
        assert (config.seed, config.samples, config.input.max_side) == (1, 2, 48)
        assert build(set_override({}, "seed=1.0"), StpsConfig).seed == 1

    def test_times_are_no_values(self):
        assert toml_value("00:04:00") == "00:04:00"
        assert toml_value("2025-01-02") == "2025-01-02"
        assert toml_value("3") == 3
