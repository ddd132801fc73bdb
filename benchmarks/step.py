"""How much faster is one step of the optimiser than plain, eager PyTorch?

    python benchmarks/step.py [--size 160x284] [--samples 1] [--device cpu] [--threads 2]

Five VGG layers and MSOE, one octave, real weights where they are at hand (`stst weights list`);
layers without any have seeded random ones, which cost the same. Both sides start from the same
noise. `benchmarks/plain.py` is the yardstick; a test compares the gradients.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from plain import PlainObjective, plain_step
from timing import keep, machine, side_by_side
from torch import Tensor

from stst.config import OptimizerConfig
from stst.engine.loop import make_optimizer, optimize
from stst.errors import InputError
from stst.methods.stst.objective import Statistician, StstObjective
from stst.methods.stst.variants import PAPER
from stst.models.msoe import MSOE
from stst.models.vgg import BLOCKS, VGG19
from stst.utils.devices import numerics
from stst.weights import load_tensors

LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
Tensors = dict[str, Tensor]


def at_hand(name: str) -> Tensors:
    """Give weights that are on this machine; none where they are not."""
    try:
        return dict(load_tensors(name).tensors)
    except InputError:
        return {}


def msoe_tensors() -> Tensors:
    """Give the weights of MSOE, random ones where they are not at hand."""
    generator, drawn = torch.Generator().manual_seed(0), {}
    shapes = ((32, 2, 11), (64, 32, 1), (64, 320, 3), (2, 64, 1))
    for number, (out, into, side) in enumerate(shapes, start=1):
        weight = torch.randn(out, into, side, side, generator=generator)
        drawn[f"conv{number}.weight"] = weight / (into * side * side) ** 0.5
        drawn[f"conv{number}.bias"] = torch.zeros(out)
    return at_hand("msoe") or drawn


def vgg_tensors() -> Tensors:
    """Give the weights of VGG-19, random ones (He) for layers that are not at hand."""
    found = at_hand("vgg19-keras")
    generator, channels = torch.Generator().manual_seed(0), 3
    for block, (width, count) in enumerate(BLOCKS, start=1):
        for index in range(1, count + 1):
            name = f"conv{block}_{index}"
            if f"{name}.weight" not in found:
                weight = torch.randn(width, channels, 3, 3, generator=generator)
                found[f"{name}.weight"] = weight * (2 / (9 * channels)) ** 0.5
                found[f"{name}.bias"] = torch.zeros(width)
            channels = width
    return found


class Setting:
    """The same work for both sides.

    Parameters
    ----------
    size
        Height and width in pixels.
    samples
        Images side by side.
    device
        Where it runs.
    streams
        ``"spatial"``, ``"temporal"``, or both.
    """

    def __init__(
        self,
        size: tuple[int, int],
        samples: int,
        device: torch.device,
        streams: tuple[str, ...] = ("spatial", "temporal"),
    ) -> None:
        generator = torch.Generator().manual_seed(1)

        def smooth(count: int) -> Tensor:
            noise = torch.rand(count, 3, size[0] + 8, size[1] + 8, generator=generator)
            return torch.nn.functional.avg_pool2d(noise, 9, 1).mul(3).sub(1).clamp(0, 1).to(device)

        self.device = device
        self.images = torch.rand(samples, 3, *size, generator=generator).to(device)
        self.target, self.before, self.previous = smooth(1), smooth(1), smooth(samples)
        self.vgg = vgg_tensors() if "spatial" in streams else None
        self.msoe = msoe_tensors() if "temporal" in streams else None
        self.weights = torch.tensor([1.0] * len(streams) + [0.1], device=device)

    def plain(self) -> PlainObjective:
        """Build the yardstick."""
        spatial, temporal = (
            None if one is None else {name: value.to(self.device) for name, value in one.items()}
            for one in (self.vgg, self.msoe)
        )
        return PlainObjective(
            spatial, temporal, LAYERS, self.target, self.before, self.previous
        )  # fmt: skip

    def ours(self, precision: str = "fp32") -> StstObjective:
        """Build the objective of the package."""
        spatial = None if self.vgg is None else VGG19(self.vgg, "keras").to(self.device)
        temporal = None if self.msoe is None else MSOE(self.msoe).to(self.device)
        made = Statistician(spatial, temporal, PAPER, precision)
        pair = torch.stack([self.before, self.target], dim=1)
        wanted = {}
        if spatial is not None:
            wanted["spatial_texture"] = made.compute_targets("spatial_texture", self.target, LAYERS)
        if temporal is not None:
            wanted["temporal_texture"] = made.compute_targets("temporal_texture", pair, ("concat",))
        weights = dict.fromkeys(wanted, 1.0)
        return StstObjective(made, wanted, weights, 0.1, 0.0, self.previous)

    def plain_steps(self) -> Callable[[], object]:
        """Give a call that takes one step of the yardstick."""
        objective, images = self.plain(), [self.images.clone()]

        def step() -> None:
            images[0] = plain_step(images[0], objective, self.weights, 1e-3)

        return step

    def our_steps(self, precision: str = "fp32") -> Callable[[], object]:
        """Give a call that takes one step of the package's own loop."""
        rule = make_optimizer(OptimizerConfig(name="gradient_descent"), per_channel=True)
        steps = optimize(
            self.images.clone(), self.ours(precision), rule=rule, iterations=10**6,
            learning_rate=1e-3,
        )  # fmt: skip
        return lambda: next(steps)


def options(words: str | None) -> argparse.Namespace:
    """Read the options of a benchmark of steps; the first line of its words describes it."""
    parser = argparse.ArgumentParser(description=(words or "").partition("\n")[0])
    parser.add_argument("--size", default="160x284")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def main() -> None:
    asked = options(__doc__)
    height, width = (int(side) for side in asked.size.split("x"))
    device = torch.device(asked.device)
    rows = [["streams", "side", "s per step", "times as fast", "quartiles"]]
    found = {}
    for streams in (("spatial", "temporal"), ("spatial",), ("temporal",)):
        setting = Setting((height, width), asked.samples, device, streams)
        sides = {"plain, fp32": setting.plain_steps(), "ours, fp32": setting.our_steps()}
        if "spatial" in streams:
            sides["ours, bf16"] = setting.our_steps("bf16")
        with numerics(device, "fp32", asked.threads):
            taken = side_by_side(sides, asked.rounds, device)
        name = " + ".join(streams)
        found[name] = taken
        rows += [
            [name, side, f"{one['seconds']:.4f}", f"{one['ratio']:.2f}",
             "{} to {}".format(*one["quartiles"])]
            for side, one in taken.items()
        ]  # fmt: skip
    keep(
        f"step_{device.type}",
        f"One step, {asked.samples} x {height}x{width} px, five VGG layers and MSOE",
        {"machine": machine(device) | {"threads": asked.threads}, "steps": found},
        rows,
    )


if __name__ == "__main__":
    main()
