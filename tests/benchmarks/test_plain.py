"""The yardstick of speed computes what the package does."""

from __future__ import annotations

import pytest
import torch
from plain import PlainObjective, plain_step

from stst.config import OptimizerConfig
from stst.engine.loop import make_optimizer, optimize
from stst.methods.stst.objective import Statistician, StstObjective
from stst.methods.stst.variants import PAPER
from stst.models.msoe import MSOE
from stst.models.vgg import VGG19

LAYERS = ("conv1_1", "conv2_1")


def weights(*shapes, seed) -> dict[str, torch.Tensor]:
    generator, found = torch.Generator().manual_seed(seed), {}
    for name, (out, into, side) in shapes:
        drawn = torch.randn(out, into, side, side, generator=generator)
        found[f"{name}.weight"] = drawn * (2 / (into * side * side)) ** 0.5
        found[f"{name}.bias"] = 0.1 * torch.randn(out, generator=generator)
    return found


@pytest.fixture
def sides():
    """Both objectives, the yardstick first, and images to begin with."""
    vgg = weights(
        ("conv1_1", (64, 3, 3)), ("conv1_2", (64, 64, 3)), ("conv2_1", (128, 64, 3)), seed=0
    )
    msoe = weights(("conv1", (32, 2, 11)), ("conv2", (64, 32, 1)), ("conv3", (64, 320, 3)),
                   ("conv4", (2, 64, 1)), seed=1)  # fmt: skip
    generator = torch.Generator().manual_seed(2)
    target, before = torch.rand(2, 1, 3, 66, 70, generator=generator)
    images, previous = torch.rand(2, 2, 3, 66, 70, generator=generator)
    made = Statistician(VGG19(vgg, "keras"), MSOE(msoe), PAPER, "fp32")
    wanted = {
        "spatial_texture": made.compute_targets("spatial_texture", target, LAYERS),
        "temporal_texture": made.compute_targets(
            "temporal_texture", torch.stack([before, target], dim=1), ("concat",)
        ),
    }
    ours = StstObjective(made, wanted, dict.fromkeys(wanted, 1.0), 0.1, 0.0, previous)
    return PlainObjective(vgg, msoe, LAYERS, target, before, previous), ours, images


def test_losses_and_gradient_agree(sides):
    plain, ours, images = sides
    weight = torch.tensor([1.0, 1.0, 0.1])
    losses, gradients = [], []
    for objective, factor in ((plain, weight), (ours, 1.0)):
        variable = images.clone().requires_grad_()
        found = objective(variable) * factor
        losses.append(found.detach())
        # every term by itself: one may be a million times another
        gradients.append(
            [torch.autograd.grad(found[:, term].sum(), variable, retain_graph=True)[0]
             for term in range(3)]
        )  # fmt: skip
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=0)
    for one, other in zip(*gradients, strict=True):
        assert (one - other).norm() < 1e-3 * other.norm()


def test_a_step_is_that_of_the_paper(sides):
    plain, ours, images = sides
    stepped = plain_step(images, plain, torch.tensor([1.0, 1.0, 0.1]), 1e-3)
    rule = make_optimizer(OptimizerConfig(name="gradient_descent"), per_channel=True)
    own = images.clone()
    list(optimize(own, ours, rule=rule, iterations=1, learning_rate=1e-3))
    torch.testing.assert_close(own, stepped, rtol=0, atol=2e-5)
