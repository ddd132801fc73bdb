from __future__ import annotations

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtWidgets import QLineEdit

from napari_stst.widgets.forms import fields_of, read_fields, write_fields
from stst.config import (
    METHODS,
    StpsConfig,
    StstConfig,
    build,
    preset_method,
    preset_names,
    preset_text,
)
from stst.errors import InputError


def fields(kind, qtbot):
    made = fields_of(kind)
    for one in made:
        qtbot.addWidget(one.native)
    return made


def plain(config):
    return config.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_goes_through_the_form_unchanged(name, qtbot):
    kind = METHODS[preset_method(name)].config
    config = build(tomllib.loads(preset_text(name)), kind)
    form = fields(kind, qtbot)
    write_fields(form, plain(config))
    assert build(read_fields(form), kind) == config


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "seed": st.integers(0, 2**63 - 1),
            "octave_scale": st.floats(1.01, 4),
            "equalize": st.floats(0, 1e300),
            "blend": st.floats(0, 1),
            "device": st.sampled_from(["auto", "cpu", "cuda:3"]),
            "input": st.just({"frames": "3:", "max_side": 77}),
            "spatial": st.fixed_dictionaries(
                {"model": st.just("vgg19")},
                optional={
                    "texture_layers": st.just(["conv1_1", "conv3_1"]),
                    "texture_weight": st.floats(1e-12, 1e12),
                },
            ),
            "optimizer": st.just({"name": "adam", "betas": [0.1, 0.999]}),
            "frames": st.just([{"range": "0:2", "blend": 0.5, "spatial": {"texture_weight": 3.0}}]),
        },
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_number_is_rounded(qtbot, changes):
    tree = {**changes, "octaves": [{"exponent": 0, "iterations": 3, "learning_rate": 1e-7}]}
    config = build(tree, StstConfig)
    form = fields_of(StstConfig)
    write_fields(form, plain(config))
    assert build(read_fields(form), StstConfig) == config


def test_what_is_wrong_stays_to_be_refused(qtbot):
    form = fields(StpsConfig, qtbot)
    write_fields(form, plain(StpsConfig()))
    line = next(one for one in form if one.key == "coherence").native
    assert isinstance(line, QLineEdit)
    line.setText("half")
    with pytest.raises(InputError, match=r"coherence: .* \(found 'half'\)"):
        build(read_fields(form), StpsConfig)


def test_frames_are_toml(qtbot):
    form = fields(StstConfig, qtbot)
    text = next(one for one in form if one.key == "frames")
    text.write([{"range": "0:1", "octaves": [{"exponent": 0, "iterations": 1}]}])
    assert text.read() == [{"range": "0:1", "octaves": [{"exponent": 0, "iterations": 1}]}]
    text.native.setPlainText("[[frames")
    with pytest.raises(InputError, match="frames: not valid TOML"):
        text.read()
    text.native.setPlainText("other = 1")
    with pytest.raises(InputError, match=r"expected \[\[frames\]\], found 'other'"):
        text.read()


def test_octaves_can_be_added_and_removed(qtbot):
    table = next(one for one in fields(StstConfig, qtbot) if one.key == "octaves")
    table.write([{"exponent": 0, "iterations": 3, "learning_rate": 0.01, "tv_weight": 0.5}])
    table.native._add()
    assert [row["exponent"] for row in table.read()] == [-1, 0]
    assert table.read()[0]["learning_rate"] == 0.01
    table.native._remove()
    assert [row["exponent"] for row in table.read()] == [0]


def test_every_field_says_what_it_is(qtbot):
    for kind in (spec.config for spec in METHODS.values()):
        for field in fields(kind, qtbot):
            if field.key != "method" and not field.key.startswith("targets."):
                assert len(field.native.toolTip()) > len(field.key) + 10, field.key


@pytest.mark.parametrize("kind", [spec.config for spec in METHODS.values()])
def test_every_method_lets_noise_be_shared(kind, qtbot):
    (noise,) = (one for one in fields(kind, qtbot) if one.key == "noise")
    assert noise.read() == "per_clip"
    assert "one seed means other noise for every natural clip" in noise.native.toolTip()
    noise.write("shared")
    assert noise.read() == "shared"
