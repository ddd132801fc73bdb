"""What CKA of two clips is compared with: that of clips that have nothing to do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from stst.analysis.cka.onlooker import Seen, Values
from stst.analysis.cka.similarity import kernel_cka
from stst.analysis.cka.verdicts import NULL
from stst.config.cka import CkaSettings, Estimator

#: Of values of unrelated pairs, the share between the ends of a band.
BAND = 0.95
_PERMUTATIONS = 100  # of the frames, where these are the examples

_Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Null:
    """What a value is compared with.

    Attributes
    ----------
    natural, other
        The pair that is tested.
    unrelated
        Clips that have nothing to do with them.
    noise
        The natural clip's pixels in random order.
    """

    natural: Seen
    other: Seen
    unrelated: Sequence[Seen]
    noise: Seen

    def band(self, layer: str, settings: CkaSettings) -> _Row:
        """Give the columns that say where unrelated pairs lie."""
        return self._columns("unrelated", self._values(layer, settings.estimator))

    def rows(self, layers: Sequence[str], settings: CkaSettings) -> list[_Row]:
        """Give the means and bands of all kinds of null."""
        rows = []
        for layer in layers:
            for kind, values in (
                ("unrelated", self._values(layer, settings.estimator)),
                ("noise", self.natural.values(self.noise, layer, settings.estimator)),
                ("timing", self._timing(layer, settings)),
            ):
                if len(values):
                    known = values[~np.isnan(values)]
                    mean = float(known.mean()) if len(known) else float("nan")
                    row = {"layer": layer, "measure": settings.measure + NULL, "value": mean}
                    rows.append(row | self._columns(kind, values))
        return rows

    def _values(self, layer: str, estimator: Estimator) -> Values:
        """Compare each two of the clips but the pair that is tested."""
        pairs = [
            (one, other)
            for one, other in combinations((self.natural, self.other, *self.unrelated), 2)
            if (one, other) != (self.natural, self.other)
        ]
        return np.concatenate([one.values(other, layer, estimator).ravel() for one, other in pairs])

    def _timing(self, layer: str, settings: CkaSettings) -> Values:
        """Compare with frames of the other clip that do not correspond."""
        here, there = self.natural.kernels[layer], self.other.kernels[layer]
        if settings.examples != "frames":
            values = self.natural.values(self.other, layer, settings.estimator)
            return values[~np.eye(len(here), dtype=bool).ravel()]
        (x,), (y,) = here, there
        orders = [
            np.random.default_rng([0, one]).permutation(len(y)) for one in range(_PERMUTATIONS)
        ]
        moved = [order for order in orders if (order != np.arange(len(y))).any()]
        return np.array([kernel_cka(x, y.reorder(order), settings.estimator) for order in moved])

    def _columns(self, kind: str, values: Values) -> _Row:
        known = values[~np.isnan(values)]
        ends = [(1 - BAND) / 2, (1 + BAND) / 2]
        low, high = np.quantile(known, ends) if len(known) else (np.nan, np.nan)
        clips = {"null_clips": len(self.unrelated)} if kind == "unrelated" else {}
        return {
            "null_low": float(low), "null_high": float(high), "null_kind": kind, **clips,
            "null_pairs": len(known),
        }  # fmt: skip
