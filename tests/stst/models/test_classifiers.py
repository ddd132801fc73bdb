from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import get_model

import tiny_classifier
from small_runs import frames
from stst.config.cka import DEFAULT_LAYERS, ClassifierSpec
from stst.errors import InputError
from stst.models.classifiers import layer_names, load_classifier

CPU = torch.device("cpu")
HALF = (0.5, 0.5, 0.5)


def loaded(model, *layers, **options):
    return load_classifier(ClassifierSpec(model, layers=layers, **options), CPU)


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


class TestOwnModels:
    def test_of_images(self):
        model = loaded("tiny_classifier:image", "early", "late")
        assert (model.window, model.video, model.weights) == (1, False, None)
        assert model.name == (
            "tiny_classifier:image [weights=of the factory (seed 0); input=native; mean=0; std=1]"
        )
        shown = frames(1, 20, 24)
        found = model.activations(shown)
        assert {name: tuple(one.shape) for name, one in found.items()} == {
            "early": (8, 20, 24), "late": (6, 9, 11),
        }  # fmt: skip
        state = torch.get_rng_state()
        torch.manual_seed(0)
        module = tiny_classifier.image().eval()
        torch.set_rng_state(state)
        expected = module.early(torch.from_numpy(shown).permute(0, 3, 1, 2) / 255)
        torch.testing.assert_close(found["early"], expected[0].detach())

    def test_of_videos(self):
        model = loaded("tiny_classifier:video", "1", window=4, input="native", mean=HALF, std=HALF)
        assert (model.window, model.video) == (4, True)
        assert model.name.endswith("mean=0.5; std=0.5; window=4 frames, named by the last]")
        assert model.activations(frames(4, 20, 24))["1"].shape == (8, 4, 20, 24)

    def test_what_is_said_counts(self):
        assert not loaded("tiny_classifier:image", "late", kind="image").video
        said = refused(loaded("tiny_classifier:image", "late", kind="video").activations, frames(5))
        assert "cannot take a window of 5 frames of 18x20 px, as 18x20 px (" in said
        assert said.endswith(
            'takes with `input="HxW"`, or another `window`, which `stst-analyze cka` and '
            "`stst-analyze recognize` take."
        )

    def test_weights_of_a_file(self, tmp_path):
        module = tiny_classifier.image()
        torch.save(module.state_dict(), tmp_path / "w.pth")
        model = loaded("tiny_classifier:image", "head", weights=str(tmp_path / "w.pth"))
        assert "[weights=w.pth sha256:" in model.name
        assert model.weights["file"] == "w.pth"
        shown = frames(1)
        expected = module.eval()(torch.from_numpy(shown).permute(0, 3, 1, 2) / 255)
        torch.testing.assert_close(model.activations(shown)["head"], expected[0].detach())
        said = refused(loaded, "tiny_classifier:video", "1", weights=str(tmp_path / "w.pth"))
        assert f"{tmp_path / 'w.pth'}: not the weights of tiny_classifier:video. missing: " in said

    def test_one_size_only(self):
        said = refused(loaded, "tiny_classifier:fixed", "head")
        assert said.startswith(
            "model tiny_classifier:fixed: takes neither (1, 3, 224, 224) nor (1, 3, 5, 224, 224)"
        )
        assert said.endswith(
            'or `kind="video"`, which `stst-analyze cka` and `stst-analyze recognize` take.'
        )
        model = loaded("tiny_classifier:fixed", "head", kind="image")
        said = refused(model.activations, frames(1, 18, 20))
        assert "cannot take a frame of 18x20 px, as 18x20 px (" in said
        assert said.endswith('Give a size that it takes with `input="HxW"`.')
        model = loaded("tiny_classifier:fixed", "head", input="32x32")
        assert model.activations(frames(1, 18, 20))["head"].shape == (2,)

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("no_such:f", "model: 'no_such:f' cannot be imported (ModuleNotFound"),
            ("tiny_classifier:f", "model: 'tiny_classifier:f' cannot be imported (Attribute"),
            ("tiny_classifier:failing",
             "model: the factory 'tiny_classifier:failing' failed: RuntimeError: no such table"),
            ("tiny_classifier:nothing",
             "model tiny_classifier:nothing: expected a torch.nn.Module, found str. "),
            ("tiny_classifier:untraceable",
             "model tiny_classifier:untraceable: its layers cannot be found, because torch.fx "
             "cannot trace it (TraceError: "),
        ],
    )  # fmt: skip
    def test_what_cannot_serve(self, name, said):
        assert refused(loaded, name, "x", kind="image").startswith(said)

    def test_out_of_memory_is_not_a_matter_of_size(self):
        model = loaded("tiny_classifier:exhausted", "_raise", kind="image")
        with pytest.raises(torch.OutOfMemoryError):
            model.activations(frames(1))


class TestLayers:
    def test_listed(self):
        names = layer_names(ClassifierSpec("tiny_classifier:image"))
        assert names == ["x", "early", "early.0", "early.1", "late", "norm", "mean", "head"]

    def test_unknown(self):
        assert refused(loaded, "mobilenet_v2", "feature.3", weights="none") == (
            "layer feature.3: mobilenet_v2 has no such layer. The nearest are features.3, "
            "features.13, features.9. List all: `stst-analyze cka --model "
            "mobilenet_v2 --list-layers`"
        )

    def test_not_named(self):
        assert refused(loaded, "tiny_classifier:image") == (
            "model tiny_classifier:image: name its layers, as tiny_classifier:image@A,B or, with "
            '`stst-analyze cka`, by `layers="A,B"`. List all: '
            "`stst-analyze cka --model tiny_classifier:image --list-layers`"
        )

    def test_those_of_the_paper(self):
        for model, layers in DEFAULT_LAYERS.items():
            assert set(layers) <= set(layer_names(ClassifierSpec(model)))

    def test_what_cannot_be_compared(self):
        model = loaded("tiny_classifier:odd", "split", kind="image")
        assert "the layer split gives tuple; expected a tensor (1, channels, ...)." in refused(
            model.activations, frames(1)
        )
        model = loaded("tiny_classifier:odd", "sum", kind="image")
        assert "the layer sum gives (); expected a tensor" in refused(model.activations, frames(1))
        model = loaded("tiny_classifier:odd", "sqrt", kind="image")
        assert refused(model.activations, frames(1)).endswith(
            "the layer sqrt gives values that are not finite."
        )

    def test_channels_come_first(self):
        model = loaded("tiny_classifier:odd", "early", "transpose", kind="image")
        found = model.activations(frames(1))
        torch.testing.assert_close(found["transpose"], found["early"].flatten(1))

    @pytest.mark.parametrize(
        ("model", "layers"),
        [
            ("convnext_tiny", {"features.1.0.block.0": 96, "features.1.0.block.3": 384,
                               "features.1.0.block.6": 96, "features.1": 96}),
            ("swin_t", {"features.0.0": 96, "features.0": 96, "features.1": 96, "norm": 768,
                        "permute": 768}),
            ("vit_b_16", {"encoder.layers.encoder_layer_0": 768}),
        ],
    )  # fmt: skip
    def test_channels_of_torchvisions(self, model, layers):
        found = loaded(model, *layers, weights="none").activations(frames(1, 60, 70))
        assert {name: len(one) for name, one in found.items()} == layers


class TestTorchvision:
    def test_random_weights(self):
        first, second = (loaded("squeezenet1_1", "features.3", weights="none") for _ in range(2))
        assert first.name == (
            "squeezenet1_1 [weights=none (random, seed 0); input=resize 256 bilinear antialias "
            "in 8 bits, crop 224x224; mean=0.485,0.456,0.406; std=0.229,0.224,0.225]"
        )
        shown = frames(1)
        torch.testing.assert_close(first.activations(shown), second.activations(shown))

    def test_the_generator_stays_as_it_was(self):
        before = torch.get_rng_state()
        loaded("squeezenet1_1", "features.3", weights="none")
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_video_model(self):
        model = loaded("r3d_18", weights="none", input="native")
        found = model.activations(frames(5, 40, 48))
        assert found["layer1.0.conv1.1"].shape == (64, 5, 20, 24)
        assert found["layer4.1.relu"].shape == (512, 1, 3, 3)

    def test_weights_by_name(self, tmp_path, monkeypatch):
        monkeypatch.setenv("STST_WEIGHTS_DIR", str(tmp_path))
        module = get_model("squeezenet1_1", weights=None)
        torch.save(module.state_dict(), tmp_path / "squeezenet1_1-b8a52dc0.pth")
        monkeypatch.setattr("stst.models.torchvision_weights.digest", lambda *_: "b8a52dc0")
        model = loaded("squeezenet1_1", "features.0", input="native", mean=(0,) * 3, std=(1,) * 3)
        assert "[weights=IMAGENET1K_V1 sha256:" in model.name
        shown = frames(1)
        expected = module.features[0](torch.from_numpy(shown).permute(0, 3, 1, 2) / 255)
        torch.testing.assert_close(model.activations(shown)["features.0"], expected[0].detach())

    def test_a_file_does_not_say_how_it_wants_frames(self, tmp_path):
        file = tmp_path / "mine.pth"
        torch.save(get_model("squeezenet1_1", weights=None).state_dict(), file)
        (note,) = loaded("squeezenet1_1", "features.0", weights=str(file)).notes
        assert note.startswith("squeezenet1_1: the file of weights does not say how frames are")
        assert "mean=0.485,0.456,0.406" in note
        said = {"input": "native", "mean": (0.5,) * 3, "std": (0.5,) * 3}
        assert loaded("squeezenet1_1", "features.0", weights=str(file), **said).notes == ()
        assert loaded("squeezenet1_1", "features.0", weights="none").notes == ()

    def test_unknown_models(self):
        assert refused(loaded, "resnet5O") == (
            "model resnet5O: torchvision has no image or video classifier of that name. Did you "
            "mean resnet50, resnet152, resnet34? Your own is given as package.module:factory."
        )
        for name in ("fcn_resnet50", "raft_large", "quantized_resnet50"):
            assert "no image or video classifier of that name" in refused(loaded, name)

    def test_a_size_that_does_not_fit(self):
        model = loaded("vit_b_16", "encoder.ln", weights="none", input="native")
        said = refused(model.activations, frames(1, 40, 48))
        assert "vit_b_16 [weights=none (random, seed 0); input=native; " in said
        assert "cannot take a frame of 40x48 px, as 40x48 px (Wrong image height!" in said


@pytest.mark.golden
def test_logits(golden):
    check = golden("mobilenet_v2_check")
    model = trained("classifier.1")
    for shown, expected in zip(check["images_u8"], check["torch_plain_logits"], strict=True):
        found = model.activations(shown[None])["classifier.1"]
        np.testing.assert_allclose(found, expected, atol=1e-3)


def trained(*layers):
    weights = "mobilenet_v2_imagenet.safetensors"
    if not (Path(os.environ.get("STST_WEIGHTS_DIR", "nowhere")) / weights).exists():
        pytest.skip(f"golden: {weights} is not here (set STST_WEIGHTS_DIR)")
    options = {"weights": weights, "input": "native", "mean": HALF, "std": HALF}
    return loaded("mobilenet_v2", *layers, **options)
