from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models import get_model_weights

from small_runs import frames
from stst.config.cka import ClassifierSpec
from stst.models.preprocessing import preprocessing


def preset(model):
    return get_model_weights(model).DEFAULT.transforms()


@pytest.mark.parametrize("model", ["resnet50", "convnext_tiny", "mobilenet_v2", "swin_t"])
def test_images_as_torchvision_has_them(model):
    shown = frames(2, 90, 120)
    expected = preset(model)(torch.from_numpy(shown).permute(0, 3, 1, 2))
    found = preprocessing(ClassifierSpec(model), preset(model))(shown)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("model", ["r3d_18", "s3d", "mvit_v2_s", "swin3d_t"])
def test_videos_as_torchvision_has_them(model):
    shown = frames(5, 90, 120)
    expected = preset(model)(torch.from_numpy(shown).permute(0, 3, 1, 2))
    found = preprocessing(ClassifierSpec(model), preset(model))(shown)
    torch.testing.assert_close(found.transpose(0, 1), expected, rtol=0, atol=0)


def test_native():
    shown = frames(2, 9, 11)
    choice = ClassifierSpec("m", input="native", mean=(0.5,) * 3, std=(0.25,) * 3)
    for stated in (None, preset("resnet50")):
        found = preprocessing(choice, stated)(shown).permute(0, 2, 3, 1)
        np.testing.assert_allclose(found, (shown / 255 - 0.5) / 0.25, atol=1e-6)


def test_nothing_is_done_for_an_own_model():
    shown = frames(2, 9, 11)
    found = preprocessing(ClassifierSpec("m"), None)(shown).permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, shown / 255, atol=1e-7)


def test_a_size():
    choice = ClassifierSpec("r3d_18", input="40x60")
    assert preprocessing(choice, preset("r3d_18"))(frames(2, 30, 33)).shape == (2, 3, 40, 60)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (
            "resnet50", {},
            "input=resize 232 bilinear antialias in 8 bits, crop 224x224; mean=0.485,0.456,0.406; "
            "std=0.229,0.224,0.225",
        ),
        (
            "r3d_18", {},
            "input=resize 128x171 bilinear in 8 bits, crop 112x112; mean=0.43216,0.394666,0.37645; "
            "std=0.22803,0.22145,0.216989",
        ),
        (
            "mvit_v2_s", {"std": (1, 1, 1)},
            "input=resize 256 bilinear in 8 bits, crop 224x224; mean=0.45; std=1",
        ),
        (
            "resnet50", {"input": "native", "mean": (0.5,) * 3, "std": (0.5,) * 3},
            "input=native; mean=0.5; std=0.5",
        ),
        (
            "resnet50", {"input": "128x224", "mean": (0, 0, 0), "std": (1, 2, 3)},
            "input=resize 128x224 bilinear antialias in 8 bits; mean=0; std=1,2,3",
        ),
    ],
)  # fmt: skip
def test_words(model, options, said):
    assert str(preprocessing(ClassifierSpec(model, **options), preset(model))) == said
