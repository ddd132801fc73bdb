"""Which share of what the device can compute does each stage of a step reach?

    python benchmarks/ceiling.py [--size 160x284] [--samples 1] [--device cpu] [--threads 2]

The ceiling is measured, not read in a data sheet: the fastest of VGG-19's own 3x3 convolutions,
and of square matrix products, each by itself and with its operands laid out as the device likes
them. Operations of a stage are those that torch counts in convolutions and products; everything
else a stage does (pooling, squares, normalisation, the optimiser) costs time and counts as none.
The gradient of each takes as many again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from step import Setting, options
from timing import keep, machine, side_by_side
from torch.utils.flop_counter import FlopCounterMode

from stst.models.gradients import channels_last
from stst.utils.devices import numerics

_SHAPES = ((64, 64, 1), (128, 128, 2), (256, 256, 4), (512, 512, 8))


def ceilings(
    size: tuple[int, int], samples: int, device: torch.device
) -> dict[str, tuple[Callable[[], object], float]]:
    """Give calls and their number of operations."""
    found: dict[str, tuple[Callable[[], object], float]] = {}
    for into, out, shrink in _SHAPES:
        height, width = (side // shrink for side in size)
        images = channels_last(torch.randn(samples, into, height, width, device=device))
        weight = channels_last(torch.randn(out, into, 3, 3, device=device))
        operations = 2.0 * 9 * samples * into * out * height * width
        found[f"convolution {into} to {out}, {height}x{width}"] = (
            lambda images=images, weight=weight: F.conv2d(images, weight, padding=1), operations,
        )  # fmt: skip
    for side in (512, 1024, 2048):
        one, other = torch.randn(2, side, side, device=device)
        found[f"product {side}"] = (lambda one=one, other=other: one @ other, 2.0 * side**3)
    return found


def stages(
    size: tuple[int, int], samples: int, device: torch.device
) -> dict[str, tuple[Callable[[], object], float]]:
    """Give forward passes and whole steps of the streams, with their number of operations."""
    found: dict[str, tuple[Callable[[], object], float]] = {}
    for streams in (("spatial",), ("temporal",), ("spatial", "temporal")):
        setting = Setting(size, samples, device, streams)
        objective, images = setting.ours(), setting.images
        name = " + ".join(streams)

        def forward(objective=objective, images=images) -> None:  # type: ignore[no-untyped-def]
            with torch.no_grad():
                objective(images)

        with FlopCounterMode(display=False) as counter:
            forward()
        operations = float(counter.get_total_flops())
        found[f"{name}, losses only"] = forward, operations
        found[f"{name}, step"] = setting.our_steps(), 2 * operations
    return found


def main() -> None:
    asked = options(__doc__)
    height, width = (int(side) for side in asked.size.split("x"))
    size, device = (height, width), torch.device(asked.device)
    with numerics(device, "fp32", asked.threads):
        tops, parts = (one(size, asked.samples, device) for one in (ceilings, stages))
        calls = {name: call for name, (call, _) in {**tops, **parts}.items()}
        taken = side_by_side(calls, asked.rounds, device)

    def speed(name: str, operations: float) -> float:
        return operations / taken[name]["seconds"] / 1e9

    top = {name: speed(name, count) for name, (_, count) in tops.items()}
    highest = max(value for name, value in top.items() if name.startswith("convolution"))
    rows: list[list[Any]] = [["what", "10⁹ operations", "10⁹ operations per s", "share of ceiling"]]
    for name, (_, count) in {**tops, **parts}.items():
        value = speed(name, count)
        rows.append([name, f"{count / 1e9:.2f}", f"{value:.0f}", f"{value / highest:.0%}"])
    keep(
        f"ceiling_{device.type}",
        f"Share of the fastest convolution's speed, {asked.samples} x {asked.size} px, fp32",
        {"machine": machine(device) | {"threads": asked.threads}, "speeds": top, "times": taken},
        rows,
    )


if __name__ == "__main__":
    main()
