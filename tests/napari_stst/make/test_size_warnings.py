from __future__ import annotations

import pytest

from napari_stst.make.size_warnings import describe_size_warnings
from stst.config import LeapsConfig, StstConfig, build, preset_tree

OCTAVE = {"learning_rate": 0.01}


def stst(**keys):
    return build({**preset_tree("fast"), **keys}, StstConfig)


@pytest.mark.parametrize("preset", ["quick", "fast", "paper", "reference"])
def test_presets_on_usual_clips_are_not_asked_about(preset):
    config = build(preset_tree(preset), StstConfig)
    assert describe_size_warnings(config, (250, 480, 640, 3)) == ""
    assert describe_size_warnings(build(preset_tree("leaps"), LeapsConfig), None) == ""


def test_samples():
    assert describe_size_warnings(stst(samples=8), (24, 100, 100, 3)) == ""
    said = describe_size_warnings(stst(samples=1000), (24, 100, 100, 3))
    assert said == "1000 samples make 1000 clips; the first 8 are shown."


def test_iterations():
    octaves = [{"exponent": one, "iterations": 60_000, **OCTAVE} for one in (-1, 0)]
    words = "120000 iterations of each frame take very long."
    assert describe_size_warnings(stst(octaves=octaves), (24, 100, 100, 3)) == words
    leaps = {**preset_tree("leaps"), "iterations": 10**12}
    words = "1000000000000 iterations of the clip take very long."
    assert describe_size_warnings(build(leaps, LeapsConfig), None) == words


@pytest.mark.parametrize(
    ("keys", "gib"),
    [
        ({}, 23),  # 1000 x 2160 x 3840 x 3 / 2**30 = 23.17
        ({"input": {"frames": "100:300"}}, 5),
        ({"input": {"frames": "100:150"}}, 0),
        ({"input": {"max_side": 960}}, 0),
        ({"input": {"frames": "0:50"}, "samples": 8}, 9),
    ],
)
def test_frames_in_memory(keys, gib):
    said = describe_size_warnings(stst(**keys), (1000, 2160, 3840, 3))
    assert said == (
        f"The viewer holds {gib} GiB of frames while they are made; fewer or smaller ones take "
        "less."
        if gib
        else ""
    )


def test_an_absurd_size_of_a_clip_without_a_stimulus():
    tree = {**preset_tree("leaps"), "size": "20000x30000", "length": 16}
    # 16 x 20000 x 30000 x 3 / 2**30 = 26.8
    assert "holds 27 GiB" in describe_size_warnings(build(tree, LeapsConfig), None)
