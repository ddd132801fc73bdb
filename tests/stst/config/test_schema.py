from __future__ import annotations

import string
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from small_runs import TREE, config
from stst.config import (
    METHODS,
    StpsConfig,
    StstConfig,
    build,
    load_preset,
    merge,
    preset_method,
    preset_names,
    preset_text,
    to_toml,
)
from stst.errors import InputError

COUNT = st.integers(1, 10**6)
SMALL = st.floats(0, 1e6, allow_nan=False)
POSITIVE = st.floats(1e-9, 1e3)
SHARE = st.floats(0, 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LAYERS = st.none() | st.lists(TEXT, max_size=3)


def without_none(values):
    return {key: value for key, value in values.items() if value is not None}


def tables(**fields):
    return st.fixed_dictionaries({}, optional=fields).map(without_none)


@st.composite
def octave_lists(draw):
    exponents = [*sorted(draw(st.sets(st.integers(-8, -1), max_size=3))), 0]
    return [
        {"exponent": one, **draw(st.fixed_dictionaries(
            {"iterations": COUNT, "learning_rate": POSITIVE, "tv_weight": POSITIVE}
        ))}
        for one in exponents
    ]  # fmt: skip


RANGES = st.tuples(st.integers(0, 50), st.none() | st.integers(51, 99)).map(
    lambda ends: f"{ends[0] or ''}:{'' if ends[1] is None else ends[1]}"
)
OPTIMIZERS = tables(
    name=st.sampled_from(["adam", "gradient_descent"]),
    schedule=st.sampled_from(["constant", "cosine"]),
    betas=st.lists(SHARE, min_size=2, max_size=2),
)
MODELS = st.sampled_from(["vgg19", "filterbank", "a.b:c", "modul:fabrik_2", "é:ü"])
STREAMS = {
    "weights": TEXT, "texture_layers": LAYERS, "content_layers": LAYERS, "content_weight": SMALL,
}  # fmt: skip
OVERRIDES = st.builds(
    lambda span, rest: {"range": span, **rest},
    RANGES,
    tables(
        octaves=octave_lists(),
        optimizer=OPTIMIZERS,
        equalize=SMALL,
        blend=SHARE,
        spectrum_weight=SMALL,
        color_weight=SMALL,
        color_transfer=st.booleans(),
        regrain=st.booleans(),
        spatial=tables(texture_weight=POSITIVE, content_weight=SMALL),
        temporal=tables(texture_weight=SMALL, content_weight=SMALL),
    ),
)
TREES = st.builds(
    lambda needed, rest: {**needed, **rest},
    st.fixed_dictionaries(
        {
            "octaves": octave_lists(),
            "spatial": st.builds(
                lambda model, weight, rest: {"model": model, "texture_weight": weight, **rest},
                MODELS, POSITIVE, tables(**STREAMS),
            ),
        }
    ),
    tables(
        seed=st.integers(0, 2**63 - 1),
        samples=st.integers(1, 4096),
        device=st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:3"]),
        precision=st.sampled_from(["fp32", "tf32", "bf16"]),
        input=tables(frames=RANGES, max_side=COUNT),
        rules=st.sampled_from(["paper", "reference"]),
        temporal=st.builds(
            lambda model, rest: {"model": model, **rest}, MODELS,
            tables(**STREAMS, texture_weight=SMALL),
        ),
        octave_scale=st.floats(1.001, 4),
        small_octaves=st.sampled_from(["refuse", "skip"]),
        optimizer=OPTIMIZERS,
        equalize=SMALL,
        blend=SHARE,
        padding_frames=st.integers(0, 1000),
        spectrum_weight=SMALL,
        color_weight=SMALL,
        color_transfer=st.booleans(),
        regrain=st.booleans(),
        frames=st.lists(OVERRIDES, max_size=2),
        targets=tables(spatial_texture=TEXT, color=TEXT),
        mask=st.none() | TEXT.filter(bool),
    ),
)  # fmt: skip


@given(TREES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_toml_round_trip(tree):
    made = build(tree, StstConfig)
    assert build(tomllib.loads(to_toml(made)), StstConfig) == made


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_and_survive_toml(name):
    kind = METHODS[preset_method(name)].config
    preset = build(tomllib.loads(preset_text(name)), kind)
    assert preset.method == preset_method(name)
    assert build(tomllib.loads(to_toml(preset)), kind) == preset
    if kind is StstConfig:
        assert load_preset(name) == preset
        assert preset.octaves[-1].exponent == 0


def test_the_preset_of_scrambling_is_its_default():
    assert build(tomllib.loads(preset_text("stps")), StpsConfig) == StpsConfig()
    with pytest.raises(InputError, match="preset stps: method: should be 'stst'"):
        load_preset("stps")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"coherence": 1.5}, ["coherence", "less than or equal to 1", "1.5"]),
        ({"coherence": float("nan")}, ["coherence"]),
        ({"mode": "time"}, ["mode", "'both', 'spatial', 'spatiotemporal' or 'temporal'", "'time'"]),
        ({"precision": "bf16"}, ["precision", "'fp64' or 'fp32'"]),
        ({"octaves": []}, ["unknown key 'octaves'", "coherence"]),
        ({"color_transfr": True}, ["did you mean 'color_transfer'?"]),
    ],
)
def test_what_is_refused_in_scrambling(changes, parts):
    with pytest.raises(InputError) as caught:
        build(changes, StpsConfig)
    for part in parts:
        assert part in str(caught.value)


def test_the_names_of_the_presets():
    assert {"fast", "paper", "reference"} <= set(preset_names())


def test_the_papers_figures():
    paper = load_preset("paper")
    assert [(o.exponent, o.iterations, o.learning_rate, o.tv_weight) for o in paper.octaves] == [
        (-2, 250, 0.001, 0.05), (-1, 750, 0.003, 0.1), (0, 1000, 0.005, 0.5)
    ]  # fmt: skip
    assert (paper.octave_scale, paper.equalize, paper.blend) == (1.5, 1e4, 0.95)
    assert (paper.padding_frames, paper.small_octaves, paper.rules) == (5, "refuse", "paper")


def test_a_config_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        config().seed = 3


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
PLACES = st.sampled_from(
    [
        ("seed",), ("device",), ("spatial",), ("spatial", "model"), ("spatial", "texture_layers"),
        ("octaves",), ("octaves", "nope"), ("optimizer", "betas"), ("frames",), ("targets",),
        ("mask",),
        ("input", "frames"), ("nope",), ("temporal", "texture_weight", "deep"),
    ]
)  # fmt: skip


@given(PLACES, JUNK)
@settings(max_examples=150, deadline=None)
def test_junk_is_refused_in_one_line(place, junk):
    tree: object = junk
    for key in reversed(place):
        tree = {key: tree}
    try:
        build(merge(TREE, tree), StstConfig)
    except InputError as error:
        message = str(error)
        assert message.startswith("config: ")
        assert len(message.splitlines()) == 1
        assert place[0] in message


OCTAVE = {"iterations": 1, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"octaves": []}, ["octaves: exponents must rise and end with 0", "found []"]),
        (
            {"octaves": [{"exponent": 0, **OCTAVE}, {"exponent": -1, **OCTAVE}]},
            ["exponents must rise", "found [0, -1]"],
        ),
        ({"octaves": [{"exponent": -1, **OCTAVE}]}, ["end with 0", "found [-1]"]),
        ({"octaves": [{"exponent": 0, **OCTAVE}] * 2}, ["must rise", "found [0, 0]"]),
        (
            {"octaves": [{"exponent": 0, "iterations": -5, "learning_rate": 0.1}]},
            ["octaves.0.iterations", "greater than or equal to 1", "found -5"],
        ),
        (
            {"octaves": [{"exponent": 0, "iterations": 5, "learning_rate": 0}]},
            ["octaves.0.learning_rate", "greater than 0", "found 0"],
        ),
        (
            {"octaves": [{"exponent": 0, "iteration": 5, "learning_rate": 0.1}]},
            ["key 'octaves.0.iteration' (did you mean 'octaves.0.iterations'?)", "tv_weight"],
        ),
        ({"octaves": 3}, ["octaves: should be a list (found 3)"]),
        ({"spatial": 3}, ["spatial: should be a table (found 3)"]),
        ({"sede": 3}, ["unknown key 'sede' (did you mean 'seed'?)", "allowed here: method, seed"]),
        ({"spatial": {"modle": "x"}}, ["'spatial.modle' (did you mean 'spatial.model'", "weights"]),
        ({"frames": [{"range": "1:2", "blnd": 1}]}, ["'frames.0.blnd'", "'frames.0.blend'"]),
        ({"frames": [{"range": "2:1"}]}, ["frames.0.range", "greater than A", "found '2:1'"]),
        ({"frames": [{"range": "1:2\n"}]}, ["frames.0.range", "expected A:B"]),
        ({"frames": [{"range": "1"}]}, ["frames.0.range", "expected A:B", "found '1'"]),
        ({"frames": [{"blend": 0.5}]}, ["frames.0.range is missing"]),
        (
            {"frames": [{"range": ":", "octaves": [{"exponent": -1, **OCTAVE}]}]},
            ["frames.0", "end with 0", "found [-1]"],
        ),
        ({"input": {"frames": "-3:"}}, ["input.frames", "expected A:B", "found '-3:'"]),
        ({"input": {"frames": "9" * 5000 + ":"}}, ["input.frames", "expected A:B"]),
        ({"input": {"max_side": 0}}, ["input.max_side", "greater than or equal to 1", "found 0"]),
        ({"device": "gpu"}, ["device: expected auto, cpu, cuda, cuda:N or mps (found 'gpu')"]),
        ({"device": "cuda:"}, ["device", "found 'cuda:'"]),
        ({"precision": "fp64"}, ["precision", "'fp32', 'tf32' or 'bf16'", "found 'fp64'"]),
        ({"seed": -1}, ["seed", "greater than or equal to 0", "found -1"]),
        ({"seed": 2**63}, ["seed", "less than 9223372036854775808"]),
        ({"samples": 0}, ["samples", "found 0"]),
        ({"blend": 1.5}, ["blend", "less than or equal to 1", "found 1.5"]),
        ({"equalize": float("nan")}, ["equalize", "finite", "found nan"]),
        ({"octave_scale": 1}, ["octave_scale", "greater than 1", "found 1"]),
        ({"small_octaves": "maybe"}, ["small_octaves", "'refuse' or 'skip'", "found 'maybe'"]),
        ({"method": "leaps"}, ["method", "'stst'", "found 'leaps'"]),
        ({"targets": {"colour": "x"}}, ["'targets.colour' (did you mean 'targets.color'"]),
        ({"spatial": {"model": ".x:y"}}, ["spatial.model: expected package.module:factory", ".x"]),
        ({"spatial": {"model": "x:"}}, ["spatial.model", "found 'x:'"]),
        (
            {"spatial": {"texture_weight": 0}, "temporal": {"texture_weight": 0}},
            ["every loss term has weight 0", "positive"],
        ),
        ({"spatial": {"texture_layers": ["x" * 999]}, "seed": "y" * 999}, ["seed", "y" * 99, "…"]),
    ],
)  # fmt: skip
def test_what_is_refused(changes, parts):
    with pytest.raises(InputError) as caught:
        build(merge(TREE, changes), StstConfig)
    message = str(caught.value)
    assert message.startswith("config: ")
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    for part in parts:
        assert part in message


def test_two_mistakes_are_both_said():
    with pytest.raises(InputError, match=r"seed: .*found -1.*; blend: .*found 2"):
        config(seed=-1, blend=2)


def test_seeds_follow_by_one():
    assert config(seed=7, samples=3).seeds == (7, 8, 9)


class TestFrames:
    def test_a_later_override_wins(self):
        made = config(
            frames=[
                {"range": "1:4", "blend": 0.1, "equalize": 5},
                {"range": "3:", "blend": 0.2, "spatial": {"texture_weight": 3}},
            ]
        )
        found = [
            (c.blend, c.equalize, c.spatial.texture_weight) for c in map(made.for_frame, range(5))
        ]
        assert found == [
            (0.95, 1e4, 1), (0.1, 5, 1), (0.1, 5, 1), (0.2, 5, 3), (0.2, 1e4, 3),
        ]  # fmt: skip
        assert made.for_frame(4).spatial.model == "tiny_model:spatial"
        assert made.for_frame(-3) == made.for_frame(0)

    def test_octaves_are_replaced_as_a_whole(self):
        made = config(frames=[{"range": ":1", "octaves": [{"exponent": 0, **OCTAVE}]}])
        assert [o.exponent for o in made.for_frame(0).octaves] == [0]
        assert [o.exponent for o in made.for_frame(1).octaves] == [-1, 0]

    def test_a_term_may_work_at_some_frames_only(self):
        made = config(
            temporal={"texture_weight": 0},
            frames=[{"range": "2:3", "temporal": {"texture_weight": 2.0}}],
        )
        assert made.uses_term("temporal_texture")
        assert made.temporal_needed
        assert made.term_weight("temporal_texture") == 0
        assert made.for_frame(2).term_weight("temporal_texture") == 2
        assert not made.uses_term("spatial_content")

    def test_an_override_that_never_wins_is_not_used(self):
        off = {"temporal": {"texture_weight": 0.0}}
        made = config(
            temporal={"texture_weight": 0},
            frames=[{"range": "2:3", "temporal": {"texture_weight": 2.0}}, {"range": ":", **off}],
        )
        assert not made.temporal_needed

    def test_a_frame_without_any_term_is_refused(self):
        off = {"spatial": {"texture_weight": 0.0}, "temporal": {"texture_weight": 0.0}}
        with pytest.raises(InputError, match="frames: every loss term has weight 0 at frame 5"):
            config(frames=[{"range": "5:", **off}])
        # … also where two overrides do it together
        with pytest.raises(InputError, match="at frame 3"):
            config(
                frames=[
                    {"range": "3:", "spatial": off["spatial"]},
                    {"range": ":", "temporal": off["temporal"]},
                ]
            )

    def test_a_first_frame_without_any_term_is_refused(self):
        bare = {
            "spatial": {"texture_weight": 0}, "padding_frames": 0,
            "octaves": [{"exponent": 0, **OCTAVE}],
        }  # fmt: skip
        with pytest.raises(InputError, match="padding_frames is 0, so frame 0 has no predecessor"):
            config(**bare)
        config(**bare | {"padding_frames": 1})
        config(**bare | {"octaves": [{"exponent": 0, "tv_weight": 0.1, **OCTAVE}]})
        config(**bare, frames=[{"range": ":1", "spatial": {"content_weight": 1.0}}])


def test_changed_copies_are_checked():
    made = load_preset("quick")
    assert made.model_copy(update={"blend": 0.5}).blend == 0.5
    assert made.model_copy() == made
    for wrong in ({"blend": 7}, {"blnd": 0.5}, {"seed": -1}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            made.model_copy(update=wrong)
