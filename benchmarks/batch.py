"""How does throughput grow with the number of samples that run side by side?

    python benchmarks/batch.py [--size 160x284] [--device cpu] [--threads 2]

Steps of frames per second, of five VGG layers and MSOE, against a batch of 1 in the same run.
"""

from __future__ import annotations

import argparse

from step import Setting
from timing import keep, machine, side_by_side

from stst.utils.devices import numerics, pick_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="160x284")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    height, width = (int(side) for side in asked.size.split("x"))
    device = pick_device(asked.device)
    steps = {
        str(batch): Setting((height, width), batch, device).our_steps(asked.precision)
        for batch in asked.batches
    }
    with numerics(device, asked.precision, asked.threads):
        taken = side_by_side(steps, asked.rounds, device)
    found = {}
    rows = [["samples", "s per step of all", "frames' steps per s", "times that of the first",
             "quartiles"]]  # fmt: skip
    for batch, (name, one) in zip(asked.batches, taken.items(), strict=True):
        share = batch / asked.batches[0]
        growth, low, high = (share * ratio for ratio in (one["ratio"], *one["quartiles"]))
        found[name] = one | {"throughput": batch / one["seconds"], "growth": growth}
        rows.append([
            batch, f"{one['seconds']:.4f}", f"{batch / one['seconds']:.2f}",
            f"{growth:.2f}", f"{low:.2f} to {high:.2f}",
        ])  # fmt: skip
    keep(
        f"batch_{device.type}",
        f"Throughput against samples, {height}x{width} px, {asked.precision}",
        {
            "machine": machine(device, asked.precision) | {"threads": asked.threads},
            "batches": found,
        },
        rows,
    )


if __name__ == "__main__":
    main()
