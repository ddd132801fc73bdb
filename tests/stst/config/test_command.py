from __future__ import annotations

import tomllib
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stst.config import (
    METHODS,
    LeapsConfig,
    StpsConfig,
    StstConfig,
    build,
    merge,
    model_override,
    preset_method,
    preset_names,
    preset_text,
)
from stst.config.command import command_words
from stst_cli.make import leaps, scramble, synthesize

OCTAVES = [{"exponent": 0, "iterations": 7, "learning_rate": 1e-05, "tv_weight": 0.25}]
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "samples": st.integers(1, 9),
        "device": st.sampled_from(["cpu", "cuda:1"]),
        "precision": st.sampled_from(["fp32", "bf16"]),
        "input": st.sampled_from([{"frames": "3:9"}, {"max_side": 80, "frames": ":4"}]),
        "octave_scale": st.floats(1.01, 4),
        "octaves": st.just(OCTAVES),
        "frames": st.sampled_from([[], [{"range": "1:", "octaves": OCTAVES, "blend": 0.5}]]),
        "optimizer": st.just({"name": "adam", "betas": [0.5, 0.75]}),
        "spatial": st.just({"model": "vgg19", "texture_layers": ["conv1_1"], "content_weight": 2}),
        "targets": st.just({"color": "a 'b' c.mkv"}),
        "padding_frames": st.just(3),
    },
)


def parsed(words, monkeypatch):
    """Give the config that the command line makes of these words."""
    found = {}
    module = {"synthesize": synthesize, "scramble": scramble, "leaps": leaps}[words[1]]

    def note(natural, output, config, **_):
        named = None if natural is None else str(natural)
        found.update(natural=named, output=output, config=config)

    monkeypatch.setattr("stst.runs.job.Job", note)
    monkeypatch.setattr("stst_cli.shared.job.run_job", lambda job, as_json: None)
    command = getattr(module, words[1])
    assert isinstance(command, click.Command)
    command.main(words[2:], standalone_mode=False)
    return found


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_alone(name, patch):
    config = build(tomllib.loads(preset_text(name)), METHODS[preset_method(name)].config)
    words = command_words(config, name, "in.mp4", "out.mkv")
    assert words[2:] == ["in.mp4", "-o", "out.mkv", "--preset", name]
    assert parsed(words, patch)["config"] == config


@given(CHANGES, st.sampled_from(["paper", "fast", "quick"]), st.sampled_from(["paper", "builtin"]))
def test_the_command_has_the_config(patch, changes, preset, model):
    tree = merge(tomllib.loads(preset_text(preset)), model_override(model), changes)
    config = build(tree, StstConfig)
    found = parsed(command_words(config, preset, "-in put.mp4", "out.mkv"), patch)
    assert found["config"] == config
    assert (Path(found["natural"]).name, found["output"]) == ("-in put.mp4", "out.mkv")


@given(st.floats(0, 1), st.sampled_from(["both", "spatial"]), st.booleans())
def test_scrambling(patch, coherence, mode, colors):
    config = StpsConfig(coherence=coherence, mode=mode, color_transfer=colors, seed=3)
    assert parsed(command_words(config, "stps", "in.mp4", "o.mkv"), patch)["config"] == config


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "target": st.sampled_from(["juggling balls", "171"]),
            "model": st.sampled_from(["s3d", "own.models:video"]),
            "weights": st.sampled_from(["none", "a b.pth"]),
            "verifier": st.sampled_from(["none", "r3d_18"]),
            "verifier_weights": st.just("w.pth"),
            "length": st.integers(1, 99),
            "size": st.just("64x48"),
            "rate": st.floats(0.01, 1000),
            "flip": st.booleans(),
            "priming": st.just("jaccard"),
            "priming_weight": st.floats(0, 1e9),
            "coherence_weight": st.floats(0, 1e9),
            "samples": st.integers(1, 3),
        },
    ),
    st.sampled_from(["clip.mkv", None]),
)
def test_inversion(patch, changes, stimulus):
    config = LeapsConfig(**changes)
    found = parsed(command_words(config, "leaps", stimulus, "o.mkv"), patch)
    assert found == {"config": config, "natural": stimulus, "output": "o.mkv"}
