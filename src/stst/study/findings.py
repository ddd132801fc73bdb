"""What measures of a set say: means, intervals, tests against natural clips and nulls."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stst.analysis.inference import (
    Interval,
    PermutationTest,
    at_null,
    equivalence_test,
    mean_interval,
    permutation_test,
)
from stst.analysis.settings import RECOGNITION
from stst.config.hints import suggestion
from stst.errors import InputError
from stst.study.entries import StudyEntry
from stst.study.quantities import QUANTITIES, Quantity, quantity_of
from stst.study.values import Key, Null, Value

Means = NDArray[np.float64]
#: Of equivalence and of "at its null".
ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class Finding:
    """What a measure says of the stimuli of a condition.

    Attributes
    ----------
    key, quantity, title
        The measure.
    condition
        Of the stimuli.
    by_clip
        By natural clip: the mean over its stimuli.
    interval
        Of the mean over natural clips; of ratios, of the geometric mean.
    natural
        Mean of the natural clips' own values; NaN where they have none.
    nulls
        By kind: means over natural clips.
    test
        Against what `Quantity.against` says; None where there is nothing to test against.
    against
        What that is, in words.
    verdict
        Where a margin was asked for, whether it is kept; empty elsewhere.
    unit
        Of all values.
    """

    key: Key
    quantity: Quantity
    title: str
    condition: str
    by_clip: Mapping[Path, float]
    interval: Interval
    natural: float
    nulls: Mapping[str, Null]
    test: PermutationTest | None
    against: str
    verdict: str
    unit: str

    def row(self) -> dict[str, Any]:
        """Give the row of a tidy table."""
        null = self.nulls.get(self.quantity.against or "unrelated")
        band = {} if null is None else {
            "null_value": null.mean, "null_low": null.low, "null_high": null.high,
            "null_kind": self.quantity.against or "unrelated",
        }  # fmt: skip
        tested = {} if self.test is None else {
            "against": self.against, "p": self.test.p, "smallest_p": self.test.smallest_p,
        }  # fmt: skip
        return {
            "condition": self.condition, "model": self.key.model, "layer": self.key.layer,
            "measure": self.key.measure, "value": self.interval.mean, "unit": self.unit,
            "low": self.interval.low, "high": self.interval.high, "clips": self.interval.n,
            "natural": self.natural, **band, **tested, "verdict": self.verdict,
        }  # fmt: skip


def check_margins(margins: Mapping[str, float]) -> None:
    """Refuse margins of what is not tested, before any work.

    Parameters
    ----------
    margins
        By the name of the measure.

    Raises
    ------
    InputError
        Naming the measure, or the number.
    """
    for name, margin in margins.items():
        found = [one for one in QUANTITIES if one.match(name) is not None]
        if not found:
            known = ["contrast.ratio", "recognition.top10.clip", "warp_residual.dis.lag1.mean"]
            raise InputError(
                f"margin {name}: no measure of that name is tested{suggestion(name, known)}. Names "
                f"are those of study.csv, e.g. {', '.join(known)}."
            )
        if found[0].scale == "ratio" and not margin > 1:
            raise InputError(
                f"margin {name}={margin:g}: of a ratio, expected a number above 1; 1.1 stands for "
                "1/1.1 to 1.1."
            )
        if not margin > 0:
            raise InputError(f"margin {name}={margin:g}: expected a number above 0.")


def find_all(
    entries: Sequence[StudyEntry],
    values: Mapping[str, Mapping[Key, Value]],
    margins: Mapping[str, float],
    nameable: Collection[Path] = (),
) -> list[Finding]:
    """Average and test every measure in every condition.

    Parameters
    ----------
    entries
        Of the set.
    values
        By label, of those that were measured.
    margins
        By the name of the measure: what does not matter. Of ratios, a factor; of others, how far
        above the null, or the natural clip.
    nameable
        Natural clips that judges name: recognition is averaged over their stimuli alone.

    Returns
    -------
    list of Finding
        Measure after measure, conditions in their order.
    """
    keys = dict.fromkeys(key for one in values.values() for key in one)
    conditions = dict.fromkeys(one.condition for one in entries)
    found = []
    for key in sorted(keys, key=_place):
        for condition in conditions:
            own = [one for one in entries if one.condition == condition]
            if key.table == RECOGNITION:
                own = [one for one in own if one.pair.natural_path in nameable]
            finding = _find(key, condition, own, values, margins.get(key.measure))
            if finding is not None:
                found.append(finding)
    return found


def _place(key: Key) -> tuple[int, str]:
    """Sort by quantity; what is alike stays in the order of its table."""
    quantity, _ = quantity_of(key.table, key.measure) or (None, "")
    return (QUANTITIES.index(quantity) if quantity else len(QUANTITIES), key.model)


def _find(
    key: Key,
    condition: str,
    entries: Sequence[StudyEntry],
    values: Mapping[str, Mapping[Key, Value]],
    margin: float | None,
) -> Finding | None:
    asked = quantity_of(key.table, key.measure)
    of_clip: dict[Path, list[Value]] = {}
    for one in entries:
        value = values.get(one.pair.label, {}).get(key)
        if value is not None:
            of_clip.setdefault(one.pair.natural_path, []).append(value)
    if asked is None or not of_clip:
        return None
    quantity, title = asked
    by_clip = {clip: _mean([v.value for v in own]) for clip, own in of_clip.items()}
    natural = np.array([_mean([v.natural for v in own]) for own in of_clip.values()])
    means = np.array([*by_clip.values()])
    first = [own[0] for own in of_clip.values()]
    reference, against = _reference(quantity, natural, first)
    return Finding(
        key, quantity, title, condition, by_clip, _interval(quantity, means), _mean(natural),
        dict(_nulls(first)), None if reference is None else permutation_test(means, reference),
        against, _verdict(quantity, means, natural, reference, margin), first[0].unit,
    )  # fmt: skip


def _interval(quantity: Quantity, means: Means) -> Interval:
    """Average over clips; of ratios the geometric mean, for 2 and ½ are as far from 1."""
    if quantity.scale != "ratio":
        return mean_interval(means)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(means)
    logs[~np.isfinite(logs)] = np.nan
    found = mean_interval(logs)
    mean, low, high = (float(np.exp(one)) for one in (found.mean, found.low, found.high))
    return replace(found, mean=mean, low=low, high=high)


def _reference(
    quantity: Quantity, natural: Means, first: Sequence[Value]
) -> tuple[Means | None, str]:
    """Give what each clip's value is tested against, and what that is."""
    if quantity.against is not None:
        nothing = Null(*[float("nan")] * 3)
        null = np.array([one.nulls.get(quantity.against, nothing).mean for one in first])
        return (null, quantity.against) if np.isfinite(null).any() else (None, "")
    if quantity.scale == "ratio":
        return np.ones(len(first)), "natural"
    return (natural, "natural") if np.isfinite(natural).any() else (None, "")


def _verdict(
    quantity: Quantity, means: Means, natural: Means, null: Means | None, margin: float | None
) -> str:
    """Say whether a margin is kept; never from a difference that was merely not significant."""
    if margin is None:
        return ""
    if quantity.group == "lost":
        if null is None:
            return "no null"
        return f"{at_null(means, null, margin, ALPHA).verdict} (margin {margin:g})"
    if quantity.scale == "ratio":
        same = equivalence_test(means, 1 / margin, margin, ALPHA, ratios=True).verdict
        return f"{same} (margins {1 / margin:.3g} to {margin:.3g})"
    if quantity.group == "light":
        same = equivalence_test(means - natural, -margin, margin, ALPHA).verdict
        return f"{same} (margin ±{margin:g})"
    # a distance has to be small, and motion to hold together as well as in the natural clip
    least = np.zeros(len(means)) if quantity.scale == "distance" else natural
    compared = at_null(means, least, margin, ALPHA)
    within = {"at its null": "within", "above its null": "not within"}
    return f"{within.get(compared.verdict, compared.verdict)} (margin {margin:g})"


def _nulls(values: Sequence[Value]) -> Iterator[tuple[str, Null]]:
    for kind in dict.fromkeys(kind for one in values for kind in one.nulls):
        known = np.array([one.nulls[kind] for one in values if kind in one.nulls])
        yield kind, Null(*(_mean(column) for column in known.T))


def _mean(values: Any) -> float:
    known = [float(one) for one in values if not np.isnan(one)]
    return float(np.mean(known)) if known else float("nan")
