"""Time alternatives side by side and keep what was found, with machine, versions and command."""

from __future__ import annotations

import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from stst.utils.devices import environment

RESULTS = Path(__file__).parent / "results"


def side_by_side(
    alternatives: Mapping[str, Callable[[], object]],
    rounds: int = 15,
    device: torch.device | str = "cpu",
) -> dict[str, dict[str, Any]]:
    """Time alternatives in turn, so that whatever else the machine does hits all of them alike.

    Parameters
    ----------
    alternatives
        By name; the first one is the yardstick. Each is called twice beforehand.
    rounds
        Each calls every alternative once.
    device
        Waited for before a clock is read.

    Returns
    -------
    dict
        By name: ``seconds`` (median), and ``ratio`` of the yardstick's time to its own within the
        same round (median), with its ``quartiles``.
    """
    device = torch.device(device)
    for call in alternatives.values():
        for _ in range(2):
            call()
    taken: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, call in alternatives.items():
            _wait(device)
            start = time.perf_counter()
            call()
            _wait(device)
            taken[name].append(time.perf_counter() - start)
    yardstick = taken[next(iter(alternatives))]
    out = {}
    for name, times in taken.items():
        ratios = [one / other for one, other in zip(yardstick, times, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        out[name] = {
            "seconds": round(statistics.median(times), 6),
            "ratio": round(middle, 3),
            "quartiles": [round(low, 3), round(high, 3)],
        }
    return out


def machine(device: torch.device | str = "cpu", precision: str = "fp32") -> dict[str, Any]:
    """Describe what a figure depends on."""
    found = environment(torch.device(device), precision, ())
    found.pop("batch")
    return {**found, "processor": _processor(), "cores": os.cpu_count()}


def keep(name: str, question: str, found: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table, and write it beside all numbers into `RESULTS`.

    Parameters
    ----------
    name
        Of the files.
    question
        What the benchmark answers.
    found
        All numbers.
    rows
        The table, its head first.
    """
    words = ["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]
    command = shlex.join(word if "/" not in word or index < 2 else Path(word).name
                         for index, word in enumerate(words))  # fmt: skip
    content = {"question": question, "command": command, **found}
    head, *body = [[str(cell) for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *body]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    text = f"{question}\n\n`{command}`\n\n{table}\n"
    (RESULTS / f"{name}.md").write_text(text, "utf-8")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
