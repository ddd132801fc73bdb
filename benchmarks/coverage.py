"""How often do intervals and tests of a few clips hold what they promise?

    python benchmarks/coverage.py [--repetitions 10000] [--name coverage]

Sets of clips are drawn from distributions whose means are known, and `stst.analysis.inference` is
called with each, as an analysis would. Counted are the intervals that hold the mean, wrong claims
of equivalence and of "at its null" where the true value lies on the margin, and permutation tests
with p of at most 0.05 where there is no difference: of pairs, and of values with 0, whose
differences are skewed where they are lognormal. Beside the intervals stand Student's, and BCa at
the plain level of 95 % (of 2000 sets). Margins are in standard deviations of one clip; lognormal
values (sigma 1) are brought to a standard deviation of 1. Time courses are autoregressive of first
order, one for every 20 repetitions. A share of n repetitions has a standard error of at most
0.5 / √n.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats
from timing import keep, machine

from stst.analysis.inference import (
    BOOTSTRAP_FROM,
    RESAMPLES,
    at_null,
    block_bootstrap,
    equivalence_test,
    mean_interval,
    permutation_test,
)

Values = NDArray[np.float64]
SEED = 7
ALPHA = 0.05
#: What each stands for in the sizes of sets: all of t, the first of BCa, more of it.
CLIPS = (4, 7, 8, 20)
MARGINS = (0.5, 3.0)
FRAMES = (50, 200)
DEPENDENCE = (0.0, 0.5, 0.8)


def draw_normal(rng: np.random.Generator, size: tuple[int, int]) -> Values:
    """Draw with mean 0 and standard deviation 1."""
    return rng.normal(size=size)


def draw_lognormal(rng: np.random.Generator, size: tuple[int, int]) -> Values:
    """Draw with sigma 1, then mean 0 and standard deviation 1."""
    spread = math.sqrt((math.e - 1) * math.e)
    return (rng.lognormal(size=size) - math.exp(0.5)) / spread


DISTRIBUTIONS = {"normal": draw_normal, "lognormal": draw_lognormal}


def shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def share(outcomes: Iterable[bool]) -> float:
    return float(np.mean(list(outcomes)))


def coverage(sets: Values) -> float:
    """Give the share of intervals that hold 0.

    Parameters
    ----------
    sets
        (repetitions, clips), of a distribution with mean 0.
    """
    found = [mean_interval(values) for values in sets]
    return share(one.low <= 0 <= one.high for one in found)


def student_coverage(sets: Values) -> float:
    """Give the same of Student's interval, whatever the number of clips."""
    n = sets.shape[1]
    half = stats.t.ppf(0.975, n - 1) * sets.std(1, ddof=1) / math.sqrt(n)
    return float(np.mean(np.abs(sets.mean(1)) <= half))


def plain_bca_coverage(sets: Values) -> float:
    """Give the same of BCa at a level that is not expanded."""
    rng = np.random.default_rng(SEED)
    found = [
        stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, rng=rng).confidence_interval
        for values in sets[:2000]
    ]
    return share(one.low <= 0 <= one.high for one in found)


def false_equivalence(sets: Values, margin: float) -> float:
    """Give the share of sets with their mean on the margin that are called equivalent."""
    found = (equivalence_test(values + margin, -margin, margin, ALPHA) for values in sets)
    return share(one.verdict == "equivalent" for one in found)


def false_null(sets: Values, margin: float) -> float:
    """Give the share of sets with their mean on the margin that are called at their null."""
    found = (at_null(values + margin, 0.0, margin, ALPHA) for values in sets)
    return share(one.verdict == "at its null" for one in found)


def false_difference(a: Values, b: Values) -> float:
    """Give the share of pairs of sets without a difference of which p is at most alpha."""
    found = (permutation_test(one, other) for one, other in zip(a, b, strict=True))
    return share(one.p <= ALPHA for one in found)


def block_coverage(courses: Values) -> tuple[float, float]:
    """Give the share of time courses whose mean is held, and the mean share of frames."""
    found = [block_bootstrap(course) for course in courses]
    means = share(one.mean.low <= 0 <= one.mean.high for one in found)
    return means, float(np.mean([(one.low <= 0) & (one.high >= 0) for one in found]))


def of_clips(
    draw: Callable[[np.random.Generator, tuple[int, int]], Values], clips: int, repetitions: int
) -> dict[str, float | None]:
    """Measure all that has clips."""
    rng = np.random.default_rng([SEED, clips])
    sets, others = (draw(rng, (repetitions, clips)) for _ in range(2))
    return {
        "coverage": coverage(sets),
        "coverage_student": student_coverage(sets),
        "coverage_plain_bca": plain_bca_coverage(sets) if clips >= BOOTSTRAP_FROM else None,
        **{f"equivalent_margin_{one:g}": false_equivalence(sets, one) for one in MARGINS},
        "at_null": false_null(sets, 1.0),
        "different": false_difference(sets, others),
        "different_skewed": false_difference(sets, np.zeros_like(sets)),
    }


def of_frames(frames: int, dependence: float, repetitions: int) -> dict[str, float]:
    """Measure time courses; the first frames of each, which depend on where it began, are cut."""
    rng = np.random.default_rng([SEED, frames])
    noise = rng.normal(size=(repetitions, frames + 100))
    courses = signal.lfilter([1.0], [1.0, -dependence], noise)[:, 100:]
    means, band = block_coverage(courses)
    return {"mean": means, "band": band}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=10_000)
    parser.add_argument("--name", default="coverage")
    asked = parser.parse_args(words)
    start = time.perf_counter()
    rows: list[list[Any]] = [["what", "n", "95 % intervals hold the mean", "Student's", "plain BCa",
             "called equivalent, margin 0.5", "margin 3", "called at its null",
             "p ≤ .05, pairs", "against 0"]]  # fmt: skip
    clips: dict[str, Any] = {}
    for name, draw in DISTRIBUTIONS.items():
        for count in CLIPS:
            one = of_clips(draw, count, asked.repetitions)
            clips[f"{name}, {count} clips"] = one
            rows.append([name, count, *map(shown, one.values())])
            print(rows[-1], flush=True)
    frames: dict[str, Any] = {}
    for count in FRAMES:
        for dependence in DEPENDENCE:
            one = of_frames(count, dependence, max(1, asked.repetitions // 20))
            frames[f"{count} frames, dependence {dependence:g}"] = one
            held = f"mean {shown(one['mean'])}, band {shown(one['band'])}"
            rows.append([f"time course, dependence {dependence:g}", count, held, *[""] * 7])
            print(rows[-1], flush=True)
    keep(
        asked.name,
        f"How often intervals and tests hold what they promise ({asked.repetitions} repetitions)",
        {
            "machine": machine(),
            "repetitions": asked.repetitions,
            "resamples": RESAMPLES,
            "seconds": round(time.perf_counter() - start, 1),
            "clips": clips,
            "frames": frames,
        },
        rows,
    )


if __name__ == "__main__":
    main()
