from __future__ import annotations

import math

import pytest
import torch

from stst.config import OptimizerConfig
from stst.engine.loop import LBFGS, Adam, NormalizedGradientDescent, make_optimizer, optimize
from stst.errors import DivergedError


class Distance:
    """Squared distance to a picture, as two terms."""

    terms = ("near", "far")

    def __init__(self, target):
        self.target = target

    def __call__(self, images):
        loss = (images - self.target).square().sum(dim=(1, 2, 3))
        return torch.stack([loss, 2 * loss], dim=1)


@pytest.mark.parametrize("name", ["gradient_descent", "adam", "lbfgs"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_it_reaches_a_minimum(name, schedule):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 4, 5, generator=generator)
    images = torch.rand(2, 3, 4, 5, generator=generator)
    config = OptimizerConfig(name=name, schedule=schedule)
    steps = optimize(
        images, Distance(target), rule=make_optimizer(config, True), iterations=200,
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
    steps = optimize(
        images, Distance(target), rule=Adam((0.8, 0.99)), iterations=7, learning_rate=0.003
    )
    list(steps)
    torch.testing.assert_close(images, theirs.detach())


@pytest.mark.parametrize(("per_channel", "axes"), [(True, (2, 3)), (False, (1, 2, 3))])
def test_gradient_descent_divides_by_the_deviation(per_channel, axes):
    gradient = torch.randn(2, 3, 6, 7) * torch.tensor([1.0, 50.0])[:, None, None, None]
    step = NormalizedGradientDescent(per_channel).step(gradient, gradient, 1.0)
    deviation = step.std(dim=axes, correction=0)
    torch.testing.assert_close(deviation, torch.ones_like(deviation))


class TestLimitedMemory:
    """Against BFGS with a whole matrix, on a curved valley of 12 pixels."""

    generator = torch.Generator().manual_seed(3)
    root = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    hessian = root @ root.T + 0.1 * torch.eye(12, dtype=torch.float64)

    def gradient(self, images):
        return (images.flatten(1) @ self.hessian).view_as(images)

    def start(self, samples=1):
        return torch.randn(samples, 3, 2, 2, generator=self.generator, dtype=torch.float64)

    def test_steps_are_those_of_bfgs(self):
        images, rule = self.start(), LBFGS(history=50)
        inverse, before = None, None
        pairs = []
        for _ in range(6):
            gradient = self.gradient(images)
            flat, slope = images.flatten(), gradient.flatten()
            if before is not None:
                pairs.append((flat - before[0], slope - before[1]))
                move, change = pairs[-1]
                inverse = torch.eye(12, dtype=torch.float64) * (move @ change) / (change @ change)
                for s, y in pairs:
                    turn = torch.eye(12, dtype=torch.float64) - torch.outer(s, y) / (s @ y)
                    inverse = turn @ inverse @ turn.T + torch.outer(s, s) / (s @ y)
            before = flat.clone(), slope.clone()
            # a radius that only the first step feels
            rate = 0.01 if inverse is None else 1e6
            step = rule.step(images, gradient, rate)
            if inverse is not None:
                torch.testing.assert_close(step.flatten(), inverse @ slope)
            images = images - step

    def test_a_step_is_no_longer_than_the_radius(self):
        images, rule = self.start(2), LBFGS(10)
        for count in range(8):
            step = rule.step(images, self.gradient(images), 0.03)
            length = step.square().mean(dim=(1, 2, 3)).sqrt()
            assert (length <= 0.03 * (1 + 1e-9)).all()
            if count == 0:
                torch.testing.assert_close(length, torch.full_like(length, 0.03))
            images = images - step

    def test_samples_do_not_depend_on_each_other(self):
        images = self.start(2)
        alone, rules = [images[:1].clone(), images[1:].clone()], [LBFGS(4) for _ in "ab"]
        both = LBFGS(4)
        for _ in range(9):
            images = images - both.step(images, self.gradient(images), 0.2)
            alone = [
                one - rule.step(one, self.gradient(one), 0.2)
                for one, rule in zip(alone, rules, strict=True)
            ]
        torch.testing.assert_close(images, torch.cat(alone))

    def test_what_does_not_move_or_bends_downwards_teaches_nothing(self):
        rule, images = LBFGS(4), self.start(2)
        still, down = images[:1], images[1:]
        for _ in range(3):
            gradient = torch.cat([torch.ones_like(still), -down])
            step = rule.step(torch.cat([still, down]), gradient, 0.5)
            # without curvature the whole radius is used, down the gradient
            torch.testing.assert_close(step[0], torch.full_like(step[0], 0.5))
            torch.testing.assert_close(step[1], -0.5 * down[0] / down.square().mean().sqrt())
            down = down - step[1:]

    def test_fewer_steps_than_adam(self):
        left = {}
        for name, rate in (("lbfgs", 1.0), ("adam", 0.1)):
            images = torch.ones(1, 3, 2, 2, dtype=torch.float64)
            rule = make_optimizer(OptimizerConfig(name=name), True)
            for _ in range(40):
                images = images - rule.step(images, self.gradient(images), rate)
            left[name] = float((images * self.gradient(images)).sum())
        assert left["lbfgs"] < 1e-3 * left["adam"]


def test_pixels_stay_in_range():
    images = torch.full((1, 3, 2, 2), 0.99)
    target = torch.full_like(images, 7.0)
    target[..., 0] = -7
    for _ in optimize(
        images,
        Distance(target),
        rule=NormalizedGradientDescent(True),
        iterations=5,
        learning_rate=10,
    ):
        assert 0 <= float(images.min()) <= float(images.max()) <= 1


def test_cosine_ends_at_a_tenth():
    rates = []

    class Unit:
        def step(self, images, gradient, rate):
            return torch.full_like(images, rate)

    images = torch.full((1, 1, 1, 1), 1.0)
    before = 1.0
    for _ in optimize(
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
    steps = optimize(
        images,
        Broken(torch.zeros(1)),
        rule=NormalizedGradientDescent(True),
        iterations=9,
        learning_rate=0.1,
    )
    with pytest.raises(DivergedError, match="iteration 2: far of sample 0, far of sample 1 is no"):
        list(steps)


def test_closing_the_generator_cancels():
    images = torch.rand(1, 3, 2, 2)
    steps = optimize(
        images,
        Distance(torch.zeros(1)),
        rule=NormalizedGradientDescent(True),
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
        steps = optimize(
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
