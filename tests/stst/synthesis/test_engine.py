from __future__ import annotations

import math

import pytest
import torch

from stst.config import OptimizerConfig
from stst.errors import DivergedError
from stst.synthesis.engine import Adam, GradientDescent, make_rule, minimized


class Distance:
    """Squared distance to a picture, as two terms."""

    terms = ("near", "far")

    def __init__(self, target):
        self.target = target

    def __call__(self, images):
        loss = (images - self.target).square().sum(dim=(1, 2, 3))
        return torch.stack([loss, 2 * loss], dim=1)


@pytest.mark.parametrize("name", ["gradient_descent", "adam"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_it_reaches_a_minimum(name, schedule):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 4, 5, generator=generator)
    images = torch.rand(2, 3, 4, 5, generator=generator)
    config = OptimizerConfig(name=name, schedule=schedule)
    steps = minimized(
        images, Distance(target), rule=make_rule(config, True), iterations=200,
        learning_rate=0.02, schedule=schedule,
    )  # fmt: skip
    losses = [float(values.sum()) for _, values in steps]
    assert len(losses) == 200
    assert losses[-1] < 0.02 * losses[0]
    torch.testing.assert_close(images, target, atol=0.05, rtol=0)


def test_adam_agrees_with_torch():
    generator = torch.Generator().manual_seed(1)
    images = torch.full((1, 3, 4, 4), 0.5)
    target = 0.4 + 0.2 * torch.rand(1, 3, 4, 4, generator=generator)
    theirs = images.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.003, betas=(0.8, 0.99))
    for _ in range(7):
        optimizer.zero_grad()
        (3 * (theirs - target).square().sum()).backward()
        optimizer.step()
    steps = minimized(
        images, Distance(target), rule=Adam((0.8, 0.99)), iterations=7, learning_rate=0.003
    )
    list(steps)
    torch.testing.assert_close(images, theirs.detach())


@pytest.mark.parametrize(("per_channel", "axes"), [(True, (2, 3)), (False, (1, 2, 3))])
def test_gradient_descent_divides_by_the_deviation(per_channel, axes):
    gradient = torch.randn(2, 3, 6, 7) * torch.tensor([1.0, 50.0])[:, None, None, None]
    step = GradientDescent(per_channel).step(gradient)
    deviation = step.std(dim=axes, correction=0)
    torch.testing.assert_close(deviation, torch.ones_like(deviation))


def test_pixels_stay_in_range():
    images = torch.full((1, 3, 2, 2), 0.99)
    target = torch.full_like(images, 7.0)
    target[..., 0] = -7
    for _ in minimized(
        images, Distance(target), rule=GradientDescent(True), iterations=5, learning_rate=10
    ):
        assert 0 <= float(images.min()) <= float(images.max()) <= 1


def test_cosine_ends_at_a_tenth():
    rates = []

    class Unit:
        def step(self, gradient):
            return torch.ones_like(gradient)

    images = torch.full((1, 1, 1, 1), 1.0)
    before = 1.0
    for _ in minimized(
        images, Distance(torch.zeros(1)), rule=Unit(), iterations=11, learning_rate=0.05,
        schedule="cosine",
    ):  # fmt: skip
        rates.append(before - float(images))
        before = float(images)
    assert rates[0] == pytest.approx(0.05, abs=1e-6)
    assert rates[5] == pytest.approx(0.05 * 0.55, abs=1e-6)
    assert rates[-1] == pytest.approx(0.005, abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_divergence_names_term_and_iteration(bad):
    class Broken(Distance):
        calls = 0

        def __call__(self, images):
            self.calls += 1
            losses = super().__call__(images)
            return losses * torch.tensor([1.0, bad]) if self.calls == 3 else losses

    images = torch.rand(2, 3, 2, 2)
    steps = minimized(
        images, Broken(torch.zeros(1)), rule=GradientDescent(True), iterations=9, learning_rate=0.1
    )
    with pytest.raises(DivergedError, match="iteration 2: far of sample 0, far of sample 1 is no"):
        list(steps)


def test_closing_the_generator_cancels():
    images = torch.rand(1, 3, 2, 2)
    steps = minimized(
        images,
        Distance(torch.zeros(1)),
        rule=GradientDescent(True),
        iterations=9,
        learning_rate=0.1,
    )
    next(steps)
    kept = images.clone()
    steps.close()
    assert torch.equal(images, kept)


def test_a_range_and_a_rate_of_ones_own():
    """Bounds may differ by channel; a run is continued with the rule's memory."""
    low, high = torch.tensor([-2.0, 0.0, 1.0]), torch.tensor([-1.0, 0.5, 3.0])
    bounds = low[:, None, None], high[:, None, None]

    def rate(iteration):
        return 0.1 / (1 + iteration)

    def moved(images, rule, first, last):
        steps = minimized(
            images, Distance(torch.full((1, 3, 4, 4), 9.0)), rule=rule, iterations=last,
            learning_rate=rate, bounds=bounds, first=first,
        )  # fmt: skip
        return [iteration for iteration, _ in steps]

    whole, parts = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    assert moved(whole, Adam((0.5, 0.9)), 0, 9) == list(range(9))
    rule = Adam((0.5, 0.9))
    assert moved(parts, rule, 0, 4) + moved(parts, rule, 4, 9) == list(range(9))
    assert torch.equal(whole, parts)
    assert (whole >= bounds[0]).all()
    assert (whole <= bounds[1]).all()
    assert float(whole[0, 0, 0, 0]) == -1
