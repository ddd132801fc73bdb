"""How much faster is colour transfer than plain NumPy?

    python benchmarks/color.py [--size 360x640] [--threads 1 2]

A frame of `sample_data` takes the colours of another. NumPy computes in float64, ours the second
part in float32; they agree to 1e-6. `benchmarks/plain_color.py` is the yardstick. NumPy runs on one
thread whatever is asked for. As in a run, memory of a larger array has been freed before, which
makes the C library keep what is freed afterwards; that helps both sides.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# threads of NumPy's library of products go on waiting busily, where ours would compute
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import plain_color
import torch
from timing import keep, machine, side_by_side

from stst.engine.color_transfer import color_transfer, distribution_transfer, regrain
from stst.utils.devices import numerics
from stst.video import read_video

SAMPLES = Path(__file__).parents[1] / "sample_data"


def frame(name: str, size: tuple[int, int]) -> np.ndarray:
    """Read the first frame as (3, H, W) float64 in [0, 1], of that size."""
    picture = read_video(SAMPLES / name, frames="0:1").frames[0]
    resized = cv2.resize(picture.astype(np.float64) / 255, size[::-1])
    return np.ascontiguousarray(resized.transpose(2, 0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="360x640")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=11)
    asked = parser.parse_args()
    height, width = (int(side) for side in asked.size.split("x"))
    picture, reference = (frame(name, (height, width)) for name in ("cat.mkv", "coffee.mkv"))
    ours = [torch.from_numpy(one)[None] for one in (picture, reference)]
    plainly = plain_color.color_transfer(picture, reference)
    difference = float(np.abs(plainly - color_transfer(*ours)[0].numpy()).max())
    colors = plain_color.distribution_transfer(picture, reference)
    our_colors = distribution_transfer(*ours)
    parts = {
        "both parts": (
            lambda: plain_color.color_transfer(picture, reference),
            lambda: color_transfer(*ours),
        ),
        "distribution transfer": (
            lambda: plain_color.distribution_transfer(picture, reference),
            lambda: distribution_transfer(*ours),
        ),
        "regrain": (
            lambda: plain_color.regrain(picture, colors, 0),
            lambda: regrain(ours[0].float(), our_colors.float()),
        ),
    }
    torch.empty(31 * 2**20, dtype=torch.uint8)
    rows = [["threads", "part", "plain NumPy, s", "ours, s", "times as fast", "quartiles"]]
    found = {}
    for threads in asked.threads:
        with numerics(torch.device("cpu"), "fp64", threads):
            for name, (plain, own) in parts.items():
                taken = side_by_side({"plain": plain, "ours": own}, asked.rounds)
                found[f"{name}, {threads} threads"] = taken
                rows.append([
                    threads, name, f"{taken['plain']['seconds']:.4f}",
                    f"{taken['ours']['seconds']:.4f}", f"{taken['ours']['ratio']:.2f}",
                    "{} to {}".format(*taken["ours"]["quartiles"]),
                ])  # fmt: skip
    keep(
        "color_cpu",
        f"Colour transfer, {height}x{width} px, against plain NumPy",
        {"machine": machine(), "largest_difference": difference, "parts": found},
        rows,
    )


if __name__ == "__main__":
    main()
