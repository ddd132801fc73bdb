"""A method that another package registers goes all the ways that our own go."""

from __future__ import annotations

import json
import signal
from typing import Literal

import numpy as np
import pytest
from pydantic import create_model

from methods_of_others import WITH_TOY, installed
from small_runs import clip, process, refused, stst
from stst.config import METHODS, MethodSpec, RunConfig, methods
from stst.errors import InputError
from stst.video import read_video

OWN = ("--set", "iterations=4", "--seed", "3")


@pytest.fixture
def drift(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "natural.mkv", count=4)
    with installed(monkeypatch):
        yield tmp_path


def made(*words):
    done = stst(*words)
    assert done.exit_code == 0, done.output
    return done


def test_it_is_in_the_table_and_is_a_command(drift):
    assert METHODS.foreign() == ("drift",)
    assert METHODS["drift"].title == "DRIFT"
    assert "drift" in stst("--help").stdout
    shown = stst("drift", "--help").stdout
    assert "step, iterations, checkpoint_every" in " ".join(shown.split())
    refused(stst("drift", "natural.mkv", "-o", "a.mkv", "--set", "stepp=1"), "did you mean 'step'?")


def test_without_the_package_it_is_not_there(tmp_path):
    assert METHODS.foreign() == ()
    assert stst("drift", "a.mkv", "-o", "b.mkv").exit_code == 2


def test_made_and_remade(drift):
    made("drift", "natural.mkv", "-o", "a.mkv", *OWN, "--samples", "2")
    sidecar = json.loads((drift / "a_seed3.json").read_text())
    assert sidecar["method"] == "drift"
    assert sidecar["config"]["iterations"] == 4
    first, second = (read_video(f"a_seed{seed}.mkv").frames for seed in (3, 4))
    assert not np.array_equal(first, second)
    refused(
        stst("remake", "a_seed3.json", "-o", "b.mkv"),
        "method names 'drift'", "importing it would run its code", "--trust-model drift",
    )  # fmt: skip
    made("remake", "a_seed3.json", "-o", "b.mkv", "--trust-model", "drift")
    assert np.array_equal(read_video("b.mkv").frames, first)


@pytest.mark.parametrize("own", [None, "stps"])
def test_a_sidecar_cannot_get_around_the_rule_of_trust(drift, own, monkeypatch):
    made("drift", "natural.mkv", "-o", "a.mkv", *OWN)
    content = json.loads((drift / "a.json").read_text())
    content["config"].pop("method")
    if own is not None:
        content["config"]["method"] = own
    (drift / "evil.json").write_text(json.dumps(content))
    monkeypatch.setattr(methods, "_load", lambda entry: pytest.fail("its code was imported"))
    words = "--trust-model drift" if own is None else "they have to be the same"
    refused(stst("remake", "evil.json", "-o", "b.mkv"), words)


@pytest.mark.parametrize("where", ["2:0", "1:2"])
def test_killed_and_continued_to_the_same_bytes(drift, where):
    made("drift", "natural.mkv", "-o", "straight.mkv", *OWN)
    words = ("drift", "natural.mkv", "-o", "a.mkv", *OWN)
    killed = process(*words, folder=drift, PYTHONPATH=WITH_TOY, TOY_KILL=where)
    assert killed.returncode == -signal.SIGKILL
    assert (drift / "a.run").is_dir()
    went_on = process(*words, "--resume", folder=drift, PYTHONPATH=WITH_TOY)
    assert went_on.returncode == 0, went_on.stderr
    assert (drift / "a.mkv").read_bytes() == (drift / "straight.mkv").read_bytes()


def test_a_config_file_names_it(drift):
    (drift / "c.toml").write_text('method = "drift"\nstep = 0.5\n')
    made("drift", "natural.mkv", "-o", "a.mkv", "--config", "c.toml")
    assert json.loads((drift / "a.json").read_text())["config"]["step"] == 0.5
    refused(stst("batch", "natural.mkv", "-o", "out", "--config", "c.toml"), "--trust-model drift")


def test_batched_and_summarised(drift):
    (drift / "jobs.csv").write_text(
        "natural,method,seed,step\nnatural.mkv,drift,1:3,0.3\nnatural.mkv,scramble,1,\n"
    )
    refused(stst("batch", "jobs.csv", "-o", "out"), "--trust-model drift")
    made("batch", "jobs.csv", "-o", "out", "--trust-model", "drift")
    table = (drift / "out" / "summary.csv").read_text().splitlines()
    assert [line.count("drift") > 0 for line in table[1:]] == [True, True, False]
    masters = sorted(path.name for path in (drift / "out").glob("*.mkv"))
    assert len(masters) == 3
    shown = json.loads(made("info", f"out/{masters[0]}", "--json").stdout)
    assert shown["sidecar"]["method"] == "drift"


def test_several_processes_make_the_same(drift):
    (drift / "jobs.csv").write_text("natural,method,seed\nnatural.mkv,drift,1:3\n")
    made("batch", "jobs.csv", "-o", "one", "--trust-model", "drift")
    made("batch", "jobs.csv", "-o", "two", "--trust-model", "drift", "--jobs", "2")
    names = sorted(path.name for path in (drift / "one").glob("*.mkv"))
    assert len(names) == 2
    for name in names:
        assert (drift / "one" / name).read_bytes() == (drift / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_module:SPEC", "cannot be imported"),
        ("toy_method:Drift", "expected a stst.config.methods.MethodSpec"),
    ],
)
def test_a_broken_registration_is_named(tmp_path, monkeypatch, value, words):
    info = tmp_path / "broken" / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[stst.methods]\nwrong = {value}\n")
    from methods_of_others import TOY

    with installed(monkeypatch, str(tmp_path / "broken"), TOY):
        refused(stst("wrong", "a.mkv", "-o", "b.mkv"), "method 'wrong'", value, words)
        refused(stst("wrong", "--help"), "method 'wrong'", value, words)
        # the others go on, and no list imports anything
        shown = stst("--help")
        assert shown.exit_code == 0
        assert "drift" in shown.stdout
        assert "wrong" in shown.stdout


def spec(name, **changes):
    kind = create_model("Own", __base__=RunConfig, method=(Literal[name], name))
    own = {"command": name, "title": "T", "long_title": "t", "stimulus": "s", "prepare": "a:b"}
    return MethodSpec(config=kind, **(own | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"command": "nest"}, "has the command 'nest'"), ({"default_preset": "fast"}, "no presets")],
)
def test_a_registration_that_cannot_work_is_refused(changes, words):
    class Entry:
        name, value = "own", "package:SPEC"

        def load(self):
            return spec("own", **changes)

    with pytest.raises(InputError, match=words):
        methods._load(Entry())


def test_its_config_has_no_presets(drift):
    words = ("it is for the method stst, this is drift", "It has no presets.")
    refused(stst("drift", "natural.mkv", "-o", "a.mkv", "--preset", "fast"), *words)
