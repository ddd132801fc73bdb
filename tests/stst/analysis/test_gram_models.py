from __future__ import annotations

from pathlib import Path

import pytest

from small_runs import config
from stst import InputError
from stst.analysis.gram_models import (
    load_judges,
    other_weights,
    streams_of_pair,
    streams_of_sidecar,
)
from stst.config import StreamConfig

WHERE = Path("x.json")
TRUSTED = ("tiny_model:spatial", "tiny_model:temporal")
HINT = 'Say which statistics to compare: `model="paper"` or `model="builtin"`.'


def sidecar(inputs=(("natural", "abc"),), **changes):
    return {
        "method": "stst",
        "config": config(**changes).model_dump(mode="json", exclude_none=True),
        "inputs": [{"role": role, "sha256": sha256} for role, sha256 in inputs],
    }


def streams(content, natural="abc", trusted=TRUSTED):
    return streams_of_sidecar(content, WHERE, natural, trusted)


def refused(function, *words):
    with pytest.raises(InputError) as error:
        function(*words)
    return str(error.value)


class TestSidecar:
    def test_models_and_layers(self):
        found, notes = streams(sidecar(spatial={"texture_layers": ["plain", "rectified"]}))
        assert notes == []
        assert {kind: (one.model, one.texture_layers) for kind, one in found.items()} == {
            "spatial": ("tiny_model:spatial", ("plain", "rectified")),
            "temporal": ("tiny_model:temporal", None),
        }

    def test_only_what_was_matched(self):
        found, notes = streams(sidecar(spatial={"texture_weight": 0, "content_weight": 1}))
        assert (list(found), notes) == (["temporal"], [])

    def test_weights_of_some_frames(self):
        frames = [{"range": "1:2", "spatial": {"texture_weight": 1}}]
        found, _ = streams(sidecar(spatial={"texture_weight": 0}, frames=frames))
        assert list(found) == ["spatial", "temporal"]

    def test_targets_of_their_own(self):
        content = sidecar((("natural", "abc"), ("temporal_texture", "def")))
        found, notes = streams(content)
        assert list(found) == ["spatial"]
        assert notes == ["x.json: temporal_texture was matched to another clip, so it is left out."]
        found, notes = streams(content, "def")
        assert list(found) == ["temporal"]
        assert len(notes) == 1
        # a clip that the sidecar does not know may be the natural one in another file
        assert list(streams(content, "ghi")[0]) == ["spatial", "temporal"]

    def test_nothing_of_this_clip(self):
        content = sidecar((("natural", "abc"), ("spatial_texture", "d"), ("temporal_texture", "e")))
        said = f"x.json: no Gram matrix was matched to this natural clip. {HINT}"
        assert refused(streams, content) == said
        content = sidecar(
            spatial={"texture_weight": 0, "content_weight": 1}, temporal={"texture_weight": 0}
        )
        assert refused(streams, content) == said

    def test_other_methods(self):
        said = f"x.json: made by 'stps', which matches no Gram matrices. {HINT}"
        assert refused(streams, {"method": "stps", "config": {}}) == said

    def test_trust(self):
        said = refused(streams, sidecar(), "abc", TRUSTED[:1])
        assert said == (
            "x.json: temporal.model names 'tiny_model:temporal'; importing it would run its code. "
            "If you trust it, give `trusted=['tiny_model:temporal']`."
        )

    def test_damage(self):
        content = sidecar()
        content["config"]["octave_scale"] = 0.5
        assert refused(streams, content).startswith("x.json: octave_scale: should be greater")
        content = sidecar()
        content["inputs"] = "none"
        assert list(streams(content)[0]) == ["spatial", "temporal"]


class TestPairs:
    def test_builtin(self):
        spatial, temporal = load_judges(streams_of_pair("builtin"), "cpu")
        assert (spatial.kind, spatial.name) == ("spatial", "filterbank")
        assert spatial.layers == spatial.stream.texture_layers
        assert (temporal.kind, temporal.name) == ("temporal", "motion_energy")

    def test_layers(self):
        (judge,) = load_judges(streams_of_pair("builtin", ("conv2",), ()), "cpu")
        assert (judge.name, judge.layers) == ("filterbank", ("conv2",))

    def test_refusals(self):
        assert refused(streams_of_pair, "vgg") == "model: 'vgg'; there are: paper, builtin."
        said = refused(load_judges, streams_of_pair("builtin", ("conv9",)))
        assert said.startswith("spatial.texture_layers: unknown layer 'conv9'. This model has: ")
        said = refused(load_judges, streams_of_pair("builtin", (), ()))
        assert said == "There is no layer to compare. Name one of either stream."

    @pytest.mark.golden
    def test_layers_without_weights(self, vgg):
        if "conv5_1" in vgg.convolutions:
            pytest.skip("golden: the weights of VGG-19 are complete here")
        said = refused(load_judges, streams_of_pair("paper", temporal_layers=()))
        assert "has no weights for the layer conv4_1, which conv5_1 needs" in said
        assert said.endswith(' To compare: `model="paper"` `spatial_layers="conv1_1,conv2_1"`.')


@pytest.mark.golden
def test_other_weights(msoe):
    judges = load_judges({"temporal": StreamConfig(model="msoe")}, "cpu")
    (judge,) = judges
    known = {"weights": [{"name": "msoe", "hash": judge.weights["hash"]}]}
    assert other_weights(known, WHERE, judges) == []
    said = [f"x.json: made with other weights than those of {judge.name}."]
    assert other_weights({"weights": []}, WHERE, judges) == said
    assert other_weights({}, WHERE, judges) == said
