"""How losses and probabilities of an inversion went, for its report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

_MOST = 200  # iterations that are kept
_DIGITS = 6


class OptimizationHistory:
    """Evenly spaced iterations of a run, its first and its last among them.

    Parameters
    ----------
    terms
        Of the loss.
    names
        Who tells a probability of the target class.
    iterations
        Of the whole run.
    """

    def __init__(self, terms: Sequence[str], names: Sequence[str], iterations: int) -> None:
        self.terms, self.names = tuple(terms), tuple(names)
        self._last = iterations - 1
        self._every = max(1, math.ceil(iterations / (_MOST - 1)))
        self._rows: list[Tensor] = []
        self._iterations: list[int] = []

    def note(self, iteration: int, losses: Tensor, probability: Mapping[str, Tensor]) -> None:
        """Keep an iteration, if it is one of those; losses (B, terms), probabilities (B,)."""
        if iteration % self._every and iteration != self._last:
            return
        seen = torch.stack([probability[name] for name in self.names], dim=1)
        # left on the device: reading numbers would wait for it
        self._rows.append(torch.cat([losses, seen], dim=1))
        self._iterations.append(iteration)

    def tensors(self) -> dict[str, Tensor]:
        """Give what is kept, samples first; nothing where nothing is."""
        if not self._rows:
            return {}
        rows = torch.stack(self._rows, dim=1)
        numbers = torch.tensor(self._iterations).expand(len(rows), -1)
        return {"course": rows, "course_iterations": numbers}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        if "course" not in tensors:
            return
        self._rows = list(tensors["course"].unbind(1))
        self._iterations = tensors["course_iterations"][0].tolist()

    def of_sample(self, sample: int) -> dict[str, Any]:
        """Give one sample's numbers as a sidecar has them."""
        rows = torch.stack(self._rows)[:, sample].T.tolist() if self._rows else []
        columns = [[float(f"{value:.{_DIGITS}g}") for value in column] for column in rows]
        return {
            "iteration": list(self._iterations),
            "probability": dict(zip(self.names, columns[len(self.terms) :], strict=True)),
            "losses": dict(zip(self.terms, columns, strict=False)),
        }
