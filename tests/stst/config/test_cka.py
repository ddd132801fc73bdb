from __future__ import annotations

import pytest

from stst.config.cka import (
    DEFAULT_LAYERS,
    CkaSettings,
    ClassifierSpec,
    channel_words,
    choice_text,
    parse_channels,
    parse_choice,
    split_layers,
)
from stst.errors import InputError


def refused(said, function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    assert str(caught.value) == said


class TestChoice:
    def test_what_cannot_be(self):
        refused("a model, its weights or a layer has an empty name.", ClassifierSpec, "")
        refused(
            "a model, its weights or a layer has an empty name.", ClassifierSpec, "m", layers=("",)
        )
        refused("`window` 0: a window has at least one frame.", ClassifierSpec, "m", window=0)
        refused("`std` 1,0,1: every value must be above 0.", ClassifierSpec, "m", std=(1, 0, 1))
        refused("`kind` x: expected auto, image, video.", ClassifierSpec, "m", kind="x")
        refused("`examples` x: expected channels, positions, frames.", CkaSettings, "x")
        refused("`estimator` x: expected unbiased, biased.", CkaSettings, "channels", "x")

    @pytest.mark.parametrize("text", ["", "128", "0x3", "3x0", "-3x4", "3X4", "3x4\n", "3x4x5"])
    def test_sizes(self, text):
        shown = text.replace("\n", "\\n")
        said = f"`input` {shown}: expected native, default, or HxW in pixels, e.g. 128x224."
        refused(said, ClassifierSpec, "m", input=text)

    def test_size(self):
        assert ClassifierSpec("m", input="128x224").input_size == (128, 224)
        assert ClassifierSpec("m", input="native").input_size is None

    def test_measure(self):
        assert CkaSettings().measure == "cka_unbiased.channels"
        assert CkaSettings("frames", "biased").measure == "cka.frames"


class TestSpecs:
    @pytest.mark.parametrize(
        ("text", "choice"),
        [
            ("resnet50", ClassifierSpec("resnet50")),
            ("r3d_18=none", ClassifierSpec("r3d_18", "none")),
            ("m@a, b,a", ClassifierSpec("m", layers=("a", "b"))),
            ("m=w/x=1@2.pth@a.b,c", ClassifierSpec("m", "w/x=1@2.pth", ("a.b", "c"))),
            (" p.q:f = w.npz @ l ", ClassifierSpec("p.q:f", "w.npz", ("l",))),
        ],
    )
    def test_read(self, text, choice):
        assert parse_choice(text) == choice

    def test_the_rest_comes_from_another_choice(self):
        base = ClassifierSpec("x", "y", ("z",), window=3, input="native", mean=(0.5,) * 3)
        assert parse_choice("m", base) == ClassifierSpec(
            "m", window=3, input="native", mean=(0.5,) * 3
        )

    @pytest.mark.parametrize("text", ["", "=w", "m=", "m@", "m@,", "@a", "m=@a", " =w@a"])
    def test_what_is_no_spec(self, text):
        refused(f"{text!r}: expected MODEL[=WEIGHTS][@LAYER,LAYER...].", parse_choice, text)


def test_layers():
    assert split_layers(("a,b", " c ", "a", ",")) == ("a", "b", "c")


class TestChannels:
    def test_read(self):
        assert parse_channels("0.5", "std") == (0.5, 0.5, 0.5)
        assert parse_channels("1, 2,-3e-1", "mean") == (1, 2, -0.3)

    @pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a", "nan", "1,inf,2"])
    def test_what_is_none(self, text):
        said = f"`mean` {text}: expected R,G,B, e.g. 0.485,0.456,0.406."
        refused(said, parse_channels, text, "mean")

    @pytest.mark.parametrize("text", ["0.5", "0.485,0.456,0.406", "0.43216,0.394666,0.37645", "1"])
    def test_written_as_read(self, text):
        assert channel_words(parse_channels(text, "mean")) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (("resnet50", "default", ()), "resnet50"),
        (("r3d_18", "none", ("layer1",)), "r3d_18=none@layer1"),
        (("a.b:c", "w=1.pth", ("x.0", "y")), "a.b:c=w=1.pth@x.0,y"),
        # layers begin after the last @, so they are written out where a path holds one
        (("resnet50", "/me@home/w.pth", ()), "resnet50=/me@home/w.pth@maxpool,layer4.2.relu_2"),
    ],
)
def test_a_choice_that_is_written_is_read(fields, text):
    assert choice_text(*fields) == text
    found = parse_choice(text)
    assert (found.model, found.weights) == fields[:2]
    assert found.layers in (fields[2], DEFAULT_LAYERS.get(found.model))
