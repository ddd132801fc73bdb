"""What rows of CKA say: how far a pair of clips is from unrelated ones, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["above", "inside", "below", "undefined"]
Values = NDArray[np.float64]
#: What the measure of a null's mean ends in.
NULL = ".null"


@dataclass(frozen=True, eq=False)
class LayerCka:
    """CKA of a clip with its natural clip in one layer, and its null.

    Attributes
    ----------
    clip, model, layer
        As in tables.
    values
        (T,) CKA of every frame, NaN where undefined.
    band
        Ends between which 95 % of the values of unrelated pairs lie; NaN where undefined.
    clips, pairs
        How many unrelated clips and how many values that is.
    noise, timing
        Mean CKA of the natural clip with noise, and with frames of the other clip at other times;
        NaN where undefined, and for a clip of one frame.
    """

    clip: str
    model: str
    layer: str
    values: Values
    band: tuple[float, float]
    clips: int
    pairs: int
    noise: float
    timing: float

    @property
    def mean(self) -> float:
        """Mean over frames; NaN where there are none."""
        known = self.values[~np.isnan(self.values)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def verdict(self) -> Verdict:
        """Where the mean lies: above the band, inside or below it."""
        low, high = self.band
        if np.isnan([self.mean, low, high]).any():
            return "undefined"
        return "above" if self.mean > high else "below" if self.mean < low else "inside"

    def sentence(self) -> str:
        """Say it in one sentence, without the names of clip and model."""
        low, high = self.band
        parts = [f"{self.layer}: CKA {_digits(self.mean)}"]
        if self.verdict == "undefined":
            parts[0] = f"{self.layer}: CKA or its null is undefined"
        else:
            parts.append(
                f"{self.verdict} the band of {count_clips(self.clips)}, {_digits(low)} to "
                f"{_digits(high)}"
            )
        for name, value in (("noise", self.noise), ("other frames", self.timing)):
            if not np.isnan(value):
                parts.append(f"{name} {_digits(value)}")
        return "; ".join([", ".join(parts[:2]), *parts[2:]]) + "."


def count_clips(clips: int) -> str:
    """Say of how many clips a null is made.

    Parameters
    ----------
    clips
        At least 1.

    Returns
    -------
    str
        Words such as ``"2 unrelated clips"``.
    """
    return f"{clips} unrelated clip{'s' if clips != 1 else ''}"


def is_null(row: Mapping[str, Any]) -> bool:
    """Say whether a row is the mean of a null, and not a value of a clip."""
    return str(row["measure"]).endswith(NULL)


def band_words(counts: Iterable[int]) -> str:
    """Say what a band is of.

    Parameters
    ----------
    counts
        Of unrelated clips, one for each band.

    Returns
    -------
    str
        Words such as ``"95 % of pairs with 2 unrelated clips"``.
    """
    *fewer, most = sorted(set(counts))
    return f"95 % of pairs with {''.join(f'{one} or ' for one in fewer)}{count_clips(most)}"


def cka_limits(found: Iterable[LayerCka]) -> tuple[float, float]:
    """Give the ends of an axis of CKA: 0 and 1, or what is negative.

    Parameters
    ----------
    found
        What is drawn.

    Returns
    -------
    tuple of float
        The lower and the upper end.
    """
    drawn = np.concatenate([[0.0], *(np.array([*one.values, one.band[0]]) for one in found)])
    return float(np.nanmin(drawn)), 1.0


def _digits(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # no minus before zeros


def describe_verdicts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say where the clips lie, a line for each clip and layer.

    Parameters
    ----------
    rows
        Of `stst.analysis.cka.models.cka_rows`.

    Returns
    -------
    list of str
        Lines that begin with the names of clip and model.
    """
    return [f"{one.clip}, {one.model.split(' [')[0]}, {one.sentence()}" for one in layers_of(rows)]


def layers_of(rows: Sequence[Mapping[str, Any]]) -> list[LayerCka]:
    """Sum up rows of `stst.analysis.cka.models.cka_rows`.

    Parameters
    ----------
    rows
        Of any number of clips and models.

    Returns
    -------
    list of LayerCka
        In the order of the rows.
    """
    values: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    nulls: dict[tuple[tuple[str, str, str], str], float] = {}
    for row in rows:
        key = row["clip"], row["model"], row["layer"]
        if is_null(row):
            nulls[key, row["null_kind"]] = row["value"]
        else:
            values.setdefault(key, []).append(row)
    return [
        LayerCka(
            *key,
            np.array([row["value"] for row in own], np.float64),
            (own[0]["null_low"], own[0]["null_high"]),
            own[0]["null_clips"],
            own[0]["null_pairs"],
            nulls.get((key, "noise"), float("nan")),
            nulls.get((key, "timing"), float("nan")),
        )
        for key, own in values.items()
    ]
