from __future__ import annotations

import pytest
import torch

from stst.methods.stst.objective import Statistician, StstObjective
from stst.methods.stst.variants import PAPER, REFERENCE
from tiny_model import Filters


def parts(rules, **weights):
    """Build an objective with both kinds of spatial terms on both layers, and its pictures."""
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(1, 3, 20, 24, generator=generator)
    images = torch.rand(2, 3, 20, 24, generator=generator)
    stream = Filters(3)
    statistician = Statistician(stream, None, rules, "fp32")
    terms = ("spatial_texture", "spatial_content")
    targets = {
        term: statistician.compute_targets(term, target, ("rectified", "plain")) for term in terms
    }
    objective = StstObjective(
        statistician, targets, {term: weights.get(term, 1.0) for term in terms},
        weights.get("tv", 0.1), weights.get("equalize", 0.0), None,
    )  # fmt: skip
    return (
        objective,
        images,
        stream(images, ("rectified", "plain")),
        stream(target, ("rectified", "plain")),
    )


@pytest.mark.parametrize("rules", [PAPER, REFERENCE], ids=["paper", "reference"])
def test_terms_are_those_of_the_equations(rules):
    objective, images, have, want = parts(rules)
    texture, content = torch.zeros(2), torch.zeros(2)
    for layer in ("rectified", "plain"):
        channels, positions = have[layer].shape[1], have[layer][0, 0].numel()
        by = positions * (channels if rules is PAPER else 1)
        grams = [torch.einsum("bnhw,bmhw->bnm", x[layer], x[layer]) / by for x in (have, want)]
        texture += (grams[0] - grams[1]).square().sum((1, 2)) / channels**2
        squared = (have[layer] - want[layer]).square().sum((1, 2, 3)) / (channels * positions)
        content += squared / 2 if rules is PAPER else squared
    if rules is REFERENCE:
        texture, content = texture / 2, content / 2
    variation = sum(images.diff(dim=axis).abs().sum((1, 2, 3)) for axis in (2, 3)) / (20 * 24)
    if rules is PAPER:
        variation = variation / 3
    expected = torch.stack([texture, content, variation], dim=1)
    torch.testing.assert_close(objective.compute_unweighted(images), expected, rtol=1e-4, atol=1e-8)


def test_weights_multiply_the_terms():
    objective, images, *_ = parts(PAPER, spatial_texture=3.0, tv=0.5)
    expected = objective.compute_unweighted(images) * torch.tensor([3.0, 1.0, 0.5])
    torch.testing.assert_close(objective(images), expected)


def test_equalisation_is_per_sample_and_set_once():
    objective, images, *_ = parts(PAPER, spatial_texture=3.0, tv=0.5, equalize=100.0)
    torch.testing.assert_close(objective(images), torch.tensor([[300.0, 100.0, 50.0]] * 2))
    weights = objective.weights.clone()
    assert not torch.equal(weights[0], weights[1])
    objective(images * 0.9)
    assert torch.equal(objective.weights, weights)
