from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from torchvision.models import get_model_weights

import tiny_video
from stst.config.leaps import OPTIONAL_MODELS, VIDEO_MODELS
from stst.errors import InputError
from stst.methods.leaps.catalog import zoo_names
from stst.methods.leaps.classifiers import (
    check_normalization,
    check_verifier,
    class_names,
    load_video_model,
    video_model_names,
)


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


class TestOfTorchvision:
    def test_classes_are_known_without_weights(self):
        names = class_names("r3d_18")
        assert len(names) == 400
        assert "juggling balls" in names
        assert class_names("tiny_video:clips") == ("left", "right", "left and up")
        assert "Did you mean r3d_18?" in refused(class_names, "r3d_81")

    def test_models_of_optional_libraries_can_be_named_without_torch(self):
        named = {library: tuple(zoo_names(library)) for library in OPTIONAL_MODELS}
        assert named == OPTIONAL_MODELS

    def test_every_one_is_known(self):
        from torchvision import models

        assert video_model_names() == models.list_models(module=models.video)

    @pytest.mark.parametrize("name", sorted(VIDEO_MODELS))
    def test_length_and_rate_are_those_of_its_weights(self, name):
        told = get_model_weights(name).DEFAULT.meta["_docs"]
        length, rate = VIDEO_MODELS[name]
        assert f"clip_len={length}" in told
        assert f"frame_rate={float(rate):g}`" in told

    def test_what_it_says_of_itself(self):
        model = load_video_model("mc3_18", "none")
        assert (model.length, model.size, model.rate) == (16, (112, 112), 15)
        assert (len(model.categories), model.categories[0]) == (400, "abseiling")
        assert model.mean == (0.43216, 0.394666, 0.37645)
        assert model.weights is None
        assert model.label == "none (random, seed 0)"
        assert not any(one.requires_grad for one in model.module.parameters())
        assert load_video_model("mc3_18", "none", "32x48").size == (32, 48)
        assert model.classes(4, (16, 16)) == 400

    def test_unknown(self):
        said = refused(load_video_model, "r3d_19", "none")
        assert said.startswith("`model` r3d_19: no video model of that name. Did you mean r3d_18? ")
        assert "swin3d_t" in said
        said = refused(load_video_model, "resnet50", "none", setting="verifier")
        assert said.startswith("`verifier` resnet50: no video model of that name.")

    def test_weights_that_are_not_here(self, tmp_path, monkeypatch):
        monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
        monkeypatch.setenv("STST_CACHE_DIR", str(tmp_path))
        said = refused(load_video_model, "r3d_18", "V7", setting="verifier")
        assert said.startswith("`verifier`: weights V7: r3d_18 has no weights of that name")

    def test_too_short_or_small(self):
        model = load_video_model("s3d", "none")
        said = refused(model.classes, 4, (64, 64))
        assert said.startswith("`model` s3d: cannot take 4 frames of 64x64 px (")
        assert said.endswith(
            "It was made for 128 frames of 224x224 px. Give `length` and `size` that it takes."
        )


class TestOwn:
    def test_what_it_says_of_itself(self):
        model = load_video_model("tiny_video:clips", "default")
        assert (model.length, model.size, model.rate) == (6, (12, 14), Fraction(10))
        assert model.categories == ("left", "right", "left and up")
        assert (model.mean, model.std) == ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
        assert model.classes(6, (12, 14)) == 3
        assert load_video_model("tiny_video:clips", "none", "20x20").size == (20, 20)

    def test_one_that_says_nothing(self):
        model = load_video_model("tiny_video:nameless", "none")
        assert (model.length, model.size, model.rate, model.categories) == (None, None, None, ())
        assert (model.mean, model.std) == ((0, 0, 0), (1, 1, 1))
        assert model.classes(5, (8, 8)) == 4
        said = refused(check_normalization, model, 5, (8, 8))
        assert "has no normalisation layers" in said
        assert "`coherence_weight=0`" in said

    def test_weights_of_a_file(self, tmp_path):
        module = tiny_video.clips()
        torch.save(module.state_dict(), tmp_path / "w.pth")
        model = load_video_model("tiny_video:clips", str(tmp_path / "w.pth"))
        assert torch.equal(model.module.head.weight, module.head.weight)
        assert model.weights["file"] == "w.pth"
        assert model.label.startswith("w.pth sha256:")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("tiny_video:badly", "its attribute std is (1, 2); expected 3 numbers."),
            ("no_such:f", "cannot be imported"),
        ],
    )
    def test_what_is_refused(self, name, said):
        assert said in refused(load_video_model, name, "none")

    def test_what_it_gives_is_checked(self):
        said = refused(load_video_model("tiny_video:many", "none").classes, 6, (12, 14))
        assert said == "`model` tiny_video:many: names 1 classes and scores 3."
        said = refused(load_video_model("tiny_video:untidy", "none").classes, 6, (12, 14))
        assert said == (
            "`model` tiny_video:untidy: gives (1, 4, 4, 10, 12) for one clip; expected scores "
            "(1, classes)."
        )


class TestVerifier:
    def test_batch_normalisation_serves(self):
        check_verifier(load_video_model("tiny_video:verifier", "none"), 6, (12, 14))

    @pytest.mark.parametrize(
        ("name", "has"),
        [
            ("tiny_video:tokens", "only LayerNorm"),
            ("tiny_video:nameless", "no normalisation at all"),
        ],
    )
    def test_others_are_refused_by_name(self, name, has):
        said = refused(check_verifier, load_video_model(name, "none"), 6, (12, 14))
        assert said.startswith(f"`verifier` {name}: has {has}, and the verifier's part is")
        assert said.endswith('e.g. mc3_18 or r3d_18, or `verifier="none"`.')

    def test_it_has_to_take_the_clip(self):
        verifier = load_video_model("tiny_video:verifier", "none")
        said = refused(check_verifier, verifier, 2, (12, 14))
        assert said.startswith("`verifier` tiny_video:verifier: cannot take 2 frames of 12x14 px (")
