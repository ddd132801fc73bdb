from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torchvision.models import MobileNet_V2_Weights

from small_runs import frames
from stst import Video
from stst.analysis.measures.judges import load_judge
from stst.config.cka import ClassifierSpec, parse_judge
from stst.errors import InputError

CPU = torch.device("cpu")


def loaded(model, **options):
    return load_judge(ClassifierSpec(f"tiny_classifier:{model}", **options), CPU)


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def softmax_by_level(mean, levels):
    """Compute what tiny judges say of a mean brightness, by hand."""
    powers = np.exp(-200 * (mean - levels) ** 2)
    return powers / powers.sum()


class TestProbabilities:
    def test_are_the_softmax_of_the_scores(self):
        judge = loaded("judge")
        shown = frames(1, 20, 24)
        found = judge.probabilities(shown)
        expected = softmax_by_level(shown.mean() / 255, np.linspace(0, 1, 12))
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        assert found.dtype == np.float64
        assert found.sum() == pytest.approx(1, abs=1e-12)
        assert judge.categories[:2] == ("level 0", "level 1")
        assert judge.title == "tiny_classifier:judge"

    def test_what_an_own_model_says_of_itself_counts(self):
        judge = loaded("second_judge")
        assert judge.categories[0] == "Level 11"
        assert judge.model.name.endswith(
            "input=resize 16x18 bilinear antialias in 8 bits; mean=0; std=1]"
        )
        told = loaded("second_judge", mean=(0.5,) * 3, input="native")
        assert told.model.name.endswith("input=native; mean=0.5; std=1]")
        shown = frames(1, 20, 24)
        expected = softmax_by_level(shown.mean() / 255 - 0.5, np.linspace(1, 0, 12))
        np.testing.assert_allclose(told.probabilities(shown), expected, rtol=1e-4)

    def test_windows(self):
        judge = loaded("video_judge", window=3, input="native")
        clip = Video(frames(5), Fraction(25))
        calls = []
        found = list(judge.watch(clip, calls.append))
        assert (len(found), judge.windows(5), judge.windows(2), calls) == (3, 3, 0, [0, 1, 2])
        for place, one in enumerate(found):
            mean = clip.frames[place : place + 3].mean() / 255
            expected = softmax_by_level(mean, np.linspace(0, 1, 12))
            np.testing.assert_allclose(one, expected, rtol=1e-4)
        assert judge.categories == ()

    def test_of_torchvision(self):
        judge = load_judge(ClassifierSpec("mobilenet_v2", "none"), CPU)
        assert list(judge.categories) == MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
        assert judge.title == "mobilenet_v2=none"
        assert judge.notes == (
            "mobilenet_v2=none: its weights are random, so what it recognises says nothing.",
        )
        assert judge.probabilities(frames(1, 40, 40)).shape == (1000,)


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("untraceable", "gives (1, 3, 18, 20) for one input; expected scores (1, classes). A "),
            ("probabilities", "gives probabilities, which sum to 1; expected scores before the "),
            ("infinite", "gives scores that are not finite."),
            ("miscounted", "names 1 classes and scores 12."),
        ],
    )
    def test_what_gives_no_scores(self, name, said):
        judge = loaded(name, kind="image")
        found = refused(judge.probabilities, frames(1))
        assert found.startswith(f"tiny_classifier:{name}: {said}")

    def test_what_a_model_says_wrongly(self):
        assert refused(loaded, "misstated") == (
            "model tiny_classifier:misstated: its std is (0.5, 0.0, 0.5); every value must be "
            "above 0."
        )

    def test_names(self):
        said = refused(load_judge, ClassifierSpec("mobilnet_v2"), CPU)
        assert said.startswith("model mobilnet_v2: torchvision has no image or video classifier ")
        assert "Did you mean mobilenet_v2, " in said


def test_parsed():
    base = ClassifierSpec("any", layers=("a",), mean=(0.5,) * 3)
    assert parse_judge(" m = w.pth ", base) == ClassifierSpec("m", "w.pth", mean=(0.5,) * 3)
    assert parse_judge("a.b:c") == ClassifierSpec("a.b:c")
    for text in ("", "=w", "m="):
        assert refused(parse_judge, text) == f"`judge` {text!r}: expected MODEL[=WEIGHTS]."
